"""The words of one reply, clause by clause, from the edge and, where the turn was placed there, from the cloud.

Strategy: the edge begins every answer. When the turn may go to the cloud, the cloud is asked as soon as the user's words are
certain and the opening is known, and goes on from the opening's last word while that is spoken. If its next clause would come
too late, or it breaks off, the edge goes on from the last clause: the audio never runs out, and the seam is at a clause. A
cloud that was merely slow is asked once more, behind the clause that bridged the wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from voice.budget import Deadline, Forecasts, words_that_fit
from voice.channel import Channel, WhenFull
from voice.clock import Clock
from voice.errors import ChatError, CloudError, VoiceError
from voice.handover import opening, reserve_ms, wait_until_s
from voice.route.confidence import Calibration
from voice.route.placing import Outgoing, Placing
from voice.skills.library import Found
from voice.stages import Chat, CloudModel, Message, Synthesizer, Token, Usage
from voice.tts.clauses import ClauseSplitter

Tier = Literal["edge", "cloud"]
POLL_S = 0.05
"""How often to look whether the audio has begun to run out."""
REQUESTS = 2
"""So often is one turn's answer asked of the cloud."""


@dataclass(frozen=True, slots=True)
class Stages:
    """What an answer is made with: the process's models and this conversation's chat."""

    chat: Chat
    synthesizer: Synthesizer
    forecasts: Forecasts
    clock: Clock
    first_clause_words: int
    max_reply_tokens: int
    placing: Placing | None = None
    cloud: CloudModel | None = None
    cloud_tokens: int = 300
    skills: Callable[[str], Awaitable[Found | None]] | None = None
    """Asked first: what they answer needs no model."""
    calibration: Calibration | None = None
    """Of the language model's own doubt, where it is known."""
    waiting: dict[object, Chat] = field(default_factory=dict)
    """The attempts that wait for their first clause at this moment, in all conversations of the process, by whose chat."""


@dataclass(frozen=True, slots=True)
class CloudPass:
    """The permission to ask the cloud, and with what."""

    model: CloudModel
    outgoing: Outgoing
    max_tokens: int


@dataclass(slots=True)
class Account:
    """What became of an answer, for the trace and the ledger.

    Attributes:
        words: spoken by each tier, in order of their turns.
        requests: to the cloud, with ``chars_sent`` in all.
        usage: what the cloud counted, of ``counted`` of them.
        fallback: why the edge stepped in, as (code, sentence).
    """

    words: list[tuple[Tier, int]] = field(default_factory=list)
    edge_tokens: int = 0
    cloud_tokens: int = 0
    requests: int = 0
    chars_sent: int = 0
    counted: int = 0
    usage: Usage | None = None
    cloud_first_ms: float | None = None
    fallback: tuple[str, str] | None = None

    @property
    def tier(self) -> Tier:
        """Who gave the answer: the cloud if any of it is the cloud's."""
        return "cloud" if any(tier == "cloud" for tier, _ in self.words) else "edge"

    def record(self) -> dict[str, Any]:
        """For the trace; empty when the cloud had no part in it."""
        if not self.requests:
            return {}
        return {
            "cloud": {
                "requests": self.requests,
                "first_token_ms": None if self.cloud_first_ms is None else round(self.cloud_first_ms, 1),
                "tokens": self.cloud_tokens,
                "words": [[tier, words] for tier, words in self.words],
                "fallback": None if self.fallback is None else self.fallback[0],
            }
        }


class _TakeOver(Exception):
    """The edge must go on."""

    def __init__(self, error: CloudError) -> None:
        super().__init__(str(error))
        self.error = error


class Answer:
    """One reply in the making. Iterate over :meth:`clauses` once; closing it ends all requests.

    Args:
        messages: the conversation, its last message the user's.
        idle: set while nothing more urgent needs the processor; the edge pauses while it is not.
        on_token: called with each token of the edge's.
        covered_until_s: gives the time at which the audio made so far will have been played; ``None`` before it is heard.

    Attributes:
        text: the clauses that were let go.
        account: who said what of it.
        cloud: the permission to ask the cloud, if there is one; set it before the clauses are asked for.
        given: the words, where they are known already: no model is asked.
        confirmed: whether these are the user's words for certain: nothing leaves the device before.
        deadline: of the first audio.
    """

    def __init__(
        self,
        stages: Stages,
        messages: Sequence[Message],
        idle: asyncio.Event,
        on_token: Callable[[Token], None],
        covered_until_s: Callable[[], float | None],
    ) -> None:
        self.text = ""
        self.account = Account()
        self.cloud: CloudPass | None = None
        self.given: str | None = None
        self.confirmed = False
        self.deadline: Deadline | None = None
        self._stages = stages
        self._messages = messages
        self._idle = idle
        self._on_token = on_token
        self._covered_until_s = covered_until_s
        self._request: _Request | None = None
        self._least_logprob = 0.0
        self._other_words = False

    async def clauses(self) -> AsyncGenerator[str, None]:
        """The answer in clauses to be spoken one by one; whoever takes them waits with the next until it wants it.

        Raises:
            ChatError: the edge model failed, and the cloud could not step in.
        """
        if self.given is not None:
            splitter = ClauseSplitter(self._stages.first_clause_words)
            for clause in [*splitter.feed(self.given), *splitter.finish()]:
                yield self._said("edge", clause)
            return
        async with aclosing(self._edge("")) as edge:
            try:
                try:
                    async for clause in edge:
                        if self.cloud is None:
                            yield self._said("edge", clause)
                            continue
                        text = clause if self.text else opening(clause, self._least_logprob, len(self._messages))
                        self._other_words = text != clause
                        if self.confirmed:
                            self._ask(self.cloud, self.text + text)
                        yield self._said("edge", text)
                        break
                    else:
                        return
                except ChatError:
                    if self.cloud is None or self.text:
                        raise
                async for clause in self._with_cloud(edge):
                    yield clause
            finally:
                await self._end_request()

    async def _with_cloud(self, edge: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """The answer behind its opening."""
        cloud = self.cloud
        while cloud is not None:
            try:
                async for clause in self._from_cloud(cloud):
                    yield self._said("cloud", clause)
            except _TakeOver as over:
                error = over.error
            else:
                self.account.fallback = None
                return
            self.account.fallback = (error.error_code, str(error))
            await self._end_request()
            if self._rereads:
                async with aclosing(self._edge(self.text)) as edge_again:
                    async for clause in edge_again:
                        yield self._said("edge", clause)
                return
            again = error.error_code == "cloud_late" and self.account.requests < REQUESTS
            async for clause in edge:
                yield self._said("edge", clause)
                if again:
                    break
            else:
                return

    async def _edge(self, prefix: str) -> AsyncGenerator[str, None]:
        splitter = ClauseSplitter(self._stages.first_clause_words, spoken_words=len(prefix.split()))
        async with aclosing(
            self._stages.chat.reply(self._messages, max_tokens=self._stages.max_reply_tokens, prefix=prefix)
        ) as tokens:
            text = ""
            async for token in tokens:
                self.account.edge_tokens += 1
                self._least_logprob = min(self._least_logprob, token.logprob)
                self._on_token(token)
                text += token.text
                if self.deadline is not None and not self.text:
                    left_ms = self.deadline.left_ms(self._stages.clock.now_s())
                    splitter.hurry(words_that_fit(self._stages.forecasts, left_ms, len(text.split())))
                for clause in splitter.feed(token.text):
                    yield clause
                await self._idle.wait()
        for clause in splitter.finish():
            yield clause

    async def _from_cloud(self, cloud: CloudPass) -> AsyncGenerator[str, None]:
        request = self._request or self._ask(cloud, self.text)
        splitter = ClauseSplitter(self._stages.first_clause_words, spoken_words=len(self.text.split()))
        while (token := await self._next(request)) is not None:
            self.account.cloud_tokens += 1
            for clause in splitter.feed(cloud.outgoing.restore(token.text)):
                yield clause
        for clause in [*splitter.feed(cloud.outgoing.rest()), *splitter.finish()]:
            yield clause

    async def _next(self, request: "_Request") -> Token | None:
        """The cloud's next token, if it comes while the edge could still step in."""
        while True:
            needs_ms = reserve_ms(self._stages.forecasts, rereads=self._rereads)
            latest_s = wait_until_s(self._covered_until_s(), needs_ms)
            now_s = self._stages.clock.now_s()
            wait_s = POLL_S if latest_s is None else min(POLL_S, latest_s - now_s)
            if wait_s <= 0 and not request.tokens.depth:
                raise _TakeOver(CloudError("the cloud would have come too late", code="cloud_late"))
            try:
                async with asyncio.timeout(max(wait_s, 0.001)):
                    token = await anext(request.tokens)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                if request.error is not None:
                    raise _TakeOver(request.error) from None
                return None
            if self.account.cloud_first_ms is None:
                self.account.cloud_first_ms = (self._stages.clock.now_s() - request.began_s) * 1000
            return token

    @property
    def _rereads(self) -> bool:
        """Whether what was spoken is not what the edge's own answer began with."""
        return self._other_words or self.account.tier == "cloud"

    def _ask(self, cloud: CloudPass, prefix: str) -> "_Request":
        self.account.requests += 1
        self.account.chars_sent += len(prefix) + sum(len(message.text) for message in cloud.outgoing.messages)
        self._request = _Request(cloud, cloud.outgoing.hide(prefix), self._stages.clock.now_s(), self._count)
        return self._request

    def _count(self, usage: Usage) -> None:
        self.account.counted += 1
        known = self.account.usage or Usage()
        self.account.usage = Usage(
            known.tokens_in + usage.tokens_in,
            known.tokens_out + usage.tokens_out,
            known.tokens_cached + usage.tokens_cached,
        )

    async def _end_request(self) -> None:
        if self._request is not None:
            request, self._request = self._request, None
            await request.end()

    def _said(self, tier: Tier, clause: str) -> str:
        """Note a clause that is let go."""
        if self.text and clause[:1].isalnum() and not self.text[-1:].isspace():
            clause = " " + clause
        self.text += clause
        words = len(clause.split())
        if self.account.words and self.account.words[-1][0] == tier:
            words += self.account.words.pop()[1]
        self.account.words.append((tier, words))
        return clause


class _Request:
    """One request to the cloud: a task that fills a bounded channel."""

    def __init__(self, cloud: CloudPass, prefix: str, began_s: float, on_usage: Callable[[Usage], None]) -> None:
        self.tokens: Channel[Token] = Channel(64, WhenFull.BLOCK, name="cloud tokens")
        self.error: CloudError | None = None
        self.began_s = began_s
        self._task = asyncio.create_task(self._run(cloud, prefix, on_usage), name="cloud")

    async def _run(self, cloud: CloudPass, prefix: str, on_usage: Callable[[Usage], None]) -> None:
        try:
            reply = cloud.model.reply(cloud.outgoing.messages, max_tokens=cloud.max_tokens, prefix=prefix, on_usage=on_usage)
            async with aclosing(reply) as tokens:
                async for token in tokens:
                    await self.tokens.put(token)
        except VoiceError as error:
            self.error = error if isinstance(error, CloudError) else CloudError(str(error))
        finally:
            self.tokens.close()

    async def end(self) -> None:
        """Withdraw it; returns when its connection is let go."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
