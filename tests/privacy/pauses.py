"""What would leave the device if a private utterance were spoken with one pause (pure).

A pause is put at each word boundary in turn. A long one makes two turns of the utterance, and the first half is really
answered; a short one makes a draft of it, and the whole is placed behind it in the same turn. What leaves is then searched for
every value and every half of one, said or written.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from voice.bench.router.private import by_hand, fresh
from voice.core.interfaces import Message
from voice.privacy import spoken_form
from voice.privacy.findings import Kind
from voice.privacy.people import common_words, given_names
from voice.route.placing import Placing
from voice.route.policy import Forecast
from voice.route.router import Router

LEAST = 4
"""Shorter pieces are in everything."""
REACHABLE = Forecast(cloud_first_ms=200.0)


@dataclass(frozen=True, slots=True)
class Leak:
    """What left of which utterance, broken off behind how many words: "first" or "second" half, or "whole"."""

    text: str
    boundary: int
    part: str
    left: str
    piece: str


@cache
def sound(text: str) -> str:
    """Words with a space between and at both ends; digits and letters said one by one are glued, said or written."""
    words: list[str] = []
    glued = False
    for atom in spoken_form.read(text).atoms:
        value = "".join(filter(str.isalnum, atom.value))
        if not value:
            continue
        loose = atom.kind != "word"
        if loose and glued:
            words[-1] += value
        else:
            words.append(value)
        glued = loose
    return f" {' '.join(words)} "


@cache
def pieces(value: str) -> frozenset[str]:
    """Every run of a value's words that has half of its characters at least, and four."""
    words = value.split()
    whole = len(sound(value).replace(" ", ""))
    found = set()
    for first in range(len(words)):
        for last in range(first + 1, len(words) + 1):
            piece = sound(" ".join(words[first:last])).strip()
            if len(size := piece.replace(" ", "")) >= LEAST and 2 * len(size) >= whole:
                found.add(piece)
    return frozenset(found)


def stands(value: str, left: str) -> str | None:
    """The piece of a value that stands in what left, if one does: words as words, numbers anywhere in a number."""
    out = sound(left)
    return next((one for one in sorted(pieces(value)) if (one if one.isdigit() else f" {one} ") in out), None)


def values_of(router: Router, text: str) -> tuple[str, ...]:
    """What the gate finds in the whole utterance; of names and addresses what is not of every day, with what lies between."""
    found = router.decide(text).verdict.findings
    values = (_telling(text[one.start : one.end]) if one.kind in _NAMED else text[one.start : one.end] for one in found)
    return tuple(value for value in values if value)


_NAMED = {Kind.NAME, Kind.ADDRESS}


def _telling(value: str) -> str:
    """From the first to the last word that is a number or no everyday word; "" without one."""
    words = value.split()
    telling = [i for i, word in enumerate(words) if any(map(_tells, spoken_form.read(word.lower()).atoms))]
    return " ".join(words[telling[0] : telling[-1] + 1]) if telling else ""


def _tells(atom: spoken_form.Atom) -> bool:
    return atom.kind not in {"word", "mark"} or (
        atom.kind == "word" and (atom.value in given_names() or atom.value not in common_words())
    )


def private_texts() -> list[str]:
    """The private utterances that were written by hand."""
    return [case.text for case in (*by_hand(), *fresh()) if case.private]


def leaving(placing: Placing, text: str) -> str | None:
    """What of a text leaves when the turn is placed with it; ``None`` when nothing does."""
    decision = placing.place(text, REACHABLE)
    if decision.choice.route == "edge" and decision.choice.runner_up != "cloud":
        return None
    return placing.outgoing([Message("user", text)], decision).messages[-1].text


def broken(router: Router, text: str, boundary: int) -> Iterator[tuple[str, str]]:
    """What leaves of an utterance with a pause behind so many words, and of which part: for a long pause and a short one."""
    words = text.split()
    first, second = " ".join(words[:boundary]), " ".join(words[boundary:])
    long, short = Placing(router), Placing(router)
    long.begin_turn()
    short.begin_turn()
    left = [("first", leaving(long, first))]
    long.begin_turn()
    left.append(("second", leaving(long, second)))
    leaving(short, first)  # a draft: it leaves no more than the first half of a long pause
    left.append(("whole", leaving(short, text)))
    yield from ((part, out) for part, out in left if out is not None)


def leaks(router: Router, texts: Iterable[str], values: dict[str, tuple[str, ...]] | None = None) -> list[Leak]:
    """Every value or half of one that leaves, for each utterance and boundary; ``values``: what is looked for, by utterance."""
    found: list[Leak] = []
    for text in texts:
        sought = values[text] if values is not None else values_of(router, text)
        for boundary in range(1, len(text.split())):
            for part, out in broken(router, text, boundary):
                piece = next((one for value in sought if (one := stands(value, out)) is not None), None)
                if piece is not None:
                    found.append(Leak(text, boundary, part, out, piece))
    return found
