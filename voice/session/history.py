"""What was said and heard: the conversation as the language model may know it."""

from voice.core.interfaces import Message


class History:
    """Turns in order, each with what the user said and what the user *heard* of the answer.

    Old turns are dropped by whoever has to fit them into a context; here nothing grows without bound: beyond ``max_messages``
    the oldest go.
    """

    def __init__(self, system_prompt: str, *, max_messages: int = 200) -> None:
        self._system = Message("system", system_prompt)
        self._messages: list[Message] = []
        self._shareable: list[Message] = []
        self._max_messages = max_messages

    def add(self, said: str, heard: str, *, withheld: bool = False) -> None:
        """Append one finished turn; an answer of which nothing was heard was not given.

        ``withheld``: no part of it may leave the device.
        """
        added = [Message("user", said), *([Message("assistant", heard)] if heard else [])]
        for messages in (self._messages, *([] if withheld else [self._shareable])):
            messages.extend(added)
            del messages[: max(0, len(messages) - self._max_messages)]

    def messages(self, *following: Message) -> list[Message]:
        """The system prompt, the turns so far, and what follows."""
        return [self._system, *self._messages, *following]

    def shareable(self) -> list[Message]:
        """The system prompt and the turns so far, without those that are withheld."""
        return [self._system, *self._shareable]
