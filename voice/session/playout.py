"""Playing a reply out: brings its parts to the client at the pace of speech."""

import asyncio
from typing import Protocol

from voice.core.channel import Channel
from voice.core.clock import Clock
from voice.core.interfaces import Samples
from voice.reply.attempt import ClauseBegun, ReplyPart
from voice.session.playback import Playback

BUFFERED_S = 4.0
"""Synthesised audio kept ready; beyond it synthesis, and so the language model, wait."""


class PlayoutSink(Protocol):
    """Who hands a reply on."""

    def send_text(self, text: str, *, own: bool) -> None:
        """Right before the first audio of a clause. A filler or a bridge is not the answer's ``own``."""
        ...

    def send_audio(self, samples: Samples, rate_hz: int) -> None:
        """The next piece of audio."""
        ...


class Playout:
    """Speaks one reply. Run :meth:`run` in a task; cancelling it silences it."""

    def __init__(self, playback: Playback, clock: Clock, sink: PlayoutSink) -> None:
        self.playback = playback
        self._clock = clock
        self._sink = sink
        self._announced = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self, parts: Channel[ReplyPart]) -> None:
        """Speak all parts; returns when the last sample should have been played."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(parts), name="take reply")
            while not self.playback.done(self._clock.now_s()):
                if (piece := self.playback.due(self._clock.now_s())) is not None:
                    self._announce()
                    self._sink.send_audio(piece, self.playback.rate_hz)
                    self._room.set()
                else:
                    await self._wait()

    def hold(self) -> None:
        """Be silent until :meth:`resume`."""
        self.playback.hold(self._clock.now_s())
        self._changed.set()

    def resume(self) -> None:
        """Go on from the last sample that was played."""
        self.playback.resume(self._clock.now_s())
        self._changed.set()

    async def _take(self, parts: Channel[ReplyPart]) -> None:
        async for part in parts:
            match part:
                case ClauseBegun(text, own):
                    self.playback.begin_clause(text, own=own)
                case chunk:
                    self.playback.add(chunk.samples, chunk.total_samples)
                    self._changed.set()
            while self.playback.buffered_s > BUFFERED_S:
                self._room.clear()
                await self._room.wait()
        self.playback.finish()
        self._changed.set()

    def _announce(self) -> None:
        begun = list(self.playback.clauses_begun())
        for text, own in begun[self._announced :]:
            self._sink.send_text(text, own=own)
        self._announced = max(self._announced, len(begun))

    async def _wait(self) -> None:
        self._changed.clear()
        wait_s = self.playback.wait_s(self._clock.now_s())
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            pass
