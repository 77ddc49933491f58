"""Transcribing ahead of the end of the turn: what was said so far, again and again, and how it sounded at every dip.

Strategy: a partial transcript costs what a final one costs, and gives the whole text of four utterances in five while their
last 100 ms are still to come. So one is made every now and then, and one more when the level falls, some 40 ms before the
detector is sure of a pause. When the pause turns out to be one, that transcript *is* the final one, half done already, unless
recognition itself doubts it: then it is heard once more in a longer context. A dip's transcript replaces an older one that is
still running, unless that one has heard all of the voice. Where there are cores enough, the prosody is heard at the same time;
elsewhere only when the words leave the end open.

Recognition hears 28 s at most. A user who speaks longer is transcribed in *stretches*: the transcript of a pause is kept and
the next one begins behind it; without a pause the cut is where it was quietest.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from voice.asr.partials import StablePrefix
from voice.core.budget import STAGE_WITHIN_S, Stage
from voice.core.cpu import cores
from voice.core.errors import VoiceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples, Transcript
from voice.core.worker import Priority
from voice.session.context import SessionContext

LEAST_S = 0.6
"""Of audio, pre-roll included: recognition makes nothing of less."""
ROOMY_CORES = 4
"""With fewer, a transcript and a draft take the processor from each other."""
REACH_SAMPLES = SAMPLE_RATE_HZ * 32 // 1000
"""A transcript that missed so little of the voice's decay heard it all."""
BURST_SAMPLES = SAMPLE_RATE_HZ * 80 // 1000
"""A short burst of sound, and the closure before it."""
PROSODY_S = 8
"""How much of the turn's end the turn detector hears."""
STRETCH_S = 12.0
"""A pause behind so much speech ends a stretch."""
CUT_WITHIN_S = 3.0
"""A stretch without a pause is cut at the quietest place of its last seconds."""
_CUT_WINDOW = SAMPLE_RATE_HZ // 20


@dataclass(frozen=True, slots=True)
class Transcription:
    """One transcript of the turn up to a sample: ``None`` when the model failed. Ends with the conversation at the latest."""

    end_sample: int
    words: "asyncio.Task[Transcript | None]"


class IncrementalTranscriber:
    """The transcripts of one turn.

    Args:
        turn: its number.
        start_sample: where its audio begins.

    Attributes:
        idle: set while no transcript is being made, and always where there are cores for more.
        took_ms: how long the newest finished one took.
    """

    def __init__(self, context: SessionContext, turn: int, start_sample: int) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self.took_ms: float | None = None
        self._context = context
        self._turn = turn
        self._roomy = cores() >= ROOMY_CORES
        self._prefix = StablePrefix()
        self._start_sample = start_sample
        self._before: asyncio.Task[Transcript | None] | None = None
        self._newest: Transcription | None = None
        self._running: set[asyncio.Task[Transcript | None]] = set()
        self._prosody: tuple[int, asyncio.Task[float | None]] | None = None

    # --- while the user speaks -----------------------------------------------------------------------------------------------

    def maybe_transcribe(self) -> None:
        """Transcribe everything so far, unless there is too little of it or a transcript is being made."""
        if not self._running and self._is_enough:
            self.transcribe()

    def transcribe_at_dip(self) -> None:
        """The level has fallen: transcribe everything before it, and hear its prosody."""
        if not self._is_enough:
            return
        listener = self._context.listener
        quiet_since = listener.quiet_since or listener.ring.end
        if listener.burst:
            quiet_since -= BURST_SAMPLES
        if self.covering(quiet_since) is None:
            self.transcribe()
        if self._roomy:
            self._take_prosody()

    def transcribe(self, *, priority: Priority = Priority.PARTIAL) -> Transcription:
        """Transcribe everything so far; a transcript that is being made of less is given up."""
        ring = self._context.listener.ring
        self._give_up_newest()
        self._newest = self._begin(ring.end, ring.read(self._start_sample), priority)
        return self._newest

    def covering(self, sample: int) -> Transcription | None:
        """The newest transcript, made or being made, if it heard everything up to ``sample``."""
        newest = self._newest
        if newest is None or newest.end_sample + REACH_SAMPLES < sample or newest.words.cancelled():
            return None
        return newest

    def keep_within(self, most_s: float) -> None:
        """End the stretch, if recognition could not hear it whole any more."""
        ring = self._context.listener.ring
        if ring.end - self._start_sample < most_s * SAMPLE_RATE_HZ:
            return
        search_from = ring.end - int(min(CUT_WITHIN_S, most_s / 2) * SAMPLE_RATE_HZ)
        cut = search_from + quietest(ring.read(search_from))
        self._give_up_newest()
        before = ring.read(self._start_sample)[: cut - self._start_sample]
        self._close_stretch(self._begin(cut, before, Priority.FINAL))

    # --- at a pause ----------------------------------------------------------------------------------------------------------

    async def finish(self, sample: int) -> Transcript | None:
        """What was said up to ``sample``, the user's last voiced one; ``None`` when the model failed.

        Cancelling this gives up nothing: what was heard serves when the user goes on.
        """
        found = self.covering(sample) or self.transcribe(priority=Priority.FINAL)
        heard = await asyncio.shield(found.words)
        if heard is not None and heard.doubtful:
            heard = await asyncio.shield(self.transcribe(priority=Priority.FINAL).words)
        return heard

    def went_on(self) -> None:
        """The user has paused and goes on: the transcript of a long stretch is kept."""
        newest = self._newest
        if newest is not None and newest.end_sample - self._start_sample >= STRETCH_S * SAMPLE_RATE_HZ:
            self._close_stretch(newest)

    async def prosody(self, sample: int) -> float | None:
        """The probability that the sound up to ``sample`` is finished, begun now if need be; ``None`` when its model failed."""
        task = self._prosody[1] if self._prosody is not None and self._prosody[0] >= sample else self._take_prosody()
        return await asyncio.shield(task)

    @property
    def hears_prosody(self) -> bool:
        """Whether the prosody is heard at every dip, so that it costs no time to wait for it."""
        return self._roomy

    def cancel(self) -> None:
        """Give up everything."""
        for task in tuple(self._running):
            task.cancel()
        if self._prosody is not None:
            self._prosody[1].cancel()
            self._prosody = None

    # --- how -----------------------------------------------------------------------------------------------------------------

    @property
    def _is_enough(self) -> bool:
        return self._before is not None or self._context.listener.ring.end - self._start_sample >= LEAST_S * SAMPLE_RATE_HZ

    def _begin(self, end_sample: int, audio: Samples, priority: Priority) -> Transcription:
        task = self._context.tasks.start(self._recognise(audio, self._before, priority), "transcript")
        self._running.add(task)
        task.add_done_callback(self._ended)
        if not self._roomy:
            self.idle.clear()
        return Transcription(end_sample, task)

    def _ended(self, task: "asyncio.Task[Transcript | None]") -> None:
        self._running.discard(task)
        if not self._running:
            self.idle.set()

    def _close_stretch(self, kept: Transcription) -> None:
        self._before, self._start_sample, self._newest = kept.words, kept.end_sample, None

    def _give_up_newest(self) -> None:
        if self._newest is not None:
            self._newest.words.cancel()
            self._newest = None

    async def _recognise(
        self, audio: Samples, before: "asyncio.Task[Transcript | None] | None", priority: Priority
    ) -> Transcript | None:
        clock, engines = self._context.clock, self._context.engines
        with suppress(VoiceError, TimeoutError):  # the reply that waits for the words says that they could not be had
            began_s = clock.now_s()
            async with asyncio.timeout(STAGE_WITHIN_S):
                heard = await engines.recognizer.transcribe(audio, priority=priority)
            self.took_ms = (clock.now_s() - began_s) * 1000
            engines.forecasts.observe(Stage.ASR, self.took_ms)
            if before is not None:
                earlier = await asyncio.shield(before)
                if earlier is None:
                    return None
                heard = replace(heard, text=f"{earlier.text} {heard.text}".strip())
            self._context.hooks.partial(self._turn, *self._prefix.update(heard.text))
            return heard
        return None

    def _take_prosody(self) -> "asyncio.Task[float | None]":
        ring = self._context.listener.ring
        if self._prosody is not None:
            self._prosody[1].cancel()
        audio = ring.read(max(self._start_sample, ring.end - PROSODY_S * SAMPLE_RATE_HZ))
        task = self._context.tasks.start(self._hear_prosody(audio), "prosody")
        self._prosody = (ring.end, task)
        return task

    async def _hear_prosody(self, audio: Samples) -> float | None:
        with suppress(VoiceError, TimeoutError):  # the end of the turn is then decided without it
            async with asyncio.timeout(STAGE_WITHIN_S):
                return await self._context.engines.turn_detector.completeness(audio)
        return None


def quietest(audio: Samples) -> int:
    """The middle of the quietest 50 ms of ``audio`` (16 kHz, 50 ms or more), in samples from its start. Pure."""
    energy = np.concatenate(([0.0], np.cumsum(np.square(audio, dtype=np.float64))))
    return int(np.argmin(energy[_CUT_WINDOW:] - energy[:-_CUT_WINDOW])) + _CUT_WINDOW // 2
