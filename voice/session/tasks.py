"""Who owns the tasks of a conversation: its one :class:`asyncio.TaskGroup`, and within it the pause or the turn at hand."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class SessionTasks:
    """The tasks of one conversation, which end with it.

    Attributes:
        group: while the conversation runs.
    """

    def __init__(self, conversation: str) -> None:
        self.group: asyncio.TaskGroup | None = None
        self._conversation = conversation
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start work that ends with the conversation.

        Raises:
            RuntimeError: the conversation does not run.
        """
        if self.group is None:
            work.close()
            raise RuntimeError("the conversation does not run")
        task = self.group.create_task(work, name=f"{name} {self._conversation}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """Cancel all of them."""
        for task in tuple(self._running):
            task.cancel()


class TurnTasks:
    """Those that end when the user goes on, or with the turn."""

    def __init__(self, session: SessionTasks) -> None:
        self._session = session
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start work that ends with :meth:`cancel`. Raises as :meth:`SessionTasks.start` does."""
        task = self._session.start(work, name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """Cancel all of them; others may be started afterwards."""
        for task in tuple(self._running):
            task.cancel()
        self._running.clear()
