"""Where speech begins and ends in a clean recording, by energy: the ground truth that replies are timed against.

It looks at a whole recording, so it may do what a live detector cannot: learn the noise floor and the speech level first. It
shares nothing with the detectors of the pipeline, so it can judge them.

A frame of 10 ms is voiced when its level is within 30 dB of the loud parts (95th percentile), 6 dB above the noise floor (5th
percentile) and above -60 dBFS. A run of voiced frames shorter than 30 ms is a click and does not count.
"""

import numpy as np

from voice.stages import Samples

AUDIBLE = 0.003
"""The least amplitude that counts as sound: -50 dBFS. Synthesised audio before it is leading silence."""

_FRAME_MS = 10
_MIN_RUN_FRAMES = 3
_BELOW_SPEECH_DB = 30.0
_ABOVE_NOISE_DB = 6.0
_FLOOR_DBFS = -60.0


def voiced_spans(samples: Samples, rate_hz: int, *, join_ms: int = 100) -> list[tuple[int, int]]:
    """The voiced stretches as ``(first, end)`` sample indices, in order; gaps shorter than ``join_ms`` are closed.

    ``end`` is exclusive. Empty for a recording without speech, or shorter than one frame.
    """
    frame = rate_hz * _FRAME_MS // 1000
    count = samples.size // frame
    if not count:
        return []
    energy = np.square(samples[: count * frame].reshape(count, frame)).mean(axis=1, dtype=np.float64)
    level_db = 10 * np.log10(energy + 1e-12)
    speech_db, noise_db = np.percentile(level_db, 95), np.percentile(level_db, 5)
    threshold_db = max(speech_db - _BELOW_SPEECH_DB, min(noise_db + _ABOVE_NOISE_DB, speech_db - _ABOVE_NOISE_DB), _FLOOR_DBFS)
    voiced = np.concatenate(([False], level_db >= threshold_db, [False]))
    edges = np.flatnonzero(voiced[1:] != voiced[:-1])
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= _MIN_RUN_FRAMES]
    joined: list[tuple[int, int]] = []
    for begin, end in runs:
        if joined and (begin - joined[-1][1]) * _FRAME_MS < join_ms:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [(begin * frame, end * frame) for begin, end in joined]


def speech_end(samples: Samples, rate_hz: int) -> int | None:
    """The index after the last voiced sample: the true end of speech; ``None`` when there is none."""
    spans = voiced_spans(samples, rate_hz)
    return spans[-1][1] if spans else None


def first_audible(samples: Samples) -> int | None:
    """The index of the first sample that can be heard (:data:`AUDIBLE`); ``None`` for silence."""
    loud = np.abs(samples) >= AUDIBLE
    index = int(loud.argmax()) if loud.size else 0
    return index if loud.size and loud[index] else None
