"""The spine: words in, reply out. Reads as the flow: skills, route → think → split → speak.

Strategy: an :class:`Attempt` is one try at answering a turn, begun before the user is known to have finished, and often before
they have (*preemptive*). It fills a bounded channel with audio and knows nothing of gates or clients: the conversation opens
the gate, or cancels the attempt's task and so takes everything back (the language model's cache agrees with the next request
by itself, and nothing was said, stored or done). Until it is confirmed it goes no further than its first clause.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from voice.core.budget import STAGE_WITHIN_S, Deadline, Stage
from voice.core.channel import Channel, WhenFull
from voice.core.errors import ChatError, SynthesisError, VoiceError
from voice.core.interfaces import Filler, Message, SpeechChunk, Token
from voice.core.timely import timely
from voice.core.trace import Mark
from voice.reply.answer import Answer
from voice.reply.attribution import Attribution
from voice.reply.filler import wait_ms
from voice.reply.handover import WORD_S
from voice.reply.permissions import Permissions
from voice.reply.plan import AnswerPlan, TurnRequest, plan_answer, understood
from voice.reply.stages import Stages
from voice.route.confidence import FIRST_TOKENS, escalate, unknown_probability
from voice.skills.session import PAUSE_S, Alert
from voice.skills.skill import Effect
from voice.skills.tone import ring
from voice.tts.speakable import Speakable
from voice.turn.hooks import ReplyHooks

_log = logging.getLogger(__name__)

APOLOGY = "Sorry, something went wrong. Please say that again."
"""Spoken when a stage failed before the first audio: silence would leave the user waiting."""


@dataclass(frozen=True, slots=True)
class ClauseBegun:
    """The chunks that follow speak this clause. A filler or a bridge is not the answer's ``own``."""

    text: str
    own: bool = True


ReplyPart = ClauseBegun | SpeechChunk


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause, how it is spoken, and whether it is the answer's own."""

    text: str
    spoken: str
    own: bool = True


class Attempt:
    """One try at answering a turn. Run :meth:`run` in a task; cancelling it takes the attempt back.

    Args:
        turn: the turn's number.
        idle: set while nothing more urgent needs the processor; the attempt pauses while it is not.
        hooks: told when the first audio is there, or there will be none.
        failure: what went wrong before there were words to answer; the attempt is then an apology.

    Attributes:
        parts: the reply, clause by clause; closed when it is complete or failed.
        marks: when its stages ended, in monotonic seconds.
        took_ms: how long its stages took.
        details: what else the turn's trace says of it: where it was placed, and the model's own doubt.
    """

    def __init__(
        self,
        turn: int,
        stages: Stages,
        request: TurnRequest,
        idle: asyncio.Event,
        hooks: ReplyHooks,
        failure: VoiceError | None = None,
    ) -> None:
        self.parts: Channel[ReplyPart] = Channel(16, WhenFull.BLOCK, name="reply audio")
        self.marks: dict[Mark, float] = {}
        self.took_ms: dict[Stage, float] = {}
        self.details: dict[str, Any] = {}
        self._turn = turn
        self._stages = stages
        self._request = request
        self._idle = idle
        self._hooks = hooks
        self._failure: Exception | None = failure
        self._permissions = Permissions()
        self._plan = AnswerPlan()
        self._answer: Answer | None = None
        self._effect: Effect | None = None
        self._filler: Filler | None = None
        self._ready = False
        self._logprobs: list[float] = []
        self._stage_began_s = stages.clock.now_s()
        self._clauses: Channel[_Clause] = Channel(4, WhenFull.BLOCK, name="clauses")
        self._speakable = Speakable()
        self._speaking = asyncio.Event()
        self._answered = False
        self._opened = False
        self._heard_from_s: float | None = None
        self._made_s = self._before_own_s = 0.0
        self._words_to_make = 0

    # --- what is known -------------------------------------------------------------------------------------------------------

    @property
    def said(self) -> str:
        """The words that it answers."""
        return self._request.said

    @property
    def ready(self) -> bool:
        """Whether the first audio is there, or there will be none."""
        return self._ready

    @property
    def failure(self) -> Exception | None:
        """What went wrong, if anything did."""
        return self._failure

    @property
    def reply(self) -> str:
        """The text so far, as far as it was handed over to be spoken."""
        return "" if self._answer is None else self._answer.text

    @property
    def tokens(self) -> int:
        """How many tokens were generated."""
        made = self.attribution
        return made.edge_tokens + made.large_tokens + made.cloud_tokens

    @property
    def attribution(self) -> Attribution:
        """Who said what of the reply."""
        return Attribution() if self._answer is None else self._answer.attribution

    @property
    def asks_cloud(self) -> bool:
        """Whether the cloud is to go on with the answer."""
        return self._answer is not None and self._answer.asks_cloud

    @property
    def has_left(self) -> bool:
        """Whether anything of it has left the device."""
        return bool(self.attribution.requests or self.attribution.warmed)

    @property
    def repeatable(self) -> bool:
        """Whether "say that again" may say it."""
        return self._plan.repeatable and self._request.alert is None

    @property
    def filler(self) -> str:
        """What was said before the reply's own words, because these would have come too late."""
        return "" if self._filler is None else self._filler.text

    @property
    def before_own_s(self) -> float:
        """How long what is said before the reply's own words lasts: a filler, bridges, a notice."""
        return self._before_own_s

    def wait_ms(self, now_s: float) -> float:
        """How long the reply's own first audio is expected to take from now on."""
        larger_ms = None if self._answer is None else self._answer.expected_ms(now_s)
        if larger_ms is not None and Mark.FIRST_CLAUSE not in self.marks:
            return larger_ms + self._stages.forecasts.stage_ms(Stage.TTS_FIRST_AUDIO)
        return wait_ms(self._stages.forecasts, self.marks, (now_s - self._stage_began_s) * 1000)

    # --- what it may do ------------------------------------------------------------------------------------------------------

    def allow_continuing(self, deadline: Deadline | None = None) -> None:
        """The user has paused, and has said this: have the first audio ready by the deadline, and go on behind it."""
        self._permissions.allow_continuing(deadline)

    def allow_leaving(self) -> None:
        """The turn has ended: the cloud may be asked, where the turn was placed there."""
        self._permissions.allow_leaving()

    def hold_back(self) -> None:
        """The user goes on, perhaps without a word more: end with the clause at hand."""
        self._permissions.hold_back()

    def opened(self, now_s: float) -> None:
        """The gate is open: what is made is heard from now on."""
        self._opened = True
        if self._made_s:
            self._heard_from_s = now_s

    def fill(self, filler: Filler) -> bool:
        """Say this first; the reply's own words follow when they are there. False when some of these are there already."""
        if self._ready:
            return False
        self._filler = filler
        self.details["filler"] = True
        filler_s = filler.samples.size / self._stages.synthesizer.sample_rate_hz
        self._made_s += filler_s
        self._before_own_s += filler_s
        if self._opened and self._heard_from_s is None:
            self._heard_from_s = self._stages.clock.now_s()
        self.parts.put_nowait(ClauseBegun(filler.text, own=False))
        self.parts.put_nowait(SpeechChunk(filler.samples, filler.samples.size))
        self._is_ready()
        return True

    def take_effect(self) -> Effect | None:
        """What a skill promised, once: for the conversation to do, when the attempt cannot be taken back any more."""
        effect, self._effect = self._effect, None
        return effect

    # --- how it is made ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Answer the request. Never raises: what went wrong stands in :attr:`failure`, and an apology in the parts."""
        try:
            try:
                if self._failure is None:
                    await (self._make() if self._request.alert is None else self._ring(self._request.alert))
                if self._failure is None and not self._answered:
                    self._failure = ChatError("the language model gave nothing that can be spoken")
            except* Exception as group:  # a bug in one stage must not end the conversation
                self._failure = _first(group)
                if not isinstance(self._failure, VoiceError):
                    _log.error("a reply failed", exc_info=self._failure)
            if self._failure is not None and not self._answered:
                await self._apologise()
        finally:
            self.parts.close()
            self._is_ready()

    async def _make(self) -> None:
        plan = self._plan = await plan_answer(self._stages, self._request)
        self._effect = plan.effect
        self.details.update(plan.details)
        if plan.settled:
            self._permissions.settled()
        self._ended(Stage.ROUTE, Mark.ROUTE)
        messages = [*self._request.history, Message("user", understood(self._request))]
        self._answer = Answer(self._stages, messages, plan, self._permissions, self._idle, self)
        if plan.given is None:
            self._stages.waiting[self] = self._stages.chat
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._think(self._answer), name="think")
                group.create_task(self._speak(), name="speak")
        finally:
            self._stages.waiting.pop(self, None)

    async def _ring(self, alert: Alert) -> None:
        """A tone and the words, until somebody stops it or nobody will."""
        self.details["alert"] = alert.kind
        rate_hz = self._stages.synthesizer.sample_rate_hz
        tone, pause = ring(rate_hz), np.zeros(int(PAUSE_S * rate_hz), dtype=np.float32)
        for _ in range(alert.rings):
            await self.parts.put(ClauseBegun(alert.text))
            await self.parts.put(SpeechChunk(tone, tone.size))
            self._speaking.set()
            self._answered = True
            self._is_ready()
            async with aclosing(self._stages.synthesizer.stream(alert.text)) as chunks:
                async for chunk in chunks:
                    await self.parts.put(SpeechChunk(chunk.samples, tone.size + chunk.total_samples))
            await self.parts.put(SpeechChunk(pause, 0))

    async def _apologise(self) -> None:
        try:
            await self._say(_Clause(APOLOGY, APOLOGY))
        except VoiceError as error:
            _log.warning("not even an apology could be spoken: %s", error)

    async def _think(self, answer: Answer) -> None:
        """Hand the answer over, clause by clause.

        After the first clause it waits for that clause's first audio (on a small machine the next tokens would take the
        processor from the synthesis that the user is waiting for), and for the permission to continue.
        """
        try:
            async with aclosing(answer.clauses()) as clauses:
                async for clause in clauses:
                    await self._hand_over(answer, clause)
        except VoiceError as error:
            self._failure = error  # what was already said stays said, and is spoken to its end
        finally:
            self._clauses.close()

    def token_made(self, token: Token) -> None:
        """See :class:`~voice.reply.answer.AnswerSink`."""
        if Mark.FIRST_CLAUSE not in self.marks:
            self._ended(Stage.LLM_FIRST_TOKEN, Mark.LLM_FIRST_TOKEN)
        self._doubt(token.logprob)
        most = self._plan.hand_over_after
        if most is not None and self._answer is not None and self._answer.attribution.edge_tokens >= most:
            if not self._answer.asks_cloud:
                self.details["handed_over"] = f"the answer has reached {most} tokens and goes on"
            self._answer.move_to_cloud()

    def covered_until_s(self) -> float | None:
        """See :class:`~voice.reply.answer.AnswerSink`."""
        ahead_s = self._made_s + WORD_S * self._words_to_make
        if self._heard_from_s is None and not ahead_s:
            return None
        return (self._heard_from_s or self._stages.clock.now_s()) + ahead_s

    def _doubt(self, logprob: float) -> None:
        """Note in the trace how likely the model does not know what it is talking about, once enough tokens are there."""
        if self._stages.calibration is None or len(self._logprobs) == FIRST_TOKENS:
            return
        self._logprobs.append(logprob)
        if (unknown := unknown_probability(self._logprobs, self._stages.calibration, self._plan.doubt)) is not None:
            self.details["unknown_probability"] = round(unknown, 3)
            self._escalate(unknown)

    def _escalate(self, unknown: float) -> None:
        """Let the cloud go on with an answer that the small model gives and does not know; else the trace says so."""
        if self._answer is None or self._answer.asks_cloud or self._plan.large is not None:
            return
        reserve = self._plan.reserve
        cloud_ms = None if reserve is None else reserve.model.forecast_ms
        what = escalate(unknown, self._plan.patience_ms, cloud_ms, private=reserve is None, doubt=self._plan.doubt)
        if what != "keep":
            self.details["doubt"] = what
        if what == "escalate":
            self._answer.move_to_cloud()

    async def _hand_over(self, answer: Answer, clause: str) -> None:
        if spoken := self._speakable(clause):
            source = answer.source
            own = source != "bridge"
            if own:
                self._stages.waiting.pop(self, None)
            if own and Mark.FIRST_CLAUSE not in self.marks:
                self._ended(Stage.LLM_CLAUSE, Mark.FIRST_CLAUSE, learn=source == "edge")
                if source == "edge":
                    self._stages.forecasts.observe_words(self.took_ms[Stage.LLM_CLAUSE], len(clause.split()))
            self._words_to_make += len(spoken.split())
            await self._clauses.put(_Clause(clause.strip(), spoken, own))
            await self._speaking.wait()
            await self._permissions.to_continue()

    async def _speak(self) -> None:
        async for clause in self._clauses:
            await self._idle.wait()
            await self._say(clause)

    async def _say(self, clause: _Clause) -> None:
        begun = False
        late = SynthesisError(f"speech synthesis gave nothing for {STAGE_WITHIN_S:.0f} s")
        stream = self._stages.synthesizer.stream(clause.spoken)
        async with aclosing(timely(stream, STAGE_WITHIN_S, late)) as chunks:
            async for chunk in chunks:
                if not begun:
                    begun = True
                    if self._opened and self._heard_from_s is None:
                        self._heard_from_s = self._stages.clock.now_s()
                    self._words_to_make -= len(clause.spoken.split())
                    clause_s = chunk.total_samples / self._stages.synthesizer.sample_rate_hz
                    self._made_s += clause_s
                    self._before_own_s += 0.0 if clause.own or self._answered else clause_s
                    if clause.own:
                        self._answered = True
                        self._ended(Stage.TTS_FIRST_AUDIO, Mark.TTS_FIRST_AUDIO)
                    self._speaking.set()
                    await self.parts.put(ClauseBegun(clause.text, clause.own))
                await self.parts.put(chunk)
                self._is_ready()

    def _is_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self._hooks.reply_ready(self._turn)

    def _ended(self, stage: Stage, mark: Mark, *, learn: bool = True) -> None:
        """Note the first time that a stage ended, and let the forecasts learn from it."""
        if mark in self.marks:
            return
        now_s = self._stages.clock.now_s()
        self.marks[mark] = now_s
        self.took_ms[stage] = (now_s - self._stage_began_s) * 1000
        self._stage_began_s = now_s
        if learn and self._failure is None:
            self._stages.forecasts.observe(stage, self.took_ms[stage])


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
