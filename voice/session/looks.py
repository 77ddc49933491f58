"""Recognition ahead of the end of the turn: a look at the utterance so far, at every dip of the voice.

Strategy: a look costs what a final transcript costs, and the last dip of an utterance is its end. So a look is taken when the
level falls, some 40 ms before the detector is sure. When the pause turns out to be one, the look *is* the final transcript,
half done already; when it does not, it is a partial one. A newer look replaces an older one that is still under way.
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
from voice.stages import SAMPLE_RATE_HZ, Recognizer, Transcript

LEAST_S = 0.6
"""Of audio, pre-roll included: recognition makes nothing of less."""


@dataclass(frozen=True, slots=True)
class _Look:
    end_sample: int
    task: "asyncio.Task[Transcript | None]"


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
        start: Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"],
        on_partial: Callable[[str, int], None],
    ) -> None:
        self._ear = ear
        self._recognizer = recognizer
        self._start = start
        self._on_partial = on_partial
        self._prefix = StablePrefix()
        self._newest: _Look | None = None

    @property
    def under_way(self) -> bool:
        """Whether a look is being taken now."""
        return self._newest is not None and not self._newest.task.done()

    def take(self, start_sample: int) -> None:
        """Look at everything from ``start_sample`` on; a look under way is given up for it."""
        ring = self._ear.ring
        if ring.end - start_sample < LEAST_S * SAMPLE_RATE_HZ:
            return
        self.cancel()
        task = self._start(self._look(start_sample), "look")
        self._newest = _Look(ring.end, task)

    def covering(self, sample: int) -> "asyncio.Task[Transcript | None] | None":
        """The newest look, done or under way, if it heard everything up to ``sample``."""
        look = self._newest
        return look.task if look is not None and look.end_sample >= sample and not look.task.cancelled() else None

    def cancel(self) -> None:
        """Give up a look under way."""
        if self._newest is not None:
            self._newest.task.cancel()
            self._newest = None

    async def _look(self, start_sample: int) -> Transcript | None:
        with suppress(VoiceError):  # whoever needs the words asks again and meets the error there
            heard = await self._recognizer.transcribe(self._ear.ring.read(start_sample), priority=Priority.PARTIAL)
            self._on_partial(*self._prefix.update(heard.text))
            return heard
        return None
