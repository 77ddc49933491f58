"""What the draft-and-verify loop is given, and what it gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from voice.draft.acceptance import GREEDY, Proposal, Sampling
from voice.draft.plan import Plan


class Drafter(Protocol):
    """Writes drafts. One object a conversation; its methods belong to one event loop."""

    def begin(self, tokens: Sequence[int]) -> None:
        """Draft what follows ``tokens``, and forget what was drafted before. Returns at once."""
        ...

    async def next(self) -> Proposal | None:
        """The next draft token; None when none follows. Cancel-safe: a token that nobody took is given again.

        Raises:
            ChatError: the edge's model failed.
        """
        ...

    def stop(self) -> None:
        """Draft no more."""
        ...

    @property
    def token_ms(self) -> float:
        """What a token takes at present; 0 for unknown."""
        ...


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """What a reply has to keep to.

    Attributes:
        prefix: the prompt's tokens.
        max_tokens: of the reply.
        ends: whether a token ends the reply.
        whole_words: how many of some draft tokens make whole words, from the front.
        sampling: how the verifier chooses.
        kind: of task, for the statistics.
        deadline_ms: if no first clause was approved by then, the edge's words fill it up; None: never for that.
        patience_ms: after so long without an approved token the verifier has failed.
        alone: when it has, the edge finishes the reply; otherwise the reply fails.
    """

    prefix: tuple[int, ...]
    max_tokens: int
    ends: Callable[[int], bool]
    whole_words: Callable[[Sequence[int]], int]
    sampling: Sampling = GREEDY
    kind: str = ""
    deadline_ms: float | None = None
    patience_ms: float = 1500.0
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Approved:
    """A token that may be spoken, and whose it is."""

    token: int
    logprob: float
    by: Literal["verifier", "edge"]


@dataclass(slots=True)
class DraftTally:
    """What a reply came to. Tokens, unless the name says otherwise.

    Attributes:
        approved: of the reply.
        by_edge: of them, the edge's own.
        drafted: written by the drafter.
        accepted: draft tokens that the verifier has said too, sent or not ...
        rejected: ... and those for which it said another one.
        sent_accepted: of the accepted, those that were sent for judgement ...
        sent_rejected: ... and of the rejected.
        rounds: messages with draft tokens, or blocks.
    """

    plan: Plan = field(default_factory=Plan)
    approved: int = 0
    by_edge: int = 0
    drafted: int = 0
    accepted: int = 0
    rejected: int = 0
    sent_accepted: int = 0
    sent_rejected: int = 0
    rounds: int = 0
    stale: int = 0
    rollbacks: int = 0
    switched: bool = False
    """Streaming was taken up in the middle of the reply."""
    failure: str = ""
    """Why the edge finished the reply."""
    first_ms: float = 0.0
    took_ms: float = 0.0

    @property
    def token_ms(self) -> float:
        """Between two tokens, on average."""
        return (self.took_ms - self.first_ms) / (self.approved - 1) if self.approved > 1 else 0.0

    @property
    def acceptance(self) -> float | None:
        """The share of the draft tokens sent and judged that stood; None when none was."""
        judged = self.sent_accepted + self.sent_rejected
        return self.sent_accepted / judged if judged else None
