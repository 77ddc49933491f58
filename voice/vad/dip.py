"""The earliest sign of a pause: the level falls and stays down (pure).

Silero says that speech has stopped about 80 ms after the last voiced sample. The level says it after 40 ms, and is often wrong:
it also falls in the closure of a "p". That is good enough to *begin* with: recognition that was begun at a dip is the final
transcript when the dip turns out to be the end, and a partial one when it does not.
"""

from bisect import bisect_left, insort
from collections import deque
from math import floor, inf, isfinite, log10

import numpy as np

from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 100
"""Levels are taken over 10 ms."""
DIP_BLOCKS = 3
"""So many quiet blocks in a row are a dip."""
VOICE_BLOCKS = 4
"""Less than this between two dips adds no word."""
_MEMORY_BLOCKS = 300
_LEAST_BLOCKS = 30
_THRESHOLD_EVERY_BLOCKS = 5
_RANGE_SHARE = 0.3
_BELOW_SPEECH_DB = 30.0
_LEAST_RANGE_DB = 12.0
_QUANTILES = (0.10, 0.95)


class DipDetector:
    """Follows the level of one stream.

    A block is quiet when its level lies below 30 % of the way, in dB, from the noise (10th percentile of the last 3 s) to
    the speech (95th percentile), or more than 30 dB below the speech.
    """

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, dtype=np.float32)
        self._levels_db: deque[float] = deque()
        self._sorted_db: list[float] = []
        self._blocks = 0
        self._quiet = 0
        self._loud = 0
        self._threshold_db = -inf

    @property
    def quiet_since(self) -> int | None:
        """The sample at which the quiet that goes on now began, ``None`` when it is loud."""
        return (self._blocks - self._quiet) * BLOCK_SAMPLES if self._quiet >= DIP_BLOCKS else None

    @property
    def burst(self) -> bool:
        """Whether the sound before the quiet that goes on now was too short for a voice: the release of a "k", a click."""
        return self._quiet >= DIP_BLOCKS and self._loud < VOICE_BLOCKS

    def push(self, samples: Samples) -> bool:
        """Take the next samples, any number. True when a dip has just been found: once a dip."""
        if self._rest.size:
            samples = np.concatenate((self._rest, samples))
        whole = samples.size - samples.size % BLOCK_SAMPLES
        self._rest = samples[whole:].copy()
        if not whole:
            return False
        found = False
        for block in samples[:whole].reshape(-1, BLOCK_SAMPLES):
            energy = float(block.dot(block)) / BLOCK_SAMPLES
            found |= self._block(10 * log10(energy + 1e-12) if isfinite(energy) else 0.0)
        return found

    def _block(self, level_db: float) -> bool:
        self._blocks += 1
        self._remember(level_db)
        if self._blocks % _THRESHOLD_EVERY_BLOCKS == 0:
            self._threshold_db = self._threshold()
        if level_db < self._threshold_db:
            self._quiet += 1
        else:
            self._loud = self._loud + 1 if self._quiet < DIP_BLOCKS else 1
            self._quiet = 0
        return self._quiet == DIP_BLOCKS

    def _remember(self, level_db: float) -> None:
        """Sorted as they come: a silent line costs next to nothing."""
        if len(self._levels_db) == _MEMORY_BLOCKS:
            del self._sorted_db[bisect_left(self._sorted_db, self._levels_db.popleft())]
        self._levels_db.append(level_db)
        insort(self._sorted_db, level_db)

    def _threshold(self) -> float:
        if len(self._levels_db) < _LEAST_BLOCKS:
            return -inf
        noise_db, speech_db = (_quantile(self._sorted_db, share) for share in _QUANTILES)
        if speech_db - noise_db < _LEAST_RANGE_DB:
            return -inf
        return max(noise_db + _RANGE_SHARE * (speech_db - noise_db), speech_db - _BELOW_SPEECH_DB)


def _quantile(ordered: list[float], share: float) -> float:
    """With linear interpolation, as ``numpy.quantile`` does."""
    at = share * (len(ordered) - 1)
    below = floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])
