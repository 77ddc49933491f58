"""What is to be played: filled by the connection, emptied by the sound card's thread."""

import threading
from collections import deque

import numpy as np

from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

MAX_S = 30.0
"""A server that sends more ahead than this loses the oldest."""


class Player:
    """A jitter buffer at 16 kHz. Thread-safe.

    It starts with the first samples that come: the server sends ahead faster than real time, so what follows is there in time.
    When it runs dry in the middle of a reply it plays silence and goes on with what comes next.

    Attributes:
        played: samples of the server's that were handed to the sound card.
        starved: how often it ran dry in the middle of a reply.
    """

    def __init__(self) -> None:
        self.played = 0
        self.starved = 0
        self._lock = threading.Lock()
        self._pieces: deque[Samples] = deque()
        self._waiting = 0
        self._in_reply = False

    @property
    def waiting_s(self) -> float:
        """How much is still to be played."""
        return self._waiting / SAMPLE_RATE_HZ

    @property
    def position(self) -> tuple[int, int]:
        """The samples that were played, and those that are still to be."""
        with self._lock:
            return self.played, self._waiting

    def put(self, samples: Samples) -> None:
        """Play this after what is there."""
        with self._lock:
            self._pieces.append(samples)
            self._waiting += samples.size
            self._in_reply = True
            while self._waiting > MAX_S * SAMPLE_RATE_HZ:
                self._waiting -= self._pieces.popleft().size

    def finish(self) -> None:
        """The reply is complete: running dry is no fault now."""
        self._in_reply = False

    def clear(self) -> None:
        """Be silent at once."""
        with self._lock:
            self._pieces.clear()
            self._waiting = 0
            self._in_reply = False

    def take(self, count: int) -> Samples:
        """The next ``count`` samples for the sound card; silence where there is nothing."""
        block = np.zeros(count, dtype=np.float32)
        with self._lock:
            at = 0
            while at < count and self._pieces:
                piece = self._pieces.popleft()
                part = piece[: count - at]
                block[at : at + part.size] = part
                at += part.size
                if part.size < piece.size:
                    self._pieces.appendleft(piece[part.size :])
            self._waiting -= at
            self.played += at
            if at < count and self._in_reply:
                self.starved += 1
                self._in_reply = False
        return block
