"""The router over one conversation: what was private once stays private, in the turn and after it, and in the log."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voice.core.interfaces import Message
from voice.privacy.gate import PrivacyVerdict
from voice.privacy.redact import Covered, Redactor, Restorer
from voice.route.policy import Forecast, Route, RouteState
from voice.route.router import Decision, Router

REMEMBERED = 512
"""Messages of which the judgement is kept; an older one is judged again when it goes out."""
OPEN_CHARACTERS = 600
"""So much of what had an open end is read together with what follows it."""
TOO_LONG = "[TOO LONG TO BE CHECKED]"
FOREIGN = "[IN A LANGUAGE WITHOUT PRIVACY RULES]"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A conversation as it may leave the device, and the way back. ``redactor`` is None where nothing had to be replaced."""

    messages: tuple[Message, ...]
    redactor: Redactor | None

    def hide(self, text: str) -> str:
        """What else goes out with it, with the same placeholders."""
        return text if self.redactor is None else self.redactor.hide(text)

    def stream(self) -> Restorer:
        """The way back of one request's answer, placeholders replaced by what they stand for. Each request has its own."""
        return Restorer(self.redactor)


class Placing:
    """Where the turns of one conversation are answered. Belongs to one event loop; holds what was private, in memory only.

    A private turn is answered here, and so is the one right after it, which most likely goes on about it; the same is true of
    a turn that broke off where something private may begin. None of these is part of what later goes out, nor, once anything
    private was said, is any later answer of the edge's, which has heard it and may speak of it.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._watch = router.watch()
        self._state = RouteState()
        self._redactor = Redactor()
        self._kept = Redactor()
        self._judged: OrderedDict[str, Covered | str] = OrderedDict()
        self._before = ""
        self._placed = ""
        self._verdict: PrivacyVerdict | None = None
        self._repeats = False
        self._cut_off = False
        self._ever_private = False

    def begin_turn(self) -> None:
        """A new turn: it inherits what the last one revealed, and how its last placed words ended."""
        self._before = f"{self._before} {self._placed}".strip()[-OPEN_CHARACTERS:] if self._cut_off else ""
        self._state = RouteState(
            tainted=self._is_private or self._cut_off,
            redacted=self._state.redacted or self._watch.treatment == "redact",
            last=self._state.last,
        )
        self._watch = self._router.watch()
        self._repeats = self._cut_off = False
        self._placed, self._verdict = "", None

    def place(self, text: str, forecast: Forecast, *, history_tokens: int = 0) -> Decision:
        """The decision on the turn's transcript, or on what is drafted for; other words ask again. About a millisecond.

        ``history_tokens``: about what the other tier would have to read anew.
        """
        goes_on = self._goes_on(text)
        self._repeats = self._repeats or goes_on or self._kept.hide(text) != text
        state = replace(self._state, tainted=self._state.tainted or self._repeats, history_tokens=history_tokens)
        decision = self._router.decide(text, watch=self._watch, state=state, forecast=forecast)
        verdict = decision.verdict
        self._redactor.redact(text, verdict.findings)
        if verdict.treatment == "edge":
            self._kept.redact(text, verdict.findings)
        self._placed, self._verdict = text, verdict
        self._cut_off = verdict.open_end or _ends_in_a_finding(text, verdict)
        self._ever_private = self._ever_private or self._is_private
        return decision

    def _goes_on(self, text: str) -> bool:
        """Whether this text goes on with something private that broke off before it; what only both together tell is learnt."""
        if not self._before:
            return False
        whole = f"{self._before} {text}"
        verdict = self._router.gate(whole)
        across = tuple(found for found in verdict.findings if found.end > len(self._before))
        self._redactor.redact(whole, across)
        if verdict.treatment == "edge":
            self._kept.redact(whole, across)
        return verdict.treatment == "edge" and bool(across)

    def answered(self, tier: Route) -> None:
        """Who answered the turn at hand: that tier has read the conversation, the other would have to."""
        self._state = replace(self._state, last=tier)

    def withholds(self, tier: str) -> bool:
        """Whether the turn at hand, answered by ``tier``, must be left out of what later goes out."""
        return self._is_private or (tier == "edge" and (self._cut_off or self._state.tainted or self._ever_private))

    @property
    def _is_private(self) -> bool:
        return self._watch.treatment == "edge" or self._repeats

    def remember(self, text: str) -> None:
        """Judge a message that was added to the history, so that :meth:`outgoing` need not: a few milliseconds at most."""
        self._covered(text)

    def outgoing(self, messages: Sequence[Message], decision: Decision) -> Outgoing:
        """The conversation as it may leave the device after this decision, which was to let it.

        Give it without the turns that :meth:`withholds` named. In a conversation that held anything private every message is
        searched, the assistant's, too: judged once, and searched again for what was learnt since.
        """
        if not decision.choice.redact and not self._ever_private:
            return Outgoing(tuple(messages), None)
        for message in messages:  # all are judged before any is written: one may tell what another repeats
            self._covered(message.text)
        hidden = tuple(replace(message, text=self.hide(message.text)) for message in messages)
        return Outgoing(hidden, self._redactor)

    def hide(self, text: str) -> str:
        """``text`` with placeholders for what is private in it, or was in what was said before: what a log may hold."""
        covered = self._covered(text)
        return covered if isinstance(covered, str) else self._redactor.hidden(covered)

    def _covered(self, text: str) -> Covered | str:
        """The text with its findings covered, judged once; or what stands in its place, where it cannot be judged."""
        if text in self._judged:
            self._judged.move_to_end(text)
            return self._judged[text]
        verdict = self._verdict if self._verdict is not None and text == self._placed else self._router.decide(text).verdict
        covered: Covered | str = TOO_LONG if verdict.too_long else FOREIGN if verdict.language is not None else Covered(text)
        if isinstance(covered, Covered):
            self._redactor.learn(covered, verdict.findings)
        self._judged[text] = covered
        if len(self._judged) > REMEMBERED:
            self._judged.popitem(last=False)
        return covered


def _ends_in_a_finding(text: str, verdict: PrivacyVerdict) -> bool:
    """Whether what was found last reaches to the end, so that more of it may follow."""
    return bool(verdict.findings) and not any(map(str.isalnum, text[verdict.findings[-1].end :]))
