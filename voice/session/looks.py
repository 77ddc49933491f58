"""Looking ahead of the end of the turn: what was said so far, and how it sounded, at every dip of the voice.

Strategy: recognition and the melody run side by side, one thread each. A look costs what a final transcript costs, and the last
dip of an utterance is its end. So a look is taken when the level falls, some 40 ms before the detector is sure. When the pause
turns out to be one, the look *is* the final transcript, half done already; when it does not, it is a partial one. A newer look
replaces an older one that is still under way.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from voice.asr.partials import StablePrefix
from voice.errors import VoiceError
from voice.inference import Priority
from voice.session.ear import Ear
from voice.stages import SAMPLE_RATE_HZ, Recognizer, Samples, Transcript, TurnDetector

LEAST_S = 0.6
"""Of audio, pre-roll included: recognition makes nothing of less."""
MELODY_S = 8
"""How much of the turn's end the turn detector hears."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: both tasks give ``None`` when their model failed, and end with the conversation at the latest."""

    end_sample: int
    words: "asyncio.Task[Transcript | None]"
    melody: "asyncio.Task[float | None]"


class Looks:
    """The looks at one turn.

    Args:
        start: makes a task that ends with the conversation.
        on_partial: takes each transcript and how many of its characters are stable.
    """

    def __init__(
        self,
        ear: Ear,
        recognizer: Recognizer,
        turn_detector: TurnDetector,
        start: Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"],
        on_partial: Callable[[str, int], None],
    ) -> None:
        self._ear = ear
        self._recognizer = recognizer
        self._turn_detector = turn_detector
        self._start = start
        self._on_partial = on_partial
        self._prefix = StablePrefix()
        self._newest: Look | None = None

    @property
    def under_way(self) -> bool:
        """Whether a look is being taken now."""
        return self._newest is not None and not self._newest.words.done()

    def take(self, start_sample: int) -> None:
        """Look at everything from ``start_sample`` on; a look under way is given up for it."""
        ring = self._ear.ring
        if ring.end - start_sample >= LEAST_S * SAMPLE_RATE_HZ:
            self.must_take(start_sample)

    def must_take(self, start_sample: int) -> "Look":
        """Look however little there is, and return the look."""
        ring = self._ear.ring
        self.cancel()
        self._newest = Look(
            ring.end,
            self._start(self._recognise(ring.read(start_sample)), "look"),
            self._start(self._hear_melody(ring.read(max(start_sample, ring.end - MELODY_S * SAMPLE_RATE_HZ))), "melody"),
        )
        return self._newest

    def covering(self, sample: int) -> "Look | None":
        """The newest look, done or under way, if it heard everything up to ``sample``."""
        look = self._newest
        return look if look is not None and look.end_sample >= sample and not look.words.cancelled() else None

    def cancel(self) -> None:
        """Give up a look under way."""
        if self._newest is not None:
            self._newest.words.cancel()
            self._newest.melody.cancel()
            self._newest = None

    async def _recognise(self, audio: Samples) -> Transcript | None:
        with suppress(VoiceError):  # the reply that waits for the words says that they could not be had
            heard = await self._recognizer.transcribe(audio, priority=Priority.PARTIAL)
            self._on_partial(*self._prefix.update(heard.text))
            return heard
        return None

    async def _hear_melody(self, audio: Samples) -> float | None:
        with suppress(VoiceError):  # the end of the turn is then decided without it
            return await self._turn_detector.completeness(audio)
        return None
