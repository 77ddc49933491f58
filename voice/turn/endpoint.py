"""Has the user finished? The evidence, fused into one calibrated probability (pure).

Strategy: a logistic model over the silence so far, the melody (Smart Turn), and the transcript. It rises monotonically with
the silence, so it can be turned around: given the rest of the evidence, *how much silence is needed* before the probability
reaches the commit threshold. The driver sets one timer for that moment instead of asking again and again.
"""

import math
from dataclasses import dataclass
from typing import Final

from voice.turn.completeness import completeness


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the pause at hand, apart from how long it has lasted.

    Attributes:
        melody: the sound's own probability of being finished (0 to 1), or ``None`` while unknown.
        transcript: what was said in the whole turn, or ``None`` while unknown.
    """

    melody: float | None = None
    transcript: str | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """The logistic model. ``silence`` weighs the natural logarithm of the silence in units of 100 ms."""

    bias: float = -1.2
    silence: float = 2.2
    melody: float = 0.55
    text: float = 1.6
    unknown_text: float = -1.5
    unknown_melody: float = -1.0


WEIGHTS: Final = Weights()
_EDGE = 0.001


def probability(evidence: Evidence, silence_ms: float, weights: Weights = WEIGHTS) -> float:
    """The probability that the user has finished after ``silence_ms`` of silence."""
    return _sigmoid(_without_silence(evidence, weights) + weights.silence * math.log(max(silence_ms, 1.0) / 100.0))


def silence_needed_ms(evidence: Evidence, commit_probability: float, weights: Weights = WEIGHTS) -> float:
    """The silence after which :func:`probability` reaches ``commit_probability``."""
    missing = _logit(commit_probability) - _without_silence(evidence, weights)
    return 100.0 * math.exp(min(missing / weights.silence, 10.0))


def _without_silence(evidence: Evidence, weights: Weights) -> float:
    total = weights.bias
    total += weights.unknown_melody if evidence.melody is None else weights.melody * _logit(evidence.melody)
    total += weights.unknown_text if evidence.transcript is None else weights.text * completeness(evidence.transcript)
    return total


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(min(x, 500.0), -500.0)))


def _logit(p: float) -> float:
    p = min(max(p, _EDGE), 1.0 - _EDGE)
    return math.log(p / (1.0 - p))
