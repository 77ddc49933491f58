"""A conversation's sides of the language models on the device: the small one's, and the second speed's once that is there."""

import contextlib
from collections.abc import Sequence

from voice.core.errors import VoiceError
from voice.core.interfaces import Chat, Message
from voice.engines import Engines

SOME_WORD = "What"
"""Stands for whatever the user says next: a model reads everything before it ahead of time, and not the word itself."""


class Chats:
    """Made with a conversation and closed with it. Belongs to one event loop.

    Raises:
        ChatBusy: the small model holds as many conversations as it can.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._large: Chat | None = None
        self._reading = False
        self._to_read: Sequence[Message] | None = None
        self.small = engines.chat_model.open()

    def large(self) -> Chat | None:
        """The second speed's side; ``None`` while it is not there, does not serve, or has no room for this conversation."""
        model = self._engines.large.model
        if model is None or bool(getattr(model, "problem", None)):
            return None
        if self._large is None:
            with contextlib.suppress(VoiceError):
                self._large = model.open()
        return self._large

    async def read_ahead(self, messages: Sequence[Message]) -> None:
        """Let the small model read what is known so far; what turns out otherwise costs nothing more. Cancel-safe."""
        with contextlib.suppress(VoiceError):
            await self.small.prefill(messages)

    async def read_ahead_large(self, messages: Sequence[Message]) -> None:
        """The same for the second speed, which is slow: what comes while it reads is read afterwards, the newest alone."""
        self._to_read = messages
        if self._reading:
            return
        self._reading = True
        try:
            while (chat := self.large()) is not None and (newest := self._to_read) is not None:
                self._to_read = None
                with contextlib.suppress(VoiceError):
                    await chat.prefill(newest)
        finally:
            self._reading = False

    def close(self) -> None:
        """Give the caches back. May be called again."""
        self.small.close()
        if self._large is not None:
            self._large.close()
