"""Voice activity with Silero VAD v6 (ONNX).

Strategy: one session serves every stream; what a stream remembers (a recurrent state and the end of the last window) is an
object of its own, in buffers that are bound to the session once and swapped between calls, so that a window costs a copy of
its samples and the run.
"""

from pathlib import Path
from typing import Any

import numpy as np

from voice import models
from voice.core.errors import DetectorError, ModelError, ModelMissing, mapped
from voice.core.interfaces import WINDOW_SAMPLES, Samples

_CONTEXT_SAMPLES = 64
_FAILED = "voice activity detection failed"
_STATE_SHAPE = (1, 1, 128)


class SileroModel:
    """The weights; :meth:`detector` makes one stream's state. Thread-safe.

    Args:
        path: the ONNX file; by default the one of the model store.

    Raises:
        ModelMissing: there is no such file.
        ModelError: it is not this model.
    """

    def __init__(self, path: Path | None = None) -> None:
        import onnxruntime  # heavy: only who listens loads it

        path = path or models.locate("vad-silero-v6")
        if not path.is_file():
            raise ModelMissing(f"the voice activity model {path} is missing: run `voice models fetch`")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base but Exception
            raise ModelError(f"cannot load the voice activity model {path}: {error}; see `voice models verify`") from error
        names = [one.name for one in session.get_inputs()]
        if names != ["input", "h", "c"]:
            raise ModelError(f"{path} is not Silero VAD v6: its inputs are {', '.join(names)}")
        self._session: Any = session

    def detector(self) -> "SileroDetector":
        """The state of a new stream.

        Raises:
            DetectorError: the library does not make one.
        """
        return SileroDetector(self._session)


class SileroDetector:
    """A :class:`voice.core.interfaces.SpeechDetector`. For one stream and one thread at a time."""

    @mapped(DetectorError, _FAILED)
    def __init__(self, session: Any) -> None:
        self._session = session
        self._input = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._states = [(np.zeros(_STATE_SHAPE, np.float32), np.zeros(_STATE_SHAPE, np.float32)) for _ in range(2)]
        self._probability = np.zeros(1, np.float32)
        self._bindings = [self._bind(self._states[i], self._states[1 - i]) for i in range(2)]
        self._turn = 0

    def probability(self, window: Samples) -> float:
        """See :meth:`voice.core.interfaces.SpeechDetector.probability`.

        Raises:
            ValueError: the window does not have 512 samples.
            DetectorError: the model failed; what the stream remembers is as it was before.
        """
        if window.shape != (WINDOW_SAMPLES,):
            raise ValueError(f"a window has {WINDOW_SAMPLES} samples, not shape {window.shape}")
        samples = self._input[0]
        samples[_CONTEXT_SAMPLES:] = window
        with mapped(DetectorError, _FAILED):
            self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
        samples[:_CONTEXT_SAMPLES] = samples[-_CONTEXT_SAMPLES:]
        return float(self._probability[0])

    def reset(self) -> None:
        """Forget the stream."""
        self._input.fill(0)
        for h, c in self._states:
            h.fill(0)
            c.fill(0)

    def _bind(self, before: tuple[Samples, Samples], after: tuple[Samples, Samples]) -> Any:

        binding = self._session.io_binding()
        inputs = {"input": self._input, "h": before[0], "c": before[1]}
        outputs = {"speech_probs": self._probability, "hn": after[0], "cn": after[1]}
        for name, array in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding
