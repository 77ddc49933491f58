"""From what the listener hears to what it means for the turn at hand: speech begins, pauses, goes on, or is endless."""

from typing import Protocol, assert_never

from voice.core.clock import Clock
from voice.core.config import Config
from voice.core.interfaces import SAMPLE_RATE_HZ
from voice.core.trace import Mark
from voice.session.listener import Listener
from voice.session.turn import Turn
from voice.turn.table import TurnState
from voice.vad.detect import SilenceBegan, SilenceGoesOn, SpeechDetected, SpeechEvent, SpeechResumed

LATE_DETECTOR_S = 0.15
"""By how much the detector may let go too late, in reverberation and noise."""
REOPEN_EVERY_S = 1.0
"""A turn is not reopened more often: who speaks on and on over a reply interrupts it."""
MOST_TURN_S = 600.0
"""A turn that is longer is answered as it is: that is no person at the microphone any more."""


class HearingHooks(Protocol):
    """The conversation, as far as what is heard concerns it."""

    @property
    def state(self) -> TurnState:
        """What it is doing."""
        ...

    @property
    def turn(self) -> Turn | None:
        """The turn at hand."""
        ...

    @property
    def listener(self) -> Listener:
        """Who hears."""
        ...

    def speech_started(self, from_sample: int, *, goes_on: bool) -> None:
        """Speech began at a sample (pre-roll included); it may belong to the turn that is being answered."""
        ...

    def speech_paused(self) -> None:
        """The user is silent."""
        ...

    def speech_resumed(self) -> None:
        """The user is silent no more."""
        ...

    def window_over_reply(self, probability: float) -> None:
        """One more window while a reply is spoken or held."""
        ...

    def end_of_turn(self, turn: int) -> None:
        """A turn is over, whatever the evidence."""
        ...


class Hearing:
    """Takes what the listener tells (:class:`~voice.session.listener.ListenerHooks`)."""

    def __init__(self, hooks: HearingHooks, config: Config, clock: Clock) -> None:
        self._hooks = hooks
        self._config = config
        self._clock = clock

    def speech_event(self, event: SpeechEvent) -> None:
        """Speech began, paused, went on."""
        match event:
            case SpeechDetected(start_sample):
                pre_roll = self._config.vad.pre_roll_ms * SAMPLE_RATE_HZ // 1000
                goes_on = self._hooks.state is TurnState.REPLYING and self._goes_on(start_sample)
                self._hooks.speech_started(max(0, start_sample - pre_roll), goes_on=goes_on)
            case SpeechResumed():
                self._hooks.speech_resumed()
            case SilenceBegan(speech_end_sample) | SilenceGoesOn(speech_end_sample):
                self._silence(speech_end_sample)
            case _:
                assert_never(event)

    def level_dipped(self) -> None:
        """The level has just fallen in the middle of speech."""
        if self._hooks.turn is not None and self._hooks.state is TurnState.LISTENING:
            self._hooks.turn.transcriber.transcribe_at_dip()

    def window_heard(self, probability: float) -> None:
        """One more window was looked at."""
        state, turn, listener = self._hooks.state, self._hooks.turn, self._hooks.listener
        if state is TurnState.HELD or (state is TurnState.REPLYING and not self._goes_on(listener.tracker.samples)):
            self._hooks.window_over_reply(probability)
        elif turn is not None and state is TurnState.LISTENING:
            turn.transcriber.keep_within(self._config.vad.max_utterance_s)
            if listener.ring.end - turn.start_sample >= MOST_TURN_S * SAMPLE_RATE_HZ:
                turn.paused(listener.ring.end, self._clock.now_s())
                self._hooks.speech_paused()
                self._hooks.end_of_turn(turn.number)

    def _silence(self, speech_end_sample: int) -> None:
        listener, turn = self._hooks.listener, self._hooks.turn
        silence_ms = (listener.tracker.samples - speech_end_sample) * 1000 / SAMPLE_RATE_HZ
        if turn is None or self._hooks.state is not TurnState.LISTENING or silence_ms < self._config.turn.preempt_silence_ms:
            return
        turn.paused(speech_end_sample, listener.samples.time_of(self._last_voiced(speech_end_sample)))
        self._hooks.speech_paused()

    def _last_voiced(self, speech_end_sample: int) -> int:
        """The end of speech: where the level fell, if that was shortly before the detector let go."""
        quiet_since = self._hooks.listener.quiet_since
        if quiet_since is None or not 0 <= speech_end_sample - quiet_since <= LATE_DETECTOR_S * SAMPLE_RATE_HZ:
            return speech_end_sample
        return quiet_since

    def _goes_on(self, sample: int) -> bool:
        """Whether speech that begins at ``sample`` belongs to the turn that is being answered."""
        turn, listener = self._hooks.turn, self._hooks.listener
        if turn is None or turn.typed is not None:
            return False
        if sample - turn.start_sample >= MOST_TURN_S * SAMPLE_RATE_HZ:
            return False
        if turn.reopened_at_s is not None and self._clock.now_s() - turn.reopened_at_s < REOPEN_EVERY_S:
            return False
        first_audio_s = turn.trace.marks.get(Mark.FIRST_AUDIO_SENT)
        window_s = self._config.turn.reopen_window_ms / 1000
        return first_audio_s is None or listener.samples.time_of(sample) - first_audio_s < window_s
