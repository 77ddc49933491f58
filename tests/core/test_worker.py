import asyncio
import threading

import pytest

from voice.core.errors import Overloaded
from voice.core.worker import Priority, Worker


async def test_runs_on_its_one_thread_and_raises_what_the_job_raises() -> None:
    worker = Worker("test")
    try:
        names = [await worker.run(lambda: threading.current_thread().name) for _ in range(3)]
        assert set(names) == {"voice-test"}
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0)
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
