"""The sound of an alert: two rising notes, three times, with soft edges."""

from functools import cache

import numpy as np

from voice.core.interfaces import Samples

_NOTES_HZ = (784.0, 1046.5)
_NOTE_S = 0.14
_GAP_S = 0.1
_TIMES = 3
_LOUD = 0.35
_EDGE_S = 0.008


@cache
def ring(rate_hz: int) -> Samples:
    """One ring, about 1.2 s: float32 mono at ``rate_hz``."""
    at_s = np.arange(int(_NOTE_S * rate_hz)) / rate_hz
    edge = np.clip(np.minimum(at_s, _NOTE_S - at_s) / _EDGE_S, 0, 1)
    notes = [(_LOUD * edge * np.sin(2 * np.pi * hz * at_s)).astype(np.float32) for hz in _NOTES_HZ]
    once = np.concatenate([*notes, np.zeros(int(_GAP_S * rate_hz), dtype=np.float32)])
    rung = np.tile(once, _TIMES)
    rung.setflags(write=False)
    return rung
