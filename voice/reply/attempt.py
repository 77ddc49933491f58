"""The spine: words in, reply out. Reads as the flow: skills, route → think → split → speak.

Strategy: an :class:`Attempt` is one try at answering a turn, begun before the user is known to have finished, and often before
they have (*preemptive*). It fills a bounded channel with audio and knows nothing of gates or clients: the conversation opens
the gate, or cancels the attempt's task and so takes everything back (the language model's cache agrees with the next request
by itself, and nothing was said, stored or done). Until it is confirmed it goes no further than its first clause.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from voice.core.budget import Deadline, Stage
from voice.core.channel import Channel, WhenFull
from voice.core.errors import ChatError, VoiceError
from voice.core.interfaces import CloudModel, Filler, Message, SpeechChunk, Token
from voice.core.trace import Mark
from voice.cost.prices import estimated_tokens
from voice.reply.answer import Answer, Stages
from voice.reply.attribution import Attribution
from voice.reply.cloud_request import CloudPass
from voice.reply.filler import wait_ms
from voice.reply.handover import OPENING_MS, WORD_S, cloud_first_audio_ms
from voice.route.confidence import FIRST_TOKENS, escalate, unknown_probability
from voice.route.policy import Forecast
from voice.skills.session import PAUSE_S, Alert
from voice.skills.skill import Effect
from voice.skills.tone import ring
from voice.tts.speakable import Speakable

_log = logging.getLogger(__name__)

APOLOGY = "Sorry, something went wrong. Please say that again."
"""Spoken when a stage failed before the first audio: silence would leave the user waiting."""


@dataclass(frozen=True, slots=True)
class ClauseBegun:
    """The chunks that follow speak this clause."""

    text: str


ReplyPart = ClauseBegun | SpeechChunk


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause, how it is spoken, and whether it is the answer's own: an excuse is not."""

    text: str
    spoken: str
    own: bool = True


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What an attempt answers: what the user said or typed, after what was said before.

    ``shareable`` is the part of the history that may leave the device, in the same order.
    """

    history: Sequence[Message]
    said: str
    shareable: Sequence[Message] = ()
    alert: Alert | None = None
    """What is to be announced, unasked, in place of an answer."""


class Attempt:
    """One try at answering a turn. Run :meth:`run` in a task; cancelling it takes the attempt back.

    Args:
        idle: set while nothing more urgent needs the processor; the attempt pauses while it is not.
        failure: what went wrong before there were words to answer; the attempt is then an apology.

    Attributes:
        parts: the reply, clause by clause; closed when it is complete or failed.
        said: the words that it answers.
        ready: whether the first audio is there, or there will be none.
        failure: what went wrong, if anything did.
        marks: when its stages ended, in monotonic seconds.
        took_ms: how long its stages took.
        filler: what was said before the reply's own words, because these would have come too late, and how long that is.
        effect: what a skill then does; it is for the conversation to do it, once the attempt cannot be taken back any more.
        repeatable: whether "say that again" may say it.
        details: what else the turn's trace says of it: where it was placed, and the model's own doubt.
    """

    def __init__(
        self,
        stages: Stages,
        request: TurnRequest,
        idle: asyncio.Event,
        on_ready: Callable[[], None],
        failure: VoiceError | None = None,
    ) -> None:
        self.parts: Channel[ReplyPart] = Channel(16, WhenFull.BLOCK, name="reply audio")
        self.said = request.said
        self.ready = False
        self.failure: Exception | None = failure
        self.marks: dict[Mark, float] = {}
        self.took_ms: dict[Stage, float] = {}
        self.details: dict[str, Any] = {}
        self.filler = ""
        self.filler_s = 0.0
        self.effect: Effect | None = None
        self.repeatable = True
        self._logprobs: list[float] = []
        self._stages = stages
        self._request = request
        self._idle = idle
        self._on_ready = on_ready
        self._stage_began_s = stages.clock.now_s()
        self._clauses: Channel[_Clause] = Channel(4, WhenFull.BLOCK, name="clauses")
        self._speakable = Speakable()
        self._speaking = asyncio.Event()
        self._opened = False
        self._heard_from_s: float | None = None
        self._made_s = 0.0
        self._may_ask: CloudPass | None = None
        self._words_to_make = 0
        messages = [*request.history, Message("user", request.said)]
        self._answer = Answer(stages, messages, idle, self._on_token, self._covered_until_s)

    def confirm(self, deadline: Deadline | None = None) -> None:
        """These are the user's words: have the first audio ready by the deadline, and go on beyond the first clause."""
        self._answer.deadline = deadline
        self._answer.confirmed.set()

    def pause(self) -> None:
        """They may not be: end with the clause at hand until :meth:`confirm`."""
        self._answer.confirmed.clear()

    def opened(self, now_s: float) -> None:
        """The gate is open: what is made is heard from now on."""
        self._opened = True
        if self._made_s:
            self._heard_from_s = now_s

    def fill(self, filler: Filler) -> bool:
        """Say this first; the reply's own words follow when they are there. False when some of these are there already."""
        if self.ready:
            return False
        self.filler = filler.text
        self.details["filler"] = True
        self.filler_s = filler.samples.size / self._stages.synthesizer.sample_rate_hz
        self._made_s += self.filler_s
        self.parts.put_nowait(ClauseBegun(filler.text))
        self.parts.put_nowait(SpeechChunk(filler.samples, filler.samples.size))
        self._is_ready()
        return True

    @property
    def asks_cloud(self) -> bool:
        """Whether the cloud is to go on with the answer."""
        return self._answer.cloud is not None

    def wait_ms(self, now_s: float) -> float:
        """How long the reply's own first audio is expected to take from now on."""
        return wait_ms(self._stages.forecasts, self.marks, (now_s - self._stage_began_s) * 1000)

    @property
    def reply(self) -> str:
        """The text so far, as far as it was handed over to be spoken."""
        return self._answer.text

    @property
    def tokens(self) -> int:
        """How many tokens were generated."""
        return self._answer.account.edge_tokens + self._answer.account.cloud_tokens

    @property
    def account(self) -> Attribution:
        """Who said what of the reply."""
        return self._answer.account

    async def run(self) -> None:
        """Answer the request. Never raises: what went wrong stands in :attr:`failure`, and an apology in the parts."""
        try:
            if self.failure is None:
                await (self._make() if self._request.alert is None else self._ring(self._request.alert))
            if self.failure is None and not self._speaking.is_set():
                self.failure = ChatError("the language model gave nothing that can be spoken")
        except* Exception as group:  # a bug in one stage must not end the conversation
            self.failure = _first(group)
            if not isinstance(self.failure, VoiceError):
                _log.error("a reply failed", exc_info=self.failure)
        finally:
            if self.failure is not None and not self._speaking.is_set():
                await self._apologise()
            self.parts.close()
            self._is_ready()

    async def _make(self) -> None:
        self._place()
        await self._ask_skills()
        self._ended(Stage.ROUTE, Mark.ROUTE)
        if self._answer.given is None:
            self._stages.waiting[self] = self._stages.chat
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._think(), name="think")
                group.create_task(self._speak(), name="speak")
        finally:
            self._stages.waiting.pop(self, None)

    async def _ask_skills(self) -> None:
        """Let a skill answer, if one can: the words are then known, and nothing is asked of any model."""
        found = None if self._stages.skills is None else await self._stages.skills(self.said)
        if found is not None:
            self._answer.given, self._answer.cloud, self._answer.reserve = found.reply.text, None, None
            self.effect, self.repeatable = found.reply.effect, found.reply.repeatable
            self.details["skill"] = found.skill

    async def _ring(self, alert: Alert) -> None:
        """A tone and the words, until somebody stops it or nobody will."""
        self.details["alert"], self.repeatable = alert.kind, False
        rate_hz = self._stages.synthesizer.sample_rate_hz
        tone, pause = ring(rate_hz), np.zeros(int(PAUSE_S * rate_hz), dtype=np.float32)
        for _ in range(alert.rings):
            await self.parts.put(ClauseBegun(alert.text))
            await self.parts.put(SpeechChunk(tone, tone.size))
            self._speaking.set()
            self._is_ready()
            async with aclosing(self._stages.synthesizer.stream(alert.text)) as chunks:
                async for chunk in chunks:
                    await self.parts.put(SpeechChunk(chunk.samples, tone.size + chunk.total_samples))
            await self.parts.put(SpeechChunk(pause, 0))

    def _place(self) -> None:
        """Decide where the turn is answered, and get the permission that this takes."""
        placing, cloud = self._stages.placing, self._stages.cloud
        if placing is None:
            return
        decision = placing.place(
            self.said,
            self._forecast(cloud),
            history_tokens=estimated_tokens(sum(len(message.text) for message in self._request.shareable)),
        )
        self.details["route"] = decision.brief()
        if cloud is not None:
            self.details["route"] |= {
                "cloud_forecast_ms": _rounded(cloud.forecast_ms),
                "round_trip_ms": _rounded(cloud.round_trip_ms),
            }
        if cloud is not None and "cloud" in {decision.choice.route, decision.choice.runner_up}:
            outgoing = placing.outgoing([*self._request.shareable, Message("user", self.said)], decision)
            self._may_ask = CloudPass(cloud, outgoing, self._stages.cloud_tokens, decision.task)
            if decision.choice.route != "edge":
                self._answer.cloud = self._may_ask
            else:
                self._answer.reserve = self._may_ask
                self._answer.keep_warm = self._stages.keeps_cloud_warm and decision.choice.may_move

    def _forecast(self, cloud: CloudModel | None) -> Forecast:
        """What this moment allows."""
        queue = self._stages.queue
        edge_ms = self._stages.forecasts.remaining_ms((Stage.LLM_FIRST_TOKEN, Stage.LLM_CLAUSE))
        if cloud is None:
            return Forecast(edge_first_ms=edge_ms, edge_queue=queue)
        cloud_ms = cloud_first_audio_ms(cloud.forecast_ms, edge_ms)
        return Forecast(edge_first_ms=edge_ms, cloud_first_ms=cloud_ms, edge_queue=queue, why_not=cloud.why_not)

    async def _apologise(self) -> None:
        try:
            await self._say(_Clause(APOLOGY, APOLOGY))
        except VoiceError as error:
            _log.warning("not even an apology could be spoken: %s", error)

    async def _think(self) -> None:
        """Hand the answer over, clause by clause.

        After the first clause it waits for that clause's first audio (on a small machine the next tokens would take the
        processor from the synthesis that the user is waiting for), and until the attempt is confirmed.
        """
        try:
            async with aclosing(self._answer.clauses()) as clauses:
                async for clause in clauses:
                    await self._hand_over(clause)
        except VoiceError as error:
            self.failure = error  # what was already said stays said, and is spoken to its end
        finally:
            self._clauses.close()

    def _on_token(self, token: Token) -> None:
        if Mark.FIRST_CLAUSE not in self.marks:
            self._ended(Stage.LLM_FIRST_TOKEN, Mark.LLM_FIRST_TOKEN)
        self._doubt(token.logprob)

    def _covered_until_s(self) -> float | None:
        """When the audio made so far will have been played; ``None`` while nothing is heard."""
        return None if self._heard_from_s is None else self._heard_from_s + self._made_s + WORD_S * self._words_to_make

    def _doubt(self, logprob: float) -> None:
        """Note in the trace how likely the model does not know what it is talking about, once enough tokens are there."""
        if self._stages.calibration is None or len(self._logprobs) == FIRST_TOKENS:
            return
        self._logprobs.append(logprob)
        if (unknown := unknown_probability(self._logprobs, self._stages.calibration)) is not None:
            self.details["unknown_probability"] = round(unknown, 3)
            self._escalate(unknown)

    def _escalate(self, unknown: float) -> None:
        """Let the cloud go on with an answer that the edge does not know, where it may; otherwise the trace says so."""
        if self._answer.cloud is not None:
            return
        cloud_ms = None if self._may_ask is None else self._may_ask.model.forecast_ms
        what = escalate(unknown, OPENING_MS, cloud_ms, private=self._may_ask is None)
        if what != "keep":
            self.details["doubt"] = what
        if what == "escalate":
            self._answer.cloud = self._may_ask

    async def _hand_over(self, clause: str) -> None:
        if spoken := self._speakable(clause):
            source = self._answer.source
            own = source != "excuse"
            if own:
                self._stages.waiting.pop(self, None)
            if own and Mark.FIRST_CLAUSE not in self.marks:
                self._ended(Stage.LLM_CLAUSE, Mark.FIRST_CLAUSE, learn=source == "edge")
                if source == "edge":
                    self._stages.forecasts.observe_words(self.took_ms[Stage.LLM_CLAUSE], len(clause.split()))
            self._words_to_make += len(spoken.split())
            await self._clauses.put(_Clause(clause.strip(), spoken, own))
            await self._speaking.wait()
            await self._answer.confirmed.wait()

    async def _speak(self) -> None:
        async for clause in self._clauses:
            await self._idle.wait()
            await self._say(clause)

    async def _say(self, clause: _Clause) -> None:
        begun = False
        async with aclosing(self._stages.synthesizer.stream(clause.spoken)) as chunks:
            async for chunk in chunks:
                if not begun:
                    begun = True
                    if self._opened and self._heard_from_s is None:
                        self._heard_from_s = self._stages.clock.now_s()
                    self._words_to_make -= len(clause.spoken.split())
                    self._made_s += chunk.total_samples / self._stages.synthesizer.sample_rate_hz
                    if clause.own:
                        self._ended(Stage.TTS_FIRST_AUDIO, Mark.TTS_FIRST_AUDIO)
                    self._speaking.set()
                    await self.parts.put(ClauseBegun(clause.text))
                await self.parts.put(chunk)
                self._is_ready()

    def _is_ready(self) -> None:
        if not self.ready:
            self.ready = True
            self._on_ready()

    def _ended(self, stage: Stage, mark: Mark, *, learn: bool = True) -> None:
        """Note the first time that a stage ended, and let the forecasts learn from it."""
        if mark in self.marks:
            return
        now_s = self._stages.clock.now_s()
        self.marks[mark] = now_s
        self.took_ms[stage] = (now_s - self._stage_began_s) * 1000
        self._stage_began_s = now_s
        if learn and self.failure is None:
            self._stages.forecasts.observe(stage, self.took_ms[stage])


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
