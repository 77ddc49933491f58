"""What the engine keeps for each conversation, and what it is asked to do."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from voice.errors import ChatError
from voice.llm.llamacpp import Sampler
from voice.llm.text import TextStream
from voice.stages import Token


class Kind(Enum):
    """What a job is for."""

    REPLY = auto()
    """Compute the prompt, then generate."""
    PREFILL = auto()
    """Compute the prompt ahead of time; nobody waits."""
    SCORE = auto()
    """Compute the prompt and give one token's probability after it."""


@dataclass(slots=True)
class Stats:
    """What a job cost, in tokens.

    Attributes:
        prompt: of the conversation.
        reused: of the prompt, found in the cache.
        decoded: of the prompt, computed.
        generated: of the reply, the one that ends it included.
    """

    prompt: int = 0
    reused: int = 0
    decoded: int = 0
    generated: int = 0


class Outcome(Protocol):
    """Where a job's results go. Called on the engine's thread; must not block."""

    @property
    def full(self) -> bool:
        """Whether to pause."""
        ...

    def token(self, token: Token) -> bool:
        """The next token of the reply; False when nobody takes it any more."""
        ...

    def scored(self, probability: float) -> None:
        """The probability of the probe's token."""
        ...

    def ended(self, error: ChatError | None) -> None:
        """The last call: the job is done or failed."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks for the probability of ``token`` after ``position`` tokens of the prompt."""

    position: int
    token: int


@dataclass(slots=True, eq=False)
class Job:
    """One request. ``tokens`` is what the conversation's cache must hold before the next result: prompt, then reply.

    So a prompt that is half computed and a reply that waits for its next token are the same thing: some of ``tokens`` are not
    in the cache yet.
    """

    kind: Kind
    tokens: list[int]
    outcome: Outcome
    max_tokens: int = 0
    probe: Probe | None = None
    text: TextStream = field(default_factory=TextStream)
    stats: Stats = field(default_factory=Stats)
    sampler: Sampler | None = None
    cancelled: bool = False
    done: bool = False

    @property
    def urgent(self) -> bool:
        """Whether a user waits for it."""
        return self.kind is not Kind.PREFILL

    @property
    def live(self) -> bool:
        """Whether anybody wants more of it."""
        return not self.done and not self.cancelled


@dataclass(slots=True, eq=False)
class Slot:
    """A conversation's part of the cache.

    Attributes:
        sequence: its number in llama.cpp.
        cached: the tokens that it holds.
        job: the one that is being computed.
        waiting: those after it, oldest first.
        stale: its conversation has ended; what it holds is nobody's.
    """

    sequence: int
    cached: list[int] = field(default_factory=list)
    job: Job | None = None
    waiting: list[Job] = field(default_factory=list)
    stale: bool = False

    def enqueue(self, job: Job) -> list[Job]:
        """Add a job and return those that it makes pointless.

        A reply takes the conversation over: earlier replies and prefills end. A prefill replaces an earlier prefill.
        """
        pointless = {Kind.REPLY: (Kind.REPLY, Kind.PREFILL), Kind.PREFILL: (Kind.PREFILL,), Kind.SCORE: (Kind.PREFILL,)}[
            job.kind
        ]
        earlier = [*([self.job] if self.job else []), *self.waiting]
        self.waiting.append(job)
        return [other for other in earlier if other.kind in pointless and other.live]
