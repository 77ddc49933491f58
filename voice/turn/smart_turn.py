"""End of turn from the sound alone, with Smart Turn v3 (ONNX).

Strategy: the model hears the last 8 s, padded in front with silence and normalised as a whole (zero mean, unit variance), as
Whisper's log-mel spectrogram. The padding is one constant column of the spectrogram, so only the frames that hold sound are
computed: a short answer costs a fraction of the 8 s.

Source: Smart Turn v3 by Daily (model card and Pipecat's reference pipeline); the features agree with it to rounding.
"""

import os
from typing import Any

import numpy as np

from voice import models
from voice.audio import mel
from voice.core.config import TurnConfig
from voice.core.errors import ModelError, ModelMissing, TurnDetectorError, mapped
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.core.worker import Worker

WINDOW_S = 8
_WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
_FRAMES = _WINDOW_SAMPLES // mel.HOP_SAMPLES
_BANDS = 80
_VARIANCE_FLOOR = 1e-7


class SmartTurn:
    """A :class:`voice.core.interfaces.TurnDetector`. Loads and warms up in the constructor.

    Raises:
        ModelMissing: there is no such file.
        ModelError: it is not this model.
    """

    def __init__(self, config: TurnConfig) -> None:
        import onnxruntime  # heavy: only who takes turns loads it

        path = models.locate(config.detector)
        if not path.is_file():
            raise ModelMissing(f"the end-of-turn model {path} is missing: run `voice models fetch`")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = config.threads or max(1, min((os.cpu_count() or 1) // 2, 2))
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A spinning thread would take the core from recognition, which runs at the same moment.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._infer(np.zeros(SAMPLE_RATE_HZ, np.float32))
        except Exception as error:  # onnxruntime's exceptions share no base but Exception
            raise ModelError(f"cannot use the end-of-turn model {path}: {error}; see `voice models verify`") from error
        self._worker = Worker("turn", fails_with=TurnDetectorError)

    async def completeness(self, audio: Samples) -> float:
        """See :meth:`voice.core.interfaces.TurnDetector.completeness`.

        Raises:
            TurnDetectorError: the model failed.
            Overloaded: too many requests wait, or the detector is closed.
        """
        with mapped(TurnDetectorError, "the end-of-turn model failed"):
            last = np.array(audio[-_WINDOW_SAMPLES:], dtype=np.float32)  # a copy: the caller's buffer may go on changing
            return await self._worker.run(lambda: self._infer(last))

    @property
    def problem(self) -> str:
        """Why it cannot serve now; empty while it can."""
        return self._worker.problem

    def close(self) -> None:
        """End the thread. May be called again."""
        self._worker.close()

    def _infer(self, audio: Samples) -> float:
        (output,) = self._session.run(None, {"input_features": features(audio)[None]})
        return float(output[0, 0])


def features(audio: Samples) -> mel.Mel:
    """The model's input for the last 8 s of ``audio`` (16 kHz): ``(80, 800)``, about [-1, 1]."""
    audio = np.nan_to_num(audio[-_WINDOW_SAMPLES:].astype(np.float32, copy=False))
    # Mean and variance of the padded window, without making it: the padding adds nothing to either sum.
    mean = audio.sum(dtype=np.float64) / _WINDOW_SAMPLES
    variance = max(0.0, np.square(audio, dtype=np.float64).sum() / _WINDOW_SAMPLES - mean**2)
    gain = 1.0 / np.sqrt(variance + _VARIANCE_FLOOR)
    padding = np.float32(-mean * gain)

    half = mel.HALF_WINDOW_SAMPLES
    start = _WINDOW_SAMPLES - len(audio)
    # The last frame that sees padding only, and all from there on; the windows before it are equal to it.
    first = max(0, (start - half) // mel.HOP_SAMPLES)
    origin = first * mel.HOP_SAMPLES - half
    signal = np.full(_WINDOW_SAMPLES + half - origin, padding, np.float32)
    sound = (audio * np.float32(gain)) + padding
    signal[start - origin : _WINDOW_SAMPLES - origin] = sound
    if origin < 0 and first == 0:
        signal[:half] = signal[2 * half : half : -1]  # centred frames reflect at both edges
    end = _WINDOW_SAMPLES - origin
    signal[end:] = signal[end - 2 : end - 2 - half : -1]

    spectrogram = np.empty((_BANDS, _FRAMES), np.float32)
    computed = mel.log_mel(signal, bands=_BANDS)[:, : _FRAMES - first]  # the reference drops the frame after the last
    spectrogram[:, first:] = computed
    spectrogram[:, :first] = computed[:, :1]
    return mel.scale(spectrogram)
