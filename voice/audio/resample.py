"""Sample-rate conversion: :class:`StreamResampler` for live audio, :func:`resample` for whole recordings.

Strategy: a whole recording goes through soxr. A live stream does not: soxr works in blocks and holds 20 ms of audio back on
average and up to 43 ms (22.05 → 16 kHz in 20 ms chunks; its low quality 11 and 22 ms), out of a budget of 300 ms. So live audio
goes through a plain polyphase filter, which holds back only half of its own length: 1.4 ms at 22.05 → 16 kHz, 2.8 ms
where 8 kHz is on either side.

The filter is a Kaiser-windowed sinc (J. O. Smith, "Digital Audio Resampling", on windowed sinc interpolation) with 20 zero
crossings a side: flat within 0.1 dB to 80 % of the smaller Nyquist frequency and at least 75 dB down from 110 % of it.
"""

import functools
import math

import numpy as np
import soxr

from voice.core.interfaces import Samples

_ZERO_CROSSINGS = 20
_KAISER_BETA = 8.0
_CUTOFF = 0.93
"""Of the smaller Nyquist frequency; leaves room for the slope."""


def resample(samples: Samples, in_rate_hz: int, out_rate_hz: int) -> Samples:
    """A whole mono recording at another rate."""
    if in_rate_hz == out_rate_hz or not samples.size:
        return samples
    converted: Samples = soxr.resample(samples, in_rate_hz, out_rate_hz, quality="HQ").astype(np.float32, copy=False)
    return converted


class StreamResampler:
    """Converts a live mono stream. Equal rates pass through untouched. Not thread-safe.

    The output is aligned with the input: output sample ``n`` is the sound at ``n / out_rate_hz`` seconds, and comes as soon as
    :attr:`delay_ms` more of the input is known.
    """

    def __init__(self, in_rate_hz: int, out_rate_hz: int) -> None:
        common = math.gcd(in_rate_hz, out_rate_hz)
        self._up, self._down = out_rate_hz // common, in_rate_hz // common
        self._same = in_rate_hz == out_rate_hz
        self._phases, self._half = _filter(self._up, self._down)
        self.delay_ms = 0.0 if self._same else self._half / in_rate_hz * 1000
        self.clear()

    def clear(self) -> None:
        """Forget the stream; the next sample begins a new one."""
        self._waiting: Samples = np.zeros(self._half - 1, dtype=np.float32)
        self._position = 0  # of the next output sample, in steps of 1/up input samples after the start of _waiting
        self._taken = 0
        self._given = 0

    def push(self, samples: Samples) -> Samples:
        """Take the next samples (any number) and return what they complete."""
        if self._same:
            return samples
        self._taken += samples.size
        self._waiting = np.concatenate((self._waiting, samples))
        # An output at integer position p needs the inputs p … p + 2·half - 1 of _waiting.
        reach = (self._waiting.size - 2 * self._half + 1) * self._up
        count = max(0, -(-(reach - self._position) // self._down))
        if not count:
            return np.zeros(0, dtype=np.float32)
        steps = self._position + np.arange(count) * self._down
        windows = np.lib.stride_tricks.sliding_window_view(self._waiting, 2 * self._half)
        output: Samples = np.einsum("ij,ij->i", windows[steps // self._up], self._phases[steps % self._up])
        after = self._position + count * self._down
        done = min(after // self._up, self._waiting.size)
        self._waiting = self._waiting[done:].copy()
        self._position = after - done * self._up
        self._given += count
        return output

    def flush(self) -> Samples:
        """What is still held back, as if silence followed; then the stream begins anew."""
        if self._same:
            return np.zeros(0, dtype=np.float32)
        missing = -(-self._taken * self._up // self._down) - self._given
        tail = self.push(np.zeros(self._half + self._down // self._up + 1, dtype=np.float32))[: max(0, missing)]
        self.clear()
        return tail


@functools.cache
def _filter(up: int, down: int) -> tuple[Samples, int]:
    """One filter a phase, shaped (up, 2·half), and how many input samples (half) lie on either side of the output."""
    cutoff = min(1.0, up / down) * _CUTOFF
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    offsets = np.arange(2 * half)[None, :] - (half - 1) - np.arange(up)[:, None] / up
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, None)))
    phases = np.sinc(offsets * cutoff) * window
    phases /= phases.sum(axis=1, keepdims=True)  # silence stays silence and a constant stays a constant
    return phases.astype(np.float32), half
