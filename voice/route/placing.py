"""The router over one conversation: what was private once stays private, in the turn and after it, and in the log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voice.route.policy import Forecast, State
from voice.route.redact import Redactor
from voice.route.router import Decision, Router
from voice.stages import Message


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A conversation as it may leave the device, and the way back."""

    messages: Sequence[Message]
    redactor: Redactor | None

    def hide(self, text: str) -> str:
        """What else goes out with it, with the same placeholders."""
        return text if self.redactor is None else self.redactor.hide(text)

    def restore(self, piece: str) -> str:
        """What is certain of a streamed answer after ``piece``, with the placeholders replaced by what they stand for."""
        return piece if self.redactor is None else self.redactor.feed(piece)

    def rest(self) -> str:
        """What :meth:`restore` held back, at the end of an answer; to be called before another, too."""
        return "" if self.redactor is None else self.redactor.flush()


class Placing:
    """Where the turns of one conversation are answered. Belongs to one event loop; holds what was private, in memory only."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._watch = router.watch()
        self._state = State()
        self._redactor = Redactor()

    def begin_turn(self) -> None:
        """A new turn: it inherits what the last one revealed."""
        self._state = State(
            tainted=self._state.tainted or self._watch.treatment == "edge",
            redacted=self._state.redacted or self._watch.treatment == "redact",
            last=self._state.last,
        )
        self._watch = self._router.watch()

    def place(self, text: str, forecast: Forecast) -> Decision:
        """The decision on the turn's transcript, or on what is drafted for; other words ask again. About a millisecond."""
        decision = self._router.decide(text, watch=self._watch, state=self._state, forecast=forecast)
        self._redactor.redact(text, decision.verdict.findings)
        self._state = State(self._state.tainted, self._state.redacted, decision.choice.route)
        return decision

    def outgoing(self, messages: Sequence[Message], decision: Decision) -> "Outgoing":
        """The conversation as it may leave the device after this decision, which was to let it.

        Where private matter leaves as placeholders only, every message is searched again: the assistant's, too.
        """
        if not decision.choice.redact:
            return Outgoing(messages, None)
        return Outgoing([replace(message, text=self.hide(message.text)) for message in messages], self._redactor)

    def hide(self, text: str) -> str:
        """``text`` with placeholders for what is private in it, or was in what was said before: what a log may hold."""
        hidden = self._redactor.hide(text)
        found = self._router.decide(hidden).verdict
        return "[TOO LONG TO BE CHECKED]" if found.too_long else self._redactor.redact(hidden, found.findings)
