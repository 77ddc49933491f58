"""The seam between drafting and whoever verifies, and what an answer must be like to be believed (pure)."""

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from voice.core.errors import BadVerdict
from voice.draft.acceptance import GREEDY, Proposal, Sampling


@dataclass(frozen=True, slots=True)
class Identity:
    """Who verifies.

    Attributes:
        model: its name.
        version: changes when its weights do; empty where the engine does not tell.
        vocabulary: fingerprint of its tokens (:func:`voice.draft.vocabulary.fingerprint`); empty where it does not tell.
        template: fingerprint of its chat template; empty where it does not tell.
        vocabulary_size: how many tokens it has; 0 where it does not tell.
        max_draft: draft tokens that it takes in one block.
        token_ms: one token of plain streaming, as it has measured itself; 0 where it has not.
        rtt_ms: a message there and back, measured when the connection was opened; 0 where it was not.
    """

    model: str
    version: str = ""
    vocabulary: str = ""
    template: str = ""
    vocabulary_size: int = 0
    max_draft: int = 16
    token_ms: float = 0.0
    rtt_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Block:
    """One question: what of this draft would you have said?

    Attributes:
        prefix: all tokens before the draft.
        draft: may be empty: then one token is asked for.
        sampling: how the target chooses.
        bonus: whether a token is wanted behind a draft that was right to its end.
        follows: the prefix is the block before with its whole draft, and that one has not been answered yet.
    """

    prefix: tuple[int, ...]
    draft: tuple[Proposal, ...] = ()
    sampling: Sampling = GREEDY
    bonus: bool = True
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """A token of the target, with its natural-log probability before sampling filters (NaN where the engine does not tell)."""

    token: int
    logprob: float = math.nan


@dataclass(frozen=True, slots=True)
class DraftVerdict:
    """The answer.

    Attributes:
        accepted: how many of the draft's tokens stand.
        tokens: those, and the one that follows them: the correction or the bonus. Without the latter where none was asked for.
        compute_ms: how long the verifier computed; 0 where it does not tell.
        stale: the block followed one that did not come true; nothing was verified.
    """

    accepted: int
    tokens: tuple[Chosen, ...]
    compute_ms: float = 0.0
    stale: bool = False


class Verifier(Protocol):
    """A model elsewhere. One object a conversation; its methods belong to one event loop."""

    @property
    def identity(self) -> Identity:
        """Who verifies."""
        ...

    @property
    def depth(self) -> int:
        """Blocks that may be in flight at the same time."""
        ...

    async def verify(self, block: Block) -> DraftVerdict:
        """Judge one block. Cancel-safe: the answer to a question that nobody waits for is dropped.

        Raises:
            VerifierError: there is no answer, or none that can be believed.
        """
        ...

    def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """Plain streaming from the same model: up to ``max_tokens`` tokens, the end-of-reply token included.

        Raises:
            VerifierError: it failed.
        """
        ...


class Offering(Verifier, Protocol):
    """A verifier whose stream can be hurried on: it never waits for a draft, and takes one where it comes in time."""

    async def offer(self, place: int, draft: Sequence[int]) -> None:
        """A draft for the stream that runs, beginning at ``place`` of its tokens, the prefix included.

        What agrees with what was generated meanwhile, and goes beyond it, is judged in one step. The rest is dropped silently:
        the stream says what is true. Raises :class:`~voice.core.errors.VerifierError`.
        """
        ...


class Telling(Verifier, Protocol):
    """A verifier whose tokenizer can be had."""

    async def tokenizer(self) -> bytes:
        """A GGUF of the model, without its tensors. Raises :class:`~voice.core.errors.VerifierError`."""
        ...


def believe(block: Block, verdict: DraftVerdict, *, vocabulary_size: int, ends: Callable[[int], bool]) -> DraftVerdict:
    """The verdict, if it can be an answer to the block; without what it says behind the reply's end.

    Args:
        block: the question.
        verdict: the answer.
        vocabulary_size: tokens that there are; 0 for unknown.
        ends: whether a reply ends with a token. Nothing follows one.

    Raises:
        BadVerdict: it has too few or too many rows, is about other tokens than the draft's, or its numbers are none.
    """
    if verdict.stale:
        if not block.follows:
            raise BadVerdict("the verifier calls a block stale that follows none")
        return verdict
    drafted = [proposal.token for proposal in block.draft]
    kept, tokens = verdict.accepted, verdict.tokens
    if not 0 <= kept <= len(drafted):
        raise BadVerdict(f"the verifier accepts {kept} tokens of a draft of {len(drafted)}")
    ended = 0 < kept == len(drafted) and ends(drafted[-1])
    if ended:  # an engine that was not told what ends a reply says one more
        tokens = tokens[: max(kept, len(tokens) - 1)]
    complete = ended or (kept == len(drafted) and not block.bonus)
    if len(tokens) != kept + (not complete):
        raise BadVerdict(f"{len(tokens)} rows for {kept} accepted tokens and the one that follows them")
    if [chosen.token for chosen in tokens[:kept]] != drafted[:kept]:
        raise BadVerdict("the verifier's rows are for another draft")
    if kept < len(drafted) and len(tokens) > kept and tokens[kept].token == drafted[kept]:
        raise BadVerdict("the verifier rejects a token and puts the same in its place")
    for chosen in tokens:
        if chosen.token < 0 or (vocabulary_size and chosen.token >= vocabulary_size):
            raise BadVerdict(f"the verifier's token {chosen.token} is not in the vocabulary")
        if chosen.logprob > 1e-3 or math.isinf(chosen.logprob):
            raise BadVerdict(f"{chosen.logprob} is not the logarithm of a probability")
    if not math.isfinite(verdict.compute_ms) or verdict.compute_ms < 0:
        raise BadVerdict("the verifier's time is none")
    return verdict if tokens is verdict.tokens else replace(verdict, tokens=tokens)
