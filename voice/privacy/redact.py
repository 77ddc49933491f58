"""Placeholders for private matter: out with the request, back into the reply on the device."""

import re
from collections.abc import Iterable

from voice.privacy.findings import Finding, Kind

_PLACEHOLDER = re.compile(r"\[([A-Z]+(?:_[A-Z]+)*)[ _](\d+)\]")
_LONGEST = 24


class Redactor:
    """The placeholders of one conversation: the same value has the same one in every turn. Lives and dies on the device."""

    def __init__(self) -> None:
        self._by_value: dict[tuple[Kind, str], str] = {}
        self._by_name: dict[str, str] = {}
        self._held = ""

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
        return self._by_value[key]

    def restore(self, text: str) -> str:
        """``text`` with every known placeholder replaced by what it stands for."""
        return _PLACEHOLDER.sub(lambda match: self._by_name.get(f"[{match[1]}_{match[2]}]", match[0]), text)

    def hide(self, text: str) -> str:
        """``text`` with a placeholder for every value that was redacted before, wherever it stands again, in any case."""
        values = sorted(self._by_name.items(), key=lambda item: -len(item[1]))
        for name, value in values:
            spaced = r"\s+".join(re.escape(word) for word in value.split())
            text = re.sub(rf"(?<!\w){spaced}(?!\w)", name, text, flags=re.IGNORECASE)
        return text

    def feed(self, piece: str) -> str:
        """Restore a streamed reply: what is certain after ``piece``. A placeholder may be cut anywhere between pieces."""
        text = self._held + piece
        opened = text.rfind("[")
        if opened >= 0 and "]" not in text[opened:] and len(text) - opened <= _LONGEST:
            self._held = text[opened:]
            return self.restore(text[:opened])
        self._held = ""
        return self.restore(text)

    def flush(self) -> str:
        """What was held back at the end of a reply."""
        held, self._held = self._held, ""
        return self.restore(held)
