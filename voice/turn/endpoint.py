"""Has the user finished? The evidence, fused into one calibrated probability (pure).

Strategy: a logistic model over five things: the logarithm of the silence so far; the prosody (Smart Turn); whether the words
are a whole thing to say; and how likely recognition held "..." and "-" behind the last word. These two say more than what it
writes there, which is a full stop nearly always. The probability rises with the silence, so it can be turned around: given the
rest of the evidence, *how much silence is needed* before it reaches the commit threshold. The driver sets one timer for that
moment instead of asking again and again.

The weights in ``weights/endpoint.json`` are fitted by ``scripts/fit_endpoint fuse`` on true ends and pauses of the same number,
so the probability is calibrated for speakers who pause once in a turn. ``voice bench endpoint`` prints how well it is.

Tried and left out, because they added nothing to these: a second look at the prosody after 200 ms; the language model's
probability that the user's message ends, with and without punctuation; the certainty of the last word; the length.
"""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from voice.turn.completeness import completeness


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the pause at hand, apart from how long it has lasted.

    Attributes:
        prosody: the sound's own probability of being finished (0 to 1), or ``None`` while unknown.
        transcript: what was said in the whole turn, or ``None`` while unknown.
        trails_off: recognition's probability (0 to 1) of "..." behind the last word, or ``None`` when it does not say.
        breaks_off: its probability (0 to 1) of "-" there, likewise.
    """

    prosody: float | None = None
    transcript: str | None = None
    trails_off: float | None = None
    breaks_off: float | None = None


class Features(NamedTuple):
    """The evidence as the model takes it: log-odds, each bounded."""

    prosody: float
    completeness: float
    trails_off: float
    breaks_off: float


@dataclass(frozen=True, slots=True)
class Weights:
    """The logistic model.

    Attributes:
        silence: of the natural logarithm of the silence in units of 100 ms; above 0.
        features: one weight each.
        unknown: what stands in for a feature that is not known: its median over pauses.
    """

    bias: float
    silence: float
    features: Features
    unknown: Features


_LEAST = 1e-4
_BROKEN = 0.0015
"""Below it, a "-" is no evidence: only a word cut in two has one, but not every unfinished word is cut in two."""
_WRITTEN, _NOT_WRITTEN = 0.5, 0.005
"""The probability of a mark, for a recogniser that only gives text."""
WORDS_DECIDE_MS = 150.0
"""Words with which a turn would be over after so little silence decide by themselves."""
_DOUBTFUL = -1.0
"""The log-odds that stand in for a prosody that nobody listened to, once the words are known."""
_MOST_EXPONENT = 10.0
"""Silence of more than half an hour is all the same."""


@lru_cache(maxsize=1)
def default_weights() -> Weights:
    """The weights that were fitted."""
    text = (resources.files("voice.turn") / "weights" / "endpoint.json").read_text(encoding="utf-8")
    known: dict[str, Any] = json.loads(text)
    return Weights(known["bias"], known["silence"], Features(**known["features"]), Features(**known["unknown"]))


def probability(evidence: Evidence, silence_ms: float, weights: Weights | None = None) -> float:
    """The probability (0 to 1) that the user has finished after ``silence_ms`` of silence."""
    weights = weights or default_weights()
    return _sigmoid(_without_silence(evidence, weights) + weights.silence * math.log(max(silence_ms, 1.0) / 100.0))


def silence_needed_ms(evidence: Evidence, commit_probability: float, weights: Weights | None = None) -> float:
    """The silence after which :func:`probability` reaches ``commit_probability`` (above 0, below 1)."""
    weights = weights or default_weights()
    missing = log_odds(commit_probability) - _without_silence(evidence, weights)
    return 100.0 * math.exp(min(missing / weights.silence, _MOST_EXPONENT))


def wants_prosody(evidence: Evidence, commit_probability: float) -> bool:
    """Whether the words leave it open that the turn is over.

    To hear the prosody costs about half as much as a transcript. Where even a doubtful one would not hold the turn open, it is
    not worth it: that spares 62 % of 56 true ends the wait, and cuts off none of 102 pauses more.
    """
    return evidence.prosody is None and silence_needed_ms(evidence, commit_probability) > WORDS_DECIDE_MS


def features(evidence: Evidence, unknown: Features) -> Features:
    """The evidence as log-odds; ``unknown`` stands in for what is not known."""
    said = evidence.transcript
    if said is None:
        return unknown if evidence.prosody is None else unknown._replace(prosody=log_odds(evidence.prosody))
    prosody = _DOUBTFUL if evidence.prosody is None else log_odds(evidence.prosody)
    said = said.rstrip()
    trails_off, breaks_off = evidence.trails_off, evidence.breaks_off
    if trails_off is None:
        trails_off = _WRITTEN if said.endswith(("...", "…")) else _NOT_WRITTEN
    if breaks_off is None:
        breaks_off = _WRITTEN if said.endswith("-") else _NOT_WRITTEN
    return Features(prosody, completeness(said), log_odds(trails_off), log_odds(max(breaks_off, _BROKEN)))


def log_odds(p: float) -> float:
    """The log-odds of a probability, which is first brought within 0.0001 of certainty."""
    p = min(max(p, _LEAST), 1.0 - _LEAST)
    return math.log(p / (1.0 - p))


def _without_silence(evidence: Evidence, weights: Weights) -> float:
    return weights.bias + sum(
        weight * value for weight, value in zip(weights.features, features(evidence, weights.unknown), strict=True)
    )


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(min(x, 500.0), -500.0)))
