"""Where speech begins and ends in a clean recording, by energy: the ground truth that replies are timed against.

It looks at a whole recording, so it may do what a live detector cannot: learn the noise floor and the speech level first. It
shares nothing with the detectors of the pipeline, so it can judge them.

A frame of 10 ms is voiced when its level (the median of three) lies above the noise floor (10th percentile) by 30 % of the way
to the loud parts (95th percentile), in dB; within 30 dB of the loud parts; and above -60 dBFS. A run of voiced frames counts
when it lasts 50 ms and rises to 60 % of that way: shorter ones are clicks, fainter ones breath and room. Where a recording ends
with a loud noise that is not speech, it is wrong.
"""

import numpy as np
import numpy.typing as npt

from voice.core.interfaces import Samples

AUDIBLE = 0.003
"""The least amplitude that counts as sound: -50 dBFS. Synthesised audio before it is leading silence."""

_FRAME_MS = 10
_MIN_RUN_FRAMES = 5
_VOICED, _SPEECH = 0.3, 0.6
_BELOW_SPEECH_DB = 30.0
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
    level_db = _median_of_three(10 * np.log10(energy + 1e-12))
    noise_db, speech_db = np.percentile(level_db, (10, 95))
    threshold_db = max(noise_db + _VOICED * (speech_db - noise_db), speech_db - _BELOW_SPEECH_DB, _FLOOR_DBFS)
    peak_db = noise_db + _SPEECH * (speech_db - noise_db)
    voiced = np.concatenate(([False], level_db >= threshold_db, [False]))
    edges = np.flatnonzero(voiced[1:] != voiced[:-1])
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= _MIN_RUN_FRAMES and level_db[a:b].max() >= peak_db]
    joined: list[tuple[int, int]] = []
    for begin, end in runs:
        if joined and (begin - joined[-1][1]) * _FRAME_MS < join_ms:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [(begin * frame, end * frame) for begin, end in joined]


def _median_of_three(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    padded = np.pad(values, 1, mode="edge")
    middle: npt.NDArray[np.float64] = np.median(np.stack((padded[:-2], padded[1:-1], padded[2:])), axis=0)
    return middle


def speech_end(samples: Samples, rate_hz: int) -> int | None:
    """The index after the last voiced sample: the true end of speech; ``None`` when there is none."""
    spans = voiced_spans(samples, rate_hz)
    return spans[-1][1] if spans else None


def first_audible(samples: Samples) -> int | None:
    """The index of the first sample that can be heard (:data:`AUDIBLE`); ``None`` for silence."""
    loud = np.abs(samples) >= AUDIBLE
    index = int(loud.argmax()) if loud.size else 0
    return index if loud.size and loud[index] else None
