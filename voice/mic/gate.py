"""What of the microphone's sound may leave: all of it, what is said while a key is on, or what follows a wake word.

Pure: time is an argument. A closed gate lets nothing through; the server takes a stream that stops for silence, and lays its
clock anew when it goes on. When the gate opens, the last moments before come first, in one piece.
"""

from typing import Literal, Protocol

import numpy as np

from voice.audio.ring import Ring
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

Mode = Literal["open", "push", "wake"]
PRE_ROLL_S = {"open": 0.5, "push": 0.4, "wake": 0.0}
"""Sound from before the gate opened: the first syllable comes before the finger, but behind the wake word."""
TRAILING_S = 1.5
"""Silence sent behind what was said while the key was on: the server hears that it is over."""
WAKEFUL_S = 8.0
"""After a wake word, or a reply, the gate stays open so long."""


class WakeWord(Protocol):
    """Listens for its word."""

    def hears(self, samples: Samples) -> bool:
        """Whether the word has just ended in these samples (16 kHz, any length, one after the other)."""
        ...


class Gate:
    """Decides, block by block. ``is_open`` says whether what is said now is heard.

    Args:
        wake: needed for the mode "wake".
    """

    def __init__(self, mode: Mode, wake: WakeWord | None = None) -> None:
        self.mode = mode
        self.is_open = mode == "open"
        self._wake = wake
        self._ring = Ring(SAMPLE_RATE_HZ)
        self._until_s = 0.0
        self._trailing_s = 0.0

    def press(self, *, on: bool | None = None) -> None:
        """Switch it (push to talk): on, off, or the other way."""
        if self.mode != "push":
            return
        self.is_open = not self.is_open if on is None else on
        self._trailing_s = 0.0 if self.is_open else TRAILING_S

    def busy(self, now_s: float) -> None:
        """Somebody speaks, or is answered: a wake word need not be said again for a while."""
        if self.mode == "wake" and self.is_open:
            self._until_s = now_s + WAKEFUL_S

    def push(self, samples: Samples, now_s: float) -> Samples:
        """What of this may leave, the pre-roll included; empty while the gate is closed."""
        self._ring.write(samples)
        if self.mode == "wake":
            return self._push_wake(samples, now_s)
        if self.is_open:
            return self._with_pre_roll(samples)
        self._sending = False
        if self._trailing_s > 0:
            self._trailing_s -= samples.size / SAMPLE_RATE_HZ
            return np.zeros_like(samples)
        return np.zeros(0, dtype=np.float32)

    _sending = False

    def _push_wake(self, samples: Samples, now_s: float) -> Samples:
        if self._wake is not None and self._wake.hears(samples):
            self.is_open, self._until_s = True, now_s + WAKEFUL_S
        elif self.is_open and now_s > self._until_s:
            self.is_open = self._sending = False
        return self._with_pre_roll(samples) if self.is_open else np.zeros(0, dtype=np.float32)

    def _with_pre_roll(self, samples: Samples) -> Samples:
        if self._sending:
            return samples
        self._sending = True
        before = int(PRE_ROLL_S[self.mode] * SAMPLE_RATE_HZ)
        return self._ring.read(self._ring.end - samples.size - before)

    def reconnected(self) -> None:
        """Nothing of what was sent last arrived: begin with the pre-roll."""
        self._sending = False
