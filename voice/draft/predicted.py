"""OpenAI's predicted outputs: what the edge expects the answer to be goes along with the question, as text.

A black box: no probabilities and no token numbers come back, the service verifies by itself what it likes, and **bills
the draft tokens that it rejects as output**. So nothing is promised here but the service's own text; the account says what it
cost.

The question waits until the prediction is written, for ``draft.deadline_ms`` at most: the edge's opening is spoken meanwhile.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from voice.cloud.chat import CloudChat
from voice.core.errors import ChatError
from voice.core.interfaces import Chat, ChatModel, Message, Token, Usage

KEPT = 4
"""Conversations of the edge model that are kept to draft in."""


class PredictedCloud:
    """The endpoint of ``[cloud]``, hurried on by the edge: :class:`.CloudModel`. Belongs to one event loop.

    Args:
        cloud: the endpoint; closed with this.
        edge: writes what the answer is expected to be; its owner closes it.
        deadline_ms: for writing it.
    """

    def __init__(self, cloud: CloudChat, edge: ChatModel, *, deadline_ms: float) -> None:
        self._cloud = cloud
        self._edge = edge
        self._deadline_ms = deadline_ms
        self._idle: list[Chat] = []

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        prefix: str,
        on_usage: Callable[[Usage], None],
        kind: str = "",
    ) -> AsyncGenerator[Token, None]:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        expected, drafted = await self._expected(messages, max_tokens, prefix)

        def counted(usage: Usage) -> None:
            record = _record(usage, kind, drafted) if drafted else {}
            on_usage(replace(usage, tokens_drafted=drafted, draft=record))

        reply = self._cloud.reply(
            messages, max_tokens=max_tokens, prefix=prefix, on_usage=counted, kind=kind, prediction=expected
        )
        async with aclosing(reply) as tokens:
            async for token in tokens:
                yield token

    @property
    def forecast_ms(self) -> float | None:
        """See :class:`~voice.core.interfaces.CloudModel`: the question is late by the prediction."""
        forecast_ms = self._cloud.forecast_ms
        return None if forecast_ms is None else forecast_ms + self._deadline_ms

    @property
    def can_verify(self) -> bool:
        """See :class:`.CloudModel`: the endpoint takes the edge's answer for its prediction."""
        return self.forecast_ms is not None

    @property
    def round_trip_ms(self) -> float | None:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        return self._cloud.round_trip_ms

    @property
    def why_not(self) -> str:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        return self._cloud.why_not

    async def warm(self) -> None:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        await self._cloud.warm()

    async def aclose(self) -> None:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        while self._idle:
            self._idle.pop().close()
        await self._cloud.aclose()

    async def _expected(self, messages: Sequence[Message], max_tokens: int, prefix: str) -> tuple[str, int]:
        """What of the answer behind ``prefix`` the edge has written by the deadline, and in how many tokens."""
        text, count = "", 0
        with suppress(ChatError):  # the question goes without
            chat = self._idle.pop() if self._idle else self._edge.open()
            try:
                with suppress(TimeoutError):
                    async with (
                        asyncio.timeout(self._deadline_ms / 1000),
                        aclosing(chat.reply(messages, max_tokens=max_tokens, prefix=prefix)) as tokens,
                    ):
                        async for token in tokens:
                            text, count = text + token.text, count + 1
            finally:
                if len(self._idle) < KEPT:
                    self._idle.append(chat)
                else:
                    chat.close()
        return text, count


def _record(usage: Usage, kind: str, drafted: int) -> dict[str, Any]:
    """For the trace; ``usage.draft`` has what the service said of the prediction."""
    accepted, rejected = int(usage.draft.get("accepted", 0)), int(usage.draft.get("rejected", 0))
    judged = accepted + rejected
    return {
        "kind": kind,
        "mode": "predicted",
        "drafted": drafted,
        "acceptance": round(accepted / judged, 3) if judged else None,
        "rejected": rejected,
        "wasted": drafted - min(drafted, accepted),
    }
