"""The tasks of one reply, and their ends."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from voice.core.errors import VerifierError
from voice.draft.verifier import Chosen


async def next_of(stream: AsyncGenerator[Chosen, None]) -> Chosen | None:
    """The next token; None at the end."""
    return await anext(stream, None)


def forget(task: "asyncio.Task[object]") -> None:
    """Take note of a task's error: nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


async def stop(*tasks: "asyncio.Task[Any] | None") -> None:
    """Cancel tasks and wait for their end."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def retire(task: "asyncio.Task[Chosen | None] | None", stream: AsyncGenerator[Chosen, None]) -> None:
    """End a stream and the task that waits for its next token."""
    await stop(task)
    with contextlib.suppress(VerifierError):
        await stream.aclose()
