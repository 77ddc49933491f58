"""Private numbers and codes among the atoms of a transcript.

Strategy: collect every run of digits (with the fillers, separators and self-corrections that people put inside), see what the
words around it say it is, and let checksums decide where there is one. A long run that nothing explains is private: the rule
fails closed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import phonenumbers
import stdnum.iban
import stdnum.isbn
import stdnum.luhn
import stdnum.us.ssn
from stdnum.exceptions import ValidationError

from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import CORRECTIONS, CUES, CURRENCY, JOINTS, MIN_DIGITS, MONTHS, NOT_A_NAME, PUBLIC_CUES
from voice.privacy.spoken_form import Atom, Speech

CLOSED_DIGITS = 7
"""A run of at least so many digits is private unless something explains it."""
CLOSED_EVEN_IF_PUBLIC = 14
"""… and one this long even then: nobody's order number is worth a card."""
LONGEST_CARD = 19
"""… but not one that is longer than any card, like a parcel's."""
WINDOW = 7
"""Atoms before a run in which a cue may stand; half as many after it."""
MIN_CODE_DIGITS = {Kind.ADDRESS: 2, Kind.LICENCE: 2, Kind.PHONE: 6, Kind.CARD: 6}
"""Digits that a code with letters must have to be what its cue speaks of; 3 for the other kinds."""
MAX_JOINTS = 6
EMERGENCY = frozenset({"911", "112", "999", "110", "311", "411", "711"})

_DATE = re.compile(r"\b(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2}))\b")
_IP = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{0,4}\b", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]?(?:[ -]?[A-Z0-9]){10,30}\b", re.IGNORECASE)
_POSTCODE = re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]{2},? \d{5}(?:-\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b")


@dataclass(frozen=True, slots=True)
class Run:
    """Digits, and letters among them, that were said as one number. ``first`` and ``last`` are places of atoms."""

    value: str
    first: int
    last: int
    corrected: str | None
    """Without what a self-correction took back, when there was one."""

    @property
    def digits(self) -> int:
        """How many digits are in it."""
        return sum(c.isdigit() for c in self.value)


def find(speech: Speech) -> Iterator[Finding]:
    """Every private number in ``speech``; findings may overlap."""
    text = speech.text
    has_digit = False
    for run in runs(speech):
        has_digit = True
        if (found := _judge(speech, run)) is not None:
            yield found
    for i, atom in enumerate(speech.atoms):
        if atom.kind == "quantity" and "," in atom.value and (found := _judge_grouped(speech, i)) is not None:
            yield found
    if not has_digit:
        return
    yield from _spoken_ip(speech)
    for match in _IP.finditer(text):
        yield Finding(Kind.IP_ADDRESS, *match.span(), 0.95, "ip")
    for match in _IBAN.finditer(text):
        if _valid_iban(match[0]):
            yield Finding(Kind.IBAN, *match.span(), 0.99, "iban checksum")
    for match in _POSTCODE.finditer(text):
        yield Finding(Kind.ADDRESS, *match.span(), 0.9, "postcode")


def _spoken_ip(speech: Speech) -> Iterator[Finding]:
    """Like "one ninety-two dot one sixty-eight dot two dot one"."""
    atoms, values = speech.atoms, speech.values
    groups: list[int] = []  # places of digits with nothing but dots between; 16 are more than an address has
    for i, atom in enumerate(atoms):
        if atom.kind == "digits" and (not groups or values[i - 1] in {"dot", "point", "."} or i - groups[-1] == 1):
            groups.append(i)
        elif atom.kind == "digits":
            groups = [i]
        elif atom.value not in {"dot", "point", "."}:
            groups = []
        del groups[:-16]
        dots = sum(values[j] in {"dot", "point"} for j in range(groups[0], i)) if groups else 0
        if dots >= 3 and atom.kind == "digits":
            yield Finding(Kind.IP_ADDRESS, atoms[groups[0]].start, atom.end, 0.9, "ip")


def runs(speech: Speech) -> Iterator[Run]:
    """The runs of digits and codes, left to right."""
    atoms, i = speech.atoms, 0
    while i < len(atoms):
        if atoms[i].kind not in {"digits", "code"} and not (atoms[i].kind == "letter" and _begins_code(atoms, i)):
            i += 1
            continue
        run, i = _run(speech, i)
        yield run


def _begins_code(atoms: list[Atom], i: int) -> bool:
    """Whether a single letter is the first of a code: letters (with "as in …" between them) up to a digit."""
    for j in range(i, min(i + 16, len(atoms))):
        atom = atoms[j]
        if atom.kind in {"digits", "code"}:
            return j > i
        if (
            atom.kind != "letter"
            and atom.value not in {"as", "in", "for", "-", ".", ","}
            and not (j and atoms[j - 1].value in {"in", "for"})
        ):
            return False
    return False


def _run(speech: Speech, i: int) -> tuple[Run, int]:
    atoms, values = speech.atoms, speech.values
    first, last, value, corrected = i, i, "", None
    while i < len(atoms):
        kind = atoms[i].kind
        if kind in {"digits", "code"} or (
            kind == "letter" and (i > first or _begins_code(atoms, i)) and values[i] not in {"a", "i"}
        ):
            value += values[i]
            corrected = corrected + values[i] if corrected is not None else None
            last = i
            i += 1
            continue
        if kind == "letter":
            value, last, i = value + values[i], i, i + 1
            continue
        j = i
        while j < len(atoms) and j - i < MAX_JOINTS and values[j] in JOINTS and atoms[j].kind in {"word", "mark"}:
            j += 1
        if j < len(atoms) and values[j] in {"as", "for"} and j + 2 < len(atoms) and atoms[j - 1].kind == "letter":
            i = j + 3 if values[j + 1] == "in" else j + 2  # "s as in sierra"
            continue
        if j < len(atoms) and j > i and atoms[j].kind in {"digits", "code", "letter"}:
            if any(values[k] in CORRECTIONS for k in range(i, j)):
                corrected = ""
            i = j
            continue
        break
    return Run(value, first, last, corrected), last + 1


_LEAST_CARD: dict[Kind | str | None, int] = {"public": 14}
"""Cards of 13 digits are of the past: one that is called an order number is one."""


def unexplained(speech: Speech, first: int, last: int) -> bool:
    """Whether atoms ``first`` to ``last`` hold a number that may be private: not one of which the words say what it counts."""
    for run in runs(speech):
        if run.last >= first and run.first <= last and run.digits >= 3 and run.value not in EMERGENCY:
            digits = "".join(c for c in run.value if c.isdigit())
            explained = is_fraction(speech, run) or is_counting(digits) or _followed_by_money(speech, run)
            if not explained and _cue(speech, run)[0] != "public":
                return True
    return False


def _judge(speech: Speech, run: Run) -> Finding | None:
    """Whether a run is private, and of what kind."""
    atoms = speech.atoms
    start, end = atoms[run.first].start, atoms[run.last].end
    digits = "".join(c for c in run.value if c.isdigit())
    count = len(digits)
    coded = any(c.isalpha() for c in run.value)
    if count < (2 if coded else 3) or digits in EMERGENCY:
        return None
    cue, private_near = _cue(speech, run)

    def found(kind: Kind, confidence: float, rule: str) -> Finding:
        return Finding(kind, start, end, confidence, rule)

    if coded:
        return _judge_code(run, cue, count=count, start=start, end=end)
    for version in (digits, run.corrected or ""):
        if _LEAST_CARD.get(cue, 13) <= len(version) <= 19 and stdnum.luhn.is_valid(version):
            return found(Kind.CARD, 0.99, "card checksum")
    if _is_date(speech, start, end) or is_fraction(speech, run) or (cue is None and is_counting(digits)):
        return None
    if _followed_by_money(speech, run):
        return None
    if isinstance(cue, Kind) and count >= MIN_DIGITS.get(cue, 4) and not (_is_year(digits) and not private_near):
        if cue is Kind.BIRTH_DATE:
            return None  # the rules for statements see the whole date
        return found(
            (None if cue is Kind.PHONE else _by_checksum(digits))
            or (cue if not (cue is Kind.SECRET and count > 8) else Kind.DIGITS),
            0.9,
            f"cue: {cue}",
        )
    plus = run.first > 0 and speech.values[run.first - 1] in {"plus", "+"}
    if plus and 8 <= count <= 16:
        return found(Kind.PHONE, 0.9, "plus and a long number")
    if cue == "public" and (count < CLOSED_EVEN_IF_PUBLIC or count > LONGEST_CARD or (count == 13 and _is_isbn(digits))):
        return None
    if (kind := _by_checksum(digits)) is not None and cue is None and count >= 9:
        return found(kind, 0.8, "checksum")
    if count >= CLOSED_DIGITS and not all(_is_year(part) for part in re.findall(r"\d+", speech.text[start:end]) or ["0"]):
        return found(Kind.PHONE if _is_phone(digits) else Kind.DIGITS, 0.75, "long run of digits")
    return None


def _judge_grouped(speech: Speech, i: int) -> Finding | None:
    """Whether a number with commas, as recognition writes long ones, is private: what names it tells, if it counts nothing."""
    atom, values = speech.atoms[i], speech.values
    digits = atom.value.replace(",", "")
    before, after = values[i - 1] if i else "", values[i + 1] if i + 1 < len(values) else ""
    counts = after.isalpha() and after not in JOINTS and after not in NOT_A_NAME
    if not digits.isdigit() or len(digits) < CLOSED_DIGITS or counts or before in CURRENCY or after in CURRENCY:
        return None
    cue, _ = _cue(speech, Run(digits, i, i, None))
    if _LEAST_CARD.get(cue, 13) <= len(digits) <= LONGEST_CARD and stdnum.luhn.is_valid(digits):
        return Finding(Kind.CARD, atom.start, atom.end, 0.99, "card checksum")
    names = before in _NAMING or before in CUES
    if isinstance(cue, Kind) and cue is not Kind.BIRTH_DATE and names and len(digits) >= MIN_DIGITS.get(cue, 4):
        return Finding(cue, atom.start, atom.end, 0.85, f"cue: {cue}")
    return None


def _judge_code(run: Run, cue: Kind | str | None, *, count: int, start: int, end: int) -> Finding | None:
    """Whether letters and digits together are private."""
    if _valid_iban(run.value):
        return Finding(Kind.IBAN, start, end, 0.99, "iban checksum")
    if isinstance(cue, Kind) and cue is not Kind.BIRTH_DATE and len(run.value) >= 4 and count >= MIN_CODE_DIGITS.get(cue, 3):
        return Finding(cue, start, end, 0.9, f"cue: {cue}")
    if re.match(r"[a-z]{2}\d{2}", run.value) and len(run.value) >= 14:
        return Finding(Kind.IBAN, start, end, 0.8, "shape of an iban")
    if count >= CLOSED_EVEN_IF_PUBLIC or (cue != "public" and count >= CLOSED_DIGITS):
        return Finding(Kind.DIGITS, start, end, 0.7, "long run of digits")
    return None


def _cue(speech: Speech, run: Run) -> tuple[Kind | Literal["public"] | None, bool]:
    """What the nearest telling word says that the number is, and whether a possessive or "is" on the way makes it sure."""
    values = speech.values
    near = False
    for i in range(run.first - 1, max(-1, run.first - 1 - WINDOW), -1):
        near = near or values[i] in {"my", "is", "his", "her", "our"}
        if (said := _said(values, i, run)) is not None:
            return said, near
        if values[i] in {".", "?", "!", ";"} and i < run.first - 1:
            break
    for i in range(run.last + 1, min(len(values), run.last + 1 + WINDOW // 2)):
        if (kind := CUES.get(values[i])) is not None and kind is not Kind.BIRTH_DATE:
            return kind, near
        if values[i] in PUBLIC_CUES:
            return "public", near
    return None, near


def _said(values: list[str], i: int, run: Run) -> Kind | Literal["public"] | None:
    """What the word at place ``i``, before a run, says that the run is."""
    value, before = values[i].removesuffix("'s"), values[i - 1] if i else ""
    between = values[i : run.last + 4]
    size = run.digits if run.value.isdigit() else len(run.value)
    if (kind := CUES.get(value)) is not None and size >= MIN_DIGITS[kind]:
        if value == "security" and before == "social":
            return Kind.NATIONAL_ID
        if value in _CODED and not {"code", "pin", "combination"} & set(between):
            return None  # "the alarm at eight hundred"
        if value in {"insurance", "id", "identity"} and PUBLIC_CUES & set(values[max(0, run.first - WINDOW) : run.first]):
            return "public"
        return kind
    if value in {"number", "numbers"} and before in {"my", "his", "her", "our", "their", "whose"} and run.digits >= 6:
        return Kind.PHONE
    if value == "code" and before in _LOCKED:
        return Kind.SECRET
    if value in {"in", "at"} and before in {"live", "lives", "living"} and run.digits >= 4:
        return Kind.ADDRESS
    return "public" if value in PUBLIC_CUES else None


_NAMING = frozenset("is was at on to me back number numbers no : = # now please it's".split())
"""Words right before a number that is given, not counted: "call me back at"."""
_LOCKED = frozenset(
    "gate door alarm entry entrance lock safe security access garage building pin unlock login sms backup".split()
)
_CODED = frozenset({"alarm", "door", "security", "access", "unlock", "verification"})


def _by_checksum(digits: str) -> Kind | None:
    if len(digits) == 9 and _valid_ssn(digits):
        return Kind.NATIONAL_ID if not _is_phone(digits) else None
    return Kind.CARD if 13 <= len(digits) <= 19 and stdnum.luhn.is_valid(digits) else None


def _is_isbn(digits: str) -> bool:
    return digits[:3] in {"978", "979"} and stdnum.isbn.is_valid(digits)


def _valid_ssn(digits: str) -> bool:
    try:
        stdnum.us.ssn.validate(digits)
    except ValidationError:
        return False
    return True


def _valid_iban(value: str) -> bool:
    try:
        stdnum.iban.validate(value, check_country=False)
    except ValidationError:
        return False
    return len(value) >= 15


def _is_phone(digits: str) -> bool:
    if not 9 <= len(digits) <= 15:
        return False
    for region in ("US", "GB", "DE"):
        try:
            if phonenumbers.is_possible_number(number := phonenumbers.parse(digits, region)) and phonenumbers.is_valid_number(
                number
            ):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and digits[:2] in {"18", "19", "20"}


def is_counting(digits: str) -> bool:
    """Whether the digits only count up or down: "one two three four five six seven"."""
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return len(digits) <= 12 and (steps in ({1}, {-1}, {1, -9}, {0}) or "1234567891011".startswith(digits))


def _is_date(speech: Speech, start: int, end: int) -> bool:
    return any(match.start() <= start < match.end() and end <= match.end() + 1 for match in _DATE.finditer(speech.text))


def is_fraction(speech: Speech, run: Run) -> bool:
    """Digits after "point", or a sum: "three point one four one five"."""
    before = speech.values[run.first - 1] if run.first else ""
    after = speech.values[run.last + 1] if run.last + 1 < len(speech.values) else ""
    sums = (
        before in {"plus", "minus", "times", "divided", "by"}
        and run.first > 1
        and speech.atoms[run.first - 2].kind in {"digits", "quantity"}
    )
    return before in {"point", "pi"} or sums or after in {"plus", "times", "divided"}


def _followed_by_money(speech: Speech, run: Run) -> bool:
    after = speech.values[run.last + 1] if run.last + 1 < len(speech.values) else ""
    before = speech.values[run.first - 1] if run.first else ""
    return (after in CURRENCY or before in CURRENCY or after in MONTHS) and run.digits < CLOSED_DIGITS + 2
