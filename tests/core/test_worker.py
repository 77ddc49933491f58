import asyncio
import heapq
import threading

import pytest

from voice.core.errors import AsrError, ChatError, Overloaded
from voice.core.worker import FAILURES_IN_A_ROW, Priority, Worker


def fail(error: BaseException) -> None:
    raise error


async def test_runs_on_its_one_thread_and_maps_what_the_job_raises() -> None:
    worker = Worker("test", fails_with=AsrError)
    try:
        names = [await worker.run(lambda: threading.current_thread().name) for _ in range(3)]
        assert set(names) == {"voice-test"}
        with pytest.raises(AsrError, match="the test model failed: integer division") as raised:
            await worker.run(lambda: 1 // 0)
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        assert await worker.run(lambda: 5) == 5
    finally:
        worker.close()


async def test_the_urgent_goes_first_and_the_cancelled_never_runs() -> None:
    worker = Worker("test")
    gate = threading.Event()
    order: list[str] = []
    try:
        busy = asyncio.create_task(worker.run(gate.wait))
        await asyncio.sleep(0)
        partial = asyncio.create_task(worker.run(lambda: order.append("partial"), priority=Priority.PARTIAL))
        dropped = asyncio.create_task(worker.run(lambda: order.append("dropped")))
        final = asyncio.create_task(worker.run(lambda: order.append("final")))
        await asyncio.sleep(0)
        dropped.cancel()
        gate.set()
        await asyncio.gather(busy, partial, final)
        assert order == ["final", "partial"]
    finally:
        worker.close()


async def test_the_result_of_a_cancelled_job_is_dropped() -> None:
    worker = Worker("test")
    gate = threading.Event()
    try:
        running = asyncio.create_task(worker.run(gate.wait))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        gate.set()
        assert await worker.run(lambda: "next") == "next"
    finally:
        worker.close()


async def test_is_bounded() -> None:
    worker = Worker("test", capacity=1)
    gate = threading.Event()
    started = threading.Event()

    def block() -> None:
        started.set()
        gate.wait()

    try:
        busy = asyncio.create_task(worker.run(block))
        await asyncio.sleep(0)
        while not started.is_set():
            await asyncio.sleep(0)
        waiting = asyncio.create_task(worker.run(lambda: None))
        await asyncio.sleep(0)
        assert worker.depth == 1
        with pytest.raises(Overloaded, match="already wait for the test model"):
            await worker.run(lambda: None)
        gate.set()
        await asyncio.gather(busy, waiting)
    finally:
        gate.set()
        worker.close()


async def test_close_cancels_what_waits_and_joins() -> None:
    worker = Worker("test")
    gate = threading.Event()
    busy = asyncio.create_task(worker.run(gate.wait))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(worker.run(lambda: None))
    await asyncio.sleep(0)
    gate.set()
    worker.close()
    worker.close()
    with pytest.raises((asyncio.CancelledError, Overloaded)):
        await worker.run(lambda: None)
    await asyncio.gather(busy, waiting, return_exceptions=True)
    assert not any(thread.name == "voice-test" for thread in threading.enumerate())


async def test_a_job_that_would_end_the_program_ends_itself_alone() -> None:
    worker = Worker("test", fails_with=AsrError)
    try:
        for error in (SystemExit(3), KeyboardInterrupt(), MemoryError()):
            with pytest.raises(AsrError, match="the test model failed"):
                await worker.run(lambda error=error: fail(error))  # type: ignore[misc]
        with pytest.raises(ChatError, match="its own kind"):
            await worker.run(lambda: fail(ChatError("its own kind")))
        assert await worker.run(lambda: 5) == 5
    finally:
        worker.close()


class _Fragile(Worker):
    """Its first threads end: before a job is taken, or with one in hand."""

    def __init__(self, *, deaths: int, in_hand: bool) -> None:
        self.deaths, self.in_hand = deaths, in_hand
        super().__init__("test", fails_with=AsrError)

    def _serve(self) -> None:
        if not self.deaths:
            super()._serve()
            return
        self.deaths -= 1
        with self._condition:
            self._condition.wait_for(lambda: self._jobs)
            if self.in_hand:
                _, _, self._running = heapq.heappop(self._jobs)
        raise SystemExit(1)


@pytest.mark.parametrize("deaths", [1, 3])
async def test_a_thread_that_ends_before_a_job_has_another_take_its_place(deaths: int) -> None:
    worker = _Fragile(deaths=deaths, in_hand=False)
    try:
        async with asyncio.timeout(30):
            assert [await worker.run(lambda: 7) for _ in range(3)] == [7, 7, 7]
        assert not worker.deaths
    finally:
        worker.close()
    assert not any(thread.name == "voice-test" for thread in threading.enumerate())


@pytest.mark.parametrize("deaths", [1, 3])
async def test_a_thread_that_ends_with_a_job_in_hand_fails_it_and_has_another_take_its_place(deaths: int) -> None:
    worker = _Fragile(deaths=deaths, in_hand=True)
    try:
        async with asyncio.timeout(30):
            for _ in range(deaths):
                with pytest.raises(AsrError):
                    await worker.run(lambda: 7)
            assert await worker.run(lambda: 7) == 7
    finally:
        worker.close()
    assert not any(thread.name == "voice-test" for thread in threading.enumerate())


async def test_after_some_failures_in_a_row_it_says_that_the_model_does_not_serve() -> None:
    worker = Worker("test", fails_with=AsrError)
    try:
        for _ in range(FAILURES_IN_A_ROW):
            assert not worker.problem
            with pytest.raises(AsrError):
                await worker.run(lambda: fail(RuntimeError("out of memory\nand more")))
        assert worker.problem == "the test model has failed 3 times in a row: out of memory"
        await worker.run(lambda: None)
        assert not worker.problem
    finally:
        worker.close()
