"""The newest seconds of a stream, addressed by absolute sample index."""

import numpy as np

from voice.core.interfaces import Samples


class Ring:
    """Keeps the last ``capacity`` samples. Writing copies once; reading copies once."""

    def __init__(self, capacity: int) -> None:
        self._data: Samples = np.zeros(capacity, dtype=np.float32)
        self.end = 0
        """The index after the newest sample: how many were ever written."""

    @property
    def start(self) -> int:
        """The index of the oldest sample still here."""
        return max(0, self.end - self._data.size)

    def write(self, samples: Samples) -> None:
        """Append samples; the oldest make room."""
        capacity = self._data.size
        self.end += samples.size
        if samples.size > capacity:
            samples = samples[-capacity:]
        at = (self.end - samples.size) % capacity
        head = min(samples.size, capacity - at)
        self._data[at : at + head] = samples[:head]
        self._data[: samples.size - head] = samples[head:]

    def read(self, start: int, end: int | None = None) -> Samples:
        """A copy of the samples from ``start`` to ``end`` (the newest by default), as far as they are still here."""
        end = self.end if end is None else min(end, self.end)
        start = max(start, self.start)
        if start >= end:
            return np.zeros(0, dtype=np.float32)
        capacity = self._data.size
        at, stop = start % capacity, (end - 1) % capacity + 1
        if at < stop:
            return self._data[at:stop].copy()
        return np.concatenate((self._data[at:], self._data[:stop]))
