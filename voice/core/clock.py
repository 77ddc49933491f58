"""Time as an argument.

Two clocks matter. The *monotonic* clock (seconds, the event loop's own) decides deadlines. The *sample* clock (samples of
the user's audio) decides what was speech and when it ended, so that a jittery network does not move the end of an utterance.
:class:`SampleClock` ties the two together.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of monotonic seconds. The same scale as ``asyncio``'s ``loop.time()``."""

    def now_s(self) -> float:
        """Seconds since an arbitrary origin; never goes back."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_s(self) -> float:
        """See :class:`Clock`."""
        return time.monotonic()


class SampleClock:
    """Maps a sample index of a live stream to monotonic seconds.

    The origin is the earliest that any chunk allows (a chunk cannot arrive before its last sample was spoken), so network
    jitter is absorbed. A gap longer than ``gap_s`` means that the sender stopped sending: the origin is laid anew.
    """

    __slots__ = ("_gap_s", "_origin_s", "_rate_hz")

    def __init__(self, rate_hz: int, *, gap_s: float = 0.5) -> None:
        self._rate_hz = rate_hz
        self._gap_s = gap_s
        self._origin_s: float | None = None

    def observe(self, total_samples: int, now_s: float) -> None:
        """Say that the stream reached ``total_samples`` samples at ``now_s``."""
        origin_s = now_s - total_samples / self._rate_hz
        if self._origin_s is None or origin_s < self._origin_s or origin_s - self._origin_s > self._gap_s:
            self._origin_s = origin_s

    def time_of(self, sample: int) -> float:
        """Monotonic seconds at which ``sample`` was spoken.

        Raises:
            ValueError: nothing was observed yet.
        """
        if self._origin_s is None:
            raise ValueError("the sample clock has seen no audio yet")
        return self._origin_s + sample / self._rate_hz
