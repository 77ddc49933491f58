"""What became of an answer: who spoke how much of it, what the cloud counted, and why the edge stepped in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voice.core.interfaces import Usage

Tier = Literal["edge", "cloud"]


@dataclass(slots=True)
class Attribution:
    """What became of an answer, for the trace and the ledger.

    Attributes:
        words: spoken by each tier, in order of their turns.
        requests: to the cloud for an answer, and ``warmed`` for its cache alone, with ``chars_sent`` in all.
        usage: what the cloud counted, of ``counted`` of them.
        drafts: how each answer of the cloud's was drafted, where it was.
        excused: whether it had to be said that it takes a moment.
        fallback: why the edge stepped in, as (code, sentence).
    """

    words: list[tuple[Tier, int]] = field(default_factory=list)
    edge_tokens: int = 0
    cloud_tokens: int = 0
    requests: int = 0
    warmed: int = 0
    excused: bool = False
    chars_sent: int = 0
    counted: int = 0
    usage: Usage | None = None
    drafts: list[Mapping[str, Any]] = field(default_factory=list)
    cloud_first_ms: float | None = None
    fallback: tuple[str, str] | None = None

    @property
    def tier(self) -> Tier:
        """Who gave the answer: the cloud if any of it is the cloud's."""
        return "cloud" if any(tier == "cloud" for tier, _ in self.words) else "edge"

    def count(self, usage: Usage) -> None:
        """Add what the cloud counted of one request."""
        self.counted += 1
        known = self.usage or Usage()
        self.usage = Usage(
            known.tokens_in + usage.tokens_in,
            known.tokens_out + usage.tokens_out,
            known.tokens_cached + usage.tokens_cached,
            known.tokens_drafted + usage.tokens_drafted,
        )
        if usage.draft:
            self.drafts.append(usage.draft)

    def spoke(self, tier: Tier, words: int) -> None:
        """Add words that a tier let go."""
        if self.words and self.words[-1][0] == tier:
            words += self.words.pop()[1]
        self.words.append((tier, words))

    def record(self) -> dict[str, Any]:
        """For the trace; empty when the cloud had no part in it."""
        excuse = {"excused": True} if self.excused else {}
        if not self.requests and not self.warmed:
            return excuse
        cloud = {
            "requests": self.requests,
            "warmed": self.warmed,
            "first_token_ms": None if self.cloud_first_ms is None else round(self.cloud_first_ms, 1),
            "tokens": self.cloud_tokens,
            "words": [[tier, words] for tier, words in self.words],
            "fallback": None if self.fallback is None else self.fallback[0],
        }
        return {**excuse, "cloud": cloud, **self._drafted()}

    def _drafted(self) -> dict[str, Any]:
        """How the last request was drafted, with those before it."""
        if not self.drafts:
            return {}
        *earlier, last = self.drafts
        return {"draft": {**last, "earlier": earlier} if earlier else last}
