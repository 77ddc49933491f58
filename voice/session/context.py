"""What the rooms of one conversation have in common: its models, its clock, its listener, and who owns its tasks."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from voice.core.clock import Clock
from voice.core.config import Config
from voice.engines import Engines
from voice.session import events as out
from voice.session.listener import Listener
from voice.session.turn import Turn
from voice.turn.table import TurnInput

T = TypeVar("T")


class SessionTasks:
    """The tasks of one conversation: each belongs to its one :class:`asyncio.TaskGroup`, some to a turn as well.

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

    def start_for(self, turn: Turn, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start work that ends with a turn."""
        task = self.start(work, name)
        turn.tasks.add(task)
        task.add_done_callback(turn.tasks.discard)
        return task

    def cancel(self) -> None:
        """Cancel all of them."""
        for task in tuple(self._running):
            task.cancel()


@dataclass(frozen=True, slots=True)
class SessionContext:
    """Handed to each room.

    Attributes:
        happened: takes an input of the turn table.
        emit: tells the client. Never raises.
    """

    engines: Engines
    config: Config
    clock: Clock
    listener: Listener
    tasks: SessionTasks
    happened: Callable[[TurnInput], None]
    emit: Callable[[out.Event], None]
