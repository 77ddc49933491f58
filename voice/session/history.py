"""What was said and heard: the conversation as the language model may know it."""

from voice.stages import Message


class History:
    """Turns in order, each with what the user said and what the user *heard* of the answer.

    Old turns are dropped by whoever has to fit them into a context; here nothing grows without bound: beyond ``max_messages``
    the oldest go.
    """

    def __init__(self, system_prompt: str, *, max_messages: int = 200) -> None:
        self._system = Message("system", system_prompt)
        self._messages: list[Message] = []
        self._max_messages = max_messages

    def add(self, said: str, heard: str) -> None:
        """Append one finished turn; an answer of which nothing was heard was not given."""
        self._messages.append(Message("user", said))
        if heard:
            self._messages.append(Message("assistant", heard))
        del self._messages[: max(0, len(self._messages) - self._max_messages)]

    def messages(self, *following: Message) -> list[Message]:
        """The system prompt, the turns so far, and what follows."""
        return [self._system, *self._messages, *following]
