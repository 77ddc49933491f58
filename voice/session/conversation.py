"""One conversation: turns what happens into inputs of the turn table, and the table's actions into deeds.

Strategy: everything that happens (the detector, a timer, a transcript, a reply's end) becomes an
:class:`~voice.turn.table.TurnInput`; :meth:`Conversation._happened` looks up the row and does its actions at once, without
awaiting, so that no two inputs ever interleave. All waiting is in tasks, and every task belongs to the conversation's one
:class:`asyncio.TaskGroup`. What the parts of a turn have to tell comes in by the hooks (:mod:`voice.turn.hooks`) alone.
"""

import asyncio
import logging
import secrets

from voice.core.budget import pace_ms
from voice.core.channel import Channel, WhenFull
from voice.core.clock import Clock, MonotonicClock
from voice.core.config import Config
from voice.core.errors import Overloaded
from voice.core.interfaces import Message, Samples
from voice.core.trace import Mark, TraceLog, TurnTrace, wall_offset_s
from voice.cost.ledger import Ledger
from voice.engines import Engines
from voice.route.placing import Placing
from voice.session import events as out
from voice.session.barge_in import BargeIn
from voice.session.chats import SOME_WORD, Chats
from voice.session.context import SessionContext
from voice.session.effects import Effects
from voice.session.endpointing import Endpointing
from voice.session.hearing import Hearing
from voice.session.listener import Listener
from voice.session.preemptive import PreemptiveReply
from voice.session.records import TurnRecorder
from voice.session.speaker import Speaker
from voice.session.stages import stages_of
from voice.session.tasks import SessionTasks, TurnTasks
from voice.session.transcription import IncrementalTranscriber
from voice.session.turn import Turn
from voice.skills.session import SkillSession
from voice.turn.table import IllegalInput, TurnAction, TurnInput, TurnState, step

_log = logging.getLogger(__name__)


class Conversation:
    """A spoken (or typed) conversation with the assistant.

    Push audio and text in, iterate over :attr:`events`, and keep :meth:`run` running. Belongs to one event loop. It implements
    :class:`~voice.session.context.SessionHooks` and :class:`~voice.session.barge_in.BargeInHooks` for its parts.

    Args:
        strict: raise what can only be a fault of the program (an illegal input of the turn table) instead of logging it.

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
        strict: bool = False,
    ) -> None:
        self._engines = engines
        self._config = config
        self._clock = clock or MonotonicClock()
        self._strict = strict
        self._name = secrets.token_hex(4)
        self._wall_offset_s = wall_offset_s(self._clock.now_s())
        self._hearing = Hearing(self, config, self._clock)
        self._listener = Listener(engines.detector(), config.vad, self._clock, self._hearing)
        self._chats = Chats(engines)
        self._placing = Placing(engines.router) if engines.router is not None else None
        self._recorder = TurnRecorder(self._name, config, self._clock, self._wall_offset_s, self._placing, trace, ledger)
        self._skills = None if engines.skills is None else SkillSession(engines.skills, self._clock, self)
        self._tasks = SessionTasks(self._name)
        self._context = SessionContext(engines, config, self._clock, self._listener, self._tasks, self)
        self._endpointing = Endpointing(self._context)
        self._effects = Effects(self._context, self._skills)
        self._speaker = Speaker(self._context, self._skills, self._effects)
        self._barge_in = BargeIn(self._listener, engines.recognizer, config, self._tasks, self)
        self._state = TurnState.IDLE
        self._turn: Turn | None = None
        self._turns = 0
        self._speech_start = 0
        self._closing = asyncio.Event()
        self._failure: Overloaded | None = None
        self._told_of_flood = False
        self.events: Channel[out.Event] = Channel(1024, WhenFull.FAIL, name="events")
        """What happens, for one consumer; ends after :meth:`close`."""

    # --- from outside --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hold the conversation until :meth:`close` or cancellation; every task has ended when it returns.

        Raises:
            Overloaded: the client takes no events.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks.group:
                self._tasks.start(self._listener.run(), "listen")
                self._warm_cloud()
                if self._skills is not None:
                    self._skills.open()
                try:
                    await self._closing.wait()
                finally:
                    self.close()  # nothing that still happens begins anything
                self._tasks.cancel()
        finally:
            self._tasks.group = None
            if self._turn is not None:
                self._finish_turn(self._turn, "session_closed")
            self._chats.close()
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
            self.emit(out.Notice("audio_dropped", "Audio arrives faster than it can be heard; the oldest part was dropped."))

    def push_text(self, text: str) -> None:
        """Take a typed turn. It interrupts what is under way, as speech would."""
        text = text.strip()
        if text and self._tasks.group is not None:
            self._happened(TurnInput.TEXT_TYPED, typed=text)

    def played(self, turn: int, ms: float, clears: int | None = None) -> None:
        """The client has played ``ms`` of the reply of ``turn`` (else reckoned), after so many clears of that turn."""
        if (at_hand := self._at_hand(turn)) is not None:
            at_hand.played(ms, clears, self._clock.now_s())

    def label(self, *, user: str = "", feature: str = "") -> None:
        """The turns from now on and the timers that ring are this user's, and for this feature; empty changes nothing."""
        self._recorder.label(user=user, feature=feature)
        if self._skills is not None:
            self._skills.belong_to(user)

    def close(self) -> None:
        """End the conversation. May be called again, and before :meth:`run`."""
        self._closing.set()

    # --- what the parts of a turn tell (TurnHooks) ---------------------------------------------------------------------------

    def partial(self, turn: int, text: str, stable_chars: int) -> None:
        """Tell it, and begin a reply to it; or else take all but its last word into the language models' caches."""
        at_hand = self._at_hand(turn)
        if at_hand is None or at_hand.committed:
            return
        at_hand.trace.mark(Mark.PARTIAL, self._clock.now_s())
        self.emit(out.PartialTranscript(turn, text, stable_chars))
        if self._state is not TurnState.LISTENING:
            return
        begun, so_far = at_hand.reply.begin(text), text.rpartition(" ")[0]
        if so_far:
            messages = self._recorder.history.messages(Message("user", so_far))
            self._tasks.start(self._chats.read_ahead_large(messages), "read ahead")
            if not begun:
                at_hand.tasks.start(self._chats.read_ahead(messages), "prefill")

    def reply_ready(self, turn: int) -> None:
        """See :class:`~voice.turn.hooks.ReplyHooks`."""
        if (at_hand := self._at_hand(turn)) is not None:
            self._endpointing.reply_ready(at_hand)

    def turn_over(self, turn: int) -> None:
        """See :class:`~voice.turn.hooks.TurnHooks`."""
        if (at_hand := self._at_hand(turn)) is not None:
            at_hand.ended()

    def reply_late(self, turn: int) -> None:
        """See :class:`~voice.turn.hooks.TurnHooks`."""
        if (at_hand := self._at_hand(turn)) is not None:
            self._endpointing.reply_late(at_hand)

    def end_of_turn(self, turn: int) -> None:
        """See :class:`~voice.turn.hooks.TurnHooks`."""
        if self._at_hand(turn) is not None:
            self._happened(TurnInput.END_OF_TURN)

    def nothing_said(self, turn: int) -> None:
        """See :class:`~voice.turn.hooks.TurnHooks`."""
        if self._at_hand(turn) is not None:
            self._happened(TurnInput.NOTHING_SAID)

    def reply_ended(self, turn: int) -> None:
        """See :class:`~voice.turn.hooks.TurnHooks`."""
        if self._at_hand(turn) is not None:
            self._happened(TurnInput.REPLY_ENDED)

    def emit(self, event: out.Event) -> None:
        """See :class:`~voice.session.context.SessionHooks`."""
        try:
            self.events.put_nowait(event)
        except Overloaded:
            self._failure = Overloaded(f"the client left {self.events.capacity} events waiting")
            self.close()

    def _at_hand(self, number: int) -> Turn | None:
        """The turn with this number, if it is the one at hand."""
        return self._turn if self._turn is not None and self._turn.number == number else None

    # --- what is heard (HearingHooks) ----------------------------------------------------------------------------------------

    @property
    def state(self) -> TurnState:
        """What the conversation is doing."""
        return self._state

    @property
    def turn(self) -> Turn | None:
        """The turn at hand."""
        return self._turn

    @property
    def listener(self) -> Listener:
        """Who hears."""
        return self._listener

    def speech_started(self, from_sample: int, *, goes_on: bool) -> None:
        """Speech began at a sample (pre-roll included); it may belong to the turn that is being answered."""
        self._speech_start = from_sample
        self._happened(TurnInput.USER_WENT_ON if goes_on else TurnInput.SPEECH_STARTED)

    def speech_paused(self) -> None:
        """The user is silent."""
        self._happened(TurnInput.SPEECH_PAUSED)

    def speech_resumed(self) -> None:
        """The user is silent no more."""
        self._happened(TurnInput.SPEECH_RESUMED)

    def window_over_reply(self, probability: float) -> None:
        """One more window while a reply is spoken or held."""
        self._barge_in.window(probability)

    # --- what sounds over a reply (BargeInHooks) -----------------------------------------------------------------------------

    def heard_of_reply(self) -> str:
        """See :class:`~voice.session.barge_in.BargeInHooks`."""
        return "" if self._turn is None else self._turn.heard(self._clock.now_s())

    def sound_over_reply(self) -> None:
        """See :class:`~voice.session.barge_in.BargeInHooks`."""
        self._happened(TurnInput.SOUND_OVER_REPLY)

    def interruption_confirmed(self) -> None:
        """See :class:`~voice.session.barge_in.BargeInHooks`."""
        self._speech_start = self._barge_in.take_over(self._speech_start)
        self._happened(TurnInput.INTERRUPTION_CONFIRMED)

    def interruption_dismissed(self) -> None:
        """See :class:`~voice.session.barge_in.BargeInHooks`."""
        self._happened(TurnInput.INTERRUPTION_DISMISSED)

    # --- what skills tell (SkillHooks) ---------------------------------------------------------------------------------------

    def alert_due(self) -> None:
        """See :class:`~voice.skills.session.SkillHooks`."""
        if self._state is TurnState.IDLE and self._tasks.group is not None:
            self._happened(TurnInput.ALERT_DUE)

    def alerts_waiting(self, count: int) -> None:
        """See :class:`~voice.skills.session.SkillHooks`."""
        self.emit(out.AlertsWaiting(count))

    # --- what happens, and what is done --------------------------------------------------------------------------------------

    def _happened(self, what: TurnInput, *, typed: str | None = None) -> None:
        if self._closing.is_set():
            return
        try:
            row = step(self._state, what)
        except IllegalInput:
            if self._strict:
                raise
            _log.exception("an input of the turn table was dropped")
            return
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
            self._open_turn(typed, is_alert=why is TurnInput.ALERT_DUE)
            return
        turn = self._turn
        if turn is None:
            raise RuntimeError(f"there is no turn to {action}")
        match action:
            case TurnAction.PREPARE_REPLY:
                self._endpointing.begin(turn)
            case TurnAction.TAKE_BACK_REPLY:
                turn.take_back()
                self._follow(turn)
            case TurnAction.OPEN_GATE:
                self._speaker.open_gate(turn)
            case TurnAction.HOLD_AUDIO:
                self._speaker.hold(turn)
            case TurnAction.RESUME_AUDIO:
                self._speaker.resume(turn)
            case TurnAction.CLEAR_AUDIO:
                self._speaker.clear(turn)
            case TurnAction.REOPEN_TURN:
                turn.reopen(self._clock.now_s())
                self.emit(out.TurnReopened(turn.number))
                self._follow(turn)
            case TurnAction.CLOSE_TURN:
                self._finish_turn(turn, turn.end_reason(why))

    def _open_turn(self, typed: str | None, *, is_alert: bool) -> None:
        self._turns += 1
        if self._placing is not None:
            self._placing.begin_turn()
        trace = TurnTrace(self._turns, self._name, self._wall_offset_s)
        transcriber = IncrementalTranscriber(self._context, self._turns, self._speech_start)
        stages = stages_of(self._engines, self._config, self._clock, self._chats, self._placing, self._skills)
        reply = PreemptiveReply(self._turns, stages, self._recorder.history, transcriber.idle, self._tasks, self)
        alert = self._skills.take_alert() if is_alert and self._skills is not None else None
        turn = self._turn = Turn(
            self._turns,
            self._speech_start,
            trace,
            transcriber,
            reply,
            TurnTasks(self._tasks),
            typed="" if is_alert else typed,
            alert=alert,
        )
        if turn.typed is not None:
            self._listener.tracker.close()
            self._barge_in.forget()  # what sounded over the reply before says nothing of this one
            turn.paused(self._listener.ring.end, self._clock.now_s())
            return
        started_s = self._listener.samples.time_of(turn.start_sample)
        trace.mark(Mark.SPEECH_START, started_s)
        self.emit(out.SpeechStarted(turn.number, started_s))
        self._warm_cloud()
        self._follow(turn)

    def _follow(self, turn: Turn) -> None:
        """Transcribe what is being said, as closely as the processor allows, until the user pauses."""
        turn.tasks.start(self._transcribe_now_and_then(turn), "transcribe")

    async def _transcribe_now_and_then(self, turn: Turn) -> None:
        while True:
            await asyncio.sleep(pace_ms(self._engines.forecasts, self._config.asr.partial_interval_ms) / 1000)
            turn.transcriber.maybe_transcribe()

    def _warm_cloud(self) -> None:
        """Its connection is opened before it is needed; whatever is said."""
        if self._engines.cloud is not None and self._config.route.mode != "edge":
            self._tasks.start(self._engines.cloud.warm(), "warm")

    def _finish_turn(self, turn: Turn, reason: out.ReplyEnd) -> None:
        self._turn = None
        turn.close()
        if reason == "nothing_said":
            self._listener.tracker.close()
        record = self._recorder.close(turn, reason)
        attempt = turn.reply.attempt
        if turn.committed and attempt is not None and self._skills is not None:
            if not self._closing.is_set():
                self._effects.take(turn)
            self._skills.replied(attempt.reply, repeatable=attempt.repeatable)
            if turn.alert is not None and reason == "session_closed":
                self._skills.not_heard(turn.alert)
        self.emit(out.ReplyEnded(turn.number, reason))
        self.emit(out.TurnTraced(turn.number, record))
        if not self._closing.is_set():
            messages = self._recorder.history.messages(Message("user", SOME_WORD))
            self._tasks.start(self._chats.read_ahead(messages), "reread")
            self._tasks.start(self._chats.read_ahead_large(messages), "reread by the second speed")
            self._warm_cloud()
