"""From the open gate to the last sample: one reply is spoken, and the client is told of it as it goes."""

import asyncio

from voice.core.interfaces import Samples
from voice.core.trace import Mark
from voice.reply.handover import EXCUSE
from voice.session import events as out
from voice.session.context import SessionContext
from voice.session.effects import Effects
from voice.session.playback import Playback
from voice.session.playout import Playout
from voice.session.turn import Turn
from voice.skills.session import SkillSession
from voice.turn.table import TurnInput


class Speaker:
    """Speaks the replies of one conversation.

    Args:
        skills: knows how loud.
        effects: what was promised is done once a reply has been heard for a while.
    """

    def __init__(self, context: SessionContext, skills: SkillSession | None, effects: Effects) -> None:
        self._context = context
        self._skills = skills
        self._effects = effects

    def open_gate(self, turn: Turn) -> None:
        """The turn is over: what is prepared, and what is being prepared, is heard from now on."""
        context, trace = self._context, turn.trace
        now_s = context.clock.now_s()
        trace.mark(Mark.END_OF_TURN, now_s)
        turn.committed = True
        if turn.endpoint_timer is not None:
            trace.details["end_probability"] = round(turn.endpoint_timer.probability(now_s), 3)
            trace.details["melody"] = turn.endpoint_timer.evidence.prosody
            turn.endpoint_timer.cancel()
        context.listener.tracker.close()
        context.emit(out.SpeechStopped(turn.number, trace.marks[Mark.SPEECH_END]))
        if turn.transcript:
            context.emit(out.FinalTranscript(turn.number, turn.transcript))
        turn.playout = self._new_playout(turn)
        context.tasks.start_for(turn, self._speak(turn, turn.playout), "speak")

    def hold(self, turn: Turn) -> None:
        """Be silent until :meth:`resume`."""
        _playout(turn).hold()
        self._context.emit(out.ReplyPaused(turn.number))

    def resume(self, turn: Turn) -> None:
        """Go on from the last sample that was played."""
        _playout(turn).resume()
        self._context.emit(out.ReplyResumed(turn.number))

    def clear(self, turn: Turn) -> None:
        """The user has interrupted: nothing more of this reply is said."""
        now_s = self._context.clock.now_s()
        turn.trace.mark(Mark.BARGE_IN, now_s)
        turn.cancel_tasks()
        turn.reply.stop()
        self._context.emit(out.AudioCleared(turn.number, turn.heard(now_s)))

    def _new_playout(self, turn: Turn) -> Playout:
        context, trace = self._context, turn.trace
        rate_hz = context.engines.synthesizer.sample_rate_hz
        answered = False

        def send_text(text: str) -> None:
            nonlocal answered
            attempt = turn.reply.attempt
            if not answered and attempt is not None and text not in {attempt.filler, EXCUSE}:
                answered = True
                if (first_s := trace.marks.get(Mark.FIRST_AUDIO_SENT)) is not None:
                    trace.mark(Mark.ANSWER_HEARD, max(context.clock.now_s(), first_s + attempt.filler_s))
            context.emit(out.ReplyText(turn.number, text))

        def send_audio(samples: Samples) -> None:
            now_s = context.clock.now_s()
            if Mark.FIRST_AUDIO_SENT not in trace.marks:
                trace.mark(Mark.FIRST_AUDIO_SENT, now_s)
                context.tasks.start_for(turn, self._effects.take_soon(turn), "effect")
            trace.mark(Mark.LAST_AUDIO_SENT, now_s)
            context.emit(
                out.ReplyAudio(turn.number, samples if self._skills is None else self._skills.volume.apply(samples), rate_hz)
            )

        return Playout(Playback(rate_hz, lead_ms=context.config.budget.playback_lead_ms), context.clock, send_text, send_audio)

    async def _speak(self, turn: Turn, playout: Playout) -> None:
        context = self._context
        if turn.settled is None:
            raise RuntimeError("a gate without a reply behind it")
        attempt = await asyncio.shield(turn.settled)
        if attempt is None:
            return  # nothing was said
        attempt.opened(context.clock.now_s())
        await playout.run(attempt.parts)
        if attempt.failure is not None:
            context.emit(out.Notice(getattr(attempt.failure, "code", "internal"), str(attempt.failure)))
        if attempt.account.fallback is not None:
            context.emit(out.Notice(*attempt.account.fallback))
        context.happened(TurnInput.REPLY_ENDED)


def _playout(turn: Turn) -> Playout:
    if turn.playout is None:
        raise RuntimeError("nobody is speaking")
    return turn.playout
