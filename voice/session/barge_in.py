"""A sound over the reply: when it begins, what is known of it, and what becomes of the reply.

Strategy: every window of the detector comes by here while the assistant speaks. As soon as one may be speech the reply is
held, recognition listens to the sound while it goes on and when it ends, and every new piece of evidence is put before the
judge. A sound that goes on without a verdict loses its hold on the reply but is still listened to.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from voice.core.budget import STAGE_WITHIN_S
from voice.core.config import Config
from voice.core.errors import VoiceError
from voice.core.interfaces import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Recognizer
from voice.core.worker import Priority
from voice.session.listener import Listener
from voice.session.tasks import SessionTasks
from voice.turn.interruption import (
    SECOND_HEARING_MS,
    WINDOW_MS,
    InterruptionVerdict,
    OverlapOnset,
    Sound,
    Words,
    judge,
    repeats,
    speech_confidence,
)

LOOK_EVERY_MS = 256.0
"""Of speech."""
LET_GO_LOOK_EVERY_MS = 1024.0
"""The same once the reply goes on under the sound."""
LET_GO_END_MS = 192.0
"""So much silence ends a sound that has lost its hold."""
MAX_LOOK_S = 8.0
"""Recognition hears no more than the end of a sound that goes on and on."""
JUST_SAID_WORDS = 12
"""So many of the reply's last words may come back as an echo."""


class OverlappingSound:
    """What is known of one sound. Pure bookkeeping.

    Args:
        start_sample: where its audio begins (pre-roll included).
    """

    def __init__(self, start_sample: int) -> None:
        self.start_sample = start_sample
        self.speech_ms = 0.0
        self.silence_ms = 0.0
        self.held_ms = 0.0
        self.let_go = False
        self.words: Words | None = None
        self._looked_at_ms = 0.0
        self._ends_looked_at = 0.0

    def window(self, is_speech: bool) -> None:
        """Count one more window."""
        self.held_ms += WINDOW_MS
        if is_speech:
            self.speech_ms += WINDOW_MS
            self.silence_ms = 0.0
            self._ends_looked_at = 0.0
        else:
            self.silence_ms += WINDOW_MS

    @property
    def wants_words(self) -> bool:
        """Whether recognition should look at it (again): now and then, at its end, and once more behind the end."""
        every_ms = LET_GO_LOOK_EVERY_MS if self.let_go else LOOK_EVERY_MS
        if self.speech_ms - self._looked_at_ms >= every_ms:
            return True
        if self.silence_ms >= SECOND_HEARING_MS:
            return self._ends_looked_at < SECOND_HEARING_MS
        return self.silence_ms > 0 and self._looked_at_ms < self.speech_ms

    def look(self) -> Callable[[str, float, bool], None]:
        """Note that recognition looks now; takes what it says: the text, its speech_confidence, and whether it is an echo."""
        self._looked_at_ms = speech_ms = self.speech_ms
        self._ends_looked_at = silence_ms = self.silence_ms

        def answer(text: str, speech_confidence: float, is_echo: bool) -> None:
            self.words = Words(text, speech_confidence, speech_ms, silence_ms, is_echo)

        return answer

    def verdict(self) -> InterruptionVerdict:
        """What it was, as far as is known."""
        return judge(Sound(self.speech_ms, self.silence_ms, 0.0 if self.let_go else self.held_ms, self.words))


class BargeInHooks(Protocol):
    """What becomes of the sounds over a reply. Called on the event loop; nothing of it awaits or raises."""

    def heard_of_reply(self) -> str:
        """What of the reply the user has heard."""
        ...

    def sound_over_reply(self) -> None:
        """There is one: the reply is held."""
        ...

    def interruption_confirmed(self) -> None:
        """It was meant to stop the reply."""
        ...

    def interruption_dismissed(self) -> None:
        """It was not, or nobody can tell: the reply goes on."""
        ...


class BargeIn:
    """Watches for sounds over the reply and follows one at a time."""

    def __init__(
        self, listener: Listener, recognizer: Recognizer, config: Config, tasks: SessionTasks, hooks: BargeInHooks
    ) -> None:
        self._listener = listener
        self._recognizer = recognizer
        self._stop_probability = config.vad.stop_probability
        self._pre_roll = config.vad.pre_roll_ms * SAMPLE_RATE_HZ // 1000
        self._tasks = tasks
        self._hooks = hooks
        self._onset = OverlapOnset(config.turn.interrupt_speech_ms)
        self._sound: OverlappingSound | None = None
        self._look: asyncio.Task[None] | None = None

    @property
    def sound(self) -> OverlappingSound | None:
        """The sound that is being followed."""
        return self._sound

    def window(self, probability: float) -> None:
        """Take the next window's probability of speech, while a reply is spoken or held."""
        sound = self._sound
        if sound is None:
            if not self._onset.push(probability):
                return
            sound = self._sound = OverlappingSound(max(0, self._listener.tracker.samples - 2 * WINDOW_SAMPLES - self._pre_roll))
            sound.window(True)
            self._hooks.sound_over_reply()
        sound.window(probability >= self._stop_probability)
        if sound.wants_words and (self._look is None or self._look.done()):
            self._look = self._tasks.start(self._recognise(sound), "overlap")
        self._judge(sound)

    def take_over(self, fallback_sample: int) -> int:
        """Let the sound, or other speech under way, become the next turn's; returns where that turn begins.

        Args:
            fallback_sample: where the speech began that no sound over the reply was made of.
        """
        sound, tracker = self._sound, self._listener.tracker
        start_sample = fallback_sample if sound is None else sound.start_sample
        if not tracker.in_utterance:
            tracker.open(start_sample)
        self.forget()
        return max(start_sample, self._listener.ring.end - int(MAX_LOOK_S * SAMPLE_RATE_HZ))

    def forget(self) -> None:
        """Stop following; what is there begins anew. May be called at any time."""
        self._sound = None
        self._onset.reset()
        if self._look is not None:
            self._look.cancel()
            self._look = None

    async def _recognise(self, sound: OverlappingSound) -> None:
        answer = sound.look()
        ring = self._listener.ring
        audio = ring.read(max(sound.start_sample, ring.end - int(MAX_LOOK_S * SAMPLE_RATE_HZ)))
        with suppress(VoiceError, TimeoutError):  # without words the sound is given up in a while
            async with asyncio.timeout(STAGE_WITHIN_S):
                heard = await self._recognizer.transcribe(audio, priority=Priority.PARTIAL)
            just_said = " ".join(self._hooks.heard_of_reply().split()[-JUST_SAID_WORDS:])
            answer(heard.text, speech_confidence(heard.avg_logprob, heard.no_speech), repeats(heard.text, just_said))
            if sound is self._sound:
                self._judge(sound)

    def _judge(self, sound: OverlappingSound) -> None:
        if sound.let_go and sound.silence_ms >= LET_GO_END_MS:
            self._end()
            return
        match sound.verdict():
            case InterruptionVerdict.INTERRUPTION:
                if sound.let_go:
                    self._hooks.sound_over_reply()
                self._hooks.interruption_confirmed()
            case InterruptionVerdict.NOTHING if not sound.let_go:
                if sound.silence_ms > 0:
                    self._end()
                else:
                    sound.let_go = True
                self._hooks.interruption_dismissed()
            case _:
                pass

    def _end(self) -> None:
        self.forget()
        self._listener.tracker.close()
