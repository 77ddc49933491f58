"""What somebody says about a person: birth dates, ages, health and money.

An illness, a drug or a salary is nobody's secret until a person stands beside it, so each rule asks for both, near each other.
"""

from collections.abc import Iterator

from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import (
    BIRTH,
    CONDITION_PAIRS,
    CONDITIONS,
    CURRENCY,
    HEALTH_VERBS,
    MONEY_NOUNS,
    MONEY_STATES,
    MONEY_VERBS,
    MONTHS,
    NOT_A_NAME,
    ORDINALS,
    PERSON,
    QUESTIONS,
)  # fmt: skip
from voice.privacy.people import given_names
from voice.privacy.spoken_form import Atom, Speech

PERIODS = frozenset("year yearly month monthly week weekly annually hour annum".split())
_CONDITION_ENDS = frozenset(second for _, second in CONDITION_PAIRS)


def find(speech: Speech) -> Iterator[Finding]:
    """Statements about a person; findings may overlap."""
    for i, value in enumerate(speech.values):
        if value in BIRTH:
            yield from _birth(speech, i)
        elif value in {"old", "aged"} or (value in {"turn", "turned", "turning"} and i):
            yield from _age(speech, i)
        elif value in {"i'm", "am", "he's", "she's"}:
            yield from _bare_age(speech, i)
        elif value in {"password", "passphrase", "passcode"}:
            yield from _password(speech, i)
        if value in CONDITIONS or (value in _CONDITION_ENDS and i and (speech.values[i - 1], value) in CONDITION_PAIRS):
            yield from _health(speech, i)
        if value in MONEY_NOUNS or value in MONEY_VERBS or value in MONEY_STATES:
            yield from _money(speech, i)
        elif value in {"have", "has", "got"}:
            yield from _holds(speech, i)


def _person(speech: Speech, first: int, last: int) -> int | None:
    """The place of the last word for a person between two places, a given name included."""
    names = given_names()
    for i in range(min(last, len(speech.values) - 1), max(first, 0) - 1, -1):
        if speech.values[i] in PERSON or speech.values[i].removesuffix("'s") in names:
            return i
    return None


def _in_same_clause(speech: Speech, first: int, last: int) -> bool:
    return not any(speech.values[i] in {".", "?", "!", ";"} for i in range(first, last))


def _is_number(atom: Atom) -> bool:
    return atom.kind in {"digits", "quantity"}


def _password(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "my password is sunflower ninety nine", "the password for the router is blue tiger"."""
    at = next(
        (j + 1 for j in range(i + 1, min(i + 7, len(speech.atoms))) if speech.values[j] in {"is", ":", "=", "was"}), i + 1
    )
    direct = at == i + 2
    if (
        at > i + 1
        and at < len(speech.atoms) - (not direct)
        and speech.atoms[at].kind != "mark"
        and speech.values[at] not in NOT_A_NAME
        and speech.values[0] not in QUESTIONS
    ):
        yield Finding(
            Kind.SECRET, speech.atoms[at].start, speech.atoms[min(at + 3, len(speech.atoms) - 1)].end, 0.85, "password"
        )


# --- dates -------------------------------------------------------------------------------------------------------------------


def _birth(speech: Speech, i: int) -> Iterator[Finding]:
    """A date behind (or just before) "born", "birthday", "date of birth" that is not a question about the famous."""
    values, atoms = speech.values, speech.atoms
    clear = values[i] in {"dob", "birthdate", "birth"}
    person = _person(speech, i - 6, i + 2)
    if not clear and person is None and (i and values[0] in QUESTIONS):
        return
    if values[0] in {"who", "which"}:
        return
    last = None
    for j in range(i + 1, min(len(values), i + 14)):
        if (
            values[j] in {".", "?", "!"}
            and values[j] == "."
            and last is not None
            and atoms[j].end < len(speech.text)
            and speech.text[atoms[j].end] == " "
        ):
            break
        if _date_part(atoms[j]):
            last = j
        elif (last is not None and j - last > 3) or (last is None and j - i > 8):
            break
    if last is not None:
        first = next(j for j in range(i + 1, last + 1) if _date_part(atoms[j]))
        many = sum(
            len(atoms[j].value) if atoms[j].kind == "digits" else 2 for j in range(first, last + 1) if _date_part(atoms[j])
        )
        if many >= 3 or clear:
            yield Finding(Kind.BIRTH_DATE, atoms[first].start, atoms[last].end, 0.9, "cue for a birth date")
        return
    before = [
        j
        for j in range(max(0, i - 7), i)
        if atoms[j].value in MONTHS - {"may", "march"} or (atoms[j].value in MONTHS and j + 1 < i)
    ]
    if (
        before
        and any(_is_number(atoms[j]) or atoms[j].value in ORDINALS for j in range(max(0, i - 7), i))
        and "is" in values[before[0] : i]
    ):
        yield Finding(Kind.BIRTH_DATE, atoms[before[0]].start, atoms[i].end, 0.8, "cue for a birth date")


def _date_part(atom: Atom) -> bool:
    return (
        atom.kind == "digits"
        or atom.value in MONTHS
        or atom.value in ORDINALS
        or (atom.kind in {"quantity", "code"} and atom.value[:1].isdigit())
    )


# --- ages --------------------------------------------------------------------------------------------------------------------


def _age(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "34 years old", "a 34-year-old", "aged 34", "turned thirty"."""
    atoms, values = speech.atoms, speech.values
    span = range(max(0, i - 5), i) if values[i] == "old" else range(i + 1, min(len(values), i + 3))
    number = next(
        (j for j in span if _is_number(atoms[j]) and atoms[j].value.isdigit() and 0 < int(atoms[j].value[:4]) < 120), None
    )
    if number is None or (values[i] == "old" and not {"year", "years"} & set(values[number:i])):
        return
    if _person(speech, number - 8, max(number, i)) is None and values[i] != "aged":
        return
    yield Finding(Kind.AGE, atoms[min(number, i)].start, atoms[max(number, i)].end, 0.75, "age")


def _bare_age(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "i'm thirty four" and nothing after it that it could count."""
    atoms, values = speech.atoms, speech.values
    if (
        i + 1 >= len(atoms)
        or not _is_number(atoms[i + 1])
        or not (atoms[i + 1].value.isdigit() and 12 < int(atoms[i + 1].value[:4]) < 110)
    ):
        return
    if i + 2 >= len(atoms) or values[i + 2] in {".", ",", "and", "!", "?", "now", "today", "but"}:
        yield Finding(Kind.AGE, atoms[i].start, atoms[i + 1].end, 0.7, "age")


# --- health and money --------------------------------------------------------------------------------------------------------


def _health(speech: Speech, i: int) -> Iterator[Finding]:
    """A condition, drug or result with a person's verb or possessive shortly before it."""
    values, atoms = speech.values, speech.atoms
    person = _person(speech, i - 9, i)
    if person is None or not _in_same_clause(speech, person, i):
        return
    if values[0] in QUESTIONS and values[person] not in PERSON:
        return  # a question about somebody famous
    if person < i and not (i - person <= 2) and not any(values[j] in HEALTH_VERBS for j in range(person, i)):
        return
    if (
        values[0] in {"can", "how", "what", "tell", "explain", "should", "is", "give"}
        and values[person] in {"i", "me", "we", "us", "you"}
        and not any(values[j] in {"have", "had", "been", "am", "was", "my", "take", "taking"} for j in range(person, i))
    ):
        return
    yield Finding(Kind.MEDICAL, atoms[person].start, atoms[i].end, 0.8, "health of a person")


def _money_at(speech: Speech, first: int, last: int, *, bare: bool = False) -> int | None:
    """The place of an amount between two places: a number of at least three digits with a currency or a period behind it."""
    values, atoms = speech.values, speech.atoms
    for j in range(max(first, 0), min(last, len(values) - 1) + 1):
        if not _is_number(atoms[j]):
            continue
        near = values[max(0, j - 1) : j + 4]
        size = sum(c.isdigit() for c in atoms[j].value)
        if any(value in CURRENCY or value in PERIODS or value == "k" for value in near) or (bare and size >= 3):
            return j
    return None


def _money(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "my salary is 48 thousand", "i owe the bank two thousand dollars", "i filed for bankruptcy"."""
    values, atoms = speech.values, speech.atoms
    person = _person(speech, i - 5, i)
    if person is None or not _in_same_clause(speech, person, i) or (values[i] == "score" and values[i - 1] != "credit"):
        return
    asks = values[0] in QUESTIONS or values[0] in {"is", "are", "do", "does", "can", "tell", "check", "show"}
    if values[i] in MONEY_STATES or (values[i] in MONEY_NOUNS and "behind" in values[max(0, i - 4) : i]):
        if not asks:
            yield Finding(Kind.FINANCIAL, atoms[person].start, atoms[i].end, 0.8, "money of a person")
        return
    if values[i] in MONEY_NOUNS and values[max(0, i - 3) : i] and not (i - person <= 3):
        return
    amount = _money_at(speech, i + 1, i + 8, bare=values[i] in MONEY_NOUNS)
    if amount is None and values[i] in MONEY_NOUNS:
        amount = _money_at(speech, i - 5, i - 1)
    if amount is not None:
        yield Finding(
            Kind.FINANCIAL, atoms[min(person, amount)].start, _amount_end(speech, max(i, amount)), 0.8, "money of a person"
        )


def _holds(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "i have five thousand dollars in my savings", "of debt", "on my account"."""
    person, amount = _person(speech, i - 3, i), _money_at(speech, i + 1, i + 4)
    if person is None or amount is None:
        return
    for j in range(amount, min(len(speech.values), amount + 8)):
        if speech.values[j] in MONEY_NOUNS or speech.values[j] in {"account", "bank", "saved", "paid", "invested", "credit"}:
            yield Finding(Kind.FINANCIAL, speech.atoms[person].start, speech.atoms[j].end, 0.8, "money of a person")
            return


def _amount_end(speech: Speech, i: int) -> int:
    following = speech.atoms[i + 1] if i + 1 < len(speech.atoms) else None
    return (
        following.end
        if following is not None and (following.value in CURRENCY or following.value == "k")
        else speech.atoms[i].end
    )
