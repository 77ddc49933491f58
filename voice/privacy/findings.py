"""The kinds of private matter, what the rules and the tag head report of it, and how overlapping reports become one."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of private matter."""

    NAME = "name"
    ADDRESS = "address"
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    ACCOUNT = "account"
    NATIONAL_ID = "national_id"
    PASSPORT = "passport"
    LICENCE = "licence"
    SECRET = "secret"
    BIRTH_DATE = "birth_date"
    AGE = "age"
    IP_ADDRESS = "ip_address"
    MEDICAL = "medical"
    FINANCIAL = "financial"
    DIGITS = "digits"
    """A long run of digits of which nothing else is known."""


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """Neighbouring words with the same tag: characters ``start`` to ``end``, and the highest probability in them."""

    tag: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Private matter in a transcript.

    Attributes:
        kind: of what sort.
        start, end: the characters of the original transcript.
        confidence: 0 to 1; 0.99 for a valid checksum, the model's own probability for the tag head.
        rule: what found it, for the trace: a cue, a checksum, "tags".
    """

    kind: Kind
    start: int
    end: int
    confidence: float
    rule: str


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In order of place. Of findings that overlap the surest gives the kind and rule; the span is that of all together."""
    kept: list[Finding] = []
    for found in sorted(findings, key=lambda f: (f.start, -f.end)):
        if kept and found.start < kept[-1].end:
            last = kept[-1]
            sure = found if found.confidence > last.confidence else last
            kept[-1] = Finding(sure.kind, last.start, max(last.end, found.end), sure.confidence, sure.rule)
        else:
            kept.append(found)
    return tuple(kept)
