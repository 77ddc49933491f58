"""The edge language model: :class:`~voice.core.interfaces.ChatModel` on llama.cpp.

Strategy: every request says what the whole conversation is. It is tokenised, compared with what the conversation's cache holds,
and only what differs is computed (:mod:`voice.llm.engine`). So a turn taken back, a reply cut short by the user and a
partial transcript that turned out otherwise need no bookkeeping here: the next request simply disagrees with the cache.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from voice import models
from voice.core.config import LlmConfig
from voice.core.cpu import cores, step_back
from voice.core.errors import ChatError, mapped
from voice.core.interfaces import Message, Token
from voice.llm.engine import ALONE_TOKENS, PADDING_TOKENS, YIELDING_TOKENS, Engine
from voice.llm.llamacpp import Runtime, Sampler
from voice.llm.prompts import Prompts
from voice.llm.sampling import sampling
from voice.llm.sequence import Job, JobKind, JobOutcome, Probe, Selection, SequenceSlot, Stats
from voice.llm.stream import Result, TokenStream
from voice.llm.template import Prompt
from voice.llm.text import TextStream

READ_AHEAD_TOKENS = 2
"""A reply whose reader is this far behind pauses: what waits to be said must not take the processor from what is awaited."""

ANEW_TEMPERATURE = 0.8
"""Of a reply that is to be another one than before."""


class EdgeModel:
    """A GGUF model that holds ``config.conversations`` conversations.

    Each has room for ``config.context_tokens``, taken at load: 47 MB for SmolLM2-135M's 2048. Thread-safe.

    Args:
        config: see :class:`~voice.core.config.LlmConfig`.
        exact: see :class:`~voice.llm.engine.Engine`. The last token of a context is then left free.
        gives_way: given for a model that steps back: its threads take little of the processor where somebody else wants it, and
            while this is true it reads nothing ahead.

    Raises:
        ChatError: the model file is missing, damaged or of no use, or the system prompt is too long.
    """

    def __init__(self, config: LlmConfig, *, exact: bool = False, gives_way: Callable[[], bool] | None = None) -> None:
        self.config = config
        self._yields = gives_way is not None
        self._exact = exact
        self.path = Path(models.locate(config.model))
        self._sampling = sampling(config, models.chat_settings(config.model))
        self._engine = Engine(
            self._load,
            conversations=config.conversations,
            prepare=self._prepare,
            sampler=self._sampler,
            exact=exact,
            gives_way=gives_way,
        )

    def open(self) -> "EdgeChat":
        """See :class:`~voice.core.interfaces.ChatModel`."""
        return EdgeChat(self, self._engine, self._engine.open())

    def close(self) -> None:
        """See :class:`~voice.core.interfaces.ChatModel`."""
        self._engine.close()

    @property
    def free_slots(self) -> int:
        """Conversations that may still be opened."""
        return self._engine.free_slots

    @property
    def idle(self) -> bool:
        """Whether nothing is computed and nothing waits."""
        return self._engine.idle

    @property
    def busy(self) -> bool:
        """Whether something is computed or waits."""
        return not self.idle

    @property
    def problem(self) -> str:
        """Why it cannot serve now; empty while it can."""
        return self._engine.problem

    def prompt(self, messages: Sequence[Message], *, skip_turns: int, reply_tokens: int) -> tuple[Prompt, int]:
        """See :meth:`voice.llm.prompts.Prompts.prompt`."""
        return self.prompts.prompt(messages, skip_turns=skip_turns, reply_tokens=reply_tokens)

    # --- for those who deal in tokens ----------------------------------------------------------------------------------------

    @property
    def runtime(self) -> Runtime:
        """Its text methods, which are thread-safe. What computes belongs to the engine's thread."""
        return self._runtime

    # --- on the engine's thread, before anything else ------------------------------------------------------------------------

    def _load(self) -> Runtime:
        config = self.config
        if self._yields:
            step_back()  # the threads that compute are this one and its children
        threads = config.threads or min(cores(), 8)
        return Runtime(
            self.path,
            context_tokens=config.context_tokens,
            sequences=config.conversations,
            batch_tokens=(YIELDING_TOKENS if self._yields else ALONE_TOKENS)
            + (PADDING_TOKENS * config.conversations if self._exact else 0),
            threads=threads,
            gpu_layers=config.gpu_layers,
        )

    def _sampler(self, anew: bool) -> Sampler:
        chosen = self._sampling
        return Sampler(
            self._runtime.vocabulary,
            temperature=max(chosen.temperature, ANEW_TEMPERATURE) if anew else chosen.temperature,
            top_p=chosen.top_p,
            repeat_penalty=chosen.repeat_penalty,
            seed=self.config.seed + anew,
        )

    def _prepare(self, runtime: Runtime) -> list[int]:
        self._runtime = runtime
        self.prompts = Prompts(runtime, self.config)
        return self.prompts.beginning()


class EdgeChat:
    """One conversation (:class:`~voice.core.interfaces.Chat`). Its methods belong to one event loop."""

    def __init__(self, model: EdgeModel, engine: Engine, slot: SequenceSlot) -> None:
        self._model = model
        self._engine = engine
        self._slot = slot
        self._skipped_turns = 0
        self._closed = False
        self._score: tuple[list[int], asyncio.Future[float]] | None = None
        self.stats = Stats()
        """What the last request cost."""

    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int, prefix: str = "", anew: bool = False
    ) -> AsyncGenerator[Token, None]:
        """See :class:`~voice.core.interfaces.Chat`. Begins when the first token is asked for.

        A second reply in the same conversation ends the first with an error. A reply whose reader is two tokens behind pauses.
        """
        prompt = self._prompt(messages, max_tokens)
        tokens = [*prompt.tokens, *self._model.prompts.words(prefix)] if prefix else prompt.tokens
        max_tokens = min(max_tokens, self._model.config.context_tokens - len(tokens))
        if max_tokens < 1:
            return
        stream: TokenStream[Token] = TokenStream(READ_AHEAD_TOKENS, self._engine.wake)
        score: Result[float] = Result()
        if self._known_score(prompt.said) is None:
            self._score = (prompt.said, score.future)
        outcome = _Reply(stream, score)
        probe = Probe(prompt.user_end, prompt.closing)
        text = TextStream(self._model.prompts.markers)
        job = Job(JobKind.REPLY, tokens, outcome, max_tokens, probe, text, anew=anew)
        self._submit(job)
        try:
            while (token := await stream.get()) is not None:
                yield token
        finally:
            self._engine.cancel(job)

    async def prefill(self, messages: Sequence[Message]) -> None:
        """See :class:`~voice.core.interfaces.Chat`.

        All but the last token of the last message is computed: that one may change when the text goes on. Returns when it is
        done or a newer request of this conversation has made it pointless; at once if the last message is not the user's.
        """
        if messages and messages[-1].role == "user" and messages[-1].text.strip():
            prompt = self._prompt(messages, 0)
            await self._wait(JobKind.PREFILL, prompt.said[:-1], None)

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """The probability (0 to 1) that the model closes the user's last message right after its text.

        Costs the computing of what the cache does not hold of that text, which a reply to it then finds there; nothing when a
        reply to the same text has begun. Waits for a reply to another text. Cancel-safe. Raises
        :class:`~voice.core.errors.ChatError`.
        """
        prompt = self._prompt(messages, 0)
        known = self._known_score(prompt.said)
        if known is not None:
            await asyncio.wait([known])
            if not known.cancelled():
                return known.result()
        score = await self._wait(JobKind.SCORE, prompt.said, Probe(prompt.user_end, prompt.closing))
        if score is None:
            raise ChatError("the conversation was closed")
        self._score = (prompt.said, asyncio.get_running_loop().create_future())
        self._score[1].set_result(score)
        return score

    def prompt_tokens(self, messages: Sequence[Message], *, max_tokens: int) -> list[int]:
        """The conversation in tokens, up to where the reply begins, with room for it. Raises :class:`ChatError`."""
        return self._prompt(messages, max_tokens).tokens

    def choose(self, tokens: list[int], choice: Selection, outcome: JobOutcome, *, max_tokens: int = 0) -> Job:
        """Let somebody else choose what follows some tokens (which must fit the context and be the vocabulary's).

        Other replies of this conversation end. Returns at once; see :meth:`cancel`. Raises :class:`ChatError`.
        """
        job = Job(JobKind.CHOICE, tokens, outcome, max_tokens, choice=choice)
        self._submit(job)
        return job

    def cancel(self, job: Job) -> None:
        """Nobody wants a job any more."""
        self._engine.cancel(job)

    def offer(self, job: Job, place: int, draft: Sequence[int]) -> None:
        """See :meth:`voice.llm.engine.Engine.offer`."""
        self._engine.offer(job, place, draft)

    def wake(self) -> None:
        """An outcome that was full has room again."""
        self._engine.wake()

    def close(self) -> None:
        """See :class:`~voice.core.interfaces.Chat`."""
        if not self._closed:
            self._closed = True
            self._engine.release(self._slot)

    def _known_score(self, said: list[int]) -> "asyncio.Future[float] | None":
        """The end-of-turn probability after these tokens, if it is known or on its way."""
        if self._score is not None and self._score[0] == said and not self._score[1].cancelled():
            return self._score[1]
        return None

    @mapped(ChatError, "the conversation cannot be put to the language model")
    def _prompt(self, messages: Sequence[Message], reply_tokens: int) -> Prompt:
        reserve = max(reply_tokens, self._model.config.max_reply_tokens)
        prompt, self._skipped_turns = self._model.prompt(messages, skip_turns=self._skipped_turns, reply_tokens=reserve)
        return prompt

    async def _wait(self, kind: JobKind, tokens: list[int], probe: Probe | None) -> float | None:
        result: Result[float | None] = Result()
        job = Job(kind, tokens, _Single(result), probe=probe)
        self._submit(job)
        try:
            return await result.future
        finally:
            self._engine.cancel(job)

    def _submit(self, job: Job) -> None:
        if self._closed:
            raise ChatError("this conversation is closed")
        self.stats = job.stats
        self._engine.submit(self._slot, job)


class _Reply:
    """The outcome of a reply: a stream of tokens and, on the way, the score of the prompt."""

    def __init__(self, stream: TokenStream[Token], score: Result[float]) -> None:
        self._stream = stream
        self._score = score

    @property
    def full(self) -> bool:
        return self._stream.full

    def token(self, token: Token) -> bool:
        return self._stream.put(token)

    def scored(self, probability: float) -> None:
        self._score.set(probability)

    def ended(self, error: ChatError | None) -> None:
        self._score.drop()
        self._stream.end(error)


class _Single:
    """The outcome of a prefill or a score: one value."""

    full = False

    def __init__(self, result: Result[float | None]) -> None:
        self._result = result

    def token(self, token: Token) -> bool:
        raise NotImplementedError(f"nothing was to be generated, but {token!r} was")

    def scored(self, probability: float) -> None:
        self._result.set(probability)

    def ended(self, error: ChatError | None) -> None:
        if error is None:
            self._result.set(None)
        else:
            self._result.fail(error)
