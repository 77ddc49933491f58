"""What became of an answer: who spoke how much of it, what the cloud counted, and why the edge stepped in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voice.core.interfaces import Usage

Tier = Literal["edge", "cloud"]
Speaker = Literal["edge", "large", "cloud"]
"""Who says a part of it: of the device the small model, or the second speed."""


@dataclass(slots=True)
class Attribution:
    """What became of an answer, for the trace and the ledger.

    Attributes:
        words: spoken by each model, in order of their turns.
        requests: to the cloud for an answer, and ``warmed`` for its cache alone, with ``chars_sent`` in all.
        usage: what the cloud counted, of ``counted`` of them.
        drafts: how each answer of the cloud's was drafted, where it was.
        large_first_ms: from a request to the second speed to its first token; ``large_tokens`` it gave.
        bridges: so often was it said that it takes a moment.
        noticed: what the user was told of a larger model's failure.
        anew: why a part of it was made once more, or left out: it said what was said before.
        fallback: why the edge stepped in, as (code, sentence).
    """

    words: list[tuple[Speaker, int]] = field(default_factory=list)
    edge_tokens: int = 0
    cloud_tokens: int = 0
    large_tokens: int = 0
    requests: int = 0
    warmed: int = 0
    bridges: int = 0
    noticed: str = ""
    anew: str = ""
    chars_sent: int = 0
    counted: int = 0
    usage: Usage | None = None
    drafts: list[Mapping[str, Any]] = field(default_factory=list)
    cloud_first_ms: float | None = None
    large_first_ms: float | None = None
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

    def spoke(self, speaker: Speaker, words: int) -> None:
        """Add words that a model let go."""
        if self.words and self.words[-1][0] == speaker:
            words += self.words.pop()[1]
        self.words.append((speaker, words))

    def record(self) -> dict[str, Any]:
        """For the trace: who said how much, and what the cloud's part in it was, if it had one."""
        if not (self.words or self.requests or self.warmed):
            return {}
        found: dict[str, Any] = {"answer": self._answer()}
        if not self.requests and not self.warmed:
            return found
        found["cloud"] = {
            "requests": self.requests,
            "warmed": self.warmed,
            "first_token_ms": _rounded(self.cloud_first_ms),
            "tokens": self.cloud_tokens,
            "words": [[speaker, words] for speaker, words in self.words],
            "fallback": None if self.fallback is None else self.fallback[0],
        }
        return {**found, **self._drafted()}

    def _answer(self) -> dict[str, Any]:
        return {
            "words": [[speaker, words] for speaker, words in self.words],
            "bridges": self.bridges,
            "large_first_token_ms": _rounded(self.large_first_ms),
            "notice": self.noticed or None,
            "anew": self.anew or None,
        }

    def _drafted(self) -> dict[str, Any]:
        """How the last request was drafted, with those before it."""
        if not self.drafts:
            return {}
        *earlier, last = self.drafts
        return {"draft": {**last, "earlier": earlier} if earlier else last}


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
