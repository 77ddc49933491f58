"""What the engine keeps for each conversation, and what it is asked to do."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voice.core.errors import ChatError
from voice.core.interfaces import Token
from voice.llm.llamacpp import Sampler
from voice.llm.text import TextStream


class JobKind(Enum):
    """What a job is for."""

    REPLY = auto()
    """Compute the prompt, then generate."""
    PREFILL = auto()
    """Compute the prompt ahead of time; nobody waits."""
    SCORE = auto()
    """Compute the prompt and give one token's probability after it."""
    CHOICE = auto()
    """Let somebody else choose what follows, given the logits: see :class:`Selection`."""


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


class JobOutcome(Protocol):
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


MAX_OFFERED = 16
"""Draft tokens that a step takes of a job that goes on."""


class Chooser(Protocol):
    """Chooses tokens by their logits. Called on the engine's thread, between two steps: must be quick."""

    def choose(self, logits: npt.NDArray[np.float32], index: int) -> int | None:
        """The token behind the prefix and ``index`` more; None when nobody wants it any more.

        ``logits`` is (vocabulary,), and a view that does not outlive the call. A ``ValueError`` fails the job.
        """
        ...


def lay_offers(offers: "deque[tuple[int, Sequence[int]]]", tokens: list[int], *, decided: int, limit: int) -> None:
    """Lay what was offered behind some tokens, as far as it agrees with them and leaves no gap; the offers are used up.

    Args:
        offers: drafts, each with the place in the tokens where it begins.
        tokens: what is there already.
        decided: how many of them are not up to a draft any more.
        limit: how many there may be.
    """
    limit = min(limit, decided + MAX_OFFERED)
    while offers:
        place, offered = offers.popleft()
        for token in offered:
            if place > len(tokens) or place >= limit or (place < len(tokens) and tokens[place] != token):
                break
            if place == len(tokens):
                tokens.append(token)
            place += 1


@dataclass(slots=True, eq=False)
class Selection:
    """What a job of kind ``CHOICE`` is: a prefix, perhaps a draft of what follows, and who chooses what really follows.

    All of a draft is computed at once. Chosen is one token after another, for as long as the draft agrees, and one more: the
    correction or the bonus. Then the job ends, or generates from there. It ends at an end-of-reply token in any case.

    Attributes:
        chooser: chooses.
        prefix: tokens of the job that are not to be chosen.
        bonus: whether a token is chosen behind a draft that was right to its end.
        goes_on: whether to generate, up to the job's ``max_tokens``, where the draft ends.
        parent: a job whose draft must come true for this one to make sense: this one's prefix is the parent's prefix and
            draft. What the parent chose beyond that is not chosen again. If it chose otherwise, this job ends, ``stale``.
        offers: drafts for a job that goes on, each with the place in the job's tokens where it begins; taken before each step.
        known: tokens of the job that are not to be chosen, with those that the parent chose.
        stale: it made no sense.
    """

    chooser: Chooser
    prefix: int
    bonus: bool = True
    goes_on: bool = False
    parent: "Job | None" = None
    offers: deque[tuple[int, Sequence[int]]] = field(default_factory=lambda: deque(maxlen=64))
    known: int = 0
    stale: bool = False

    def __post_init__(self) -> None:
        self.known = self.prefix

    def follow(self, tokens: list[int]) -> None:
        """Take account of what became of the parent, given this job's tokens."""
        parent, self.parent = self.parent, None
        if parent is None:
            return
        known = parent.tokens
        self.stale = not parent.settled or len(known) < self.prefix or tokens[: len(known)] != known
        self.known = max(self.prefix, len(known))


@dataclass(slots=True, eq=False)
class Job:
    """One request. ``tokens`` is what the conversation's cache must hold before the next result: prompt, then reply.

    So a prompt that is half computed and a reply that waits for its next token are the same thing: some of ``tokens`` are not
    in the cache yet.
    """

    kind: JobKind
    tokens: list[int]
    outcome: JobOutcome
    max_tokens: int = 0
    probe: Probe | None = None
    text: TextStream = field(default_factory=TextStream)
    stats: Stats = field(default_factory=Stats)
    sampler: Sampler | None = None
    choice: Selection | None = None
    anew: bool = False
    """The reply is to be another one than the likeliest."""
    cancelled: bool = False
    done: bool = False
    settled: bool = False
    """It came to its own end."""

    @property
    def urgent(self) -> bool:
        """Whether a user waits for it."""
        return self.kind is not JobKind.PREFILL

    @property
    def live(self) -> bool:
        """Whether anybody wants more of it."""
        return not self.done and not self.cancelled


@dataclass(slots=True, eq=False)
class SequenceSlot:
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

        A reply takes the conversation over: earlier replies and prefills end, and so does a choice that follows nothing. A
        prefill replaces an earlier prefill.
        """
        pointless: tuple[JobKind, ...] = (JobKind.PREFILL,)
        if job.kind is JobKind.REPLY or (job.choice is not None and job.choice.parent is None):
            pointless = (JobKind.REPLY, JobKind.PREFILL, JobKind.CHOICE)
        earlier = [*([self.job] if self.job else []), *self.waiting]
        self.waiting.append(job)
        return [other for other in earlier if other.kind in pointless and other.live]
