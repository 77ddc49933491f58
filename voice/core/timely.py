"""A deadline for every wait: streams that give nothing for too long have failed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from voice.core.errors import VoiceError

T = TypeVar("T")


async def timely(source: AsyncGenerator[T, None], within_s: float, failure: VoiceError) -> AsyncGenerator[T, None]:
    """The items of ``source``, which is closed with this.

    Raises:
        VoiceError: ``failure``, when the next item has not come ``within_s``.
    """
    async with aclosing(source):
        while True:
            try:
                async with asyncio.timeout(within_s):
                    item = await anext(source)
            except TimeoutError:
                raise failure from None
            except StopAsyncIteration:
                return
            yield item
