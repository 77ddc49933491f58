"""Looking ahead of the end of the turn: what was said so far, again and again, and how it sounded, at every dip of the voice.

Strategy: a look costs what a final transcript costs, and gives the whole text of four utterances in five while their last
100 ms are still to come. So a look is taken every now and then, and one more when the level falls, some 40 ms before the
detector is sure of a pause. When the pause turns out to be one, that look *is* the final transcript, half done already; when it
does not, it is a partial one. A dip's look replaces an older one that is still under way, unless that one has heard all of the
voice. Where there are cores enough, the prosody is heard at the same time; elsewhere only when the words leave the end open.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from voice.asr.partials import StablePrefix
from voice.core.budget import Stage
from voice.core.clock import Clock
from voice.core.cpu import cores
from voice.core.errors import VoiceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples, Transcript
from voice.core.worker import Priority
from voice.engines import Engines
from voice.session.listener import Listener

LEAST_S = 0.6
"""Of audio, pre-roll included: recognition makes nothing of less."""
ROOMY_CORES = 4
"""With fewer, a look and a draft take the processor from each other."""
REACH_SAMPLES = SAMPLE_RATE_HZ * 32 // 1000
"""A look that missed so little of the voice's decay heard it all."""
BURST_SAMPLES = SAMPLE_RATE_HZ * 80 // 1000
"""A short burst of sound, and the closure before it."""
PROSODY_S = 8
"""How much of the turn's end the turn detector hears."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """One look at the words: the task gives ``None`` when the model failed, and ends with the conversation at the latest."""

    end_sample: int
    words: "asyncio.Task[Transcript | None]"


class IncrementalTranscriber:
    """The looks at one turn.

    Args:
        start: makes a task that ends with the conversation.
        on_partial: takes each transcript and how many of its characters are stable.

    Attributes:
        idle: set while no look at the words is under way, and always where there are cores for more.
        took_ms: how long the newest finished look took.
    """

    def __init__(
        self,
        listener: Listener,
        engines: Engines,
        clock: Clock,
        start: Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"],
        on_partial: Callable[[str, int], None],
    ) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self.took_ms: float | None = None
        self._listener = listener
        self._engines = engines
        self._clock = clock
        self._start = start
        self._on_partial = on_partial
        self._roomy = cores() >= ROOMY_CORES
        self._prefix = StablePrefix()
        self._newest: Transcription | None = None
        self._melody: tuple[int, asyncio.Task[float | None]] | None = None

    @property
    def running(self) -> bool:
        """Whether a look is being taken now."""
        return self._newest is not None and not self._newest.words.done()

    def maybe_transcribe(self, start_sample: int) -> None:
        """Look at everything from ``start_sample`` on, unless there is too little of it or a look is under way."""
        if not self.running and self._listener.ring.end - start_sample >= LEAST_S * SAMPLE_RATE_HZ:
            self.transcribe(start_sample)

    def transcribe_at_dip(self, start_sample: int) -> None:
        """The level has fallen: look at everything before it, and hear its prosody."""
        ring = self._listener.ring
        if ring.end - start_sample < LEAST_S * SAMPLE_RATE_HZ:
            return
        quiet_since = self._listener.quiet_since or ring.end
        if self._listener.burst:
            quiet_since -= BURST_SAMPLES
        if self.covering(quiet_since) is None:
            self.transcribe(start_sample)
        if self._roomy:
            self._take_prosody(start_sample)

    def transcribe(self, start_sample: int) -> "Transcription":
        """Look at everything from ``start_sample`` on, and return the look; one under way is given up."""
        ring = self._listener.ring
        self._give_up_words()
        look = self._newest = Transcription(ring.end, self._start(self._recognise(ring.read(start_sample)), "look"))
        if not self._roomy:
            self.idle.clear()
            look.words.add_done_callback(self._on_looked)
        return look

    def covering(self, sample: int) -> "Transcription | None":
        """The newest look, done or under way, if it heard everything up to ``sample``."""
        look = self._newest
        return look if look is not None and look.end_sample + REACH_SAMPLES >= sample and not look.words.cancelled() else None

    async def prosody(self, start_sample: int, sample: int) -> float | None:
        """The probability that the sound up to ``sample`` is finished, begun now if need be; ``None`` when its model failed."""
        task = self._melody[1] if self._melody is not None and self._melody[0] >= sample else self._take_prosody(start_sample)
        return await asyncio.shield(task)

    @property
    def hears_prosody(self) -> bool:
        """Whether the prosody is heard at every dip, so that it costs no time to wait for it."""
        return self._roomy

    def cancel(self) -> None:
        """Give up what is under way."""
        self._give_up_words()
        if self._melody is not None:
            self._melody[1].cancel()
            self._melody = None

    def _give_up_words(self) -> None:
        if self._newest is not None:
            self._newest.words.cancel()
            self._newest = None

    def _on_looked(self, _words: "asyncio.Task[Transcript | None]") -> None:
        if not self.running:
            self.idle.set()

    def _take_prosody(self, start_sample: int) -> "asyncio.Task[float | None]":
        ring = self._listener.ring
        if self._melody is not None:
            self._melody[1].cancel()
        audio = ring.read(max(start_sample, ring.end - PROSODY_S * SAMPLE_RATE_HZ))
        task: asyncio.Task[float | None] = self._start(self._hear_prosody(audio), "melody")
        self._melody = (ring.end, task)
        return task

    async def _recognise(self, audio: Samples) -> Transcript | None:
        with suppress(VoiceError):  # the reply that waits for the words says that they could not be had
            began_s = self._clock.now_s()
            heard = await self._engines.recognizer.transcribe(audio, priority=Priority.PARTIAL)
            self.took_ms = (self._clock.now_s() - began_s) * 1000
            self._engines.forecasts.observe(Stage.ASR, self.took_ms)
            self._on_partial(*self._prefix.update(heard.text))
            return heard
        return None

    async def _hear_prosody(self, audio: Samples) -> float | None:
        with suppress(VoiceError):  # the end of the turn is then decided without it
            return await self._engines.turn_detector.completeness(audio)
        return None
