"""The silence around a clause: none before it, and behind it as much as its punctuation wants. Pure.

Piper leaves 40 to 60 ms of silence before a clause, which a listener who waits for the answer would wait too, and 130 to 290
behind it. Before: everything up to the first audible sound goes. Behind: the durations that the voice itself predicts tell
where the last sound ends, so the length of a clause is known before its end has been computed.
"""

import numpy as np

from voice.core.interfaces import Samples

_AUDIBLE_RMS = 0.004  # -48 dBFS: above the hiss of the voices, below the burst of a plosive
_WINDOW_MS = 2
_KEEP_MS = 4  # before the first audible window, for the attack
_MOST_MS = 300  # a longer silence is meant
_COMMA_MS = 110
_RUNNING_MS = 25
_FADE_MS = 5


def pause_ms(ending: str) -> float | None:
    """How much to keep behind the last sound of a clause that ends with this mark; None for all of it.

    A comma is a breath; no mark means that the sentence runs on; the end of a sentence keeps the voice's own pause.
    """
    if ending == ",":
        return _COMMA_MS
    return None if ending else _RUNNING_MS


def fade_out(samples: Samples, rate_hz: int) -> Samples:
    """``samples`` with the last 5 ms faded, so that a cut makes no click."""
    length = min(len(samples), rate_hz * _FADE_MS // 1000)
    if not length:
        return samples
    faded = samples.copy()
    faded[-length:] *= np.linspace(1, 0, length, dtype=np.float32)
    return faded


class OnsetTrimmer:
    """Takes the silence off the front of streamed audio.

    Attributes:
        trimmed_samples: how many were taken so far.
        found: whether the sound has begun; from then on nothing is taken.
    """

    def __init__(self, rate_hz: int) -> None:
        self.trimmed_samples = 0
        self.found = False
        self._window = max(1, rate_hz * _WINDOW_MS // 1000)
        self._keep = rate_hz * _KEEP_MS // 1000
        self._most = rate_hz * _MOST_MS // 1000
        self._held: Samples = np.empty(0, dtype=np.float32)  # the end of what was silent so far: the attack may lie in it

    def trim(self, samples: Samples) -> Samples:
        """What of the audio so far is to be heard and was not given yet."""
        if self.found:
            return samples
        if len(self._held):
            samples = np.concatenate([self._held, samples])
        whole = len(samples) // self._window * self._window
        power = np.mean(np.square(samples[:whole]).reshape(-1, self._window), axis=1)
        audible = np.flatnonzero(power > _AUDIBLE_RMS**2)
        start = max(0, (int(audible[0]) * self._window if len(audible) else whole) - self._keep)
        start = min(start, self._most - self.trimmed_samples)
        self.trimmed_samples += start
        self.found = len(audible) > 0 or self.trimmed_samples == self._most
        heard = samples[start:]
        if self.found:
            return heard
        self._held = heard
        return heard[:0]
