"""The edge model as a drafter."""

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from voice.core.errors import ChatError
from voice.core.interfaces import Token
from voice.draft.acceptance import GREEDY, BadRow, Proposal, Sampling, distribution, draw
from voice.draft.verifier import Identity
from voice.draft.vocabulary import fingerprint, template_fingerprint
from voice.llm.edge import EdgeChat, EdgeModel
from voice.llm.prompts import Prompts
from voice.llm.sequence import Job, Selection
from voice.llm.stream import TokenStream
from voice.llm.vocabulary import Vocabulary

AHEAD_TOKENS = 4
"""Draft tokens that may wait to be taken."""
SUPPORT = 8
"""Tokens that a draft for a sampled target is drawn from: what travels of its distribution."""


def identity_of(model: EdgeModel, *, version: str = "", max_draft: int = 16) -> Identity:
    """Who a GGUF model is. Reads the whole vocabulary: a tenth of a second."""
    vocabulary, template = fingerprints(model.runtime, model.prompts)
    return Identity(
        model=model.path.name,
        version=version,
        vocabulary=vocabulary,
        template=template,
        vocabulary_size=model.runtime.vocabulary,
        max_draft=max_draft,
    )


def fingerprints(vocabulary: Vocabulary, prompts: Prompts) -> tuple[str, str]:
    """Of the tokens and of the chat template."""
    ends = sorted(vocabulary.ending_tokens())
    return fingerprint(vocabulary.spellings(), ends), template_fingerprint(prompts.samples())


class EdgeDrafter:
    """:class:`~voice.draft.reply_options.Drafter` on one conversation of the edge model, with that conversation's cache.

    Args:
        chat: the conversation.
        context_tokens: that it has room for.
        sampling: of the target. Greedy targets get first choices; sampled ones get draws from the most probable tokens at the
            same temperature, with their probabilities.
    """

    def __init__(self, chat: EdgeChat, *, context_tokens: int, sampling: Sampling = GREEDY) -> None:
        self._chat = chat
        self._context_tokens = context_tokens
        self._sampling = sampling
        self._rng = np.random.default_rng()
        self._stream: TokenStream[Proposal] | None = None
        self._job: Job | None = None
        self._times_ms: deque[float] = deque(maxlen=32)
        self.written = 0
        """Draft tokens computed, over all replies."""

    def begin(self, tokens: Sequence[int]) -> None:
        """See :class:`~voice.draft.reply_options.Drafter`."""
        self.stop()
        room = self._context_tokens - 1 - len(tokens)
        if room < 1:
            return
        stream: TokenStream[Proposal] = TokenStream(AHEAD_TOKENS, self._chat.wake)
        self._stream = stream
        writing = _Writing(stream, self._sampling, self._rng, self._times_ms)
        self._job = self._chat.choose(list(tokens), Selection(writing, len(tokens), goes_on=True), writing, max_tokens=room)

    @property
    def token_ms(self) -> float:
        """See :class:`~voice.draft.reply_options.Drafter`: the median of the last tokens that were written without a pause."""
        return statistics.median(list(self._times_ms)) if self._times_ms else 0.0

    async def next(self) -> Proposal | None:
        """See :class:`~voice.draft.reply_options.Drafter`."""
        return await self._stream.get() if self._stream is not None else None

    def stop(self) -> None:
        """See :class:`~voice.draft.reply_options.Drafter`."""
        job, self._job, self._stream = self._job, None, None
        if job is not None:
            self.written += job.stats.generated
            self._chat.cancel(job)


class _Writing:
    """Chooses draft tokens, on the engine's thread."""

    def __init__(
        self, stream: TokenStream[Proposal], sampling: Sampling, rng: np.random.Generator, times_ms: deque[float]
    ) -> None:
        self._stream = stream
        self._times_ms = times_ms
        self._last_s = 0.0
        self._sampling = sampling
        self._rng = rng

    @property
    def full(self) -> bool:
        return self._stream.full

    def choose(self, logits: npt.NDArray[np.float32], index: int) -> int | None:
        del index
        proposal = propose(logits, self._sampling, self._rng)
        now_s = time.perf_counter()
        if self._last_s:
            self._times_ms.append((now_s - self._last_s) * 1e3)
        self._last_s = 0.0 if self._stream.nearly_full else now_s
        return proposal.token if self._stream.put(proposal) else None

    def ended(self, error: ChatError | None) -> None:
        self._stream.end(error)

    def token(self, token: Token) -> bool:
        raise NotImplementedError(f"nothing was to be generated, but {token!r} was")

    def scored(self, probability: float) -> None:
        raise NotImplementedError(f"nothing was to be scored, but {probability} was")


def propose(logits: npt.NDArray[np.float32], sampling: Sampling, rng: np.random.Generator) -> Proposal:
    """A draft token for a target that chooses so.

    Raises:
        BadRow: the logits hold NaN.
    """
    if sampling.greedy:
        token = int(logits.argmax())
        if not np.isfinite(logits[token]):
            raise BadRow("the logits hold NaN or infinity")
        return Proposal(token, confidence=1.0 / float(np.exp(logits - logits[token]).sum()))
    limit = min(SUPPORT, sampling.top_k or SUPPORT)
    row = distribution(logits, Sampling(sampling.temperature, limit, sampling.top_p))
    token = draw(row, rng)
    support = np.flatnonzero(row)
    return Proposal(token, tuple(map(int, support)), tuple(map(float, row[support])), float(row.max()))


async def read_identity(model: EdgeModel) -> Identity:
    """:func:`identity_of`, beside the event loop."""
    return await asyncio.to_thread(identity_of, model)
