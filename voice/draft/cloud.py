"""The verifier as the cloud of the pipeline: :class:`~voice.core.interfaces.CloudModel`, drafted by the edge model.

What leaves the device is decided before: the messages that come here are those that may. A reply borrows a conversation of the
edge model to draft in, with the verifier's session that belongs to it. Where the verifier fails nothing is made up here: the
pipeline has the edge go on, at a clause.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from voice.core.errors import ChatBusy, ChatError, CloudError, VerifierError
from voice.core.interfaces import CloudModel, Message, Token, Usage
from voice.draft.chat import DraftedChat, DraftedModel
from voice.draft.verifier import Identity

KEPT = 4
"""Conversations kept for the next reply, with their connections."""
CLAUSE_TOKENS = 8
"""Of a first clause, for the forecast."""


class DraftedCloud:
    """Answers what is placed in the cloud. Belongs to one event loop.

    Args:
        model: drafts, and knows how to reach the verifier.
        plain: answers while nobody can be drafted for: there is no verifier, or it has another vocabulary and does not hand it
            out. Closed with this.
    """

    def __init__(self, model: DraftedModel, plain: CloudModel | None = None) -> None:
        self._model = model
        self._plain = plain
        self._idle: list[DraftedChat] = []
        self._closed = False

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
        if self._plain is not None and self._known() is None:
            plain = self._plain.reply(messages, max_tokens=max_tokens, prefix=prefix, on_usage=on_usage)
            async with aclosing(plain) as tokens:
                async for token in tokens:
                    yield token
            return
        chat = self._take()
        chat.trace = {}
        try:
            async with aclosing(chat.reply(messages, max_tokens=max_tokens, prefix=prefix, kind=kind)) as tokens:
                async for token in tokens:
                    yield token
        except VerifierError as error:
            raise CloudError(str(error), code="cloud_unreachable") from error
        except ChatError as error:
            raise CloudError(str(error), code="cloud_failed") from error
        finally:
            if "drafted" in chat.trace:
                on_usage(usage_of(chat.trace))
            self._give_back(chat)

    @property
    def forecast_ms(self) -> float | None:
        """See :class:`~voice.core.interfaces.CloudModel`; None, too, while there is no connection. Asking begins to connect."""
        who = self._known()
        if who is None:
            return None if self._plain is None else self._plain.forecast_ms
        controller = self._model.controller(who)
        conditions = controller.conditions("")
        token_ms = controller.token.value_ms or 50.0
        gain = controller.plan("", depth=0).gain if conditions is not None else 1.0
        return controller.rtt.value_ms + token_ms * (1 + CLAUSE_TOKENS / gain)

    @property
    def can_verify(self) -> bool:
        """See :class:`~voice.core.interfaces.CloudModel`: while there is a connection."""
        return self._known() is not None

    @property
    def round_trip_ms(self) -> float | None:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        who = self._known()
        if who is None:
            return None if self._plain is None else self._plain.round_trip_ms
        return self._model.controller(who).rtt.value_ms

    @property
    def why_not(self) -> str:
        """See :class:`~voice.core.interfaces.CloudModel`: there is nothing that the settings forbid a verifier."""
        return self._plain.why_not if self._plain is not None and self._known() is None else ""

    async def warm(self) -> None:
        """See :class:`~voice.core.interfaces.CloudModel`. Asking who is there begins to connect."""
        if self._known() is None and self._plain is not None:
            await self._plain.warm()

    async def aclose(self) -> None:
        """See :class:`~voice.core.interfaces.CloudModel`. Keeps what was learnt about acceptance."""
        if not self._closed:
            self._closed = True
            while self._idle:
                await self._idle.pop().aclose()
            await self._model.leaving.ended()
            self._model.close()
            if self._plain is not None:
                await self._plain.aclose()
            await asyncio.to_thread(self._model.health.save)

    def _known(self) -> Identity | None:
        try:
            chat = self._take()
        except CloudError:
            return None
        who = chat.verifier_identity()
        self._give_back(chat)
        return who

    def _take(self) -> DraftedChat:
        if self._closed:
            raise CloudError("the verifier's connections are closed", code="cloud_unreachable")
        if self._idle:
            return self._idle.pop()
        try:
            return self._model.open(alone=False)
        except ChatBusy as error:
            raise CloudError("no conversation of the edge model is free to draft in", code="cloud_limited") from error

    def _give_back(self, chat: DraftedChat) -> None:
        if self._closed or len(self._idle) >= KEPT:
            chat.close()
        else:
            self._idle.append(chat)


def usage_of(trace: Mapping[str, Any]) -> Usage:
    """What a drafted reply took (pure): rejected draft tokens were computed, and are billed, like those that stand."""
    told, by_edge = int(trace["tokens"]), int(trace["by_edge"])
    return Usage(
        tokens_in=int(trace["prompt"]),
        tokens_out=told - by_edge + int(trace["rejected"]),
        tokens_drafted=int(trace["drafted"]),
        draft=trace,
    )
