"""Does the edge model know what it is about to say? From the probabilities of its first tokens, and from the question.

A model that does not know hesitates at the words that carry the answer: single tokens with a low probability among sure ones.
So the mean, the lowest and the first of the first tokens' log probabilities go through a logistic function, together with what
the question alone makes likely (voice/route/difficulty.py). Its weights were fitted on questions with known answers, and stand
in the pair's file (docs/router.md says how, and how well it separates).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FIRST_TOKENS = 16
"""So many tokens are looked at; fewer than ``MIN_TOKENS`` say nothing."""
MIN_TOKENS = 4
DOUBTFUL = 0.9
"""An answer that is wrong with this probability is noted as doubtful, wherever it is answered."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the logistic function for one edge model; ``question`` is that of the question's log odds.

    ``base`` is the share of right answers, for a question of which nothing is known.
    """

    bias: float
    mean: float
    lowest: float
    first: float
    question: float
    base: float


@dataclass(frozen=True, slots=True)
class AnswerDoubt:
    """What is known of an edge answer before its first word.

    Attributes:
        small_right: the probability (0 to 1) that it will be right.
        moves_from: from which probability of being wrong on it is worth moving to the cloud; above 1: from none.
    """

    small_right: float
    moves_from: float


Escalation = Literal["keep", "escalate", "flag"]


def log_odds(probability: float) -> float:
    """The logarithm of p / (1 - p), for a probability kept off 0 and 1."""
    kept = min(0.999, max(0.001, probability))
    return math.log(kept / (1.0 - kept))


def unknown_probability(logprobs: Sequence[float], calibration: Calibration, doubt: AnswerDoubt | None = None) -> float | None:
    """The probability (0 to 1) that the answer is wrong, from the natural-log probabilities of its first tokens.

    None while there are too few. Values that are no log probability (NaN, positive, below -100) are taken for the nearest
    that is.
    """
    first = [max(-100.0, min(0.0, value)) if not math.isnan(value) else -100.0 for value in logprobs[:FIRST_TOKENS]]
    if len(first) < MIN_TOKENS:
        return None
    z = calibration.bias + calibration.question * log_odds(calibration.base if doubt is None else doubt.small_right)
    z += calibration.mean * sum(first) / len(first) + calibration.lowest * min(first) + calibration.first * first[0]
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


def escalate(
    unknown: float | None,
    left_ms: float,
    cloud_first_ms: float | None,
    *,
    private: bool,
    doubt: AnswerDoubt | None = None,
) -> Escalation:
    """What to do with an edge answer that began: keep it, let the cloud answer instead, or keep it and say that it is unsure.

    Args:
        unknown: from :func:`unknown_probability`.
        left_ms: until the reply's first audio is due.
        cloud_first_ms: the cloud's forecast to its first clause; None when it cannot be reached.
        private: the turn, or the history, must not leave the device.
        doubt: of this turn; without it an answer moves when it is doubtful.
    """
    if unknown is None:
        return "keep"
    moves_from = DOUBTFUL if doubt is None else doubt.moves_from
    if unknown >= moves_from and not private and cloud_first_ms is not None and cloud_first_ms <= left_ms:
        return "escalate"
    return "flag" if unknown >= min(moves_from, DOUBTFUL) else "keep"
