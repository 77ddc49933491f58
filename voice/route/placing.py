"""The router over one conversation: what was private once stays private, in the turn and after it, and in the log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voice.core.interfaces import Message
from voice.privacy.redact import Redactor
from voice.route.policy import Forecast, Route, RouteState
from voice.route.router import Decision, Router


class Restorer:
    def __init__(self, redactor: Redactor | None) -> None:
        self._redactor = redactor

    def feed(self, piece: str) -> str:
        return piece if self._redactor is None else self._redactor.feed(piece)

    def rest(self) -> str:
        return "" if self._redactor is None else self._redactor.flush()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A conversation as it may leave the device, and the way back."""

    messages: Sequence[Message]
    redactor: Redactor | None

    def hide(self, text: str) -> str:
        """What else goes out with it, with the same placeholders."""
        return text if self.redactor is None else self.redactor.hide(text)

    def stream(self) -> Restorer:
        return Restorer(self.redactor)

    def restore(self, piece: str) -> str:
        """What is certain of a streamed answer after ``piece``, with the placeholders replaced by what they stand for."""
        return piece if self.redactor is None else self.redactor.feed(piece)

    def rest(self) -> str:
        """What :meth:`restore` held back, at the end of an answer; to be called before another, too."""
        return "" if self.redactor is None else self.redactor.flush()


class Placing:
    """Where the turns of one conversation are answered. Belongs to one event loop; holds what was private, in memory only.

    A private turn is answered here, and so is the one right after it, which most likely goes on about it. Neither is part of
    what later goes out, nor is any later answer of the edge's, which has heard the private turn and may speak of it.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._watch = router.watch()
        self._state = RouteState()
        self._redactor = Redactor()
        self._kept = Redactor()
        self._repeats = False
        self._ever_private = False

    def begin_turn(self) -> None:
        """A new turn: it inherits what the last one revealed."""
        follows = self._watch.treatment == "edge"
        self._state = RouteState(
            tainted=follows,
            redacted=self._state.redacted or self._watch.treatment == "redact",
            last=self._state.last,
        )
        self._watch = self._router.watch()
        self._repeats = False

    def place(self, text: str, forecast: Forecast, *, history_tokens: int = 0) -> Decision:
        """The decision on the turn's transcript, or on what is drafted for; other words ask again. About a millisecond.

        ``history_tokens``: about what the other tier would have to read anew.
        """
        self._repeats = self._repeats or self._kept.hide(text) != text
        tainted = self._state.tainted or self._repeats
        state = replace(self._state, tainted=tainted, history_tokens=history_tokens)
        decision = self._router.decide(text, watch=self._watch, state=state, forecast=forecast)
        self._redactor.redact(text, decision.verdict.findings)
        if decision.verdict.treatment == "edge":
            self._kept.redact(text, decision.verdict.findings)
        self._ever_private = self._ever_private or self._is_private
        return decision

    def answered(self, tier: Route) -> None:
        """Who answered the turn at hand: that tier has read the conversation, the other would have to."""
        self._state = replace(self._state, last=tier)

    def withholds(self, tier: str) -> bool:
        """Whether the turn at hand, answered by ``tier``, must be left out of what later goes out."""
        return self._is_private or (tier == "edge" and self._ever_private)

    @property
    def _is_private(self) -> bool:
        return self._watch.treatment == "edge" or self._repeats

    def outgoing(self, messages: Sequence[Message], decision: Decision) -> "Outgoing":
        """The conversation as it may leave the device after this decision, which was to let it.

        Give it without the turns that :meth:`withholds` named. In a conversation that held anything private every message is
        searched again: the assistant's, too.
        """
        if not decision.choice.redact and not self._ever_private:
            return Outgoing(messages, None)
        return Outgoing([replace(message, text=self.hide(message.text)) for message in messages], self._redactor)

    def hide(self, text: str) -> str:
        """``text`` with placeholders for what is private in it, or was in what was said before: what a log may hold."""
        hidden = self._redactor.hide(text)
        found = self._router.decide(hidden).verdict
        if found.language is not None:
            return "[IN A LANGUAGE WITHOUT PRIVACY RULES]"
        return "[TOO LONG TO BE CHECKED]" if found.too_long else self._redactor.redact(hidden, found.findings)
