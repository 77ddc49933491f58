"""From the open gate to the last sample: one reply is spoken, and the client is told of it as it goes."""

from voice.core.interfaces import Samples
from voice.core.trace import Mark
from voice.session import events as out
from voice.session.context import SessionContext
from voice.session.effects import Effects
from voice.session.playback import Playback
from voice.session.playout import Playout
from voice.session.turn import Turn
from voice.skills.session import SkillSession


class Speaker:
    """Speaks the replies of one conversation.

    Args:
        skills: know how loud.
        effects: what was promised is done once a reply has been heard for a while.
    """

    def __init__(self, context: SessionContext, skills: SkillSession | None, effects: Effects) -> None:
        self._context = context
        self._skills = skills
        self._effects = effects

    def open_gate(self, turn: Turn) -> None:
        """The turn is over: what is prepared, and what is being prepared, is heard from now on."""
        context = self._context
        rate_hz = context.engines.synthesizer.sample_rate_hz
        playback = Playback(rate_hz, lead_ms=context.config.budget.playback_lead_ms)
        playout = Playout(playback, context.clock, _Client(context, turn, self._skills, self._effects))
        turn.commit(playout, context.clock.now_s())
        context.listener.tracker.close()
        context.hooks.emit(out.SpeechStopped(turn.number, turn.trace.marks[Mark.SPEECH_END]))
        if turn.transcript:
            context.hooks.emit(out.FinalTranscript(turn.number, turn.transcript))
        turn.tasks.start(self._speak(turn, playout, told=bool(turn.transcript)), "speak")

    def hold(self, turn: Turn) -> None:
        """Be silent until :meth:`resume`."""
        _playout(turn).hold()
        turn.cleared()
        self._context.hooks.emit(out.ReplyPaused(turn.number))

    def resume(self, turn: Turn) -> None:
        """Go on from the last sample that was played."""
        playout = _playout(turn)
        playout.resume()
        self._context.hooks.emit(out.ReplyResumed(turn.number, playout.playback.played_ms))

    def clear(self, turn: Turn) -> None:
        """The user has interrupted: nothing more of this reply is said."""
        now_s = self._context.clock.now_s()
        turn.trace.mark(Mark.BARGE_IN, now_s)
        turn.stop()
        turn.reply.stop()
        turn.cleared()
        self._context.hooks.emit(out.AudioCleared(turn.number, turn.heard(now_s)))

    async def _speak(self, turn: Turn, playout: Playout, *, told: bool) -> None:
        context = self._context
        attempt = await turn.answer()
        if attempt is None:
            context.hooks.nothing_said(turn.number)
            return
        if turn.transcript and not told:  # the gate was opened before the words were known
            context.hooks.emit(out.FinalTranscript(turn.number, turn.transcript))
        attempt.opened(context.clock.now_s())
        await playout.run(attempt.parts)
        if attempt.failure is not None:
            context.hooks.emit(out.Notice(getattr(attempt.failure, "code", "internal"), str(attempt.failure)))
        if attempt.attribution.fallback is not None:
            context.hooks.emit(out.Notice(*attempt.attribution.fallback))
        context.hooks.reply_ended(turn.number)


class _Client:
    """Hands one reply to the client, and notes in the turn's trace when its parts were sent."""

    def __init__(self, context: SessionContext, turn: Turn, skills: SkillSession | None, effects: Effects) -> None:
        self._context = context
        self._turn = turn
        self._skills = skills
        self._effects = effects
        self._answered = False

    def send_text(self, text: str, *, own: bool) -> None:
        trace, attempt = self._turn.trace, self._turn.reply.attempt
        if own and not self._answered:
            self._answered = True
            if (first_s := trace.marks.get(Mark.FIRST_AUDIO_SENT)) is not None:
                before_s = 0.0 if attempt is None else attempt.before_own_s
                trace.mark(Mark.ANSWER_HEARD, max(self._context.clock.now_s(), first_s + before_s))
        if not (own or self._answered):
            trace.filled(text)
        self._context.hooks.emit(out.ReplyText(self._turn.number, text))

    def send_audio(self, samples: Samples, rate_hz: int) -> None:
        turn, now_s = self._turn, self._context.clock.now_s()
        if Mark.FIRST_AUDIO_SENT not in turn.trace.marks:
            turn.trace.mark(Mark.FIRST_AUDIO_SENT, now_s)
            turn.tasks.start(self._effects.take_soon(turn), "effect")
        turn.trace.mark(Mark.LAST_AUDIO_SENT, now_s)
        audible = samples if self._skills is None else self._skills.volume.apply(samples)
        self._context.hooks.emit(out.ReplyAudio(turn.number, audible, rate_hz))


def _playout(turn: Turn) -> Playout:
    if turn.playout is None:
        raise RuntimeError("no reply is being spoken")
    return turn.playout
