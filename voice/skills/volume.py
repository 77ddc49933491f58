"""How loud the assistant speaks."""

import numpy as np

from voice.core.interfaces import Samples

STEP_DB = 5.0
_LEAST_DB, _MOST_DB = -25.0, 10.0
_KNEE = 0.7


class Volume:
    """The loudness of one conversation; 0 dB is the voice as it was synthesised."""

    def __init__(self) -> None:
        self.gain_db = 0.0

    def can_change(self, steps: int) -> bool:
        """Whether there is room for that."""
        return self.gain_db < _MOST_DB if steps > 0 else self.gain_db > _LEAST_DB

    def change(self, steps: int) -> None:
        """So many steps of 5 dB louder, or softer."""
        self.gain_db = min(_MOST_DB, max(_LEAST_DB, self.gain_db + steps * STEP_DB))

    def reset(self) -> None:
        """Back to normal."""
        self.gain_db = 0.0

    def apply(self, samples: Samples) -> Samples:
        """The samples at this volume; what would be too loud is rounded off instead of being cut."""
        if self.gain_db == 0.0:
            return samples
        louder = samples * np.float32(10 ** (self.gain_db / 20))
        if self.gain_db > 0:
            over = np.abs(louder) > _KNEE
            rest = 1 - _KNEE
            peaks = louder[over]
            louder[over] = np.sign(peaks) * (_KNEE + rest * np.tanh((np.abs(peaks) - _KNEE) / rest))
        return louder
