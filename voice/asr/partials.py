"""Which part of a partial transcript will stay (pure).

Strategy: two hypotheses in a row over growing audio rarely agree on a word that is still to change, so the words on which
they agree from the start are stable. LocalAgreement-2 of Liu, Spanakis and Niehues 2020 ("Low-Latency Sequence-to-Sequence
Speech Recognition and Translation by Partial Hypothesis Selection"), as used for Whisper by Macháček, Dabre and Bojar 2023
("Turning Whisper into Real-Time Transcription System", section 3.1). Unlike there, nothing is frozen: the whole utterance is
heard again each time, and a prefix that no longer holds simply stops being stable.
"""

import re
from collections.abc import Iterator

_WORD = re.compile(r"\w+(?:['’.:,-]\w+)*")


class StablePrefix:
    """Follows the partial transcripts of one utterance.

    Words are compared without case and without the punctuation around them: a hypothesis ends with a full stop that the next
    one takes back.
    """

    def __init__(self) -> None:
        self._previous: list[str] = []

    def update(self, text: str) -> tuple[str, int]:
        """Take the next hypothesis.

        Returns:
            ``text`` and the number of its first characters that agree with the hypothesis before; they end with a word.
        """
        stable_chars = 0
        words: list[str] = []
        agree = True
        for index, (word, end) in enumerate(_words(text)):
            agree = agree and index < len(self._previous) and self._previous[index] == word
            if agree:
                stable_chars = end
            words.append(word)
        self._previous = words
        return text, stable_chars

    def reset(self) -> None:
        """Begin another utterance."""
        self._previous = []


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Each word in its compared form, and where it ends in ``text``."""
    for match in _WORD.finditer(text):
        yield match.group().casefold().replace("’", "'"), match.end()
