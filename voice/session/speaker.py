"""From the open gate to the last sample: one reply is spoken, and the client is told of it as it goes."""

import asyncio

from voice.core.interfaces import Samples
from voice.core.trace import Mark
from voice.reply.handover import EXCUSE
from voice.session import events as out
from voice.session.context import Shared
from voice.session.effects import Effects
from voice.session.playback import Playback
from voice.session.playout import Mouth
from voice.session.turn import Turn
from voice.skills.session import Desk
from voice.turn.table import Input


class Speaking:
    """Speaks the replies of one conversation.

    Args:
        desk: knows how loud.
        effects: what was promised is done once a reply has been heard for a while.
    """

    def __init__(self, shared: Shared, desk: Desk | None, effects: Effects) -> None:
        self._shared = shared
        self._desk = desk
        self._effects = effects

    def open_gate(self, turn: Turn) -> None:
        """The turn is over: what is prepared, and what is being prepared, is heard from now on."""
        shared, trace = self._shared, turn.trace
        now_s = shared.clock.now_s()
        trace.mark(Mark.END_OF_TURN, now_s)
        turn.committed = True
        if turn.pause is not None:
            trace.details["end_probability"] = round(turn.pause.probability(now_s), 3)
            trace.details["melody"] = turn.pause.evidence.melody
            turn.pause.cancel()
        shared.ear.tracker.close()
        shared.emit(out.SpeechStopped(turn.number, trace.marks[Mark.SPEECH_END]))
        if turn.transcript:
            shared.emit(out.FinalTranscript(turn.number, turn.transcript))
        turn.mouth = self._new_mouth(turn)
        shared.tasks.start_for(turn, self._speak(turn, turn.mouth), "speak")

    def hold(self, turn: Turn) -> None:
        """Be silent until :meth:`resume`."""
        _mouth(turn).hold()
        self._shared.emit(out.ReplyPaused(turn.number))

    def resume(self, turn: Turn) -> None:
        """Go on from the last sample that was played."""
        _mouth(turn).resume()
        self._shared.emit(out.ReplyResumed(turn.number))

    def clear(self, turn: Turn) -> None:
        """The user has interrupted: nothing more of this reply is said."""
        now_s = self._shared.clock.now_s()
        turn.trace.mark(Mark.BARGE_IN, now_s)
        turn.cancel_tasks()
        turn.preparation.stop()
        self._shared.emit(out.AudioCleared(turn.number, turn.heard(now_s)))

    def _new_mouth(self, turn: Turn) -> Mouth:
        shared, trace = self._shared, turn.trace
        rate_hz = shared.engines.synthesizer.sample_rate_hz
        answered = False

        def send_text(text: str) -> None:
            nonlocal answered
            attempt = turn.preparation.attempt
            if not answered and attempt is not None and text not in {attempt.filler, EXCUSE}:
                answered = True
                if (first_s := trace.marks.get(Mark.FIRST_AUDIO_SENT)) is not None:
                    trace.mark(Mark.ANSWER_HEARD, max(shared.clock.now_s(), first_s + attempt.filler_s))
            shared.emit(out.ReplyText(turn.number, text))

        def send_audio(samples: Samples) -> None:
            now_s = shared.clock.now_s()
            if Mark.FIRST_AUDIO_SENT not in trace.marks:
                trace.mark(Mark.FIRST_AUDIO_SENT, now_s)
                shared.tasks.start_for(turn, self._effects.take_soon(turn), "effect")
            trace.mark(Mark.LAST_AUDIO_SENT, now_s)
            shared.emit(
                out.ReplyAudio(turn.number, samples if self._desk is None else self._desk.volume.apply(samples), rate_hz)
            )

        return Mouth(Playback(rate_hz, lead_ms=shared.config.budget.playback_lead_ms), shared.clock, send_text, send_audio)

    async def _speak(self, turn: Turn, mouth: Mouth) -> None:
        shared = self._shared
        if turn.settled is None:
            raise RuntimeError("a gate without a reply behind it")
        attempt = await asyncio.shield(turn.settled)
        if attempt is None:
            return  # nothing was said
        attempt.opened(shared.clock.now_s())
        await mouth.run(attempt.parts)
        if attempt.failure is not None:
            shared.emit(out.Notice(getattr(attempt.failure, "code", "internal"), str(attempt.failure)))
        if attempt.account.fallback is not None:
            shared.emit(out.Notice(*attempt.account.fallback))
        shared.happened(Input.REPLY_ENDED)


def _mouth(turn: Turn) -> Mouth:
    if turn.mouth is None:
        raise RuntimeError("nobody is speaking")
    return turn.mouth
