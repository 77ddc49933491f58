"""Going on behind words that were already spoken: takes off what a model says of them once more (pure).

Strategy: a model that is asked to go on behind "The largest ocean is the" may say the last word again ("the Pacific"), all of
them, or begin its sentence anew ("The largest ocean in the world is the Pacific"). Words are compared without their case and
what stands between them. The stream is held only while it may still be a repetition: mostly its first word shows that it is
none. What remains is to be put behind the spoken words as it is: it brings its own space. A sentence that was begun anew and
cannot be joined to the spoken words is left whole, as somebody would say it who starts again.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?…]+[\"”’)*]*(?=\s)|\n")
_MAY_END = re.compile(r"[.!?…]+[\"”’)*]*$")
_ELLIPSIS = re.compile(r"\s*(?:\.{2,}|…)[\s.…]*")
_MAY_BE_ELLIPSIS = re.compile(r"\s*(?:\.|(?:\.{2,}|…)[\s.…]*)?")
_LEAD = re.compile(r"(?:\.{2,}|[\s…\"“”«*_–—-])*")
"""What may stand before a repetition."""
_MARKS = ",;:.!?…"
_ENDS = (".", "!", "?", "…")
_COPULAS = frozenset("is are was were".split())
_ARTICLES = frozenset("the a an".split())
_COUNTED = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple".split()
)
_MORE_WORDS = 4
_MORE_CHARS = 40
"""Held at most, beyond the length of the spoken words."""
_ANEW_WORDS = 2
"""So many equal words at its start make a sentence one that was begun anew."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as it is compared, how it is spelled, and where it stands."""

    plain: str
    spelled: str
    end: int


class Seam:
    """The text that follows ``spoken``, from a stream that may repeat it. Feed it, and flush it once.

    How the stream is cut makes no difference to what is given in all.
    """

    def __init__(self, spoken: str) -> None:
        self._spoken = spoken.rstrip()
        self._spaced = spoken != self._spoken
        self._words = _words(spoken)
        self._sentence = _words(_last_sentence(self._spoken))
        self._ended = self._spoken.endswith(_ENDS)
        self._overlaps = _overlaps(self._words, self._spoken, len(self._sentence))
        self._held = ""
        self._settled = not self._words
        self._dropping = False

    def feed(self, text: str) -> str:
        """Take more of the stream; give what is certain to be new."""
        given = ""
        for at, char in enumerate(text):
            if self._settled and not self._dropping:
                return given + text[at:]
            self._held += char
            given += self._drop() if self._dropping else self._judged(complete=False)
        return given

    def flush(self) -> str:
        """The stream is over: give what was held."""
        if self._dropping or self._settled:
            rest, self._held = (self._held if self._dropping else ""), ""
            return rest
        return self._judged(complete=True)

    def _judged(self, *, complete: bool) -> str:
        lead = _LEAD.match(self._held)
        begins = lead.end() if lead else 0
        over = complete or len(self._held) > len(self._spoken) + _MORE_CHARS
        if not over and (begins == len(self._held) or _MAY_BE_ELLIPSIS.fullmatch(self._held)):
            return ""
        if not _WORD.match(self._held, begins):
            return self._untouched()
        said = _words(self._held, begins)
        last = self._held[said[-1].end :]
        growing = "" if complete or last not in {"", "'", "’"} else said.pop().plain + last.replace("’", "'")
        return self._compared(said, growing, over=over or len(said) > len(self._words) + _MORE_WORDS)

    def _compared(self, said: Sequence[_Word], growing: str, *, over: bool) -> str:
        plain = [word.plain for word in said]
        spoken = [word.plain for word in self._words]
        repeated = 0
        for count in self._overlaps:
            tail = spoken[-count:]
            if plain[:count] == tail:
                repeated = count
            elif not over and plain == tail[: len(plain)] and tail[len(plain)].startswith(growing):
                return ""  # it may be going to say these again
        sentence = [word.plain for word in self._sentence]
        common = sum(itertools.takewhile(bool, (a == b for a, b in zip(plain, sentence, strict=False))))
        if not over and common == len(plain) < len(sentence) and not self._ended and sentence[common].startswith(growing):
            return ""  # it may be going to begin the sentence anew
        if _ANEW_WORDS <= common < len(sentence) and common > repeated and not self._ended:
            return self._anew(said, plain, sentence[common:][-_ANEW_WORDS:], common, over=over)
        if not repeated:
            return self._untouched()
        if self._is_new_sentence(said, repeated):
            return self._inverted(said, plain, repeated, over=over)
        return self._behind(said[repeated - 1].end, over=over)

    def _anew(self, said: Sequence[_Word], plain: Sequence[str], left: Sequence[str], begins: int, *, over: bool) -> str:
        """The sentence is begun once more, perhaps with other words before those that are ``left`` of the spoken ones."""
        for at in range(begins, len(plain) - len(left) + 1):
            if plain[at : at + len(left)] == left:
                return self._behind(said[at + len(left) - 1].end, over=over)
        return self._untouched() if over or _SENTENCE_END.search(self._held) else ""

    def _is_new_sentence(self, said: Sequence[_Word], repeated: int) -> bool:
        """Whether these words begin a sentence ("The Pacific …"), where those spoken were in the middle of one."""
        first, then = said[0].spelled, self._words[-repeated].spelled
        return not self._ended and repeated < len(self._sentence) and first[0].isupper() and then[0].islower()

    def _inverted(self, said: Sequence[_Word], plain: Sequence[str], repeated: int, *, over: bool) -> str:
        """What was spoken first may come last in it ("… Ocean is the largest ocean in the world"), and is left out."""
        head = [word.plain for word in self._sentence if word.plain not in _ARTICLES][:_ANEW_WORDS]
        for at in range(repeated, len(plain)):
            behind = at + 2 if plain[at + 1 : at + 2] and plain[at + 1] in _ARTICLES else at + 1
            if head and plain[at] in _COPULAS and plain[behind : behind + len(head)] == head:
                kept = self._held[said[repeated - 1].end : said[at - 1].end]
                self._held, self._settled, self._dropping = self._held[said[behind + len(head) - 1].end :], True, True
                return kept + self._drop()
        return self._behind(said[repeated - 1].end, over=over) if over or _SENTENCE_END.search(self._held) else ""

    def _drop(self) -> str:
        """Leave out the rest of the sentence, but for its end."""
        end = _SENTENCE_END.search(self._held)
        if end is None:
            may_end = _MAY_END.search(self._held)
            self._held = may_end[0] if may_end else ""
            return ""
        rest, self._held, self._dropping = self._held[end.start() :], "", False
        return rest

    def _behind(self, end: int, *, over: bool) -> str:
        """What stands behind the repetition, which ends there, and the marks behind it that were spoken too."""
        rest = self._held[end:].lstrip("*_")
        if self._spoken.endswith(tuple(_MARKS)):
            rest = rest.lstrip(_MARKS)
        if not rest and not over:
            return ""
        return self._given(rest)

    def _untouched(self) -> str:
        """It is no repetition. An ellipsis that stands for the spoken words is none of the text."""
        ellipsis = _ELLIPSIS.match(self._held)
        return self._given(self._held[ellipsis.end() :] if ellipsis else self._held)

    def _given(self, text: str) -> str:
        self._held, self._settled = "", True
        if self._spaced:
            return text.lstrip()
        return " " + text if text[:1].isalnum() else text


def _words(text: str, begins: int = 0) -> list[_Word]:
    return [_Word(found[0].casefold().replace("’", "'"), found[0], found.end()) for found in _WORD.finditer(text, begins)]


def _last_sentence(text: str) -> str:
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[ends[-1] :] if ends else text


def _overlaps(words: Sequence[_Word], spoken: str, sentence: int) -> list[int]:
    """How many of the last words, said again, are a repetition.

    Figures and letters are often rightly said twice; behind a full stop a sentence may begin with the word that ended the last
    one, and behind a comma a clause.
    """
    found = []
    for count in range(1, len(words) + 1):
        whole = count in {len(words), sentence}
        counted = all(_is_counted(word.plain) for word in words[-count:])
        if not counted and (whole or (not spoken.endswith(_ENDS) and (count > 1 or not spoken.endswith(tuple(_MARKS))))):
            found.append(count)
    return found


def _is_counted(word: str) -> bool:
    return word in _COUNTED or word.isnumeric() or (len(word) == 1 and word not in {"a", "i"})
