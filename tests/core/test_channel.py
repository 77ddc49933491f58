import asyncio

import pytest

from tests.fakes.virtual_time import run_virtual
from voice.core.channel import Channel, WhenFull
from voice.core.errors import Overloaded


def test_blocks_until_there_is_room() -> None:
    async def scenario() -> None:
        channel: Channel[int] = Channel(2, WhenFull.BLOCK, name="numbers")
        sent: list[int] = []

        async def send() -> None:
            for number in range(5):
                await channel.put(number)
                sent.append(number)
            channel.close()

        task = asyncio.create_task(send())
        await asyncio.sleep(1)
        assert sent == [0, 1]
        assert [item async for item in channel] == [0, 1, 2, 3, 4]
        await task
        assert channel.deepest == 2

    run_virtual(scenario())


def test_drops_the_oldest_and_counts() -> None:
    async def scenario() -> None:
        channel: Channel[int] = Channel(2, WhenFull.DROP_OLDEST, name="numbers")
        for number in range(5):
            channel.put_nowait(number)
        channel.close()
        assert [item async for item in channel] == [3, 4]
        assert channel.dropped == 3

    run_virtual(scenario())


def test_fails_when_full() -> None:
    async def scenario() -> None:
        channel: Channel[int] = Channel(1, WhenFull.FAIL, name="numbers")
        channel.put_nowait(1)
        with pytest.raises(Overloaded, match="numbers queue is full"):
            channel.put_nowait(2)
        with pytest.raises(Overloaded):
            await channel.put(2)
        assert await anext(channel) == 1

    run_virtual(scenario())


def test_a_cancelled_put_adds_nothing() -> None:
    async def scenario() -> None:
        channel: Channel[int] = Channel(1, WhenFull.BLOCK, name="numbers")
        channel.put_nowait(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await channel.put(2)
        channel.close()
        assert [item async for item in channel] == [1]

    run_virtual(scenario())


def test_closing_wakes_everybody_and_drops_what_comes_after() -> None:
    async def scenario() -> None:
        channel: Channel[int] = Channel(1, WhenFull.BLOCK, name="numbers")

        async def receive() -> list[int]:
            return [item async for item in channel]

        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0)
        channel.close()
        channel.put_nowait(7)
        assert await waiting == []
        assert await receive() == []

    run_virtual(scenario())


def test_needs_a_capacity() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Channel(0, WhenFull.FAIL, name="numbers")
