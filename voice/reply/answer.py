"""The words of one reply, clause by clause, from the edge and, where the turn was placed there, from the cloud.

Strategy: the edge begins every answer (:mod:`.race` knows the exceptions). When the turn may go to the cloud, the cloud
is asked as soon as the user's words are certain and the opening is known, and goes on from the opening's last word while that
is spoken. If its next clause would come too late, or it breaks off, the edge goes on from the last clause: the audio never runs
out, and the seam is at a clause. A cloud that was merely slow is asked once more, behind the clause that bridged the wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from voice.core.budget import Deadline, Forecasts, Stage, words_that_fit
from voice.core.clock import Clock
from voice.core.errors import ChatError, CloudError
from voice.core.interfaces import Chat, CloudModel, Message, Synthesizer, Token
from voice.reply.attribution import Attribution
from voice.reply.cloud_request import CloudPass, CloudRequest
from voice.reply.handover import EXCUSE, cloud_may_open, excuse_after_ms, opening, reserve_ms, wait_until_s
from voice.reply.race import Race
from voice.route.confidence import Calibration
from voice.route.placing import Placing
from voice.skills.registry import Found
from voice.tts.clauses import ClauseSplitter

Source = Literal["edge", "cloud", "excuse"]
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
    keeps_cloud_warm: bool = False
    """Whether the cloud reads along where an answer of the edge's may move there."""
    skills: Callable[[str], Awaitable[Found | None]] | None = None
    """Asked first: what they answer needs no model."""
    calibration: Calibration | None = None
    """Of the language model's own doubt, where it is known."""
    waiting: dict[object, Chat] = field(default_factory=dict)
    """The attempts that wait for their first clause at this moment, in all conversations of the process, by whose chat."""

    @property
    def queue(self) -> int:
        """How many other conversations wait for the edge model."""
        return sum(chat is not self.chat for chat in self.waiting.values())

    @property
    def edge_clause_ms(self) -> float:
        """When the edge, asked now, is expected to have a first clause: behind those who wait already."""
        return self.forecasts.remaining_ms((Stage.LLM_FIRST_TOKEN, Stage.LLM_CLAUSE)) * (1 + self.queue)


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
        cloud: the permission to ask the cloud, where the turn was placed there.
        reserve: the same, where it was not: for an edge that fails.
        keep_warm: whether the cloud's cache is to follow an answer of the edge's, which takes a ``reserve``.
        given: the words, where they are known already: no model is asked.
        source: who made the clause that was let go last.
        confirmed: set while these are the user's words for certain: nothing leaves the device before.
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
        self.account = Attribution()
        self.cloud: CloudPass | None = None
        self.reserve: CloudPass | None = None
        self.keep_warm = False
        self.given: str | None = None
        self.source: Source = "edge"
        self.confirmed = asyncio.Event()
        self.deadline: Deadline | None = None
        self._stages = stages
        self._messages = messages
        self._idle = idle
        self._on_token = on_token
        self._covered_until_s = covered_until_s
        self._request: CloudRequest | None = None
        self._warming: CloudRequest | None = None
        self._chances = REQUESTS
        self._least_logprob = 0.0
        self._other_words = False
        self._begun = False
        self._excuse_due_s: float | None = None

    async def clauses(self) -> AsyncGenerator[str, None]:
        """The answer in clauses to be spoken one by one; whoever takes them waits with the next until it wants it.

        Raises:
            ChatError: the edge model failed, and the cloud could not step in.
        """
        if self.given is not None:
            splitter = ClauseSplitter(self._stages.first_clause_words)
            for known in [*splitter.feed(self.given), *splitter.finish()]:
                yield self._said("edge", known)
            return
        async with aclosing(self._edge("")) as edge, aclosing(Race(edge, self.confirmed)) as race:
            try:
                try:
                    while (clause := await self._first(race)) is not None:
                        yield clause
                        if self.source == "cloud" or (self.source == "edge" and self.cloud is not None):
                            break
                        self._warm()
                    else:
                        return
                except ChatError:
                    if self._begun:
                        raise
                    self.cloud = self.cloud or self.reserve
                    if self.cloud is None:
                        raise
                async for further in self._with_cloud(race):
                    yield further
            finally:
                await self._end_request()
                if self._warming is not None:
                    await self._warming.end()

    async def _first(self, race: Race) -> str | None:
        """The next clause while the edge has the word: its own, the cloud's, or an excuse; ``None`` at the end."""
        excused = self.account.excused
        while True:
            await race.wait(self._patience_s(race, excusable=not (self._begun or excused)))
            now_s = self._stages.clock.now_s()
            if race.cloud_is_there:
                try:
                    clause = race.cloud_clause()
                except _TakeOver as over:
                    self.account.fallback = (over.error.error_code, str(over.error))
                    await self._leave_cloud(race)
                    continue
                if clause is not None:
                    await race.leave_edge()
                    return self._said("cloud", clause)
                await self._leave_cloud(race)
            elif race.edge_is_there and not (race.cloud_runs and self._spare_ms(now_s) > 0):
                await self._leave_cloud(race)
                return self._opened(race.edge_clause())
            elif self._may_open(race, now_s) and self.cloud is not None:
                self._chances += 1
                self._ask(self.cloud, "")
                race.enter_cloud(self._from_cloud(self.cloud))
            elif not (self._begun or excused) and self._excuse_is_due(race, now_s):
                self.account.excused = True
                return self._said("excuse", EXCUSE)

    def _opened(self, clause: str | None) -> str | None:
        """A clause of the edge's; what opens an answer that the cloud goes on with claims nothing unsure."""
        if clause is None or self.cloud is None:
            return None if clause is None else self._said("edge", clause)
        text = clause if self._begun else opening(clause, self._least_logprob, len(self._messages))
        self._other_words = text != clause
        if self.confirmed.is_set():
            self._ask(self.cloud, self.text + text)
        return self._said("edge", text)

    def _spare_ms(self, now_s: float) -> float:
        """What is left for a first clause before its synthesis must begin; 0 while nobody has said when it is due."""
        if self.deadline is None:
            return 0.0
        return self.deadline.left_ms(now_s) - self._stages.forecasts.stage_ms(Stage.TTS_FIRST_AUDIO)

    def _may_open(self, race: Race, now_s: float) -> bool:
        if self.cloud is None or race.cloud_ran or self._begun or not self.confirmed.is_set() or self.deadline is None:
            return False
        return cloud_may_open(self.cloud.model.forecast_ms, self._stages.edge_clause_ms, self._spare_ms(now_s))

    def _excuse_at_s(self, now_s: float) -> float | None:
        """When it is to be said that it takes a moment; found once, when the words are certain."""
        if self._excuse_due_s is None and self.deadline is not None and self.confirmed.is_set():
            after_ms = excuse_after_ms(self._stages.edge_clause_ms, self._spare_ms(now_s))
            self._excuse_due_s = now_s + after_ms / 1000
        return self._excuse_due_s if self.confirmed.is_set() else None

    def _excuse_is_due(self, race: Race, now_s: float) -> bool:
        due_s = self._excuse_at_s(now_s)
        return due_s is not None and now_s >= due_s and not race.edge_is_there

    def _patience_s(self, race: Race, *, excusable: bool) -> float | None:
        """How long to wait until there is something to decide again; ``None``: until something happens."""
        now_s = self._stages.clock.now_s()
        if race.edge_is_there and race.cloud_runs:
            return max(0.0, self._spare_ms(now_s) / 1000)
        if self._may_open(race, now_s):
            return 0.0
        due_s = self._excuse_at_s(now_s) if excusable else None
        return None if due_s is None else max(0.0, due_s - now_s)

    async def _leave_cloud(self, race: Race) -> None:
        """It is not to open any more."""
        await race.leave_cloud()
        if race.cloud_ran and not self._begun:
            await self._end_request()

    def _warm(self) -> None:
        """Have the cloud read the conversation so far, once, and say nothing to it."""
        if self.keep_warm and self._warming is None and self.reserve is not None and self.confirmed.is_set():
            self.account.warmed += 1
            self.account.chars_sent += self._chars(self.reserve, self.text)
            only_read = replace(self.reserve, max_tokens=1)
            self._warming = CloudRequest(
                only_read,
                only_read.outgoing.hide(self.text),
                self._stages.clock.now_s(),
                lambda usage: self.account.count(replace(usage, draft={})),
            )

    async def _with_cloud(self, race: Race) -> AsyncGenerator[str, None]:
        """The answer behind its opening."""
        cloud, edge = self.cloud, race.edge
        while cloud is not None:
            try:
                async for clause in race.cloud or self._from_cloud(cloud):
                    yield self._said("cloud", clause)
            except _TakeOver as over:
                error = over.error
            else:
                self.account.fallback = None
                return
            self.account.fallback = (error.error_code, str(error))
            await race.leave_cloud()
            await self._end_request()
            if self._rereads:
                async with aclosing(self._edge(self.text)) as edge_again:
                    async for clause in edge_again:
                        yield self._said("edge", clause)
                return
            again = error.error_code == "cloud_late" and self.account.requests < self._chances
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
                self._hurry(splitter, text)
                for clause in splitter.feed(token.text):
                    yield clause
                await self._idle.wait()
        for clause in splitter.finish():
            yield clause

    def _hurry(self, splitter: ClauseSplitter, text: str) -> None:
        """Let the first clause, of which ``text`` is there, be no longer than the time that is left allows."""
        if self.deadline is not None and not self.text:
            left_ms = self.deadline.left_ms(self._stages.clock.now_s())
            splitter.hurry(words_that_fit(self._stages.forecasts, left_ms, len(text.split())))

    async def _from_cloud(self, cloud: CloudPass) -> AsyncGenerator[str, None]:
        request = self._request or self._ask(cloud, self.text)
        splitter = ClauseSplitter(self._stages.first_clause_words, spoken_words=len(self.text.split()))
        text = ""
        while (token := await self._next(request)) is not None:
            self.account.cloud_tokens += 1
            restored = cloud.outgoing.restore(token.text)
            text += restored
            self._hurry(splitter, text)
            for clause in splitter.feed(restored):
                yield clause
        for clause in [*splitter.feed(cloud.outgoing.rest()), *splitter.finish()]:
            yield clause

    async def _next(self, request: CloudRequest) -> Token | None:
        """The cloud's next token, if it comes while the edge could still step in."""
        while True:
            needs_ms = reserve_ms(self._stages.forecasts, rereads=self._rereads)
            latest_s = wait_until_s(self._covered_until_s() if self._begun else None, needs_ms)
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

    def _ask(self, cloud: CloudPass, prefix: str) -> CloudRequest:
        self.account.requests += 1
        self.account.chars_sent += self._chars(cloud, prefix)
        self._request = CloudRequest(cloud, cloud.outgoing.hide(prefix), self._stages.clock.now_s(), self.account.count)
        return self._request

    def _chars(self, cloud: CloudPass, prefix: str) -> int:
        return len(prefix) + sum(len(message.text) for message in cloud.outgoing.messages)

    async def _end_request(self) -> None:
        if self._request is not None:
            request, self._request = self._request, None
            await request.end()

    def _said(self, source: Source, clause: str) -> str:
        """Note a clause that is let go."""
        self.source = source
        self._begun = self._begun or source != "excuse"
        if self.text and clause[:1].isalnum() and not self.text[-1:].isspace():
            clause = " " + clause
        self.text += clause
        self.account.spoke("cloud" if source == "cloud" else "edge", len(clause.split()))
        return clause
