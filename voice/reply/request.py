"""One request to a larger model, on the device or in the cloud: a task that reads its answer into a bounded channel."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from voice.core.channel import Channel, WhenFull
from voice.core.errors import CloudError, VoiceError
from voice.core.interfaces import Chat, CloudModel, Message, Token, Usage
from voice.route.placing import Outgoing

CLOUD_AHEAD_TOKENS = 64
"""So far a cloud may be ahead of what is spoken: it has its own processor, and what it has sent cannot be lost any more."""
LARGE_AHEAD_TOKENS = 16
"""A model on the device is kept nearer: what is thrown away at a barge-in took this processor's time."""


@dataclass(frozen=True, slots=True)
class CloudPass:
    """The permission to ask the cloud, and with what."""

    model: CloudModel
    outgoing: Outgoing
    max_tokens: int
    kind: str = ""


class TokenRequest:
    """The answer's tokens as they come.

    Args:
        reply: of the model.
        began_s: now.
        ahead_tokens: so many wait at most.

    Attributes:
        error: why there are no more tokens, if it is not their end.
    """

    def __init__(self, reply: AsyncGenerator[Token, None], began_s: float, ahead_tokens: int) -> None:
        self.tokens: Channel[Token] = Channel(ahead_tokens, WhenFull.BLOCK, name="tokens of a larger model")
        self.error: CloudError | None = None
        self.began_s = began_s
        self._task = asyncio.create_task(self._run(reply), name="larger model")

    async def _run(self, reply: AsyncGenerator[Token, None]) -> None:
        try:
            async with aclosing(reply) as tokens:
                async for token in tokens:
                    await self.tokens.put(token)
        except VoiceError as error:
            self.error = error if isinstance(error, CloudError) else CloudError(str(error), code=error.code)
        finally:
            self.tokens.close()

    async def end(self) -> None:
        """Withdraw it; returns when the model is let go."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def ask_cloud(cloud: CloudPass, prefix: str, began_s: float, on_usage: Callable[[Usage], None]) -> TokenRequest:
    """Ask a cloud to go on behind ``prefix``, as far as that may leave; its placeholders are not replaced yet."""
    reply = cloud.model.reply(
        cloud.outgoing.messages,
        max_tokens=cloud.max_tokens,
        prefix=cloud.outgoing.hide(prefix),
        on_usage=on_usage,
        kind=cloud.kind,
    )
    return TokenRequest(reply, began_s, CLOUD_AHEAD_TOKENS)


def ask_large(
    chat: Chat, messages: Sequence[Message], max_tokens: int, prefix: str, began_s: float, *, anew: bool
) -> TokenRequest:
    """Ask the larger model on the device to go on behind ``prefix``; ``anew``: otherwise than it would."""
    return TokenRequest(chat.reply(messages, max_tokens=max_tokens, prefix=prefix, anew=anew), began_s, LARGE_AHEAD_TOKENS)
