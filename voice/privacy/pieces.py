"""Where a private value, or a piece of it, stands in a text, however either is said or written (pure).

Strategy: both are reduced to what is heard of them, letters and digits without what stands between, so that "five five five
one", "555-1" and "5 5 5, 1" are the same. A piece of the value is then any run of it that begins and ends in the text where a
word or a digit does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from voice.privacy import spoken_form
from voice.privacy.lexicon import NOT_A_NAME, STREETS
from voice.privacy.people import common_words

SURE = 4
"""So many characters of a value tell something of it, unless they are everyday words."""
LEAST = 2
"""… and fewer never do, unless they are the whole."""
SILENT = frozenset(
    "um uh uhm er erm hmm hm ah dash hyphen minus slash underscore dot point at comma space plus and the then s".split()
)
"""Said or left out without a difference: fillers and separators."""
_ONE_BY_ONE = frozenset({"digits", "letter", "code", "quantity"})


@dataclass(frozen=True, slots=True)
class Heard:
    """A text as it is heard.

    Attributes:
        sound: its letters and digits, lower case, glued together.
        begins, ends: for each place of ``sound`` (one more for the end) whether a piece may begin or end there.
        spans: for each character of ``sound`` the characters of the text that it was made of.
        everyday: for each character of ``sound`` whether it belongs to an everyday word.
    """

    sound: str
    begins: tuple[bool, ...]
    ends: tuple[bool, ...]
    spans: tuple[tuple[int, int], ...]
    everyday: tuple[bool, ...]


def hear(text: str) -> Heard:
    """``text`` reduced to its sound. Linear in its length."""
    sound: list[str] = []
    begins: list[bool] = []
    ends: list[bool] = [False]
    spans: list[tuple[int, int]] = []
    everyday: list[bool] = []
    for atom in spoken_form.read(text).atoms:
        said = "".join(filter(str.isalnum, atom.value.removesuffix("'s")))
        if not said or (atom.kind == "word" and said in SILENT):
            continue
        loose = atom.kind in _ONE_BY_ONE
        end = atom.start + len(said) if text[atom.start : atom.end].casefold().startswith(said) else atom.end
        written = loose and end - atom.start == len(said)  # each character then has its own place
        usual = atom.kind == "word" and (said in common_words() or said in NOT_A_NAME or said in STREETS)
        for at, char in enumerate(said):
            sound.append(char)
            begins.append(loose or at == 0)
            ends.append(loose or at == len(said) - 1)
            spans.append((atom.start + at, atom.start + at + 1) if written else (atom.start, end))
            everyday.append(usual)
    return Heard("".join(sound), (*begins, False), tuple(ends), tuple(spans), tuple(everyday))


@dataclass(frozen=True, slots=True)
class Value:
    """A private value as it is heard: its sound, the least length of a piece, and its pieces of that length."""

    sound: str
    half: int
    grams: frozenset[str]
    least: int


def value_of(text: str) -> Value:
    """What is looked for of a private value."""
    sound = hear(text).sound
    half = (len(sound) + 1) // 2
    least = max(1, min(len(sound), max(LEAST, min(SURE, half))))
    return Value(sound, half, frozenset(sound[at : at + least] for at in range(len(sound) - least + 1)), least)


def places(value: Value, text: Heard) -> Iterator[tuple[int, int]]:
    """The characters of the text in which the value, or a telling piece of it, stands; in order, not overlapping."""
    if not value.sound:
        return
    found = text.sound
    at = 0
    while (at := _next(value, found, at)) >= 0:
        if not text.begins[at]:
            at += 1
            continue
        end = at + value.least
        while end < len(found) and found[at : end + 1] in value.sound:
            end += 1
        while end > at and not (text.ends[end] and _tells(value, text, at, end)):
            end -= 1
        if end > at:
            yield text.spans[at][0], text.spans[end - 1][1]
            at = end
        else:
            at += 1


def _next(value: Value, sound: str, at: int) -> int:
    """The next place of any shortest piece of the value; -1 without one."""
    return min((place for gram in value.grams if (place := sound.find(gram, at)) >= 0), default=-1)


def _tells(value: Value, text: Heard, first: int, last: int) -> bool:
    """Whether a piece says anything of the value: half of it, or four characters that are no everyday words."""
    length = last - first
    if length >= value.half and length >= min(LEAST, len(value.sound)):
        return True
    return length >= SURE and not all(text.everyday[first:last])
