"""What importing the package does to its host process: nothing; and what loading a model does, in time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("faster_whisper", "ctranslate2", "llama_cpp", "onnxruntime", "piper")

WATCH = """
import builtins, os, sys
spins, found = {}, builtins.__import__
def watching(name, *rest, **more):
    if name.partition(".")[0] in ("llama_cpp", "ctranslate2", "faster_whisper"):
        spins.setdefault(name.partition(".")[0], os.environ.get("GOMP_SPINCOUNT"))
    return found(name, *rest, **more)
builtins.__import__ = watching
"""


def said(program: str, **variables: str) -> str:
    """What a fresh interpreter prints, with nothing set that is not given."""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | variables
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_program_that_talks_to_a_server_is_left_as_it_was() -> None:
    program = (
        "import os, sys\nbefore = dict(os.environ)\nimport voice.client\n"
        f"print(dict(os.environ) == before, [name for name in {HEAVY} if name in sys.modules])"
    )
    assert said(program) == "True []"


@pytest.mark.needs("packages")
@pytest.mark.parametrize("module", ["voice.llm.edge", "voice.draft.chat", "voice.verifier.target", "voice.bench.cli"])
def test_it_is_set_before_llama_cpp_loads(module: str) -> None:
    assert said(f"{WATCH}\nimport {module}\nimport llama_cpp\nprint(spins['llama_cpp'])") == "1000"
    assert said(f"{WATCH}\nimport {module}\nimport llama_cpp\nprint(spins['llama_cpp'])", GOMP_SPINCOUNT="7") == "7"


@pytest.mark.needs("packages")
def test_it_is_set_before_any_of_the_engines_loads(tmp_path: Path) -> None:
    program = f"""{WATCH}
from voice.core.config import Config, LlmConfig
from voice.core.errors import VoiceError
from voice.engines import Engines
before = os.environ.get("GOMP_SPINCOUNT")
try:
    Engines.load(Config(llm=LlmConfig(large="")))
except VoiceError:
    pass
print(before, sorted(spins.items()))
"""
    kinds = [("ctranslate2", "1000"), ("faster_whisper", "1000"), ("llama_cpp", "1000")]
    assert said(program, VOICE_HOME=str(tmp_path)) == f"None {kinds}"


@pytest.mark.needs("packages")
def test_recognition_by_itself_sets_it(tmp_path: Path) -> None:
    program = f"""{WATCH}
from voice.asr.whisper import WhisperRecognizer
from voice.core.config import AsrConfig
from voice.core.errors import VoiceError
try:
    WhisperRecognizer(AsrConfig(model={str(tmp_path)!r}))
except VoiceError:
    pass
print(sorted(spins.items()))
"""
    assert said(program) == "[('ctranslate2', '1000'), ('faster_whisper', '1000')]"
