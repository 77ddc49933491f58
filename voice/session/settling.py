"""From a pause of the user's to the words and the reply: what happens while it is not known yet whether the turn is over.

Strategy: the look that was begun at the dip gives the words; they are answered behind the gate at once; and the pause weighs
everything and fires when the turn is over and the reply can be heard. When the turn is over and the reply cannot be heard yet
as its deadline draws near, a filler opens the gate: the user is answered in time, and the reply follows.
"""

import asyncio

from voice import events as out
from voice.budget import Deadline
from voice.errors import AsrError
from voice.pipeline import Attempt
from voice.session.looks import Look
from voice.session.pause import Pause
from voice.session.shared import Shared
from voice.session.turn import Turn
from voice.trace import Mark
from voice.turn.table import Input

LAST_LOOK_MS = 70.0
"""Two windows of the detector."""
FILLER_LEAD_MS = 35.0
"""So long before the deadline a filler is let go: what follows is the way to the client, and two ticks of a busy loop."""


class Settling:
    """Settles the turns of one conversation."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._fillers = 0

    def begin(self, turn: Turn) -> None:
        """The user has paused, or typed: prepare the reply."""
        turn.cancel_tasks()
        now_s = self._shared.clock.now_s()
        speech_end_s = turn.trace.marks[Mark.SPEECH_END]
        turn.trace.mark(Mark.VAD_SILENCE, now_s)
        turn.trace.deadline = Deadline.after(speech_end_s, self._shared.config.budget.first_audio_ms)
        turn.trace.forecast_ms = self._shared.engines.forecasts.snapshot()
        late_ms = self._shared.config.budget.first_audio_ms - FILLER_LEAD_MS if self._shared.engines.fillers else float("inf")
        if turn.typed is not None:
            turn.transcript = turn.typed
            turn.settled = self._shared.tasks.start_for(turn, self._settle_typed(turn, turn.typed), "settle")
            if turn.alert is None and self._shared.engines.fillers:
                self._shared.tasks.start_for(turn, self._fill_typed(turn, late_ms / 1000), "filler")
            return
        look = turn.looks.covering(turn.speech_end_sample) or turn.looks.take(turn.start_sample)
        turn.pause = Pause(
            speech_end_s,
            self._shared.config.turn,
            lambda: self._end(turn),
            lambda: self._shared.happened(Input.NOTHING_SAID),
            lambda: self._late(turn),
            late_ms,
        )
        turn.settled = self._shared.tasks.start_for(turn, self._settle(turn, look), "settle")
        self._shared.tasks.start_for(turn, self._weigh(turn, turn.pause, look), "weigh")

    def on_ready(self, turn: Turn) -> None:
        """The first audio is there; the gate may open if it answers what was said."""
        attempt = turn.preparation.attempt
        if turn.pause is not None and turn.transcript and attempt is not None and attempt.ready and not turn.pause.doubted:
            turn.pause.ready()

    async def _settle_typed(self, turn: Turn, text: str) -> Attempt:
        if turn.alert is not None:
            return turn.preparation.announce(turn.alert)
        return turn.preparation.settle(text, turn.trace.deadline)

    async def _settle(self, turn: Turn, look: Look) -> Attempt | None:
        """Wait for the words, and have them answered."""
        heard = await asyncio.shield(look.words)
        turn.trace.mark(Mark.ASR_FINAL, self._shared.clock.now_s())
        if heard is None:
            attempt = turn.preparation.fail(AsrError("the utterance could not be recognised"))
            if not turn.committed:
                self._shared.happened(Input.END_OF_TURN)  # there is no evidence to wait for
            return attempt
        turn.transcript = heard.text
        if turn.committed:
            if heard.text:
                self._shared.emit(out.FinalTranscript(turn.number, heard.text))
            else:
                self._shared.happened(Input.NOTHING_SAID)
        if not heard.text:
            return None
        attempt = turn.preparation.settle(heard.text, turn.trace.deadline)
        self.on_ready(turn)
        return attempt

    async def _weigh(self, turn: Turn, pause: Pause, look: Look) -> None:
        """Take the words as evidence, and the melody where it costs no time or may matter."""
        words = self._shared.tasks.start_for(turn, pause.weigh_words(look.words), "words")
        if not turn.looks.hears_melody:
            await words
            if not pause.wants_melody:
                return
        melody = await turn.looks.melody(turn.start_sample, turn.speech_end_sample)
        if melody is not None:
            turn.trace.mark(Mark.MELODY, self._shared.clock.now_s())
            pause.learn_melody(melody)

    def _end(self, turn: Turn) -> None:
        """Commit, unless the level has just risen: then the detector first says whether that is speech."""
        if turn.pause is not None and self._shared.ear.quiet_since is None and not turn.pause.doubted:
            turn.pause.doubt(LAST_LOOK_MS)
        else:
            self._shared.happened(Input.END_OF_TURN)

    def _late(self, turn: Turn) -> None:
        """The turn is over and its reply would be late."""
        if turn.pause is not None and self._shared.ear.quiet_since is None:
            turn.pause.late_again(LAST_LOOK_MS, self._shared.clock.now_s())
        else:
            self._fill(turn)

    async def _fill_typed(self, turn: Turn, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._fill(turn)

    def _fill(self, turn: Turn) -> None:
        attempt, fillers = turn.preparation.attempt, self._shared.engines.fillers
        if attempt is not None and turn.transcript and attempt.fill(fillers[self._fillers % len(fillers)]):
            self._fillers += 1
