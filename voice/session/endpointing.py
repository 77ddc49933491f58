"""From a pause of the user's to the words and the reply: what happens while it is not known yet whether the turn is over.

Strategy: the look that was begun at the dip gives the words; they are answered behind the gate at once; and the pause weighs
everything and fires when the turn is over and the reply can be heard. When the turn is over and the reply cannot be heard yet
as its deadline draws near, a filler opens the gate: the user is answered in time, and the reply follows.
"""

import asyncio

from voice.core.budget import Deadline
from voice.core.errors import AsrError
from voice.core.trace import Mark
from voice.reply.attempt import Attempt
from voice.reply.filler import LEAD_MS, choose
from voice.session import events as out
from voice.session.context import SessionContext
from voice.session.endpoint_timer import EndpointTimer
from voice.session.transcription import Transcription
from voice.session.turn import Turn
from voice.turn.table import TurnInput

LAST_LOOK_MS = 70.0
"""Two windows of the detector."""


class Endpointing:
    """Settles the turns of one conversation."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._fillers = 0

    def begin(self, turn: Turn) -> None:
        """The user has paused, or typed: prepare the reply."""
        turn.cancel_tasks()
        now_s = self._context.clock.now_s()
        speech_end_s = turn.trace.marks[Mark.SPEECH_END]
        turn.trace.mark(Mark.VAD_SILENCE, now_s)
        turn.trace.deadline = Deadline.after(speech_end_s, self._context.config.budget.first_audio_ms)
        turn.trace.forecast_ms = self._context.engines.forecasts.snapshot()
        late_ms = self._context.config.budget.first_audio_ms - LEAD_MS if self._context.engines.fillers else float("inf")
        if turn.typed is not None:
            turn.transcript = turn.typed
            turn.settled = self._context.tasks.start_for(turn, self._settle_typed(turn, turn.typed), "settle")
            if turn.alert is None and self._context.engines.fillers:
                self._context.tasks.start_for(turn, self._fill_typed(turn, late_ms / 1000), "filler")
            return
        look = turn.transcriber.covering(turn.speech_end_sample) or turn.transcriber.transcribe(turn.start_sample)
        turn.endpoint_timer = EndpointTimer(
            speech_end_s,
            self._context.config.turn,
            lambda: self._end(turn),
            lambda: self._context.happened(TurnInput.NOTHING_SAID),
            lambda: self._late(turn),
            late_ms,
        )
        turn.settled = self._context.tasks.start_for(turn, self._settle(turn, look), "settle")
        self._context.tasks.start_for(turn, self._weigh(turn, turn.endpoint_timer, look), "weigh")

    def on_ready(self, turn: Turn) -> None:
        """The first audio is there; the gate may open if it answers what was said."""
        attempt = turn.reply.attempt
        if (
            turn.endpoint_timer is not None
            and turn.transcript
            and attempt is not None
            and attempt.ready
            and not turn.endpoint_timer.doubted
        ):
            turn.endpoint_timer.ready()

    async def _settle_typed(self, turn: Turn, text: str) -> Attempt:
        if turn.alert is not None:
            return turn.reply.announce(turn.alert)
        return turn.reply.settle(text, turn.trace.deadline)

    async def _settle(self, turn: Turn, look: Transcription) -> Attempt | None:
        """Wait for the words, and have them answered."""
        heard = await asyncio.shield(look.words)
        turn.trace.mark(Mark.ASR_FINAL, self._context.clock.now_s())
        if heard is None:
            attempt = turn.reply.fail(AsrError("the utterance could not be recognised"))
            if not turn.committed:
                self._context.happened(TurnInput.END_OF_TURN)  # there is no evidence to wait for
            return attempt
        turn.transcript = heard.text
        if turn.committed:
            if heard.text:
                self._context.emit(out.FinalTranscript(turn.number, heard.text))
            else:
                self._context.happened(TurnInput.NOTHING_SAID)
        if not heard.text:
            return None
        attempt = turn.reply.settle(heard.text, turn.trace.deadline)
        self.on_ready(turn)
        return attempt

    async def _weigh(self, turn: Turn, pause: EndpointTimer, look: Transcription) -> None:
        """Take the words as evidence, and the prosody where it costs no time or may matter."""
        words = self._context.tasks.start_for(turn, pause.weigh_words(look.words), "words")
        if not turn.transcriber.hears_prosody:
            await words
            if not pause.wants_prosody:
                return
        prosody = await turn.transcriber.prosody(turn.start_sample, turn.speech_end_sample)
        if prosody is not None:
            turn.trace.mark(Mark.PROSODY, self._context.clock.now_s())
            pause.learn_prosody(prosody)

    def _end(self, turn: Turn) -> None:
        """Commit, unless the level has just risen: then the detector first says whether that is speech."""
        if turn.endpoint_timer is not None and self._context.listener.quiet_since is None and not turn.endpoint_timer.doubted:
            turn.endpoint_timer.doubt(LAST_LOOK_MS)
        else:
            self._context.happened(TurnInput.END_OF_TURN)

    def _late(self, turn: Turn) -> None:
        """The turn is over and its reply is not there."""
        now_s = self._context.clock.now_s()
        if turn.endpoint_timer is not None and self._context.listener.quiet_since is None:
            turn.endpoint_timer.late_again(LAST_LOOK_MS, now_s)
        elif turn.endpoint_timer is not None and (left_ms := self._left_ms(turn, now_s)) > 0:
            turn.endpoint_timer.late_again(left_ms, now_s)
        else:
            self._fill(turn, now_s)

    async def _fill_typed(self, turn: Turn, after_s: float) -> None:
        clock = self._context.clock
        await asyncio.sleep(after_s)
        await asyncio.sleep(self._left_ms(turn, clock.now_s()) / 1000)
        self._fill(turn, clock.now_s())

    def _left_ms(self, turn: Turn, now_s: float) -> float:
        """How long the reply's own first sound may be waited for, if it is expected in that time; else 0.

        That is until the deadline, and for an answer of the edge's a little longer: it would be put off by a filler by more
        than it is late. In a cloud turn the filler wins time for the cloud.
        """
        attempt, deadline = turn.reply.attempt, turn.trace.deadline
        if attempt is None or deadline is None:
            return 0.0
        left_ms = deadline.left_ms(now_s) + (0.0 if attempt.asks_cloud else self._context.config.budget.filler_grace_ms)
        return left_ms if left_ms >= 1 and attempt.wait_ms(now_s) <= left_ms else 0.0

    def _fill(self, turn: Turn, now_s: float) -> None:
        attempt, engines = turn.reply.attempt, self._context.engines
        if attempt is None or not turn.transcript:
            return
        filler = choose(engines.fillers, engines.synthesizer.sample_rate_hz, attempt.wait_ms(now_s), self._fillers)
        self._fillers += attempt.fill(filler)
