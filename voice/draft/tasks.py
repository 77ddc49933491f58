"""The tasks of drafting, and their ends."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from voice.core.errors import VerifierError, mapped
from voice.draft.verifier import Block, Chosen, DraftVerdict, Verifier

_FAILED = "the verifier failed"


async def verdict_of(verifier: Verifier, block: Block) -> DraftVerdict:
    """What a verifier makes of a block. Raises :class:`~voice.core.errors.VerifierError`, whatever went wrong."""
    with mapped(VerifierError, _FAILED):
        return await verifier.verify(block)


async def next_of(stream: AsyncGenerator[Chosen, None]) -> Chosen | None:
    """The next token; None at the end. Raises :class:`~voice.core.errors.VerifierError`, whatever went wrong."""
    with mapped(VerifierError, _FAILED):
        return await anext(stream, None)


def forget(task: "asyncio.Task[object]") -> None:
    """Take note of a task's error: nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


class LeavingTasks:
    """Owns tasks that are ending, until they have ended: nobody waits for what they bring. Belongs to one event loop.

    Args:
        most: of more than so many the oldest are cancelled once more, wherever they hang.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._tasks: dict[asyncio.Task[Any], None] = {}  # a set that knows which is the oldest

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: "asyncio.Task[Any]") -> None:
        """Own a task that was cancelled, or that ends by itself."""
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        for oldest in list(self._tasks)[: -self._most]:
            oldest.cancel()

    async def ended(self) -> None:
        """Return when all have ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        forget(task)


async def stop(*tasks: "asyncio.Task[Any] | None") -> None:
    """Cancel tasks and wait for their end."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def retire(task: "asyncio.Task[Chosen | None] | None", stream: AsyncGenerator[Chosen, None]) -> None:
    """End a stream and the task that waits for its next token."""
    await stop(task)
    with contextlib.suppress(Exception):  # it is given up: nothing it could say matters
        await stream.aclose()
