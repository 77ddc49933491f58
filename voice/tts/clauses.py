"""Where to breathe: cuts the text of a reply, as it streams in, into clauses to synthesise one by one.

Strategy: after every word stands a *gap*. A gap is judged once, as soon as the text behind it shows what it is ("3." may
become "3.5", "Dr." wants a name), and gets a strength: the end of a sentence, a strong or a weak pause, the front of a
phrase, or nothing but a space. The clause is let go at the first gap that is good enough. What is good enough depends on
how much speech the listener already has ahead: little at first (the reply must start soon), more later (longer clauses
have the better prosody). Every decision looks at characters in order, so how the text was chunked makes no difference.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

MAX_WORDS = 25
"""No clause is longer in words."""
LEAST_FIRST_WORDS = 3
"""Fewer would be spoken before the next clause is there, and sound chopped."""
MAX_CHARS = 240
"""No clause is longer in characters, and never are more held back."""

_CLOSERS = "\"'”’»)]}*_`"
_OPENERS = "\"'“‘«([{*_`¿¡"
_FULL_STOPS = "。！？"  # these end a sentence without a space behind them
_DASHES = "—–-"

_TITLES = frozenset(
    "mr mrs ms dr prof st sr gen col capt lt sgt rev hon gov sen rep pres vs e.g i.e cf fig eq vol ch pp".split()
)
"""Abbreviations that something always follows."""
_ABBREVIATIONS = frozenset(
    "etc approx dept est inc ltd co corp jr a.m p.m ph.d b.c a.d no ave blvd rd apt ft min max avg tel ext al "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun".split()
)
"""Abbreviations that may end a sentence."""
_STARTERS = frozenset(
    "the a an it its he she we they you i this that these those there here in on at if but and so or for when while what who "
    "where why how my your his her our their then now also however as with after before yes no not do does is are can let "
    "today tomorrow please some most many all".split()
)
"""Words that, capitalised behind an abbreviation, begin a sentence."""
_PHRASE_FRONTS = frozenset(
    "and but or nor because so although though while whereas unless until since if when where which who whose that than as "
    "before after during with without within through between against about into onto from by for to in on at under over".split()
)
"""Words before which a speaker can breathe."""
_FUNCTION_WORDS = frozenset(
    "a an the of my your his her our their its this that and or but to in on at by for with is are".split()
)
"""Words after which a speaker does not."""


class _Gap(IntEnum):
    """What stands after a word, weakest first."""

    NONE = 0
    SPACE = 1
    PHRASE = 2
    COMMA = 3
    STRONG = 4
    SENTENCE = 5


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many words a clause needs before each kind of gap ends it."""

    comma: int
    strong: int
    phrase: int
    force: int


def _limits(spoken_words: int, first_words: int) -> _Limits:
    """The more is already spoken, the longer the next clause may take."""
    return _Limits(
        comma=min(1 + spoken_words // 2, 8),
        strong=min(1 + spoken_words // 3, 4),
        phrase=min(first_words + spoken_words, max(first_words, 14)),
        force=min(first_words + 3 + 3 * spoken_words, MAX_WORDS),
    )


def normalise(text: str) -> str:
    """``text`` as the clauses spell it.

    Each run of whitespace becomes one newline if it holds one, else one space; the ends are bare.
    """
    words: list[str] = []
    gap = ""
    for char in text:
        if char.isspace():
            gap = "\n" if "\n" in (gap, char) else " "
        else:
            words.append(gap + char if words else char)
            gap = ""
    return "".join(words)


class ClauseSplitter:
    """Cuts one streamed reply into clauses.

    The clauses, joined with nothing between them, are exactly ``normalise(all text fed)``: a clause begins with the
    whitespace that was before it. None is blank, or longer than ``MAX_WORDS`` words or ``MAX_CHARS`` characters.

    Args:
        first_words: the first clause may end after this many words where a phrase begins (a pause ends it sooner), and
            ends a few words later wherever it is.
        spoken_words: how many words were spoken before this text, which then is the rest of a reply.
    """

    def __init__(self, first_words: int, *, spoken_words: int = 0) -> None:
        self._first_words = first_words
        self._hurried_words = MAX_WORDS
        self._reset(spoken_words)

    def _reset(self, spoken_words: int = 0) -> None:
        self._spoken_words = spoken_words
        self._text = ""  # what is not let go yet
        self._space = ""  # whitespace seen, but not yet a character behind it
        self._word_start = 0  # of the last word, which may still grow
        self._gap_at = 0  # the end of the word before it, when what stands between the two is not judged yet
        self._gaps: list[tuple[int, _Gap, int]] = []  # judged: where, what, words before it
        self._words = 0
        self._begun = False

    def feed(self, text: str) -> list[str]:
        """Take more of the reply; give the clauses that stand now."""
        clauses: list[str] = []
        for char in text:
            self._take(char, clauses)
        return clauses

    def hurry(self, words: int) -> None:
        """End the first clause after ``words`` words, if it can be spoken so; may be said again as time goes by."""
        self._hurried_words = max(words, LEAST_FIRST_WORDS)

    def finish(self) -> list[str]:
        """The reply is complete: give what is left. The splitter is then as new."""
        clauses: list[str] = []
        if self._text:
            self._judge(complete=True)
            self._release(clauses)
            if self._text:
                clauses.append(self._text)
        self._reset()
        return clauses

    def _take(self, char: str, clauses: list[str]) -> None:
        if char.isspace():
            if self._text:
                self._space = "\n" if "\n" in (self._space, char) else " "
                self._judge(complete=True)  # a space completes the word behind the open gap
                self._release(clauses)
            elif self._begun:
                self._space = "\n" if "\n" in (self._space, char) else " "
            return
        last = self._text[-1:]
        if self._space or last == "—" or (last and last in _FULL_STOPS and char not in _CLOSERS):
            self._end_word()
        self._text += self._space + char
        self._space = ""
        self._begun = True
        self._judge(complete=False)
        self._release(clauses)
        while len(self._text) >= MAX_CHARS:
            self._cut(self._best_cut() or MAX_CHARS - 1, clauses)

    def _end_word(self) -> None:
        """The last word is complete and another begins: the gap between them is open."""
        if not self._text:
            return
        if self._gap_at:
            self._judge(complete=True)
        if any(map(str.isalnum, self._text[self._word_start :])):
            self._words += 1
        self._gap_at = len(self._text)
        self._word_start = len(self._text)

    def _judge(self, *, complete: bool) -> None:
        """Judge the open gap if what follows it shows what it is; ``complete``: the word behind it will not grow."""
        if not self._gap_at:
            return
        before = self._text[: self._gap_at].split()[-1]
        behind = self._text[self._gap_at :]
        first_of_line = self._text[: self._gap_at].rpartition("\n")[2].strip() == before
        gap = _gap(before, behind, complete=complete, first_of_line=first_of_line)
        if gap is not None:
            self._gaps.append((self._gap_at, gap, self._words))
            self._gap_at = 0

    def _release(self, clauses: list[str]) -> None:
        """Let go of every clause that stands."""
        while cut := self._next_cut():
            self._cut(cut, clauses)

    def _next_cut(self) -> int:
        limits = _limits(self._spoken_words, self._first_words)
        if self._spoken_words == 0:
            limits = replace(limits, force=min(limits.force, self._hurried_words))
        for at, gap, words in self._gaps:
            if words >= MAX_WORDS:
                return self._best_cut() or at
            if words == 0 or gap is _Gap.NONE:
                continue
            if words >= limits.force:
                before = self._text[:at].split()[-1].lower()
                if gap > _Gap.SPACE or before not in _FUNCTION_WORDS or words >= limits.force + 3:
                    return at if words <= limits.force else self._best_cut() or at
            if words >= _needed(gap, limits) or (words == limits.force - 1 and self._is_last_chance(at)):
                return at
        if self._gap_at and limits.force <= self._words < MAX_WORDS and self._is_plain_space(self._gap_at):
            return self._gap_at  # whatever the word behind it grows to
        return 0

    def _is_last_chance(self, at: int) -> bool:
        """Whether the clause, if it does not end at the judged gap ``at``, cannot end behind the next word."""
        before, behind = self._text[:at].split()[-1], self._text[at:].split()
        return before.lower() not in _FUNCTION_WORDS and bool(behind) and behind[0].lower() in _FUNCTION_WORDS - {"of"}

    def _is_plain_space(self, at: int) -> bool:
        """Whether the open gap at ``at`` lies between two words and nothing hangs on the second."""
        before, behind = self._text[:at].split()[-1], self._text[at:]
        return before[-1].isalnum() and before.lower() not in _FUNCTION_WORDS and behind[0] == " " and behind[1:2].isalpha()

    def _best_cut(self) -> int:
        """The strongest, then latest judged gap in what is held."""
        usable = [(gap, at) for at, gap, words in self._gaps if 0 < words <= MAX_WORDS and gap is not _Gap.NONE]
        return max(usable)[1] if usable else 0

    def _cut(self, at: int, clauses: list[str]) -> None:
        clauses.append(self._text[:at])
        words = next((words for end, _, words in reversed(self._gaps) if end <= at), 0) if at != self._gap_at else self._words
        self._spoken_words += words
        self._words = max(0, self._words - words)
        self._text = self._text[at:]
        self._word_start = max(0, self._word_start - at)
        self._gap_at = max(0, self._gap_at - at)
        self._gaps = [(end - at, gap, count - words) for end, gap, count in self._gaps if end > at]


def _needed(gap: _Gap, limits: _Limits) -> int:
    """Words that a clause must have to end at such a gap."""
    match gap:
        case _Gap.SENTENCE:
            return 1
        case _Gap.STRONG:
            return limits.strong
        case _Gap.COMMA:
            return limits.comma
        case _Gap.PHRASE:
            return limits.phrase
        case _:
            return MAX_WORDS


def _gap(before: str, behind: str, *, complete: bool, first_of_line: bool) -> _Gap | None:
    """What stands between ``before`` and ``behind``, which begins with the whitespace, if any; None: not to be told yet."""
    follower = behind.strip()
    if not follower:
        return None
    bare = before.rstrip(_CLOSERS)
    if behind[0] == "\n":
        return _Gap.SENTENCE
    if bare[-1:] in tuple("!?" + _FULL_STOPS):
        return _Gap.SENTENCE
    if bare.endswith(("...", "…")):
        return _Gap.COMMA if follower.lstrip(_OPENERS)[:1].islower() else _Gap.SENTENCE
    if bare.endswith("."):
        return _stop(bare, follower, complete=complete, first_of_line=first_of_line)
    if bare.endswith((";", ":")):
        return _Gap.STRONG
    if bare.endswith(",") and len(bare) > 1:
        date = bare[-2].isdigit() and follower[0].isdigit()  # May 3, 2024
        return _Gap.SPACE if date else _Gap.COMMA
    if not before.strip(_DASHES):
        return _Gap.NONE if first_of_line else _Gap.STRONG
    if before.endswith("—"):
        return _Gap.STRONG
    if not follower.strip(_DASHES):
        return _Gap.NONE if complete or follower == "—" else None  # the pause comes after the dash
    if not complete:
        return None
    return _Gap.PHRASE if _plain(follower) in _PHRASE_FRONTS and _plain(before) not in _FUNCTION_WORDS else _Gap.SPACE


def _stop(bare: str, follower: str, *, complete: bool, first_of_line: bool) -> _Gap | None:
    """A full stop: the end of a sentence, of an abbreviation, of an initial, or of a list marker."""
    stem = bare[:-1].lstrip(_OPENERS)
    lower = stem.lower()
    if first_of_line and (stem.isdigit() or (len(stem) == 1 and stem.isalpha())) and len(stem) <= 3:
        return _Gap.NONE
    if lower in _TITLES:
        return _Gap.NONE
    opening = follower.lstrip(_OPENERS)
    if not opening:
        return _Gap.SENTENCE if complete else None
    if lower == "no" and opening[0].isdigit():
        return _Gap.NONE
    initial = len(stem) == 1 and stem.isalpha() and stem.isupper() and stem != "I"
    dotted = "." in stem and all(len(part) == 1 and part.isalpha() for part in stem.split("."))
    if lower == "no" and not initial:
        return _Gap.SENTENCE if not opening[0].islower() else _Gap.SPACE
    if lower in _ABBREVIATIONS or initial or dotted:
        if not opening[0].isupper():
            return _Gap.NONE if initial else _Gap.SPACE
        if not complete:
            return None
        return _Gap.SENTENCE if _plain(opening) in _STARTERS else _Gap.NONE
    return _Gap.SPACE if opening[0].islower() and len(stem) <= 4 else _Gap.SENTENCE


def _plain(word: str) -> str:
    return word.lower().strip("\"'“”‘’«»()[]{}*_`.,;:!?…")
