"""Placeholders for private matter: out with the request, back into the reply on the device."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from voice.privacy import pieces
from voice.privacy.findings import Finding, Kind

_PLACEHOLDER = re.compile(r"\[([A-Z]+(?:_[A-Z]+)*)[ _](\d+)\]")
_LONGEST = 24


class Redactor:
    """The placeholders of one conversation: the same value has the same one in every turn. Lives and dies on the device.

    Placeholders are added, never changed, so that a request may go on reading its answer while later turns add theirs.
    """

    def __init__(self) -> None:
        self._by_value: dict[tuple[Kind, str], str] = {}
        self._by_name: dict[str, str] = {}
        self._sought: list[tuple[str, pieces.Value]] = []

    def learn(self, covered: "Covered", findings: Iterable[Finding]) -> None:
        """Cover what was found in the text, behind what is known of it."""
        self.hidden(covered)
        for found in findings:
            if not covered.covers(found.start, found.end):
                name = self._placeholder(found.kind, covered.text[found.start : found.end])
                covered.cover(found.start, found.end, name)

    def redact(self, text: str, findings: Iterable[Finding]) -> str:
        """``text`` with each finding (in order, not overlapping) replaced: "call [NAME_1] at [PHONE_1]"."""
        parts, at = [], 0
        for found in findings:
            parts += [text[at : found.start], self._placeholder(found.kind, text[found.start : found.end])]
            at = found.end
        return "".join([*parts, text[at:]])

    def _placeholder(self, kind: Kind, value: str) -> str:
        key = (kind, " ".join(value.lower().split()))
        if key not in self._by_value:
            count = 1 + sum(known is kind for known, _ in self._by_value)
            name = f"[{kind.name}_{count}]"
            self._by_value[key] = name
            self._by_name[name] = value
            self._sought.append((name, pieces.value_of(value)))
        return self._by_value[key]

    def restore(self, text: str) -> str:
        """``text`` with every known placeholder replaced by what it stands for."""
        return _PLACEHOLDER.sub(lambda match: self._by_name.get(f"[{match[1]}_{match[2]}]", match[0]), text)

    def hide(self, text: str) -> str:
        """``text`` with a placeholder for every value that was redacted before, and for every telling piece of one."""
        return self.hidden(Covered(text)) if self._sought else text

    def hidden(self, covered: "Covered") -> str:
        """The covered text, with what was learnt since the last time covered, too."""
        for name, value in self._sought[covered.learnt :]:
            for start, end in pieces.places(value, covered.heard):
                covered.cover(start, end, name)
        covered.learnt = len(self._sought)
        return covered.render()


@dataclass(slots=True)
class Covered:
    """A text and the places in it that have a placeholder.

    Attributes:
        learnt: how many of the redactor's values were looked for.
        heard: the text as it is heard.
    """

    text: str
    learnt: int = 0
    heard: pieces.Heard = field(init=False)
    _covers: list[tuple[int, int, str]] = field(default_factory=list)
    _rendered: str | None = None

    def __post_init__(self) -> None:
        self.heard = pieces.hear(self.text)

    def cover(self, start: int, end: int, name: str) -> None:
        """Put a placeholder on characters ``start`` to ``end``; what of them has one keeps it."""
        at = start
        for first, last, _ in sorted(self._covers):
            if at < last and first < end:
                self._add(at, first, name)
                at = last
        self._add(at, end, name)

    def covers(self, start: int, end: int) -> bool:
        """Whether one placeholder covers all of these characters."""
        return any(first <= start and end <= last for first, last, _ in self._covers)

    def _add(self, start: int, end: int, name: str) -> None:
        if any(map(str.isalnum, self.text[start:end])):
            self._covers.append((start, end, name))
            self._rendered = None

    def render(self) -> str:
        """The text with its placeholders."""
        if self._rendered is None:
            parts, at = list[str](), 0
            for start, end, name in sorted(self._covers):
                parts += [self.text[at:start], name]
                at = end
            self._rendered = "".join([*parts, self.text[at:]])
        return self._rendered


class Restorer:
    """The way back of one streamed reply. Holds what may be the beginning of a placeholder; one a request."""

    def __init__(self, redactor: Redactor | None) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, piece: str) -> str:
        """What is certain after ``piece``, placeholders replaced. A placeholder may be cut anywhere between pieces."""
        if self._redactor is None:
            return piece
        text = self._held + piece
        opened = text.rfind("[")
        if opened >= 0 and "]" not in text[opened:] and len(text) - opened <= _LONGEST:
            self._held = text[opened:]
            return self._redactor.restore(text[:opened])
        self._held = ""
        return self._redactor.restore(text)

    def rest(self) -> str:
        """What was held back, at the end of the reply."""
        held, self._held = self._held, ""
        return held if self._redactor is None else self._redactor.restore(held)
