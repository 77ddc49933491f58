"""Speech written as words, made regular: what the privacy gate's rules read.

Strategy: one pass cuts the transcript into tokens with offsets into the original; a second turns number words into digits the
way people say numbers ("double oh seven", "forty one eleven", "nineteen eighty-four") and tells digits, single letters, mixed
codes, quantities, punctuation and words apart. Nothing is removed, so every atom knows its place in the original.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from voice.privacy.lexicon import JOINTS

AtomKind = Literal["digits", "letter", "code", "quantity", "word", "mark"]


class Atom(NamedTuple):
    """A token, or several that are one number.

    ``value`` is lower case; the digits of a number, the letters and digits of a code, the word, or the punctuation mark.
    ``start`` and ``end`` are offsets into the original text.
    """

    kind: AtomKind
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A transcript and its atoms. ``values[i]`` is ``atoms[i].value``, for quick look-ups."""

    text: str
    atoms: list[Atom]
    values: list[str]


ONES = {word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine".split())} | {
    "nought": "0",
    "niner": "9",
}
TEENS = {word: str(n + 10) for n, word in enumerate(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())}  # fmt: skip
TENS = {word: str(n + 2) for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())} | {
    "fourty": "4"
}
REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
MAGNITUDES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12, "k": 3}
NUMBER_WORDS = frozenset((*ONES, *TEENS, *TENS, *REPEATS, "hundred", *MAGNITUDES)) - {"k"}
NATO = {word: word[0] for word in (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa "
    "quebec romeo sierra "
    "tango uniform victor whiskey whisky yankee zulu alfa".split())}  # fmt: skip
UNITS = frozenset(
    "dollars dollar bucks euros euro pounds quid cents pence yen rupees francs percent degrees miles mile "
    "kilometers kilometres meters "
    "metres feet inches grams kilos kilograms ounces liters litres people votes inhabitants calories minutes "
    "minute hours hour seconds "
    "days day weeks months years times points stars gigabytes megabytes pages words steps seats employees copies users tons "
    "km kg cm mm ml mg lbs oz mph gb mb usd eur gbp".split()
)

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_", re.UNICODE)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|(?<![\d.])\d{1,3}\.\d+(?![\d.])")
_ASCII_DIGITS = str.maketrans({chr(base + n): str(n) for base in (0x660, 0x6F0, 0x966, 0xFF10) for n in range(10)})


def read(text: str) -> Speech:
    """``text`` as atoms. Linear in its length; any string is fine."""
    atoms = _numbers(_tokens(text))
    return Speech(text, atoms, [atom.value for atom in atoms])


def _tokens(text: str) -> list[Atom]:
    """Words, digits and marks; letters and digits without a space between them are one code."""
    grouped = {match.start(): match.end() for match in _GROUPED.finditer(text)} if any("0" <= c <= "9" for c in text) else {}
    found: list[Atom] = []
    skip_to = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if start < skip_to:
            continue
        value = match[0]
        if start in grouped and not (found and found[-1].end == start and found[-1].kind in {"digits", "code"}):
            skip_to = grouped[start]
            found.append(Atom("quantity", text[start:skip_to], start, skip_to))
            continue
        kind: AtomKind = "digits" if value.isdecimal() else "word" if value[0].isalpha() else "mark"
        value = value.translate(_ASCII_DIGITS) if kind == "digits" else value.lower().replace("’", "'")
        last = found[-1] if found else None
        if last is not None and last.end == start and kind in {"digits", "word"} and last.kind in {"digits", "word", "code"}:
            found[-1] = Atom("code", last.value + value, last.start, end)
        else:
            found.append(Atom(kind, value, start, end))
    return found


def _numbers(tokens: list[Atom]) -> list[Atom]:
    """Number words as digits, single letters as letters, amounts as quantities."""
    atoms: list[Atom] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.kind == "word":
            if token.value in NUMBER_WORDS:
                atom, i = _spoken_number(tokens, i)
                atoms.append(atom)
                continue
            if len(token.value) == 1 or (token.value in NATO and _spelling(tokens, i)):
                atoms.append(_letter(token, atoms, tokens, i))
                i += 1
                continue
            if token.value == "oh" and _beside_digits(atoms, tokens, i):
                atoms.append(Atom("digits", "0", token.start, token.end))
                i += 1
                continue
        elif (token.kind == "digits" and i + 1 < len(tokens) and (
            tokens[i + 1].value in UNITS or tokens[i + 1].value in MAGNITUDES or tokens[i + 1].value == "%"
        ) and len(token.value) < 10) or (token.kind == "digits" and atoms and atoms[-1].value in {"$", "£", "€"}):  # fmt: skip
            token = Atom("quantity", token.value, token.start, token.end)
        atoms.append(token)
        i += 1
    return atoms


def _is_digit_word(token: Atom) -> bool:
    return (
        token.kind == "digits" or token.value in ONES or token.value in TEENS or token.value in TENS or token.value in REPEATS
    )


def _beside_digits(atoms: list[Atom], tokens: list[Atom], i: int) -> bool:
    """Whether an "oh" is a zero: before a digit, or behind one with only fillers and separators between."""
    after = tokens[i + 1].value if i + 1 < len(tokens) else ""
    if after == "oh" or (after and _is_digit_word(tokens[i + 1])):
        return True
    for atom in reversed(atoms[-7:]):
        if atom.kind == "digits":
            return True
        if atom.value not in JOINTS and atom.value not in {"dot", "point"}:
            return False
    return False


def _spelling(tokens: list[Atom], i: int) -> bool:
    """Whether a word of the radio alphabet stands for its letter: beside a digit, a letter or another such word."""
    near = [tokens[j] for j in (i - 1, i + 1) if 0 <= j < len(tokens)]
    return any(
        _is_digit_word(token)
        or token.value in NATO
        or (len(token.value) == 1 and token.kind == "word" and token.value not in "ai")
        for token in near
    )


def _letter(token: Atom, atoms: list[Atom], tokens: list[Atom], i: int) -> Atom:
    if token.value == "o" and _beside_digits(atoms, tokens, i):
        return Atom("digits", "0", token.start, token.end)
    return Atom("letter", token.value[0], token.start, token.end)


def _spoken_number(tokens: list[Atom], i: int) -> tuple[Atom, int]:
    """The number that starts at token ``i``, and the token after it.

    What has a "thousand" or more in it, or a unit behind it, is a quantity; everything else is digits as they would be dialled.
    """
    start = tokens[i].start
    digits, i = _small(tokens, i)
    if i < len(tokens) and tokens[i].value == "hundred":
        digits, i = digits + "00", i + 1
        rest, after = _small(tokens, i + 1 if i < len(tokens) and tokens[i].value == "and" else i)
        if rest and len(rest) <= 2 and after > i:
            digits, i = digits[: -len(rest)] + rest, after
    quantity = False
    while i < len(tokens) and tokens[i].value in MAGNITUDES and tokens[i].value != "k":
        quantity, digits = True, digits + "0" * MAGNITUDES[tokens[i].value]
        i += 1
        after = i + 1 if i < len(tokens) and tokens[i].value == "and" else i
        if after < len(tokens) and tokens[after].value in NUMBER_WORDS and tokens[after].value not in REPEATS:
            more, i = _spoken_number(tokens, after)
            digits = digits[: -len(more.value)] + more.value if len(more.value) < len(digits) else digits
    if i < len(tokens) and (tokens[i].value in UNITS or tokens[i].value == "k") and len(digits) < 10:
        quantity = True
    if quantity and len(digits) == 4 and digits[:2] == "20" and not (i < len(tokens) and tokens[i].value in UNITS):
        quantity = False  # "two thousand and eight" is as often a year
    return Atom("quantity" if quantity else "digits", digits, start, tokens[i - 1].end), i


def _small(tokens: list[Atom], i: int) -> tuple[str, int]:
    """The digits of a number below one hundred, or of a repeat; "" when there is none at ``i``."""
    if i >= len(tokens):
        return "", i
    word = tokens[i].value
    if word in ONES:
        return ONES[word], i + 1
    if word in TEENS:
        return TEENS[word], i + 1
    if word in TENS:
        j = i + 1
        if j + 1 < len(tokens) and tokens[j].value == "-":
            j += 1
        if j < len(tokens) and tokens[j].value in ONES and tokens[j].value != "zero":
            return TENS[word] + ONES[tokens[j].value], j + 1
        return TENS[word] + "0", i + 1
    if word in REPEATS:
        if i + 1 < len(tokens):
            following = tokens[i + 1]
            digit = ONES.get(following.value) or (
                "0"
                if following.value in {"oh", "o"}
                else following.value
                if following.kind == "digits" and len(following.value) == 1
                else ""
            )
            if digit:
                return digit * REPEATS[word], i + 2
        return "", i + 1
    if word in {"hundred", *MAGNITUDES}:
        return "1", i  # "hundred dollars": the magnitude itself is read by the caller
    return "", i
