"""The wake word: microWakeWord's models, which come with their package."""

import numpy as np

from voice.audio.formats import pcm16_from_float
from voice.core.errors import ConfigError, DeviceError, ModelError, mapped
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

WORDS = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")
_CHUNK = SAMPLE_RATE_HZ // 100


class MicroWakeWord:
    """Listens for one of :data:`WORDS`; about 3 % of a core.

    Raises:
        ConfigError: there is no such word.
        ModelError: the engine does not run on this machine.
    """

    def __init__(self, word: str) -> None:
        if word not in WORDS:
            raise ConfigError(f"there is no wake word {word!r}; choose one of {', '.join(WORDS)}")
        try:
            from pymicro_wakeword import MicroWakeWord as Engine
            from pymicro_wakeword import MicroWakeWordFeatures, Model

            self._engine = Engine.from_builtin(Model(word))
            self._features = MicroWakeWordFeatures()
        except Exception as error:  # its C extension raises kinds of its own
            raise ModelError(f"the wake word engine does not run here ({error}); use --mode open or --mode push") from error
        self._rest: Samples = np.zeros(0, dtype=np.float32)

    @mapped(DeviceError, "the wake word engine failed")
    def hears(self, samples: Samples) -> bool:
        """See :class:`voice.mic.gate.WakeWord`. Raises :class:`~voice.core.errors.DeviceError` when the engine fails."""
        samples = np.concatenate((self._rest, samples))
        whole = samples.size - samples.size % _CHUNK
        self._rest = samples[whole:]
        heard = False
        for at in range(0, whole, _CHUNK):
            for features in self._features.process_streaming(pcm16_from_float(samples[at : at + _CHUNK])):
                heard = bool(self._engine.process_streaming(features)) or heard
        return heard

    def close(self) -> None:
        """Free the model."""
        self._engine.close()
