"""The spine: audio in, reply out. Reads as the flow: recognise → route → think → split → speak.

Strategy: an :class:`Attempt` is one try at answering a turn, begun at the first silent frames and so usually before the user
is known to have finished (*preemptive*). It fills a bounded channel with audio and knows nothing of gates or clients: the
conversation opens the gate, or cancels the attempt's task and so takes everything back (the language model's cache agrees
with the next request by itself, and nothing was said, stored or done).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from voice.budget import Forecasts, Stage
from voice.channel import Channel, WhenFull
from voice.clock import Clock
from voice.errors import AsrError, ChatError, VoiceError
from voice.route.confidence import FIRST_TOKENS, Calibration, unknown_probability
from voice.route.placing import Placing
from voice.route.policy import Forecast
from voice.stages import Chat, Message, SpeechChunk, Synthesizer, Transcript
from voice.trace import Mark, TurnTrace
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
    """What an attempt answers, after what was said before: typed text, or speech that is being recognised."""

    history: Sequence[Message]
    said: "str | asyncio.Task[Transcript | None]"


class Attempt:
    """One try at answering a turn. Run :meth:`run` in a task; cancelling it takes the attempt back.

    Args:
        on_transcript: called once with the final transcript (empty when nothing was said).
        on_audio: called once when the first audio is there.

    Attributes:
        parts: the reply, clause by clause; closed when it is complete or failed.
        transcript: what the user said, once known.
        reply: the model's text so far.
        tokens: how many tokens were generated.
        failure: what went wrong, if anything did.
    """

    def __init__(
        self,
        stages: Stages,
        request: Request,
        trace: TurnTrace,
        on_transcript: Callable[[str], None],
        on_audio: Callable[[], None],
    ) -> None:
        self.parts: Channel[ReplyPart] = Channel(16, WhenFull.BLOCK, name="reply audio")
        self.transcript: str | None = None
        self.reply = ""
        self.tokens = 0
        self.failure: Exception | None = None
        self._logprobs: list[float] = []
        self._stages = stages
        self._request = request
        self._trace = trace
        self._on_transcript = on_transcript
        self._on_audio = on_audio
        self._clauses: Channel[tuple[str, str]] = Channel(4, WhenFull.BLOCK, name="clauses")
        self._speakable = Speakable()
        self._speaking = asyncio.Event()
        self._heard = False

    async def run(self) -> None:
        """Answer the request. Never raises: what went wrong stands in :attr:`failure`, and an apology in the parts."""
        try:
            await self._answer()
            if self.transcript and self.failure is None and not self._speaking.is_set():
                self.failure = ChatError("the language model gave nothing that can be spoken")
        except* Exception as group:  # a bug in one stage must not end the conversation
            self.failure = _first(group)
            if not isinstance(self.failure, VoiceError):
                _log.error("a reply failed", exc_info=self.failure)
        finally:
            if self.failure is not None and not self._speaking.is_set():
                await self._apologise()
            self.parts.close()

    async def _answer(self) -> None:
        async with asyncio.TaskGroup() as group:
            text = await self._recognise()
            if text:
                self._place(text)
                self._mark(Mark.ROUTE)
                group.create_task(self._think(text), name="think")
                group.create_task(self._speak(), name="speak")

    def _place(self, text: str) -> None:
        """Decide where the turn is answered. There is no cloud tier yet: the edge answers, and the trace says what it was."""
        if self._stages.placing is None:
            return
        deadline, forecast = self._trace.deadline, self._trace.forecast_ms
        left_ms = deadline.left_ms(self._stages.clock.now_s()) if deadline is not None else 0.0
        edge_ms = sum(forecast.get(stage, 0.0) for stage in (Stage.LLM_FIRST_TOKEN, Stage.LLM_CLAUSE))
        decision = self._stages.placing.place(text, Forecast(left_ms, edge_ms))
        self._trace.details["route"] = decision.brief()

    async def _apologise(self) -> None:
        try:
            await self._say(APOLOGY, APOLOGY)
        except VoiceError as error:
            _log.warning("not even an apology could be spoken: %s", error)

    async def _recognise(self) -> str:
        said = self._request.said
        if isinstance(said, str):
            self.transcript = said
        elif (heard := await asyncio.shield(said)) is not None:
            self.transcript = heard.text
        else:
            raise AsrError("the utterance could not be recognised")
        self._mark(Mark.ASR_FINAL)
        self._on_transcript(self.transcript)
        return self.transcript

    async def _think(self, text: str) -> None:
        """Stream the model's answer into clauses.

        After the first clause it waits for that clause's first audio: on a small machine the next tokens would take the
        processor from the synthesis that the user is waiting for.
        """
        splitter = ClauseSplitter(self._stages.first_clause_words)
        messages = [*self._request.history, Message("user", text)]
        try:
            async with aclosing(self._stages.chat.reply(messages, max_tokens=self._stages.max_reply_tokens)) as tokens:
                async for token in tokens:
                    self._mark(Mark.LLM_FIRST_TOKEN)
                    self.tokens += 1
                    self._doubt(token.logprob)
                    self.reply += token.text
                    for clause in splitter.feed(token.text):
                        await self._hand_over(clause)
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
            self._trace.details["unknown_probability"] = round(unknown, 3)

    async def _hand_over(self, clause: str) -> None:
        if spoken := self._speakable(clause):
            self._mark(Mark.FIRST_CLAUSE)
            await self._clauses.put((clause.strip(), spoken))
            await self._speaking.wait()

    async def _speak(self) -> None:
        async for clause, spoken in self._clauses:
            await self._say(clause, spoken)

    async def _say(self, clause: str, spoken: str) -> None:
        begun = False
        async with aclosing(self._stages.synthesizer.stream(spoken)) as chunks:
            async for chunk in chunks:
                if not begun:
                    begun = True
                    self._mark(Mark.TTS_FIRST_AUDIO)
                    self._speaking.set()
                    await self.parts.put(ClauseBegun(clause))
                await self.parts.put(chunk)
                if not self._heard:
                    self._heard = True
                    self._on_audio()

    def _mark(self, mark: Mark) -> None:
        """Note the first time that a stage ended, and let the forecasts learn from it."""
        if mark in self._trace.marks:
            return
        self._trace.mark(mark, self._stages.clock.now_s())
        stage = _ENDS.get(mark)
        if stage is not None and (took_ms := self._trace.stage_ms(stage)) is not None:
            self._stages.forecasts.observe(stage, took_ms)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))


_ENDS = {
    Mark.ASR_FINAL: Stage.ASR,
    Mark.ROUTE: Stage.ROUTE,
    Mark.LLM_FIRST_TOKEN: Stage.LLM_FIRST_TOKEN,
    Mark.FIRST_CLAUSE: Stage.LLM_CLAUSE,
    Mark.TTS_FIRST_AUDIO: Stage.TTS_FIRST_AUDIO,
}
ATTEMPT_MARKS = (Mark.VAD_SILENCE, Mark.MELODY, *_ENDS)
"""The marks that an attempt makes: taken back with it."""
