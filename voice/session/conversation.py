"""One conversation: turns what happens into inputs of the turn table, and the table's actions into deeds.

Strategy: everything that happens (the detector, a timer, a transcript, a reply's end) becomes an
:class:`~voice.turn.table.TurnInput`; :meth:`Conversation._happened` looks up the row and does its actions at once, without
awaiting, so that no two inputs ever interleave. All waiting is in tasks, and every task belongs to the conversation's one
:class:`asyncio.TaskGroup`.
"""

import asyncio
import contextlib
import secrets
from typing import assert_never

from voice.core.budget import pace_ms
from voice.core.channel import Channel, WhenFull
from voice.core.clock import Clock, MonotonicClock
from voice.core.config import Config
from voice.core.errors import Overloaded, VoiceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Message, Samples
from voice.core.trace import Mark, TraceLog, TurnTrace, wall_offset_s
from voice.cost.ledger import Ledger
from voice.engines import Engines
from voice.reply.answer import Stages
from voice.route.confidence import CALIBRATIONS
from voice.route.placing import Placing
from voice.session import events as out
from voice.session.barge_in import BargeIn
from voice.session.context import SessionContext, SessionTasks
from voice.session.effects import Effects
from voice.session.endpointing import Endpointing
from voice.session.listener import Listener
from voice.session.preemptive import PreemptiveReply
from voice.session.records import TurnRecorder
from voice.session.speaker import Speaker
from voice.session.transcription import IncrementalTranscriber
from voice.session.turn import Turn
from voice.skills.session import SkillSession
from voice.turn.table import TurnAction, TurnInput, TurnState, step
from voice.vad.detect import SilenceBegan, SilenceGoesOn, SpeechDetected, SpeechEvent, SpeechResumed

LATE_DETECTOR_S = 0.15
"""By how much the detector may let go too late, in reverberation and noise."""
SOME_WORD = "What"
"""Stands for whatever the user says next: a model reads everything before it ahead of time, and not the word itself."""
_PAUSE_MARKS = (Mark.SPEECH_END, Mark.VAD_SILENCE, Mark.PROSODY, Mark.ASR_FINAL)
_AUDIO_MARKS = (Mark.FIRST_AUDIO_SENT, Mark.ANSWER_HEARD, Mark.LAST_AUDIO_SENT)
_REPLY_MARKS = (*_PAUSE_MARKS, Mark.END_OF_TURN, *_AUDIO_MARKS, Mark.BARGE_IN)


class Conversation:
    """A spoken (or typed) conversation with the assistant.

    Push audio and text in, iterate over :attr:`events`, and keep :meth:`run` running. Belongs to one event loop.

    Raises:
        ChatBusy: the language model holds as many conversations as it can.
    """

    def __init__(
        self,
        engines: Engines,
        config: Config,
        *,
        clock: Clock | None = None,
        trace: TraceLog | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self._engines = engines
        self._config = config
        self._clock = clock or MonotonicClock()
        self._name = secrets.token_hex(4)
        self._wall_offset_s = wall_offset_s(self._clock.now_s())
        self._listener = Listener(engines.detector(), config.vad, self._clock, self._on_vad, self._on_window, self._on_dip)
        self._chat = engines.chat_model.open()
        self._placing = Placing(engines.router) if engines.router is not None else None
        self._recorder = TurnRecorder(self._name, config, self._clock, self._wall_offset_s, self._placing, trace, ledger)
        self._skills = None if engines.skills is None else SkillSession(engines.skills, self._clock, self._on_alert)
        self._tasks = SessionTasks(self._name)
        context = SessionContext(engines, config, self._clock, self._listener, self._tasks, self._happened, self._emit)
        self._endpointing = Endpointing(context)
        self._effects = Effects(context, self._skills)
        self._speaker = Speaker(context, self._skills, self._effects)
        self._state = TurnState.IDLE
        self._turn: Turn | None = None
        self._turns = 0
        self._speech_start = 0
        self._barge_in = BargeIn(self._listener, engines.recognizer, config, self._tasks.start, self._heard, self._on_overlap)
        self._closing = asyncio.Event()
        self._failure: Overloaded | None = None
        self._told_of_flood = False
        self.events: Channel[out.Event] = Channel(1024, WhenFull.FAIL, name="events")
        """What happens, for one consumer; ends after :meth:`close`."""

    # --- from outside --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hold the conversation until :meth:`close` or cancellation; every task has ended when it returns.

        Raises:
            Overloaded: nobody takes the events.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks.group:
                self._tasks.start(self._listener.run(), "listen")
                self._warm_cloud()
                try:
                    await self._closing.wait()
                finally:
                    self.close()  # nothing that still happens begins anything
                self._tasks.cancel()
        finally:
            self._tasks.group = None
            if self._turn is not None:
                self._finish_turn(self._turn, "session_closed")
            self._chat.close()
            if self._skills is not None:
                self._skills.close()
            self.events.close()
        if self._failure is not None:
            raise self._failure

    def push_audio(self, samples: Samples) -> None:
        """Take microphone audio: 16 kHz float32 mono, any length. Never waits.

        Audio that comes faster than it can be looked at loses its oldest part, with one notice a conversation.
        """
        if not self._listener.push(samples) and not self._told_of_flood:
            self._told_of_flood = True
            self._emit(out.Notice("audio_dropped", "Audio arrives faster than it can be heard; the oldest part was dropped."))

    def push_text(self, text: str) -> None:
        """Take a typed turn. It interrupts what is under way, as speech would."""
        text = text.strip()
        if text and self._tasks.group is not None:
            self._happened(TurnInput.TEXT_TYPED, typed=text)

    def played(self, turn: int, ms: float) -> None:
        """The client says that it has played ``ms`` of the reply of ``turn``; otherwise that is reckoned."""
        if self._turn is not None and self._turn.number == turn and self._turn.playout is not None:
            self._turn.playout.playback.report(ms, self._clock.now_s())

    def label(self, *, user: str = "", feature: str = "") -> None:
        """Write what the turns from now on cost down for this user and feature; empty changes nothing."""
        self._recorder.label(user=user, feature=feature)

    def close(self) -> None:
        """End the conversation. May be called again, and before :meth:`run`."""
        self._closing.set()

    # --- what happens --------------------------------------------------------------------------------------------------------

    def _happened(self, what: TurnInput, *, typed: str | None = None) -> None:
        if self._closing.is_set():
            return
        row = step(self._state, what)
        self._state = row.to
        for action in row.actions:
            self._do(action, what, typed)
        if self._state is TurnState.IDLE and (self._barge_in.sound is not None or self._listener.tracker.speaking):
            # the reply ended while somebody was already speaking: that is the next turn
            self._speech_start = self._barge_in.take_over(self._speech_start)
            self._happened(TurnInput.SPEECH_STARTED)
        elif self._state is TurnState.IDLE and self._skills is not None and self._skills.alert_due:
            self._happened(TurnInput.ALERT_DUE)
        elif self._state not in {TurnState.REPLYING, TurnState.HELD}:
            self._barge_in.forget()

    def _do(self, action: TurnAction, why: TurnInput, typed: str | None) -> None:
        if action is TurnAction.OPEN_TURN:
            self._open_turn(typed if why is not TurnInput.ALERT_DUE else "")
            if why is TurnInput.ALERT_DUE and self._skills is not None and self._turn is not None:
                self._turn.alert = self._skills.take_alert()
            return
        turn = self._turn
        if turn is None:
            raise RuntimeError(f"there is no turn to {action}")
        match action:
            case TurnAction.PREPARE_REPLY:
                self._endpointing.begin(turn)
            case TurnAction.TAKE_BACK_REPLY:
                self._take_back(turn)
            case TurnAction.OPEN_GATE:
                self._speaker.open_gate(turn)
            case TurnAction.HOLD_AUDIO:
                self._speaker.hold(turn)
            case TurnAction.RESUME_AUDIO:
                self._speaker.resume(turn)
            case TurnAction.CLEAR_AUDIO:
                self._speaker.clear(turn)
            case TurnAction.REOPEN_TURN:
                self._reopen(turn)
            case TurnAction.CLOSE_TURN:
                self._finish_turn(turn, self._reason(turn, why))

    def _on_vad(self, event: SpeechEvent) -> None:
        match event:
            case SpeechDetected(start_sample):
                pre_roll = self._config.vad.pre_roll_ms * SAMPLE_RATE_HZ // 1000
                self._on_speech(max(0, start_sample - pre_roll), start_sample)
            case SpeechResumed():
                self._happened(TurnInput.SPEECH_RESUMED)
            case SilenceBegan(speech_end_sample) | SilenceGoesOn(speech_end_sample):
                self._on_silence(speech_end_sample)
            case _:
                assert_never(event)

    def _on_speech(self, from_sample: int, start_sample: int) -> None:
        self._speech_start = from_sample
        if self._state is TurnState.REPLYING and self._goes_on(start_sample):
            self._happened(TurnInput.USER_WENT_ON)
        else:
            self._happened(TurnInput.SPEECH_STARTED)

    def _goes_on(self, sample: int) -> bool:
        """Whether speech that begins at ``sample`` belongs to the turn that is being answered."""
        turn = self._turn
        if turn is None or turn.typed is not None:
            return False
        first_audio_s = turn.trace.marks.get(Mark.FIRST_AUDIO_SENT)
        window_s = self._config.turn.reopen_window_ms / 1000
        return first_audio_s is None or self._listener.samples.time_of(sample) - first_audio_s < window_s

    def _on_silence(self, speech_end_sample: int) -> None:
        silence_ms = (self._listener.tracker.samples - speech_end_sample) * 1000 / SAMPLE_RATE_HZ
        if self._state is TurnState.LISTENING and silence_ms >= self._config.turn.preempt_silence_ms and self._turn is not None:
            self._turn.speech_end_sample = speech_end_sample
            self._turn.trace.mark(Mark.SPEECH_END, self._listener.samples.time_of(self._last_voiced(speech_end_sample)))
            self._happened(TurnInput.SPEECH_PAUSED)

    def _last_voiced(self, speech_end_sample: int) -> int:
        """The end of speech: where the level fell, if that was shortly before the detector let go."""
        quiet_since = self._listener.quiet_since
        if quiet_since is None or not 0 <= speech_end_sample - quiet_since <= LATE_DETECTOR_S * SAMPLE_RATE_HZ:
            return speech_end_sample
        return quiet_since

    def _on_window(self, probability: float) -> None:
        if self._state is TurnState.HELD or (
            self._state is TurnState.REPLYING and not self._goes_on(self._listener.tracker.samples)
        ):
            self._barge_in.window(probability)
        turn = self._turn
        if turn is not None and self._state is TurnState.LISTENING:
            length_s = (self._listener.ring.end - turn.start_sample) / SAMPLE_RATE_HZ
            if length_s >= self._config.vad.max_utterance_s:
                turn.speech_end_sample = self._listener.ring.end
                turn.trace.mark(Mark.SPEECH_END, self._clock.now_s())
                self._happened(TurnInput.SPEECH_PAUSED)
                self._happened(TurnInput.END_OF_TURN)

    # --- a turn of the user's ------------------------------------------------------------------------------------------------

    def _open_turn(self, typed: str | None) -> None:
        self._turns += 1
        if self._placing is not None:
            self._placing.begin_turn()
        trace = TurnTrace(self._turns, self._name, self._wall_offset_s)
        transcriber = IncrementalTranscriber(
            self._listener, self._engines, self._clock, self._tasks.start, lambda *said: self._on_partial(turn, *said)
        )
        reply = PreemptiveReply(
            self._stages(),
            self._recorder.history,
            transcriber.idle,
            self._tasks.start,
            lambda: self._endpointing.on_ready(turn),
        )
        turn = self._turn = Turn(self._turns, self._speech_start, trace, transcriber, reply, typed)
        now_s = self._clock.now_s()
        if typed is not None:
            self._listener.tracker.close()
            trace.mark(Mark.SPEECH_END, now_s)
            return
        started_s = self._listener.samples.time_of(turn.start_sample)
        trace.mark(Mark.SPEECH_START, started_s)
        self._emit(out.SpeechStarted(turn.number, started_s))
        self._warm_cloud()
        self._tasks.start_for(turn, self._transcribe_now_and_then(turn), "looks")

    async def _transcribe_now_and_then(self, turn: Turn) -> None:
        """Follow what is being said, as closely as the processor allows."""
        while True:
            await asyncio.sleep(pace_ms(self._engines.forecasts, self._config.asr.partial_interval_ms) / 1000)
            turn.transcriber.maybe_transcribe(turn.start_sample)

    def _warm_cloud(self) -> None:
        """Its connection is opened before it is needed; whatever is said."""
        if self._engines.cloud is not None and self._config.route.mode != "edge":
            self._tasks.start(self._engines.cloud.warm(), "warm")

    def _on_dip(self) -> None:
        if self._turn is not None and self._state is TurnState.LISTENING:
            self._turn.transcriber.transcribe_at_dip(self._turn.start_sample)

    def _on_partial(self, turn: Turn, text: str, stable_chars: int) -> None:
        """Tell it, and draft a reply to it; or else take all but its last word into the language model's cache.

        What turns out otherwise costs nothing more: the cache keeps what agrees.
        """
        if turn is not self._turn or turn.committed:
            return
        turn.trace.mark(Mark.PARTIAL, self._clock.now_s())
        self._emit(out.PartialTranscript(turn.number, text, stable_chars))
        if self._state is TurnState.LISTENING and not turn.reply.draft(text) and (so_far := text.rpartition(" ")[0]):
            self._tasks.start_for(turn, self._prefill(so_far), "prefill")

    async def _prefill(self, said: str) -> None:
        with contextlib.suppress(VoiceError):
            await self._chat.prefill(self._recorder.history.messages(Message("user", said)))

    def _stages(self) -> Stages:
        return Stages(
            chat=self._chat,
            synthesizer=self._engines.synthesizer,
            forecasts=self._engines.forecasts,
            clock=self._clock,
            first_clause_words=self._config.tts.first_clause_words,
            max_reply_tokens=self._config.llm.max_reply_tokens,
            placing=self._placing,
            skills=None if self._skills is None else self._skills.ask,
            cloud=self._engines.cloud,
            cloud_tokens=self._config.cloud.max_tokens,
            keeps_cloud_warm=self._config.cloud.warm == "prefix",
            calibration=CALIBRATIONS.get(self._config.llm.model),
            waiting=self._engines.waiting,
        )

    def _take_back(self, turn: Turn) -> None:
        turn.cancel_tasks()
        turn.takebacks += 1
        turn.transcript = None
        turn.trace.forget(*_REPLY_MARKS)
        if turn.committed:
            turn.reply.take_back()
        else:
            turn.reply.unsettle()
            self._tasks.start_for(turn, self._transcribe_now_and_then(turn), "looks")

    def _reopen(self, turn: Turn) -> None:
        turn.committed = False
        turn.playout = None
        turn.reopenings += 1
        turn.trace.forget(*_REPLY_MARKS)
        self._emit(out.TurnReopened(turn.number))
        self._tasks.start_for(turn, self._transcribe_now_and_then(turn), "looks")

    # --- the reply -----------------------------------------------------------------------------------------------------------

    def _on_alert(self) -> None:
        if self._state is TurnState.IDLE and self._tasks.group is not None:
            self._happened(TurnInput.ALERT_DUE)

    def _reason(self, turn: Turn, why: TurnInput) -> out.ReplyEnd:
        if why is TurnInput.NOTHING_SAID:
            return "nothing_said"
        if why is not TurnInput.REPLY_ENDED:
            return "interrupted"
        attempt = turn.reply.attempt
        return "completed" if attempt is not None and attempt.failure is None else "failed"

    def _finish_turn(self, turn: Turn, reason: out.ReplyEnd) -> None:
        self._turn = None
        turn.cancel_tasks()
        turn.transcriber.cancel()
        turn.reply.stop()
        if reason == "nothing_said":
            self._listener.tracker.close()
        record = self._recorder.close(turn, reason)
        attempt = turn.reply.attempt
        if turn.committed and attempt is not None and self._skills is not None:
            if not self._closing.is_set():
                self._effects.take(turn)
            self._skills.replied(attempt.reply, repeatable=attempt.repeatable)
        self._emit(out.ReplyEnded(turn.number, reason))
        self._emit(out.TurnTraced(turn.number, record))
        if not self._closing.is_set():
            self._tasks.start(self._prefill(SOME_WORD), "reread")
            self._warm_cloud()

    def _on_overlap(self, what: TurnInput) -> None:
        if what is TurnInput.INTERRUPTION_CONFIRMED:
            self._speech_start = self._barge_in.take_over(self._speech_start)
        self._happened(what)

    def _heard(self) -> str:
        return "" if self._turn is None else self._turn.heard(self._clock.now_s())

    # --- plumbing ------------------------------------------------------------------------------------------------------------

    def _emit(self, event: out.Event) -> None:
        try:
            self.events.put_nowait(event)
        except Overloaded:
            self._failure = Overloaded(f"the client left {self.events.capacity} events waiting")
            self.close()
