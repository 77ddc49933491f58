"""From the engine's thread to a task: tokens, their end, and single results."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from voice.core.errors import ChatError, VoiceError

R = TypeVar("R")
T = TypeVar("T")


class TokenStream(Generic[T]):
    """Tokens of one reply: put in by the engine's thread, taken by one task of one event loop.

    Args:
        capacity: tokens that may wait; :attr:`full` tells the engine to pause.
        on_room: called on the loop when a full stream has room again.
    """

    def __init__(self, capacity: int, on_room: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._capacity = capacity
        self._on_room = on_room
        self._items: deque[T] = deque()
        self._ended = False
        self._error: ChatError | None = None
        self._changed = asyncio.Event()
        self._given = 0  # written by the engine's thread alone
        self._taken = 0  # written by the loop's thread alone

    @property
    def full(self) -> bool:
        """Whether the receiver is ``capacity`` tokens behind."""
        return self._given - self._taken >= self._capacity

    @property
    def nearly_full(self) -> bool:
        """Whether one token more makes it full."""
        return self._given - self._taken >= self._capacity - 1

    def put(self, token: T) -> bool:
        """Add a token, from the engine's thread. False when nobody can take it any more."""
        self._given += 1
        return self._call(self._items.append, token)

    def end(self, error: ChatError | None = None) -> None:
        """No more tokens come, from the engine's thread."""
        self._call(self._finish, error)

    async def get(self) -> T | None:
        """The next token, or None at the end. Cancel-safe.

        Raises:
            ChatError: the reply failed.
        """
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        was_full = self.full
        self._taken += 1
        if was_full:
            self._on_room()
        return self._items.popleft()

    def _finish(self, error: ChatError | None) -> None:
        if not self._ended:
            self._ended, self._error = True, error

    def _call(self, change: Callable[..., object], value: object) -> bool:
        def apply() -> None:
            change(value)
            self._changed.set()

        try:
            self._loop.call_soon_threadsafe(apply)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return False
        return True


class Result(Generic[R]):
    """One value, set by the engine's thread and awaited by a task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[R] = self._loop.create_future()

    def set(self, value: R) -> None:
        """Give the value; the first one counts."""
        self._call(lambda: self.future.set_result(value))

    def fail(self, error: VoiceError) -> None:
        """Give an error instead."""
        self._call(lambda: self.future.set_exception(error))

    def drop(self) -> None:
        """Say that no value comes."""
        self._call(self.future.cancel)

    def _call(self, change: Callable[[], object]) -> None:
        def apply() -> None:
            if not self.future.done():
                change()

        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(apply)
