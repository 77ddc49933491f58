"""The words of one reply, clause by clause: the small model opens it, and the best model that may be asked gives it.

Strategy: where somebody larger is to answer, nothing but what the user has given is said first: their own words turned around
(:mod:`voice.reply.restating`), or the small model's beginning (:mod:`voice.reply.opening`). The larger one is the cloud where
the turn was placed there, else the second speed on the device; it goes on from the opening's last word while that is spoken
(:mod:`voice.reply.following`). One that fails, or lets the user wait beyond the turn's patience, is given up for the next best.
Where only the small one is left it answers, and the user is told. What was said before in the conversation is not said again
(:mod:`voice.reply.repeats`).
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from voice.core.budget import STAGE_WITHIN_S, Stage, words_that_fit
from voice.core.errors import ChatError, CloudError
from voice.core.interfaces import Message, Token
from voice.core.timely import timely
from voice.reply.attribution import Attribution
from voice.reply.bridging import LEAST_WAIT_S, POLL_S, Bridging, Source
from voice.reply.following import Following, Mind, TakeOver
from voice.reply.handover import notice, opening_until_s, small_clause_ms
from voice.reply.length import OFFER, ends_sentence
from voice.reply.minds import Minds
from voice.reply.opening import opening_of
from voice.reply.permissions import Permissions
from voice.reply.plan import AnswerPlan
from voice.reply.repeats import LONGEST_CHARS, NOTHING_NEW, Repeats, SaysAgain, asks_again, fresh
from voice.reply.request import TokenRequest
from voice.reply.restating import restated
from voice.reply.small import SmallReply
from voice.reply.stages import Stages
from voice.tts.clauses import ClauseSplitter


class AnswerSink(Protocol):
    """Who speaks an answer, and watches it being made."""

    def token_made(self, token: Token) -> None:
        """The small model has made one more token."""
        ...

    @property
    def filler(self) -> str:
        """What was said before the reply's own words, because these would have come late; empty where nothing was."""
        ...

    def covered_until_s(self) -> float | None:
        """When the audio made so far will have been played; ``None`` while there is none."""
        ...


class Answer:
    """One reply in the making. Iterate over :meth:`clauses` once; closing it ends all requests.

    Args:
        messages: the conversation, its last message the user's.
        plan: how it is to be answered.
        permissions: what may be done by now.
        idle: set while nothing more urgent needs the processor; the small model pauses while it is not.
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
        self._said = messages[-1].text
        self._asked_before = [message.text for message in messages[:-1] if message.role == "user"]
        self._text = ""
        self._source: Source = "edge"
        self._attribution = Attribution()
        self._minds = Minds(stages, messages, plan, self._attribution)
        self._cloud = plan.cloud
        self._is_whole = True
        self._failed: CloudError | None = None
        self._small_began_s = stages.clock.now_s()
        self._request: TokenRequest | None = None
        self._asked: Mind | None = None
        self._warming: TokenRequest | None = None
        self._bridging = Bridging(stages, permissions, sink.covered_until_s, lambda: bool(sink.filler))

    @property
    def text(self) -> str:
        """The clauses that were let go; a bridge is none of them."""
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

    def expected_ms(self, now_s: float) -> float | None:
        """How long a larger model's first clause is expected to take from now on, where the answer begins with that."""
        if self._text or self._request is None or self._asked is None:
            return None
        left_ms = self._asked.forecast_ms() - (now_s - self._request.began_s) * 1000
        return left_ms if left_ms > 0 else (now_s - self._request.began_s) * 500

    def move_to_cloud(self) -> None:
        """Let the cloud go on behind the clause at hand, where the plan has a reserve."""
        self._cloud = self._cloud or self._plan.reserve

    async def clauses(self) -> AsyncGenerator[str, None]:
        """The answer in clauses to be spoken one by one; whoever takes them waits with the next until it wants it.

        Raises:
            ChatError: the small model failed, and nobody larger could step in.
        """
        if self._plan.given is not None:
            splitter = ClauseSplitter(self._stages.first_clause_words)
            for known in [*splitter.feed(self._plan.given), *splitter.finish()]:
                yield self._let_go("edge", known)
            return
        async with aclosing(self._small("")) as small:
            try:
                async with aclosing(self._parts(small)) as parts:
                    async for source, clause in parts:
                        yield self._let_go(source, clause)
            finally:
                await self._end_request()
                if self._warming is not None:
                    await self._warming.end()

    async def _parts(self, small: SmallReply) -> AsyncGenerator[tuple[Source, str], None]:
        if any(self._minds.all(self._cloud)):
            opening = await self._opening(small)
            self._ask_ahead(opening)
            if opening:
                yield "edge", opening
        else:
            async with aclosing(self._alone(small)) as alone:
                async for part in alone:
                    yield part
        async with aclosing(self._larger(small)) as larger:
            async for part in larger:
                yield part

    async def _opening(self, small: SmallReply) -> str:
        """The user's own words turned around, or what the small model begins with, as far as that is there in time."""
        if begins := restated(self._said):
            self._is_whole = False
            return begins
        opening = asyncio.create_task(small.opening(self._said, self._asked_before), name="opening")
        began_s, found = self._stages.clock.now_s(), ""
        try:
            while not (opening.done() or found):
                now_s, deadline = self._stages.clock.now_s(), self._permissions.deadline
                until_s = now_s + POLL_S
                if deadline is not None and self._permissions.may_continue:
                    voice_s = self._stages.forecasts.stage_ms(Stage.TTS_FIRST_AUDIO) / 1000
                    until_s = opening_until_s(now_s, began_s + self._stages.edge_clause_ms / 1000, deadline.at_s, voice_s)
                    found = small.opening_so_far if now_s >= deadline.at_s - voice_s else ""
                    if now_s >= until_s:
                        break
                await asyncio.wait([opening], timeout=max(min(until_s - now_s, POLL_S), LEAST_WAIT_S))
            found = found or (opening.result() if opening.done() else "")
        except ChatError:
            pass
        finally:
            self._is_whole = opening.done()
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        return found

    def _repeats(self) -> Sequence[Repeats]:
        """What of the rest would say again what was said: as it goes on from what was spoken, and as a sentence of its own."""
        replies = [message.text for message in self._messages if message.role == "assistant"]
        earlier = [] if asks_again(self._said, self._asked_before) else replies
        anew = Repeats(earlier)
        if not self._text:
            return (anew,)
        on = Repeats(earlier)
        on.feed(self._text[-LONGEST_CHARS:])
        return on, anew

    # --- the small model -----------------------------------------------------------------------------------------------------

    def _small(self, prefix: str, *, anew: bool = False) -> SmallReply:
        return SmallReply(self._small_tokens(prefix, anew=anew), self._idle, self._stages.first_clause_words, self._hurry)

    async def _small_tokens(self, prefix: str, *, anew: bool) -> AsyncGenerator[Token, None]:
        self._small_began_s = self._stages.clock.now_s()
        late = ChatError(f"the language model gave nothing for {STAGE_WITHIN_S:.0f} s")
        reply = self._stages.chat.reply(self._messages, max_tokens=self._stages.max_reply_tokens, prefix=prefix, anew=anew)
        async with aclosing(timely(reply, STAGE_WITHIN_S, late)) as tokens:
            async for token in tokens:
                self._attribution.edge_tokens += 1
                self._sink.token_made(token)
                yield token

    async def _alone(self, small: SmallReply) -> AsyncGenerator[tuple[Source, str], None]:
        """The small model's answer, until its end or until the cloud is to go on."""
        try:
            async with aclosing(self._bridging.over(self._small_parts(small), self._small_expected_s)) as parts:
                async for part in parts:
                    if part[0] != "bridge" and self._cloud is not None and not self._text:
                        opening = opening_of(part[1], self._said, self._asked_before)
                        self._ask_ahead(opening)
                        if opening:
                            yield "edge", opening
                        return
                    yield part
                    if self._cloud is not None:
                        return
                    self._warm()
        except ChatError:
            self.move_to_cloud()
            if self._text or self._cloud is None:
                raise

    async def _small_parts(self, small: SmallReply, behind: str = "") -> AsyncGenerator[tuple[Source, str], None]:
        """What it says behind the words that were spoken: anew if it says what was said before, and no more than it may."""
        most, before = self._stages.max_reply_tokens, self._text
        try:
            async with aclosing(fresh(self._as_parts(small.clauses(behind)), self._repeats(), self._said)) as parts:
                async for part in parts:
                    yield part
                    if self._attribution.edge_tokens >= most - most // 5 and ends_sentence(part[1]):
                        yield "edge", f" {OFFER}"
                        return
        except SaysAgain as again:
            self._attribution.anew = again.verdict
            if again.verdict == "itself" or self._text != before:
                return
            async with aclosing(self._small(behind, anew=True)) as other:
                try:
                    another = fresh(self._as_parts(other.clauses(behind)), self._repeats(), self._said)
                    async with aclosing(another) as parts:
                        async for part in parts:
                            yield part
                except SaysAgain:
                    if self._text == before:
                        yield "edge", NOTHING_NEW

    def _small_expected_s(self) -> float:
        now_s, expected_s = self._stages.clock.now_s(), self._small_began_s + self._stages.edge_clause_ms / 1000
        return expected_s if expected_s > now_s else now_s + (now_s - self._small_began_s) / 2

    @staticmethod
    async def _as_parts(clauses: AsyncGenerator[str, None]) -> AsyncGenerator[tuple[Source, str], None]:
        async with aclosing(clauses):
            async for clause in clauses:
                yield "edge", clause

    def _hurry(self, splitter: ClauseSplitter, text: str) -> None:
        """Let the first clause, of which ``text`` is there, be no longer than the time that is left allows."""
        if self._permissions.deadline is not None and not self._text:
            left_ms = self._permissions.deadline.left_ms(self._stages.clock.now_s())
            splitter.hurry(words_that_fit(self._stages.forecasts, left_ms, len(text.split())))

    # --- somebody larger -----------------------------------------------------------------------------------------------------

    def _ask_ahead(self, opening: str) -> None:
        """Ask the cloud before its opening is spoken, where it may be asked: it has a processor of its own."""
        if self._cloud is not None and self._permissions.may_leave:
            self._ask(self._minds.cloud(self._cloud), opening)

    def _ask(self, mind: Mind, prefix: str, *, anew: bool = False) -> TokenRequest:
        self._asked, self._request = mind, mind.ask(prefix, anew)
        return self._request

    async def _larger(self, small: SmallReply) -> AsyncGenerator[tuple[Source, str], None]:
        """The answer behind its opening."""
        opening = self._text
        for mind in self._minds.all(self._cloud):
            try:
                async with aclosing(self._from(mind)) as parts:
                    async for part in parts:
                        yield part
            except TakeOver as over:
                self._failed = over.error
                if mind.leaves:
                    self._attribution.fallback = (over.error.error_code, str(over.error))
            else:
                return
            await self._end_request()
        if self._failed is None:
            return
        answered = self._text != opening
        self._attribution.noticed = notice(self._failed.error_code, answered=answered)
        yield "bridge", self._attribution.noticed
        if answered and ends_sentence(self._text):
            return
        anew = answered or not self._is_whole
        rest = self._small(self._text) if anew else small
        own = self._small_parts(rest, "" if anew else self._text)
        async with aclosing(rest), aclosing(self._bridging.over(own, self._small_expected_s)) as parts:
            async for part in parts:
                yield part
                if answered and ends_sentence(part[1]):
                    return

    async def _from(self, mind: Mind) -> AsyncGenerator[tuple[Source, str], None]:
        """What one of them says, behind what was spoken.

        Raises:
            TakeOver: it failed, or gives nothing for too long.
        """
        await (self._permissions.to_leave() if mind.leaves else self._permissions.to_continue())
        behind = prefix = self._text
        anew = False
        while True:
            request = self._request or self._ask(mind, prefix, anew=anew)
            following = Following(mind, request, self._stages, self._plan.patience_ms, self._next_best_ms)
            new = fresh(following.clauses(prefix), self._repeats(), self._said)
            try:
                async with aclosing(self._bridging.over(new, following.expected_s)) as parts:
                    async for part in parts:
                        if part[0] == "large" and self._text == behind:
                            self._stages.forecasts.observe_large((self._stages.clock.now_s() - request.began_s) * 1000)
                        yield part
            except SaysAgain as again:
                self._attribution.anew = again.verdict
                if again.verdict == "itself" or self._text != behind:
                    return
                if anew or mind.leaves:
                    yield mind.tier, NOTHING_NEW
                    return
                anew = True
            else:
                if following.reached_limit:
                    yield mind.tier, f" {OFFER}"
                if not prefix or any(map(str.isalnum, self._text[len(behind) :])):
                    return
                prefix = ""  # it had nothing to add to the opening: what would it say by itself?
            finally:
                self._attribution.heard_of(mind.tier, following.tokens, following.first_token_ms)
            await self._end_request()

    def _next_best_ms(self) -> float:
        """What whoever steps in next needs to be heard."""
        if self._asked is not None and self._asked.leaves and self._plan.large is not None:
            return self._stages.forecasts.large_ms
        return small_clause_ms(self._stages.forecasts, rereads=len(self._attribution.words) > 1)

    def _warm(self) -> None:
        """Have the cloud read the conversation so far, once."""
        if self._plan.keep_warm and self._warming is None and self._plan.reserve is not None and self._permissions.may_leave:
            self._warming = self._minds.warm(self._plan.reserve, self._text)

    async def _end_request(self) -> None:
        if self._request is not None:
            request, self._request, self._asked = self._request, None, None
            await request.end()

    def _let_go(self, source: Source, clause: str) -> str:
        """Note a clause that is let go. A bridge is no part of the answer: nobody goes on from it, and none remembers it."""
        self._source = source
        self._attribution.bridges = self._bridging.said
        if source == "bridge":
            return clause
        if self._text and clause[:1].isalnum() and not self._text[-1:].isspace():
            clause = " " + clause
        self._text += clause
        self._attribution.spoke(source, len(clause.split()))
        return clause
