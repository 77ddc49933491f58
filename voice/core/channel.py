"""A bounded channel between two tasks of one event loop, with a declared policy for when it is full."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from enum import Enum, auto
from typing import Generic, TypeVar

from voice.core.errors import Overloaded

T = TypeVar("T")


class WhenFull(Enum):
    """What :meth:`Channel.put` does when the channel is full."""

    BLOCK = auto()
    """Wait for room."""
    DROP_OLDEST = auto()
    """Throw the oldest item away and count it in :attr:`Channel.dropped`."""
    FAIL = auto()
    """Raise :class:`~voice.core.errors.Overloaded`."""


class Channel(Generic[T]):
    """First in, first out; one or more senders, one receiver. Not thread-safe.

    ``put`` and iteration are cancel-safe: a cancelled call has neither added nor taken an item.
    """

    def __init__(self, capacity: int, when_full: WhenFull, *, name: str) -> None:
        if capacity < 1:
            raise ValueError(f"channel {name!r} needs a capacity of at least 1, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.when_full = when_full
        self.dropped = 0
        self.deepest = 0
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether no more items come."""
        return self._closed

    @property
    def depth(self) -> int:
        """Items that wait now."""
        return len(self._items)

    def put_nowait(self, item: T) -> None:
        """Add an item without waiting.

        A closed channel takes nothing: the item is dropped, since its receiver is gone.

        Raises:
            Overloaded: the channel is full and its policy is not to drop.
        """
        if self._closed:
            return
        if len(self._items) >= self.capacity:
            if self.when_full is not WhenFull.DROP_OLDEST:
                raise Overloaded(f"the {self.name} queue is full ({self.capacity} items)")
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self.deepest = max(self.deepest, len(self._items))
        self._changed.set()

    async def put(self, item: T) -> None:
        """Add an item, waiting for room when the policy is to block."""
        if self.when_full is WhenFull.BLOCK:
            while len(self._items) >= self.capacity and not self._closed:
                self._changed.clear()
                await self._changed.wait()
        self.put_nowait(item)

    def clear(self) -> int:
        """Throw away what waits; returns how many items that were."""
        count = len(self._items)
        self._items.clear()
        self._changed.set()
        return count

    def close(self) -> None:
        """No more items come; the receiver gets what is left, then the end. May be called again."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        item = self._items.popleft()
        self._changed.set()
        return item
