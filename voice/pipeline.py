"""The spine: words in, reply out. Reads as the flow: route → think → split → speak.

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

from voice.budget import Deadline, Forecasts, Stage, words_that_fit
from voice.channel import Channel, WhenFull
from voice.clock import Clock
from voice.errors import ChatError, VoiceError
from voice.route.confidence import FIRST_TOKENS, Calibration, unknown_probability
from voice.route.placing import Placing
from voice.route.policy import Forecast
from voice.stages import Chat, Message, SpeechChunk, Synthesizer
from voice.trace import Mark
from voice.tts.clauses import ClauseSplitter
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
class Stages:
    """What an attempt works with: the process's models and this conversation's chat."""

    chat: Chat
    synthesizer: Synthesizer
    forecasts: Forecasts
    clock: Clock
    first_clause_words: int
    max_reply_tokens: int
    placing: Placing | None = None
    calibration: Calibration | None = None
    """Of the language model's own doubt, where it is known."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an attempt answers: what the user said or typed, after what was said before."""

    history: Sequence[Message]
    said: str


class Attempt:
    """One try at answering a turn. Run :meth:`run` in a task; cancelling it takes the attempt back.

    Args:
        idle: set while nothing more urgent needs the processor; the attempt pauses while it is not.
        failure: what went wrong before there were words to answer; the attempt is then an apology.

    Attributes:
        parts: the reply, clause by clause; closed when it is complete or failed.
        said: the words that it answers.
        reply: the model's text so far.
        tokens: how many tokens were generated.
        ready: whether the first audio is there, or there will be none.
        failure: what went wrong, if anything did.
        marks: when its stages ended, in monotonic seconds.
        took_ms: how long its stages took.
        details: what else the turn's trace says of it: where it was placed, and the model's own doubt.
    """

    def __init__(
        self,
        stages: Stages,
        request: Request,
        idle: asyncio.Event,
        on_ready: Callable[[], None],
        failure: VoiceError | None = None,
    ) -> None:
        self.parts: Channel[ReplyPart] = Channel(16, WhenFull.BLOCK, name="reply audio")
        self.said = request.said
        self.reply = ""
        self.tokens = 0
        self.ready = False
        self.failure: Exception | None = failure
        self.marks: dict[Mark, float] = {}
        self.took_ms: dict[Stage, float] = {}
        self.details: dict[str, Any] = {}
        self._logprobs: list[float] = []
        self._stages = stages
        self._request = request
        self._idle = idle
        self._on_ready = on_ready
        self._stage_began_s = stages.clock.now_s()
        self._clauses: Channel[tuple[str, str]] = Channel(4, WhenFull.BLOCK, name="clauses")
        self._speakable = Speakable()
        self._speaking = asyncio.Event()
        self._confirmed = asyncio.Event()
        self._deadline: Deadline | None = None

    def confirm(self, deadline: Deadline | None = None) -> None:
        """These are the user's words: have the first audio ready by the deadline, and go on beyond the first clause."""
        self._deadline = deadline
        self._confirmed.set()

    def pause(self) -> None:
        """They may not be: end with the clause at hand until :meth:`confirm`."""
        self._confirmed.clear()

    async def run(self) -> None:
        """Answer the request. Never raises: what went wrong stands in :attr:`failure`, and an apology in the parts."""
        try:
            if self.failure is None:
                await self._answer()
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

    async def _answer(self) -> None:
        self._place()
        self._ended(Stage.ROUTE, Mark.ROUTE)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._think(), name="think")
            group.create_task(self._speak(), name="speak")

    def _place(self) -> None:
        """Decide where the turn is answered. There is no cloud tier yet: the edge answers, and the trace says what it was."""
        if self._stages.placing is None:
            return
        edge_ms = self._stages.forecasts.remaining_ms((Stage.LLM_FIRST_TOKEN, Stage.LLM_CLAUSE))
        decision = self._stages.placing.place(self.said, Forecast(edge_first_ms=edge_ms))
        self.details["route"] = decision.brief()

    async def _apologise(self) -> None:
        try:
            await self._say(APOLOGY, APOLOGY)
        except VoiceError as error:
            _log.warning("not even an apology could be spoken: %s", error)

    async def _think(self) -> None:
        """Stream the model's answer into clauses.

        After the first clause it waits for that clause's first audio (on a small machine the next tokens would take the
        processor from the synthesis that the user is waiting for), and until the attempt is confirmed.
        """
        splitter = ClauseSplitter(self._stages.first_clause_words)
        messages = [*self._request.history, Message("user", self.said)]
        try:
            async with aclosing(self._stages.chat.reply(messages, max_tokens=self._stages.max_reply_tokens)) as tokens:
                async for token in tokens:
                    self._ended(Stage.LLM_FIRST_TOKEN, Mark.LLM_FIRST_TOKEN)
                    self.tokens += 1
                    self._doubt(token.logprob)
                    self.reply += token.text
                    if self._deadline is not None and Mark.FIRST_CLAUSE not in self.marks:
                        left_ms = self._deadline.left_ms(self._stages.clock.now_s())
                        splitter.hurry(words_that_fit(self._stages.forecasts, left_ms, len(self.reply.split())))
                    for clause in splitter.feed(token.text):
                        await self._hand_over(clause)
                    await self._idle.wait()
        except VoiceError as error:
            self.failure = error  # what was already said stays said, and is spoken to its end
        try:
            for clause in splitter.finish():
                await self._hand_over(clause)
        finally:
            self._clauses.close()

    def _doubt(self, logprob: float) -> None:
        """Note in the trace how likely the model does not know what it is talking about, once enough tokens are there."""
        if self._stages.calibration is None or len(self._logprobs) == FIRST_TOKENS:
            return
        self._logprobs.append(logprob)
        if (unknown := unknown_probability(self._logprobs, self._stages.calibration)) is not None:
            self.details["unknown_probability"] = round(unknown, 3)

    async def _hand_over(self, clause: str) -> None:
        if spoken := self._speakable(clause):
            if Mark.FIRST_CLAUSE not in self.marks:
                self._ended(Stage.LLM_CLAUSE, Mark.FIRST_CLAUSE)
                self._stages.forecasts.observe_words(self.took_ms[Stage.LLM_CLAUSE], len(clause.split()))
            await self._clauses.put((clause.strip(), spoken))
            await self._speaking.wait()
            await self._confirmed.wait()

    async def _speak(self) -> None:
        async for clause, spoken in self._clauses:
            await self._idle.wait()
            await self._say(clause, spoken)

    async def _say(self, clause: str, spoken: str) -> None:
        begun = False
        async with aclosing(self._stages.synthesizer.stream(spoken)) as chunks:
            async for chunk in chunks:
                if not begun:
                    begun = True
                    self._ended(Stage.TTS_FIRST_AUDIO, Mark.TTS_FIRST_AUDIO)
                    self._speaking.set()
                    await self.parts.put(ClauseBegun(clause))
                await self.parts.put(chunk)
                self._is_ready()

    def _is_ready(self) -> None:
        if not self.ready:
            self.ready = True
            self._on_ready()

    def _ended(self, stage: Stage, mark: Mark) -> None:
        """Note the first time that a stage ended, and let the forecasts learn from it."""
        if mark in self.marks:
            return
        now_s = self._stages.clock.now_s()
        self.marks[mark] = now_s
        self.took_ms[stage] = (now_s - self._stage_began_s) * 1000
        self._stage_began_s = now_s
        if self.failure is None:
            self._stages.forecasts.observe(stage, self.took_ms[stage])


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
