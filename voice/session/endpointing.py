"""From a pause of the user's to the words and the reply: what happens while it is not known yet whether the turn is over.

Strategy: the transcript that was begun at the dip gives the words; they are answered behind the gate at once; and the timer
weighs everything and says when the turn is over and when the reply can be heard. When the turn is over and the reply cannot
be heard yet as its deadline draws near, a filler opens the gate: the user is answered in time, and the reply follows.
"""

import asyncio
import math

from voice.core.budget import Deadline
from voice.core.errors import AsrError
from voice.core.interfaces import Transcript
from voice.core.trace import Mark
from voice.reply.attempt import Attempt
from voice.reply.filler import LEAD_MS, choose
from voice.session.context import SessionContext
from voice.session.endpoint_timer import EndpointTimer
from voice.session.turn import Turn

LOOK_AGAIN_MS = 60.0
"""So often is it looked at whether a reply is still expected in time."""


class Endpointing:
    """Finds the ends of the turns of one conversation."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._fillers = 0

    def begin(self, turn: Turn) -> None:
        """The user has paused, or typed, or an alert is due: prepare the reply."""
        context, trace = self._context, turn.trace
        turn.tasks.cancel()  # nothing more is to be followed
        trace.mark(Mark.VAD_SILENCE, context.clock.now_s())
        trace.deadline = Deadline.after(trace.marks[Mark.SPEECH_END], context.config.budget.first_audio_ms)
        trace.forecast_ms = context.engines.forecasts.snapshot()
        if turn.typed is None:
            self._begin_spoken(turn)
        else:
            self._begin_typed(turn, turn.typed)

    def _begin_typed(self, turn: Turn, text: str) -> None:
        turn.words_known(text)
        if turn.alert is not None:
            turn.answered_by(turn.reply.announce(turn.alert))
            return
        turn.answered_by(turn.reply.confirm(text, turn.trace.deadline))
        turn.reply.allow_leaving()  # what was typed is over
        if self._context.engines.fillers:
            turn.tasks.start(self._fill_typed(turn, self._late_ms / 1000), "filler")

    def _begin_spoken(self, turn: Turn) -> None:
        context = self._context
        timer = EndpointTimer(
            turn.number,
            turn.trace.marks[Mark.SPEECH_END],
            context.config.turn,
            context.listener,
            context.hooks,
            late_ms=self._late_ms,
        )
        turn.pause_begins(timer)
        words = turn.tasks.start(turn.transcriber.finish(turn.speech_end_sample), "words")
        turn.answered_by(turn.tasks.start(self._finalise_transcript(turn, words), "final transcript"))
        turn.tasks.start(self._gather_evidence(turn, timer, words), "evidence")

    @property
    def _late_ms(self) -> float:
        return self._context.config.budget.first_audio_ms - LEAD_MS if self._context.engines.fillers else math.inf

    def reply_ready(self, turn: Turn) -> None:
        """The first audio is there; the gate may open if it answers what was said."""
        if turn.endpoint_timer is not None and turn.transcript and turn.reply.is_ready:
            turn.endpoint_timer.reply_ready()

    async def _finalise_transcript(self, turn: Turn, words: "asyncio.Task[Transcript | None]") -> Attempt | None:
        """Wait for the words, and have them answered; ``None`` when there were none."""
        heard = await asyncio.shield(words)
        turn.trace.mark(Mark.ASR_FINAL, self._context.clock.now_s())
        if heard is None:
            attempt = turn.reply.fail(AsrError("the utterance could not be recognised"))
            if not turn.committed:
                self._context.hooks.end_of_turn(turn.number)  # there is no evidence to wait for
            return attempt
        turn.words_known(heard.text)
        if not heard.text:
            return None
        attempt = turn.reply.confirm(heard.text, turn.trace.deadline)
        if turn.over:
            turn.reply.allow_leaving()
        self.reply_ready(turn)
        return attempt

    async def _gather_evidence(self, turn: Turn, timer: EndpointTimer, words: "asyncio.Task[Transcript | None]") -> None:
        """Take the words as evidence, and the prosody where it costs no time or may matter."""
        learning = turn.tasks.start(_learn_words(timer, words), "evidence of the words")
        if not turn.transcriber.hears_prosody:
            await learning
            if not timer.wants_prosody:
                return
        prosody = await turn.transcriber.prosody(turn.speech_end_sample)
        if prosody is not None:
            turn.trace.mark(Mark.PROSODY, self._context.clock.now_s())
            timer.learn_prosody(prosody)

    # --- fillers -------------------------------------------------------------------------------------------------------------

    def reply_late(self, turn: Turn) -> None:
        """The turn is over and its reply is not there."""
        now_s = self._context.clock.now_s()
        if turn.endpoint_timer is not None and (left_ms := self._left_ms(turn, now_s)) > 0:
            turn.endpoint_timer.late_again(min(left_ms, LOOK_AGAIN_MS), now_s)
        else:
            self._fill(turn, now_s)

    async def _fill_typed(self, turn: Turn, after_s: float) -> None:
        clock = self._context.clock
        await asyncio.sleep(after_s)
        while (left_ms := self._left_ms(turn, clock.now_s())) > 0:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(min(left_ms, LOOK_AGAIN_MS) / 1000)
        self._fill(turn, clock.now_s())

    def _left_ms(self, turn: Turn, now_s: float) -> float:
        """How long the reply's own first words may still be waited for, if they are expected in that time; else 0."""
        attempt, spoke_until_s = turn.reply.attempt, turn.trace.marks.get(Mark.SPEECH_END)
        if attempt is None or spoke_until_s is None:
            return 0.0
        left_ms = self._context.config.budget.filler_after_ms - (now_s - spoke_until_s) * 1000
        return left_ms if left_ms >= 1 and attempt.wait_ms(now_s) <= left_ms else 0.0

    def _fill(self, turn: Turn, now_s: float) -> None:
        attempt, engines = turn.reply.attempt, self._context.engines
        if attempt is None or not turn.transcript:
            return
        filler = choose(engines.fillers, engines.synthesizer.sample_rate_hz, attempt.wait_ms(now_s), self._fillers)
        self._fillers += attempt.fill(filler)


async def _learn_words(timer: EndpointTimer, words: "asyncio.Task[Transcript | None]") -> None:
    """Cancelling this does not cancel ``words``."""
    if (heard := await asyncio.shield(words)) is not None:
        timer.learn_words(heard)
