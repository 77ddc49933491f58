"""Tokens to text: UTF-8 that arrives in pieces, and markers that must not be spoken (pure)."""

import codecs
from collections.abc import Sequence


class TextStream:
    """The text of one reply, as its tokens' bytes come.

    Args:
        markers: texts that end the reply when the model spells them out (the template's own control markers).
    """

    def __init__(self, markers: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._markers = [marker for marker in markers if marker]
        self._held = ""
        self.stopped = False
        """A marker was met; nothing more comes."""

    def feed(self, data: bytes) -> str:
        """The characters that are certain after ``data``: whole, and not the beginning of a marker."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(data)
        found = [at for marker in self._markers if (at := text.find(marker)) >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        keep = max((_overlap(text, marker) for marker in self._markers), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> str:
        """What was held back; an unfinished character becomes U+FFFD."""
        if self.stopped:
            return ""
        self.stopped = True
        text, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return text


def _overlap(text: str, marker: str) -> int:
    """How many characters at the end of ``text`` begin ``marker``."""
    return next((n for n in range(min(len(text), len(marker) - 1), 0, -1) if marker.startswith(text[-n:])), 0)
