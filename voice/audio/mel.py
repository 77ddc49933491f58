"""The log-mel spectrogram that Whisper's family of models hears (25 ms Hann windows every 10 ms, Slaney mel bands).

Strategy: recognition and Smart Turn share one transform and differ in what surrounds it. Both see mostly silence (Whisper
the context after the speech, Smart Turn the padding before it), and the mel of silence is a constant. So this module turns a
signal into frames and nothing else; each adapter computes only the frames that hold sound and fills in the others.

Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2; the mel scale is that
of Slaney's Auditory Toolbox (linear below 1 kHz, logarithmic above; every band of unit area).
"""

from functools import cache

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 160
WINDOW_SAMPLES = 400
HALF_WINDOW_SAMPLES = WINDOW_SAMPLES // 2
FLOOR = -10.0
"""log10 of the least power: a frame of digital silence."""

Mel = npt.NDArray[np.float32]
"""float32, shape ``(bands, frames)``."""

_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0


def log_mel(signal: npt.NDArray[np.float32], *, bands: int = 80) -> Mel:
    """The log10 mel power of every whole window in ``signal``.

    Args:
        signal: float32, 16 kHz, with the half window (200 samples) before the first frame's centre and after the last one's
            already in it. At least 400 samples.
        bands: mel bands between 0 and 8 kHz.

    Returns:
        ``(bands, 1 + (len(signal) - 400) // 160)``, not below :data:`FLOOR`; frame ``i`` is centred on sample ``200 + 160 i``.
    """
    windows = np.lib.stride_tricks.sliding_window_view(signal, WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.fft.rfft(windows * _hann())
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    mel: Mel = _filters(bands) @ power.T
    np.maximum(mel, 10.0**FLOOR, out=mel)
    return np.log10(mel, out=mel)


def scale(mel: Mel) -> Mel:
    """Compress the range to 80 dB below the loudest point and bring it to about [-1, 1], in place."""
    np.maximum(mel, mel.max() - 8.0, out=mel)
    mel += 4.0
    mel *= 0.25
    return mel


@cache
def _hann() -> npt.NDArray[np.float32]:
    return np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)


@cache
def _filters(bands: int) -> npt.NDArray[np.float32]:
    """Triangles with unit area, evenly spaced in mel: ``(bands, 201)``."""
    bins_hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
    edges_hz = _to_hz(np.linspace(0.0, _to_mel(SAMPLE_RATE_HZ / 2), bands + 2))
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (high - low)).astype(np.float32)


def _to_mel(hz: float) -> float:
    """Of a frequency above 1 kHz."""
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = mel * (_BREAK_HZ / _BREAK_MEL)
    logarithmic = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, linear, logarithmic)
