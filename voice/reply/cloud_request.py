"""One request to the cloud: the permission to make it, and the task that reads its answer."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from voice.core.channel import Channel, WhenFull
from voice.core.errors import CloudError, VoiceError
from voice.core.interfaces import CloudModel, Token, Usage
from voice.route.placing import Outgoing


@dataclass(frozen=True, slots=True)
class CloudPass:
    """The permission to ask the cloud, and with what."""

    model: CloudModel
    outgoing: Outgoing
    max_tokens: int
    kind: str = ""


class CloudRequest:
    """A task that fills a bounded channel with the answer's tokens, as they came: placeholders are not replaced yet.

    Args:
        prefix: what of the answer is spoken already, as far as it may leave.
        began_s: now.

    Attributes:
        error: why there are no more tokens, if it is not their end.
    """

    def __init__(self, cloud: CloudPass, prefix: str, began_s: float, on_usage: Callable[[Usage], None]) -> None:
        self.tokens: Channel[Token] = Channel(64, WhenFull.BLOCK, name="cloud tokens")
        self.error: CloudError | None = None
        self.began_s = began_s
        self._task = asyncio.create_task(self._run(cloud, prefix, on_usage), name="cloud")

    async def _run(self, cloud: CloudPass, prefix: str, on_usage: Callable[[Usage], None]) -> None:
        try:
            reply = cloud.model.reply(
                cloud.outgoing.messages,
                max_tokens=cloud.max_tokens,
                prefix=prefix,
                on_usage=on_usage,
                kind=cloud.kind,
            )
            async with aclosing(reply) as tokens:
                async for token in tokens:
                    await self.tokens.put(token)
        except VoiceError as error:
            self.error = error if isinstance(error, CloudError) else CloudError(str(error))
        finally:
            self.tokens.close()

    async def end(self) -> None:
        """Withdraw it; returns when its connection is let go."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
