"""What is said while nobody has a clause yet: of one reply, whoever it waits for."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from voice.core.budget import Stage
from voice.reply.handover import BRIDGES, bridge_at_s
from voice.reply.length import ends_sentence
from voice.reply.permissions import Permissions
from voice.reply.stages import Stages

Source = Literal["edge", "large", "cloud", "bridge"]
POLL_S = 0.05
"""How often to look whether the audio has begun to run out."""
LEAST_WAIT_S = 0.001
"""A shorter wait could be rounded to none, again and again."""


class Bridging:
    """Puts bridges between the parts of an answer where the audio would run out.

    Args:
        covered_until_s: when the audio made so far will have been played; ``None`` while there is none.
        filled: whether a filler was said: it is the first bridge.
    """

    def __init__(
        self,
        stages: Stages,
        permissions: Permissions,
        covered_until_s: Callable[[], float | None],
        filled: Callable[[], bool],
    ) -> None:
        self._stages = stages
        self._permissions = permissions
        self._covered_until_s = covered_until_s
        self._filled = filled
        self._said = self._next = 0
        self._within = False

    @property
    def said(self) -> int:
        """How many."""
        return self._said

    async def over(
        self, parts: AsyncGenerator[tuple[Source, str], None], expected_s: Callable[[], float]
    ) -> AsyncGenerator[tuple[Source, str], None]:
        """The parts, and the bridges; ``expected_s`` says when the next part is expected to be heard.

        What the parts raise passes.
        """
        part: asyncio.Task[tuple[Source, str] | None] | None = None
        async with aclosing(parts):
            try:
                while True:
                    part = part or asyncio.create_task(_next(parts), name="part of an answer")
                    bridge = await self._or_bridge(part, expected_s)
                    if bridge is not None:
                        yield "bridge", bridge
                        continue
                    found, part = part.result(), None
                    if found is None:
                        return
                    self._within = not ends_sentence(found[1])
                    yield found
            finally:
                if part is not None:
                    part.cancel()
                    await asyncio.gather(part, return_exceptions=True)

    async def _or_bridge(self, part: asyncio.Task[tuple[Source, str] | None], expected_s: Callable[[], float]) -> str | None:
        """Wait for the part; the next bridge if that is due sooner."""
        await asyncio.wait([part], timeout=LEAST_WAIT_S)  # it may be there already
        while not part.done():
            now_s, due_s = self._stages.clock.now_s(), self._due_s(expected_s())
            if due_s is not None and now_s >= due_s:
                at = self._next_one()
                self._said, self._next = self._said + 1, at + 1
                return BRIDGES[at]
            wait_s = POLL_S if due_s is None else min(POLL_S, due_s - now_s)
            await asyncio.wait([part], timeout=max(wait_s, LEAST_WAIT_S))
        return None

    def _due_s(self, expected_s: float) -> float | None:
        deadline = self._permissions.deadline
        wanted_s = deadline.at_s if deadline is not None and self._permissions.is_over else None
        voice_ms = self._stages.forecasts.stage_ms(Stage.TTS_FIRST_AUDIO)
        if self._covered_until_s() is None and self._stages.fills:
            return None
        return bridge_at_s(self._next_one(), self._covered_until_s(), wanted_s, expected_s, voice_ms, within=self._within)

    def _next_one(self) -> int:
        return max(self._next, int(self._filled()))


async def _next(parts: AsyncGenerator[tuple[Source, str], None]) -> tuple[Source, str] | None:
    return await anext(parts, None)
