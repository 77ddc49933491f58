"""The verifier's model: judges blocks and streams, for several clients at once, on :mod:`voice.llm`.

Strategy: the engine of the edge model already batches conversations, keeps their caches and forgets what turned out otherwise.
A client is a conversation of it; a block is a job whose tokens are chosen here, by the rule of :mod:`voice.draft.acceptance`.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Sequence

import numpy as np
import numpy.typing as npt

from voice.core.config import LlmConfig, VerifierConfig
from voice.core.errors import ChatError, VerifierError
from voice.core.interfaces import Token
from voice.draft import acceptance
from voice.draft.acceptance import Proposal, Sampling
from voice.draft.edge import identity_of
from voice.draft.verifier import Block, Chosen, DraftVerdict, Identity
from voice.llm.edge import EdgeChat, EdgeModel
from voice.llm.engine import PADDING_TOKENS
from voice.llm.header import header_of
from voice.llm.llamacpp import logprob
from voice.llm.sequence import Job, Selection
from voice.llm.stream import Result, TokenStream

MAX_DRAFT = 16
DEPTH = 4
STREAM_AHEAD = 64
"""Tokens of a stream that may wait for the network."""
_MEASURED_TOKENS = 24


class Target:
    """A GGUF model that judges drafts. Blocks while it loads: make it in a thread.

    Raises:
        ModelError: the file is missing or damaged.
        ChatError: it cannot be loaded.
    """

    def __init__(self, config: VerifierConfig) -> None:
        self.config = config
        self._model = EdgeModel(
            LlmConfig(
                model=config.model,
                threads=config.threads,
                gpu_layers=config.gpu_layers,
                context_tokens=config.context_tokens,
                conversations=config.clients,
                max_reply_tokens=min(120, config.context_tokens // 2),
                system_prompt="",
            ),
            exact=config.exact,
        )
        try:
            with self._model.path.open("rb") as file:
                version = hashlib.file_digest(file, "sha256").hexdigest()[:16]
            self.identity = identity_of(self._model, version=version, max_draft=MAX_DRAFT)
            self.header = header_of(self._model.path)
        except BaseException:
            self._model.close()
            raise

    async def measure_token_ms(self) -> float:
        """The time of one token of plain streaming, undisturbed."""
        judge = self.open()
        try:
            times = [
                time.perf_counter() async for _ in judge.stream([1], max_tokens=_MEASURED_TOKENS, sampling=acceptance.GREEDY)
            ]
        finally:
            judge.close()
        return float(np.median(np.diff(times))) * 1e3 if len(times) > 2 else 0.0

    def open(self) -> "Judge":
        """Begin a client's session.

        Raises:
            ChatBusy: all are taken.
        """
        return Judge(self._model.open(), self.identity, self.config.context_tokens)

    @property
    def free(self) -> int:
        """Sessions that may still be opened."""
        return self._model.free_slots

    def close(self) -> None:
        """Free the model and its thread. May be called again."""
        self._model.close()


class Judge:
    """One client's session: :class:`voice.draft.verifier.Verifier` without a network. Its methods belong to one event loop."""

    depth = DEPTH

    def __init__(self, chat: EdgeChat, identity: Identity, context_tokens: int) -> None:
        self._chat = chat
        self.identity = identity
        self._context_tokens = context_tokens
        self._rng = np.random.default_rng()
        self._last: Job | None = None
        self._last_done_s = 0.0
        self._streaming: Job | None = None

    async def verify(self, block: Block) -> DraftVerdict:
        """See :class:`~voice.draft.verifier.Verifier`."""
        return await self.begin(block)

    def begin(self, block: Block) -> "asyncio.Future[DraftVerdict]":
        """Judge a block, in the order of the calls; the outcome comes later. Cancelling the future stops the work.

        Raises:
            VerifierError: the block cannot be judged.
        """
        tokens = [*block.prefix, *(proposal.token for proposal in block.draft)]
        self._check(block.prefix, len(tokens), tokens)
        if len(block.draft) > MAX_DRAFT:
            raise VerifierError(f"a draft of {len(block.draft)} tokens; {MAX_DRAFT} are judged at a time")
        result: Result[DraftVerdict] = Result()
        ruling = _Ruling(block, self._rng, result, self._last_done_s)
        parent = self._last if block.follows else None
        choice = Selection(ruling, len(block.prefix), bonus=block.bonus, parent=parent)
        ruling.choice = choice
        self._last = job = self._submit(tokens, choice, ruling)
        ruling.job = job

        def over(future: "asyncio.Future[DraftVerdict]") -> None:
            self._last_done_s = time.perf_counter()
            if future.cancelled():
                self._chat.cancel(job)

        result.future.add_done_callback(over)
        return result.future

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """See :class:`~voice.draft.verifier.Verifier`."""
        max_tokens = min(max_tokens, self._context_tokens - PADDING_TOKENS - len(prefix))
        self._check(prefix, len(prefix), prefix)
        if max_tokens < 1:
            return
        chosen: TokenStream[Chosen] = TokenStream(STREAM_AHEAD, self._chat.wake)
        generation = _Generation(sampling, self._rng, chosen)
        choice = Selection(generation, len(prefix), goes_on=True)
        self._last = None
        self._streaming = job = self._submit(list(prefix), choice, generation, max_tokens)
        try:
            while (token := await chosen.get()) is not None:
                yield token
        except ChatError as error:
            raise VerifierError(str(error)) from error
        finally:
            self._chat.cancel(job)
            if self._streaming is job:
                self._streaming = None

    async def offer(self, place: int, draft: Sequence[int]) -> None:
        """See :class:`~voice.draft.verifier.Offering`. Without a stream it is dropped."""
        if self._streaming is None:
            return
        if len(draft) > MAX_DRAFT or not all(0 <= token < self.identity.vocabulary_size for token in draft):
            raise VerifierError("an offer is too long, or holds a token that is not in the vocabulary")
        self._chat.offer(self._streaming, place, draft)

    def _submit(self, tokens: list[int], choice: Selection, outcome: "_Ruling | _Generation", max_tokens: int = 0) -> Job:
        try:
            return self._chat.choose(tokens, choice, outcome, max_tokens=max_tokens)
        except ChatError as error:
            raise VerifierError(str(error)) from error

    def _check(self, prefix: Sequence[int], total: int, tokens: Sequence[int]) -> None:
        """A token that is none would fail the step of all clients, so it is refused here."""
        if not prefix:
            raise VerifierError("there must be at least one token before a draft")
        if total > self._context_tokens - 1 - PADDING_TOKENS:
            raise VerifierError(f"{total} tokens do not fit a context of {self._context_tokens}")
        if not all(0 <= token < self.identity.vocabulary_size for token in tokens):
            raise VerifierError(f"a token that is not in the vocabulary of {self.identity.vocabulary_size}")

    def close(self) -> None:
        """Give the cache back. May be called again."""
        self._chat.close()


class _Chooser:
    """Chooses as the target would; on the engine's thread."""

    full = False

    def __init__(self, sampling: Sampling, rng: np.random.Generator) -> None:
        self._sampling = sampling
        self._rng = rng

    def pick(self, logits: npt.NDArray[np.float32], proposal: Proposal | None) -> Chosen:
        if self._sampling.greedy:
            token = int(logits.argmax())
            if not np.isfinite(logits[token]):
                raise acceptance.BadRow("the logits hold NaN or infinity")
        else:
            token = acceptance.choose(acceptance.distribution(logits, self._sampling), proposal, self._rng)
        return Chosen(token, logprob(logits, token))

    def token(self, token: Token) -> bool:
        raise NotImplementedError(f"nothing was to be generated, but {token!r} was")

    def scored(self, probability: float) -> None:
        raise NotImplementedError(f"nothing was to be scored, but {probability} was")


class _Ruling(_Chooser):
    """A block's verdict in the making."""

    job: Job
    choice: Selection

    def __init__(self, block: Block, rng: np.random.Generator, result: Result[DraftVerdict], earliest_s: float) -> None:
        super().__init__(block.sampling, rng)
        self._block = block
        self._result = result
        self._began_s = max(time.perf_counter(), earliest_s)
        self._chosen: dict[int, Chosen] = {}

    def choose(self, logits: npt.NDArray[np.float32], index: int) -> int:
        proposal = self._block.draft[index] if index < len(self._block.draft) else None
        self._chosen[index] = chosen = self.pick(logits, proposal)
        return chosen.token

    def ended(self, error: ChatError | None) -> None:
        if error is not None:
            self._result.fail(VerifierError(str(error)))
            return
        if self.choice.stale or not self.job.settled:
            self._result.set(DraftVerdict(0, (), stale=True))
            return
        behind = self.job.tokens[len(self._block.prefix) :]
        drafted = [proposal.token for proposal in self._block.draft]
        kept = next(
            (i for i, (a, b) in enumerate(zip(behind, drafted, strict=False)) if a != b), min(len(behind), len(drafted))
        )
        # Those that the block before has settled already carry no probability of their own here.
        tokens = tuple(self._chosen.get(i, Chosen(token, 0.0)) for i, token in enumerate(behind))
        self._result.set(DraftVerdict(kept, tokens, (time.perf_counter() - self._began_s) * 1e3))


class _Generation(_Chooser):
    """A stream."""

    def __init__(self, sampling: Sampling, rng: np.random.Generator, chosen: TokenStream[Chosen]) -> None:
        super().__init__(sampling, rng)
        self._stream = chosen

    @property
    def full(self) -> bool:  # type: ignore[override]
        return self._stream.full

    def choose(self, logits: npt.NDArray[np.float32], index: int) -> int | None:
        del index
        chosen = self.pick(logits, None)
        return chosen.token if self._stream.put(chosen) else None

    def ended(self, error: ChatError | None) -> None:
        self._stream.end(error)
