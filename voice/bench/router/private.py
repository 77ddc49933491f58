"""The test sets for private matter: written and spoken, private and not.

*written*: the records of pii_written.json whose templates the encoder was not trained on. *spoken*: the same records with
every value said aloud, without case and punctuation, and the utterances of ``data/spoken_*.txt``, written by hand for this
test, half of them near misses (order numbers, years, prices, rooms, the famous, illness in general).
"""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from voice.bench.router import spoken
from voice.bench.router.examples import pii_written

COUNTED = frozenset(
    (
        "PERSON STREET_ADDRESS CREDIT_CARD PHONE_NUMBER EMAIL_ADDRESS IBAN_CODE US_SSN IP_ADDRESS US_DRIVER_LICENSE ZIP_CODE"
    ).split()
)
"""Presidio's entities that are private by themselves."""
NEUTRAL = frozenset("AGE DATE_TIME TITLE NRP".split())
"""Entities that may be private or not: a record with only these counts on neither side."""


@dataclass(frozen=True, slots=True)
class Case:
    """An utterance, whether it holds private matter, and of which sort (for the table)."""

    text: str
    private: bool
    sort: str


def written(data: Path) -> list[Case]:
    """The held-out written records."""
    return [case for row in pii_written(data)[1] if (case := _case(row, row["full_text"])) is not None]


def spoken_records(data: Path, seed: int = 20) -> list[Case]:
    """The held-out written records, said aloud."""
    rng = random.Random(seed)  # noqa: S311
    return [case for row in pii_written(data)[1] if (case := _case(row, _aloud(row, rng))) is not None]


def by_hand() -> list[Case]:
    """The utterances written while the rules were: what they were made to find and to leave alone."""
    return _lines("spoken_private.txt")


def fresh() -> list[Case]:
    """The utterances written after the rules, before they were tried on any."""
    return _lines("spoken_fresh.txt")


def _lines(name: str) -> list[Case]:
    lines = (files("voice.bench") / "data" / name).read_text(encoding="utf-8").split("\n")
    return [Case(line[2:].strip(), line[0] == "+", "by hand") for line in lines if line[:2] in {"+ ", "- "}]


def _case(row: dict[str, Any], text: str) -> Case | None:
    kinds = {span["entity_type"] for span in row["spans"]}
    private = bool(kinds & COUNTED)
    if not private and kinds & NEUTRAL:
        return None
    return Case(text, private, min(kinds & COUNTED, default="none"))


def _as_it_is(value: str, _: random.Random) -> str:
    return value


def _say_ip(value: str, rng: random.Random) -> str:
    return " dot ".join(spoken.house_number(part, rng) for part in re.split(r"[.:]", value) if part)


_SAY: dict[str, Callable[[str, random.Random], str]] = {
    "CREDIT_CARD": spoken.digits,
    "PHONE_NUMBER": spoken.digits,
    "US_SSN": spoken.digits,
    "EMAIL_ADDRESS": spoken.email,
    "DOMAIN_NAME": spoken.email,
    "IBAN_CODE": spoken.code,
    "ZIP_CODE": spoken.code,
    "US_DRIVER_LICENSE": spoken.code,
    "STREET_ADDRESS": spoken.address,
    "IP_ADDRESS": _say_ip,
}


def _aloud(row: dict[str, Any], rng: random.Random) -> str:
    text, parts, at = row["full_text"], list[str](), 0
    for span in sorted(row["spans"], key=lambda span: span["start_position"]):
        start, end = span["start_position"], span["end_position"]
        if start < at:
            continue
        value = text[start:end]
        parts += [text[at:start], _SAY.get(span["entity_type"], _as_it_is)(value, rng)]
        at = end
    return spoken.plain("".join([*parts, text[at:]]))


def score(cases: Iterable[Case], is_private: Callable[[str], bool]) -> dict[str, Any]:
    """Recall and precision by utterance, recall by sort, and what went wrong."""
    cases = list(cases)
    judged = [(case, is_private(case.text)) for case in cases]
    hits = sum(case.private and found for case, found in judged)
    private, flagged = sum(case.private for case in cases), sum(found for _, found in judged)
    by_sort = {
        sort: round(sum(found for case, found in judged if case.private and case.sort == sort) / count, 4)
        for sort in sorted({case.sort for case in cases if case.private})
        if (count := sum(case.private and case.sort == sort for case in cases))
    }
    return {
        "utterances": len(cases),
        "private": private,
        "recall": round(hits / private, 4) if private else None,
        "precision": round(hits / flagged, 4) if flagged else None,
        "recall_by_sort": by_sort,
        "missed": [case.text for case, found in judged if case.private and not found][:40],
        "wrongly_flagged": [case.text for case, found in judged if found and not case.private][:40],
    }
