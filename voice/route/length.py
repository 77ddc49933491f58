"""How long an answer is asked to be, in so many words."""

import re

_STATED = re.compile(
    r"\b(\d[\d,]{0,5}|(?:[a-z]+[ -]){1,4}?)\s*[- ]?(words?|pages?|paragraphs?|sentences?|lines?)\b", re.IGNORECASE
)
_TOKENS_PER = {"word": 1.35, "page": 650.0, "paragraph": 120.0, "sentence": 25.0, "line": 12.0}
_COUNTS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "few": 3, "couple": 2,
}  # fmt: skip


def stated_tokens(text: str) -> int | None:
    """The length that the words ask for ("in five hundred words", "two pages"), in tokens; None when they ask for none."""
    for match in _STATED.finditer(text[:2000]):
        count, unit = _count(match[1]), match[2].lower().removesuffix("s")
        if count and not (unit in {"word", "line"} and count < 5):  # "what's a word for …"
            return min(20_000, round(count * _TOKENS_PER[unit]))
    return None


def _count(words: str) -> int:
    if words[:1].isdigit():
        return int(words.replace(",", ""))
    total = 0
    for word in re.split(r"[ -]+", words.lower().strip()):
        if word in {"hundred", "thousand"}:
            total = max(total, 1) * (100 if word == "hundred" else 1000)
        elif word in _COUNTS:
            total += _COUNTS[word]
        elif total:
            return 0
    return total
