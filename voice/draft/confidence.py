"""Which draft tokens are worth writing, and which worth sending (pure).

Strategy: the drafter says how sure it was of each token: the probability of its first choice. How often such tokens stand is
counted by confidence, so that a drafter which is too modest or too bold is understood. Two rules follow.

*Send* a token only from a confidence on from which at least four of five stand (:data:`STAND_SHARE`), and nothing behind it
until the verifier has said what stands there; what was drafted behind it is kept, and goes off when it was right. That is the
early exit by confidence of llama.cpp (``p_min``) and of Hugging Face (``assistant_confidence_threshold``), with a threshold
that is learnt. It is no stricter: where the verifier streams, a withheld token that would have stood costs a whole step.

*Write* another token only as long as it pays: the time that it is expected to save, the chance of getting there times the
verifier's token, must be worth more than what it costs the verifier's step and the edge's processor.

Neither changes what is said. Where the verifier streams, it chooses every token by itself, whatever was offered. In a block a
token is kept or replaced by the rule of :mod:`voice.draft.acceptance`, which needs that the token was drawn from the q that
goes with it: the decision to send looks at q alone, which is fixed before the token is drawn, and so biases nothing.
"""

import math
from dataclasses import dataclass, field

STAND_SHARE = 0.8
"""Of what is sent this share is meant to stand."""
EDGE_PRICE = 0.1
"""What a millisecond of the edge's processor is worth, in milliseconds of waiting."""
BINS = 20
PRIOR_WEIGHT = 2.0
"""Tokens that a bin's prior counts for: that a token stands with the square root of its confidence."""
MEMORY = 1000.0
"""Tokens over all bins after which older ones count less."""


@dataclass(slots=True)
class DraftCalibration:
    """How often tokens of a confidence stand."""

    stood: list[float] = field(default_factory=lambda: [PRIOR_WEIGHT * math.sqrt((i + 0.5) / BINS) for i in range(BINS)])
    seen: list[float] = field(default_factory=lambda: [PRIOR_WEIGHT] * BINS)
    send_from: float = field(init=False)
    """The least confidence of a token that is sent."""

    def __post_init__(self) -> None:
        self.send_from = self._threshold()

    def add(self, confidence: float, stood: bool) -> None:
        """A token of this confidence (0 to 1) stood or fell."""
        i = _bin(confidence)
        self.stood[i] += stood
        self.seen[i] += 1
        if sum(self.seen) > MEMORY:
            self.stood, self.seen = [x / 2 for x in self.stood], [x / 2 for x in self.seen]
        self.send_from = self._threshold()

    def stands(self, confidence: float) -> float:
        """The probability that a token of this confidence stands when those before it do."""
        i = _bin(confidence)
        return self.stood[i] / self.seen[i]

    def _threshold(self) -> float:
        stood, seen, found = 0.0, 0.0, 1.0
        for i in reversed(range(BINS)):
            stood, seen = stood + self.stood[i], seen + self.seen[i]
            if stood >= STAND_SHARE * seen:
                found = i / BINS
        return found


def pays(chance: float, *, token_ms: float, verify_ms: float, draft_ms: float) -> bool:
    """Whether to write a token.

    Args:
        chance: that all draft tokens before it stand.
        token_ms: the verifier's time for a token, which is saved if it stands.
        verify_ms: what a draft token adds to the verifier's step.
        draft_ms: the edge's time for it.
    """
    return chance * token_ms >= verify_ms + EDGE_PRICE * draft_ms


def _bin(confidence: float) -> int:
    return min(BINS - 1, max(0, int(confidence * BINS)))
