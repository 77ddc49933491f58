"""One worker thread per loaded model.

Strategy: a model is not re-entrant and a thread cannot be cancelled, so each model has one thread, jobs are short (an
encoder pass, a chunk of a decoder), and the caller's future is the gate: when the caller was cancelled (the user went on
speaking, the client left) a queued job is skipped and the result of a running one is dropped. Nothing stale gets through,
and no generation number has to be carried by hand.

A model's fault is the job's, never the thread's: whatever a job raises becomes the stage's error. A thread that ends all the
same has another one take its place.
"""

import asyncio
import contextlib
import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from voice.core.errors import Overloaded, VoiceError, first_line

R = TypeVar("R")
FAILURES_IN_A_ROW = 3
"""After so many a model is said not to serve: one or two may be what it was given."""

_log = logging.getLogger(__name__)


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
        fails_with: makes the error that a job's caller gets when it raises anything but a :class:`VoiceError`.
        capacity: jobs that may wait; one more raises :class:`~voice.core.errors.Overloaded`.
    """

    def __init__(self, name: str, *, fails_with: Callable[[str], VoiceError] = VoiceError, capacity: int = 64) -> None:
        self.name = name
        self._fails_with = fails_with
        self._capacity = capacity
        self._order = itertools.count()
        self._jobs: list[tuple[int, int, _Job]] = []
        self._condition = threading.Condition()
        self._closing = False
        self._running: _Job | None = None
        self._failures = 0
        self._last_failure = ""
        self._start()

    @property
    def depth(self) -> int:
        """Jobs that wait now."""
        return len(self._jobs)

    @property
    def busy(self) -> bool:
        """Whether something is computed or waits."""
        return self._running is not None or bool(self._jobs)

    @property
    def problem(self) -> str:
        """Why the model cannot serve now; empty while it can. A job that succeeds ends it."""
        if self._failures < FAILURES_IN_A_ROW:
            return ""
        return f"the {self.name} model has failed {self._failures} times in a row: {self._last_failure}"

    async def run(self, work: Callable[[], R], *, priority: Priority = Priority.FINAL) -> R:
        """Run ``work`` on the thread and return what it returns.

        Cancel-safe: a cancelled call is skipped if it waits, and its result is dropped if it runs.

        Raises:
            VoiceError: of the kind ``fails_with``, or the one that ``work`` has raised.
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
            if not self._thread.is_alive():
                self._start()
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

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._main, name=f"voice-{self.name}", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            _log.exception("the thread of the %s model has ended; another one takes its place", self.name)
            with self._condition:
                job, self._running = self._running, None
                if job is not None:
                    self._fail(job, error)
                if not self._closing:
                    self._start()

    def _serve(self) -> None:
        while True:
            with self._condition:
                while not self._jobs and not self._closing:
                    self._condition.wait()
                if not self._jobs:
                    return
                _, _, self._running = heapq.heappop(self._jobs)
            self._run(self._running)
            self._running = None

    def _run(self, job: "_Job") -> None:
        if job.unwanted:
            return
        try:
            result = job.work()
        except BaseException as error:
            self._fail(job, error)
        else:
            self._failures = 0
            job.succeed(result)

    def _fail(self, job: "_Job", error: BaseException) -> None:
        self._failures += 1
        self._last_failure = first_line(error)
        if not isinstance(error, VoiceError):
            _log.error("a job of the %s model failed", self.name, exc_info=error)
            cause, error = error, self._fails_with(f"the {self.name} model failed: {self._last_failure}")
            error.__cause__ = cause
        job.fail(error)


class _Job:
    """What is to be done, and who waits for it. :attr:`work` is called on the worker's thread."""

    __slots__ = ("_future", "_loop", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]") -> None:
        self.work = work
        self._loop = loop
        self._future = future

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits any more."""
        return self._future.cancelled()

    def succeed(self, result: object) -> None:
        self._settle(lambda: self._future.set_result(result))

    def fail(self, error: BaseException) -> None:
        self._settle(lambda: self._future.set_exception(error))

    def cancel(self) -> None:
        self._settle(self._future.cancel)

    def _settle(self, how: Callable[[], object]) -> None:
        def settle() -> None:
            if not self._future.done():
                how()

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(settle)
