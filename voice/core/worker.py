"""One worker thread per loaded model.

Strategy: a model is not re-entrant and a thread cannot be cancelled, so each model has one thread, jobs are short (an
encoder pass, a chunk of a decoder), and the caller's future is the gate: when the caller was cancelled (the user went on
speaking, the client left) a queued job is skipped and the result of a running one is dropped. Nothing stale gets through,
and no generation number has to be carried by hand.
"""

import asyncio
import contextlib
import heapq
import itertools
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from voice.core.errors import Overloaded

R = TypeVar("R")


class Priority(IntEnum):
    """The order in which waiting jobs run; equal priorities run first come, first served."""

    FINAL = 0
    """A user is waiting for this."""
    PARTIAL = 1
    """Useful if there is time."""


class Worker:
    """A thread that runs one job at a time, the most urgent first. Thread-safe.

    Args:
        name: of the thread and of the errors.
        capacity: jobs that may wait; one more raises :class:`~voice.core.errors.Overloaded`.
    """

    def __init__(self, name: str, *, capacity: int = 64) -> None:
        self.name = name
        self._capacity = capacity
        self._order = itertools.count()
        self._jobs: list[tuple[int, int, _Job]] = []
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=f"voice-{name}", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Jobs that wait now."""
        return len(self._jobs)

    async def run(self, work: Callable[[], R], *, priority: Priority = Priority.FINAL) -> R:
        """Run ``work`` on the thread and return what it returns, or raise what it raises.

        Cancel-safe: a cancelled call is skipped if it waits, and its result is dropped if it runs.

        Raises:
            Overloaded: too many jobs wait, or the worker is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        with self._condition:
            if self._closing:
                raise Overloaded(f"the {self.name} worker is closed")
            if len(self._jobs) >= self._capacity:
                raise Overloaded(f"{len(self._jobs)} jobs already wait for the {self.name} model")
            heapq.heappush(self._jobs, (priority, next(self._order), _Job(work, loop, future)))
            self._condition.notify()
        return await future

    def close(self) -> None:
        """Cancel what waits, let the running job end, and join the thread. May be called again."""
        with self._condition:
            self._closing = True
            waiting = [job for _, _, job in self._jobs]
            self._jobs.clear()
            self._condition.notify()
        for job in waiting:
            job.cancel()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._condition:
                while not self._jobs and not self._closing:
                    self._condition.wait()
                if not self._jobs:
                    return
                _, _, job = heapq.heappop(self._jobs)
            job.run()
            del job


class _Job:
    __slots__ = ("_future", "_loop", "_work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]") -> None:
        self._work = work
        self._loop = loop
        self._future = future

    def run(self) -> None:
        if self._future.cancelled():
            return
        try:
            result = self._work()
        except BaseException as error:
            self._settle(self._fail, error)
        else:
            self._settle(self._succeed, result)

    def cancel(self) -> None:
        self._settle(lambda _: self._future.cancel(), None)

    def _settle(self, how: Callable[[Any], object], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(how, value)

    def _succeed(self, result: object) -> None:
        if not self._future.done():
            self._future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(error)
