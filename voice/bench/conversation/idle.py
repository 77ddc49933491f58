"""What a connection costs on which nobody speaks: the share of one core that the server spends on hearing silence."""

import asyncio
from typing import Final

from websockets.asyncio.client import connect

from voice.bench.conversation.streaming import FRAME_MS
from voice.bench.server import RunningServer
from voice.core.interfaces import SAMPLE_RATE_HZ

WARM_UP_S: Final = 1.0
LISTEN_S: Final = 10.0
_FRAME: Final = bytes(2 * SAMPLE_RATE_HZ * FRAME_MS // 1000)


async def silent_connection_cpu_share(server: RunningServer, *, seconds: float = LISTEN_S) -> float:
    """Stream silence in real time over one connection, beside a time without any.

    Args:
        server: a server on which nobody else speaks.
        seconds: how long, each.

    Returns:
        CPU seconds a second that the connection costs: 0.03 is 3 % of one core.

    Raises:
        OSError: the server cannot be reached.
    """
    before_s = server.cpu_s()
    await asyncio.sleep(seconds)
    without_s = server.cpu_s() - before_s
    async with connect(server.url, compression=None, max_size=None) as socket:
        loop = asyncio.get_running_loop()
        began_s, warm = loop.time(), int(WARM_UP_S * 1000 / FRAME_MS)
        for index in range(warm + int(seconds * 1000 / FRAME_MS)):
            if index == warm:
                before_s = server.cpu_s()
            await asyncio.sleep(max(0.0, began_s + index * FRAME_MS / 1000 - loop.time()))
            await socket.send(_FRAME)
        with_s = server.cpu_s() - before_s
    return round(max(0.0, with_s - without_s) / seconds, 4)
