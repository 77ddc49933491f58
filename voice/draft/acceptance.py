"""The exact acceptance rule: what is kept of a draft, so that the answer is distributed as the target's own (pure).

Strategy (Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding", section 2.3; Chen et al. 2023,
"Accelerating Large Language Model Decoding with Speculative Sampling", algorithm 2): a draft token x that was drawn from q is
kept with probability min(1, p(x) / q(x)), where p is what the target samples from; the first one that is not kept is
replaced by a draw from norm(max(0, p - q)), and everything behind it is thrown away. When all are kept, one more is
drawn from p: the bonus. A drafter that always takes its first choice has a q of one point: x is then kept with probability p(x)
and the replacement comes from p without x. So only the token's number needs to travel. Drawing once from p and
looking whether x came out is the same rule, and that is how it is done here.

A greedy target is the case in which p has one point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.float64]
"""Probabilities of the next token, (vocabulary,)."""
Logits = npt.NDArray[np.float32] | npt.NDArray[np.float64]
"""Unnormalised natural-log probabilities, (vocabulary,)."""


class BadRow(ValueError):
    """A row of probabilities or logits that is none: NaN, infinite, negative, or adding up to nothing."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the target chooses a token.

    The order is that of Hugging Face, vLLM and SGLang: temperature, then top-k, then top-p.

    Attributes:
        temperature: 0 is greedy: the first of the most probable tokens.
        top_k: the most probable tokens that may be drawn; 0 for all.
        top_p: the fewest most probable tokens that hold this much together (above 0 to 1) may be drawn.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise ValueError("temperature must be 0 to 100")
        if self.top_k < 0:
            raise ValueError("top_k must be 0 or more")
        if not 0 < self.top_p <= 1:
            raise ValueError("top_p must be above 0 and at most 1")

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0 or self.top_k == 1


GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One draft token.

    Attributes:
        token: its number.
        support: the tokens that it was drawn from ...
        weights: ... and with which probabilities; both empty for a drafter that takes its first choice.
        confidence: the drafter's probability of its first choice, known before the token was drawn; it does not travel.
    """

    token: int
    support: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    confidence: float = 1.0


def distribution(logits: Logits, sampling: Sampling) -> Row:
    """What the target draws the next token from.

    Raises:
        BadRow: ``logits`` holds NaN or +inf, or nothing finite.
    """
    row = np.asarray(logits, dtype=np.float64)
    top = float(row.max()) if row.size else float("nan")
    if not np.isfinite(top):
        raise BadRow("the logits hold NaN or infinity")
    if sampling.greedy:
        point = np.zeros_like(row)
        point[int(row.argmax())] = 1.0
        return point
    weights = np.exp((row - top) / sampling.temperature)
    if 0 < sampling.top_k < weights.size:
        weights = _keep(weights, np.argpartition(-weights, sampling.top_k - 1)[: sampling.top_k])
    probabilities: Row = weights / weights.sum()
    if sampling.top_p < 1:
        order = np.argsort(-probabilities, kind="stable")
        count = int(np.searchsorted(np.cumsum(probabilities[order]), sampling.top_p)) + 1
        probabilities = _keep(probabilities, order[:count])
        probabilities = probabilities / probabilities.sum()
    return probabilities


def choose(row: Row, proposal: Proposal | None, rng: np.random.Generator) -> int:
    """The token that follows, given a proposal for it (or none): equal to the proposal's token if and only if it is kept.

    Raises:
        BadRow: ``row`` is no distribution, or the proposal cannot have been drawn from what it says.
    """
    total = float(row.sum())
    if not np.isfinite(total) or total <= 0 or float(row.min()) < 0:
        raise BadRow("the probabilities are not finite, negative, or add up to nothing")
    if proposal is None or not proposal.support:
        return draw(row, rng)
    q = _probability_of(proposal)
    if not 0 <= proposal.token < row.size:
        raise BadRow(f"the draft's token {proposal.token} is not in a vocabulary of {row.size}")
    if rng.random() * q * total < row[proposal.token]:
        return proposal.token
    rest = row / total
    support = np.asarray(proposal.support)
    if support.min() < 0 or support.max() >= row.size:
        raise BadRow(f"the draft's tokens are not in a vocabulary of {row.size}")
    rest[support] = np.maximum(rest[support] - np.asarray(proposal.weights), 0.0)
    if rest.sum() <= 0:  # p and q are equal but for rounding
        return proposal.token
    return draw(rest, rng)


def draw(row: Row, rng: np.random.Generator) -> int:
    """One token from probabilities that may add up to anything above 0. Never one of probability 0."""
    cumulated = np.cumsum(row)
    at = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
    return min(at, int(np.flatnonzero(row)[-1]))


def accept(rows: Sequence[Row], draft: Sequence[Proposal], rng: np.random.Generator) -> tuple[int, int]:
    """Judge a block: how many of its tokens are kept, and the token that follows them (the correction, or the bonus).

    Args:
        rows: what the target would draw from before each draft token, and after the last: ``len(draft) + 1`` rows.
        draft: in order.
        rng: the target's chance.

    Raises:
        BadRow: a row that is looked at is no distribution, or there are too few or too many rows.
    """
    if len(rows) != len(draft) + 1:
        raise BadRow(f"{len(rows)} rows for a draft of {len(draft)} tokens; {len(draft) + 1} are needed")
    for kept, (row, proposal) in enumerate(zip(rows, draft, strict=False)):
        token = choose(row, proposal, rng)
        if token != proposal.token:
            return kept, token
    return len(draft), choose(rows[-1], None, rng)


def expected_tokens(acceptance: float, draft_tokens: int) -> float:
    """Tokens that a round yields on average: (1 - a^(g + 1)) / (1 - a) (Leviathan et al. 2023, equation 1)."""
    if acceptance >= 1:
        return draft_tokens + 1.0
    return float((1 - acceptance ** (draft_tokens + 1)) / (1 - acceptance))


def overlap(p: Row, q: Row) -> float:
    """The probability that a token drawn from ``q`` is kept by ``p``: sum of min(p, q), one minus their total variation."""
    return float(np.minimum(p, q).sum())


def _keep(weights: Row, kept: npt.NDArray[np.intp]) -> Row:
    only = np.zeros_like(weights)
    only[kept] = weights[kept]
    return only


def _probability_of(proposal: Proposal) -> float:
    if len(proposal.support) != len(proposal.weights) or len(set(proposal.support)) != len(proposal.support):
        raise BadRow("the draft's tokens and their probabilities do not belong together")
    weights = dict(zip(proposal.support, proposal.weights, strict=True))
    q = weights.get(proposal.token, 0.0)
    if not (0 < q <= 1.001 and all(0 <= w <= 1.001 for w in proposal.weights) and abs(sum(proposal.weights) - 1) < 0.01):
        raise BadRow("the draft's probabilities are none")
    return q
