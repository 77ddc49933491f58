"""The words of one reply, clause by clause, from the edge and, where the turn was placed there, from the cloud.

Strategy: the edge begins every answer (:mod:`.race` knows the exceptions). When the turn may go to the cloud, the cloud is
asked as soon as the turn has ended (:mod:`.permissions`) and the opening is known, and goes on from the opening's last word
while that is spoken. If its next clause would come too late, or it breaks off, the edge goes on from the last clause: the
audio never runs out, and the seam is at a clause. A cloud that was merely slow is asked once more, behind the clause that
bridged the wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Literal, Protocol

from voice.core.budget import STAGE_WITHIN_S, Stage, words_that_fit
from voice.core.errors import ChatError, CloudError
from voice.core.interfaces import Message, Token
from voice.core.timely import timely
from voice.reply.attribution import Attribution
from voice.reply.cloud_request import CloudPass, CloudRequest
from voice.reply.handover import EXCUSE, cloud_may_open, excuse_after_ms, opening, reserve_ms, wait_until_s
from voice.reply.permissions import Permissions
from voice.reply.plan import AnswerPlan
from voice.reply.race import Race
from voice.reply.stages import Stages
from voice.tts.clauses import ClauseSplitter

Source = Literal["edge", "cloud", "excuse"]
POLL_S = 0.05
"""How often to look whether the audio has begun to run out."""
LEAST_WAIT_S = 0.001
"""A shorter wait could be rounded to none, again and again."""
REQUESTS = 2
"""So often is one turn's answer asked of the cloud."""


class AnswerSink(Protocol):
    """Who speaks an answer, and watches it being made."""

    def token_made(self, token: Token) -> None:
        """The edge has made one more token."""
        ...

    def covered_until_s(self) -> float | None:
        """When the audio made so far will have been played; ``None`` before it is heard."""
        ...


class _TakeOver(Exception):
    """The edge must go on."""

    def __init__(self, error: CloudError) -> None:
        super().__init__(str(error))
        self.error = error


class Answer:
    """One reply in the making. Iterate over :meth:`clauses` once; closing it ends all requests.

    Args:
        messages: the conversation, its last message the user's.
        plan: how it is to be answered.
        permissions: what may be done by now.
        idle: set while nothing more urgent needs the processor; the edge pauses while it is not.
        sink: who speaks it.
    """

    def __init__(
        self,
        stages: Stages,
        messages: Sequence[Message],
        plan: AnswerPlan,
        permissions: Permissions,
        idle: asyncio.Event,
        sink: AnswerSink,
    ) -> None:
        self._stages = stages
        self._messages = messages
        self._plan = plan
        self._permissions = permissions
        self._idle = idle
        self._sink = sink
        self._text = ""
        self._source: Source = "edge"
        self._attribution = Attribution()
        self._cloud = plan.cloud
        self._request: CloudRequest | None = None
        self._warming: CloudRequest | None = None
        self._chances = REQUESTS
        self._least_logprob = 0.0
        self._other_words = False
        self._begun = False
        self._excuse_due_s: float | None = None

    @property
    def text(self) -> str:
        """The clauses that were let go; an excuse is none of them."""
        return self._text

    @property
    def source(self) -> Source:
        """Who made the clause that was let go last."""
        return self._source

    @property
    def attribution(self) -> Attribution:
        """Who said what of it."""
        return self._attribution

    @property
    def asks_cloud(self) -> bool:
        """Whether the cloud is to answer, or to go on with the answer."""
        return self._cloud is not None

    def move_to_cloud(self) -> None:
        """Let the cloud go on behind the clause at hand, where the plan has a reserve."""
        self._cloud = self._cloud or self._plan.reserve

    async def clauses(self) -> AsyncGenerator[str, None]:
        """The answer in clauses to be spoken one by one; whoever takes them waits with the next until it wants it.

        Raises:
            ChatError: the edge model failed, and the cloud could not step in.
        """
        if self._plan.given is not None:
            splitter = ClauseSplitter(self._stages.first_clause_words)
            for known in [*splitter.feed(self._plan.given), *splitter.finish()]:
                yield self._said("edge", known)
            return
        async with aclosing(self._edge("")) as edge, aclosing(Race(edge, self._permissions)) as race:
            try:
                try:
                    while (clause := await self._first(race)) is not None:
                        yield clause
                        if self._source == "cloud" or (self._source == "edge" and self._cloud is not None):
                            break
                        self._warm()
                    else:
                        return
                except ChatError:
                    if self._begun:
                        raise
                    self.move_to_cloud()
                    if self._cloud is None:
                        raise
                async for further in self._with_cloud(race):
                    yield further
            finally:
                await self._end_request()
                if self._warming is not None:
                    await self._warming.end()

    async def _first(self, race: Race) -> str | None:
        """The next clause while the edge has the word: its own, the cloud's, or an excuse; ``None`` at the end."""
        excused = self._attribution.excused
        while True:
            await race.wait(self._patience_s(race, excusable=not (self._begun or excused)))
            now_s = self._stages.clock.now_s()
            if race.cloud_is_there:
                try:
                    clause = race.cloud_clause()
                except _TakeOver as over:
                    self._attribution.fallback = (over.error.error_code, str(over.error))
                    await self._leave_cloud(race)
                    continue
                if clause is not None:
                    await race.leave_edge()
                    return self._said("cloud", clause)
                await self._leave_cloud(race)
            elif race.edge_is_there and not (race.cloud_runs and self._spare_ms(now_s) > 0):
                await self._leave_cloud(race)
                return self._opened(race.edge_clause())
            elif self._may_open(race, now_s) and self._cloud is not None:
                self._chances += 1
                self._ask(self._cloud, "")
                race.enter_cloud(self._from_cloud(self._cloud))
            elif not (self._begun or excused) and self._excuse_is_due(race, now_s):
                self._attribution.excused = True
                return self._said("excuse", EXCUSE)

    def _opened(self, clause: str | None) -> str | None:
        """A clause of the edge's; what opens an answer that the cloud goes on with claims nothing unsure."""
        if clause is None or self._cloud is None:
            return None if clause is None else self._said("edge", clause)
        text = clause if self._begun else opening(clause, self._least_logprob, len(self._messages))
        self._other_words = text != clause
        if self._permissions.may_leave:
            self._ask(self._cloud, self._text + text)
        return self._said("edge", text)

    def _spare_ms(self, now_s: float) -> float:
        """What is left for a first clause before its synthesis must begin; 0 while nobody has said when it is due."""
        if self._permissions.deadline is None:
            return 0.0
        return self._permissions.deadline.left_ms(now_s) - self._stages.forecasts.stage_ms(Stage.TTS_FIRST_AUDIO)

    def _may_open(self, race: Race, now_s: float) -> bool:
        if (
            self._cloud is None
            or race.cloud_ran
            or self._begun
            or not self._permissions.may_leave
            or self._permissions.deadline is None
        ):
            return False
        return cloud_may_open(self._cloud.model.forecast_ms, self._stages.edge_clause_ms, self._spare_ms(now_s))

    def _excuse_at_s(self, now_s: float) -> float | None:
        """When it is to be said that it takes a moment; found once, when the words are certain."""
        if self._excuse_due_s is None and self._permissions.deadline is not None and self._permissions.may_continue:
            after_ms = excuse_after_ms(self._stages.edge_clause_ms, self._spare_ms(now_s))
            self._excuse_due_s = now_s + after_ms / 1000
        return self._excuse_due_s if self._permissions.may_continue else None

    def _excuse_is_due(self, race: Race, now_s: float) -> bool:
        due_s = self._excuse_at_s(now_s)
        return due_s is not None and now_s >= due_s and not race.edge_is_there

    def _patience_s(self, race: Race, *, excusable: bool) -> float | None:
        """How long to wait until there is something to decide again; ``None``: until something happens."""
        now_s = self._stages.clock.now_s()
        if race.edge_is_there and race.cloud_runs:
            return max(LEAST_WAIT_S, self._spare_ms(now_s) / 1000)
        if self._may_open(race, now_s):
            return 0.0
        due_s = self._excuse_at_s(now_s) if excusable else None
        return None if due_s is None else max(LEAST_WAIT_S, due_s - now_s)

    async def _leave_cloud(self, race: Race) -> None:
        """It is not to open any more."""
        await race.leave_cloud()
        if race.cloud_ran and not self._begun:
            await self._end_request()

    def _warm(self) -> None:
        """Have the cloud read the conversation so far, once, and say nothing to it."""
        if self._plan.keep_warm and self._warming is None and self._plan.reserve is not None and self._permissions.may_leave:
            self._attribution.warmed += 1
            self._attribution.chars_sent += self._chars(self._plan.reserve, self._text)
            only_read = replace(self._plan.reserve, max_tokens=1)
            self._warming = CloudRequest(
                only_read,
                only_read.outgoing.hide(self._text),
                self._stages.clock.now_s(),
                lambda usage: self._attribution.count(replace(usage, draft={})),
            )

    async def _with_cloud(self, race: Race) -> AsyncGenerator[str, None]:
        """The answer behind its opening."""
        cloud, edge = self._cloud, race.edge
        while cloud is not None:
            try:
                async for clause in race.cloud or self._from_cloud(cloud):
                    yield self._said("cloud", clause)
            except _TakeOver as over:
                error = over.error
            else:
                self._attribution.fallback = None
                return
            self._attribution.fallback = (error.error_code, str(error))
            await race.leave_cloud()
            await self._end_request()
            if self._rereads:
                async with aclosing(self._edge(self._text)) as edge_again:
                    async for clause in edge_again:
                        yield self._said("edge", clause)
                return
            again = error.error_code == "cloud_late" and self._attribution.requests < self._chances
            async for clause in edge:
                yield self._said("edge", clause)
                if again:
                    break
            else:
                return

    async def _edge(self, prefix: str) -> AsyncGenerator[str, None]:
        splitter = ClauseSplitter(self._stages.first_clause_words, spoken_words=len(prefix.split()))
        late = ChatError(f"the language model gave nothing for {STAGE_WITHIN_S:.0f} s")
        reply = self._stages.chat.reply(self._messages, max_tokens=self._stages.max_reply_tokens, prefix=prefix)
        async with aclosing(timely(reply, STAGE_WITHIN_S, late)) as tokens:
            text = ""
            async for token in tokens:
                self._attribution.edge_tokens += 1
                self._least_logprob = min(self._least_logprob, token.logprob)
                self._sink.token_made(token)
                text += token.text
                self._hurry(splitter, text)
                for clause in splitter.feed(token.text):
                    yield clause
                await self._idle.wait()
        for clause in splitter.finish():
            yield clause

    def _hurry(self, splitter: ClauseSplitter, text: str) -> None:
        """Let the first clause, of which ``text`` is there, be no longer than the time that is left allows."""
        if self._permissions.deadline is not None and not self._text:
            left_ms = self._permissions.deadline.left_ms(self._stages.clock.now_s())
            splitter.hurry(words_that_fit(self._stages.forecasts, left_ms, len(text.split())))

    async def _from_cloud(self, cloud: CloudPass) -> AsyncGenerator[str, None]:
        if self._request is None:
            await self._permissions.to_leave()
        request = self._request or self._ask(cloud, self._text)
        restorer = cloud.outgoing.stream()
        splitter = ClauseSplitter(self._stages.first_clause_words, spoken_words=len(self._text.split()))
        text = ""
        while (token := await self._next(request)) is not None:
            self._attribution.cloud_tokens += 1
            restored = restorer.feed(token.text)
            text += restored
            self._hurry(splitter, text)
            for clause in splitter.feed(restored):
                yield clause
        for clause in [*splitter.feed(restorer.rest()), *splitter.finish()]:
            yield clause

    async def _next(self, request: CloudRequest) -> Token | None:
        """The cloud's next token, if it comes while the edge could still step in, and within reason where it could not."""
        began_s = self._stages.clock.now_s()
        while True:
            needs_ms = reserve_ms(self._stages.forecasts, rereads=self._rereads)
            latest_s = wait_until_s(self._sink.covered_until_s() if self._begun else None, needs_ms)
            now_s = self._stages.clock.now_s()
            wait_s = POLL_S if latest_s is None else min(POLL_S, latest_s - now_s)
            if (wait_s <= 0 or now_s - began_s >= STAGE_WITHIN_S) and not request.tokens.depth:
                raise _TakeOver(CloudError("the cloud would have come too late", code="cloud_late"))
            try:
                async with asyncio.timeout(max(wait_s, LEAST_WAIT_S)):
                    token = await anext(request.tokens)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                if request.error is not None:
                    raise _TakeOver(request.error) from None
                return None
            if self._attribution.cloud_first_ms is None:
                self._attribution.cloud_first_ms = (self._stages.clock.now_s() - request.began_s) * 1000
            return token

    @property
    def _rereads(self) -> bool:
        """Whether what was spoken is not what the edge's own answer began with."""
        return self._other_words or self._attribution.tier == "cloud"

    def _ask(self, cloud: CloudPass, prefix: str) -> CloudRequest:
        self._attribution.requests += 1
        self._attribution.chars_sent += self._chars(cloud, prefix)
        self._request = CloudRequest(cloud, cloud.outgoing.hide(prefix), self._stages.clock.now_s(), self._attribution.count)
        return self._request

    def _chars(self, cloud: CloudPass, prefix: str) -> int:
        return len(prefix) + sum(len(message.text) for message in cloud.outgoing.messages)

    async def _end_request(self) -> None:
        if self._request is not None:
            request, self._request = self._request, None
            await request.end()

    def _said(self, source: Source, clause: str) -> str:
        """Note a clause that is let go. An excuse is no part of the answer: nobody goes on from it, and none remembers it."""
        self._source = source
        if source == "excuse":
            return clause
        self._begun = True
        if self._text and clause[:1].isalnum() and not self._text[-1:].isspace():
            clause = " " + clause
        self._text += clause
        self._attribution.spoke(source, len(clause.split()))
        return clause
