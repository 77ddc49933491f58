"""Whether a text breaks off inside something private, or begins in the middle of it (pure).

Strategy: a pause cuts "my number is / five six seven eight" where it likes, and neither half need be private by itself. So a
text is held when its end lacks what its words announce (a word that something must follow, a cue without its value, a number
or a name that may go on), when its beginning lacks what announced it (a number or a name out of nowhere), and when it asks for
nothing and may be a piece of a statement about somebody. What is a whole request, in words of every day, is not.
"""

from voice.privacy import numbers, requests
from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import (
    BIRTH,
    CONDITIONS,
    CUES,
    EMAIL_CUES,
    MONEY_NOUNS,
    MONTHS,
    NOT_A_NAME,
    ORDINALS,
    PERSON,
    PROVIDERS,
    PUBLIC_CUES,
    RELATIVES,
    STREETS,
    TITLES,
)
from voice.privacy.people import common_words, given_names, uncommon
from voice.privacy.spoken_form import Speech

OWNERS = frozenset("my his her our their".split())
ME = frozenset({"me", "we", "us", "i", "i'd", "let's"})
NUMBERS = frozenset({"digits", "code"})
SHORT = 3
"""So few words that ask for nothing are a piece of something."""
SMALL_TALK = frozenset(
    "stop wait yes no yeah yep nope thanks thank you okay ok hello hi hey bye goodbye goodnight good morning evening night "
    "afternoon please more again louder quieter softer faster slower next previous continue cancel never mind nevermind sorry "
    "right sure correct wrong exactly great cool nice perfect fine never mind go on off up down volume help repeat that one it "
    "weather time tomorrow today news joke music lights light this is the funny awesome alright pardon what".split()
)
"""Whole turns of few words are made of these."""
TIMED = frozenset("set wake alarm timer remind schedule meeting appointment volume thermostat temperature turn play channel".split())
LINKS = frozenset(
    "is are was were at to on in from for with of and or but the it's that's its number no then dot a plus by near off "
    "called named as about because".split()
)
"""What the second half of a statement may begin with."""


def reason(speech: Speech, findings: tuple[Finding, ...]) -> str | None:
    """Why the text must not leave at a pause, in words; ``None`` when it may.

    Findings are taken out by whoever lets the text go: a text whose end is one has no open end for it.
    """
    last = _last_word(speech)
    if last < 0:
        return None
    asks = requests.kind_of(speech)
    closed = bool(findings) and findings[-1].end >= speech.atoms[last].end
    if not closed and (found := _open_at_end(speech, last, asks)) is not None:
        return found
    if not _found_at_start(speech, findings) and (found := _open_at_start(speech, last, asks)) is not None:
        return found
    if not findings and asks in {None, "wish"} and (found := _statement(speech, last)) is not None:
        return found
    return None


def harmless(speech: Speech) -> bool:
    """Whether no word of the text can be part of anything private: a request in everyday words about nobody."""
    return requests.kind_of(speech) in {"question", "order"} and not any(
        atom.kind in {"digits", "letter", "code", "quantity"}
        and atom.value not in {"a", "i"}
        or atom.kind == "word"
        and (
            (atom.value in PERSON and atom.value not in ME)
            or atom.value in RELATIVES
            or atom.value in CUES
            or atom.value in EMAIL_CUES
            or atom.value in {"name", "names", "dot", "underscore"}
            or uncommon(speech, i)
        )
        for i, atom in enumerate(speech.atoms)
    )


def _last_word(speech: Speech) -> int:
    return next((i for i in range(len(speech.atoms) - 1, -1, -1) if speech.atoms[i].kind != "mark"), -1)


def _found_at_start(speech: Speech, findings: tuple[Finding, ...]) -> bool:
    first = next((atom for atom in speech.atoms if atom.kind != "mark"), None)
    return bool(findings) and first is not None and findings[0].start <= first.start


# --- the end -----------------------------------------------------------------------------------------------------------------


def _open_at_end(speech: Speech, last: int, asks: str | None) -> str | None:
    values, atoms = speech.values, speech.atoms
    value, kind = values[last], atoms[last].kind
    if value in requests.DANGLING and not (asks == "question" and value in requests.STRANDED and last > 2):
        return "a word that something follows"
    if kind in NUMBERS and not _explained(speech, last, asks):
        return "a number that may go on"
    if kind == "letter" and (last == 0 or atoms[last - 1].kind in {"letter", *NUMBERS} or asks != "question"):
        return "letters that may go on"
    if {"underscore", "dot", "at"} & set(values[max(0, last - 4) : last + 1]) and _addresses(speech, last):
        return "an address that may go on"
    if value in RELATIVES | TITLES and last and (values[last - 1] in OWNERS | {"the"} or value in TITLES) and asks != "question":
        return "somebody who may be named"
    if asks in {"contact", "order"} and (found := _unnamed(speech, last, asks)) is not None:
        return found
    return None


def _explained(speech: Speech, last: int, asks: str | None) -> bool:
    """Whether the words before a number at the end say that it counts something that is nobody's."""
    values = speech.values
    run = next((run for run in numbers.runs(speech) if run.first <= last <= run.last), None)
    if run is None:
        return True
    before = values[max(0, run.first - 4) : run.first]
    if any(value in OWNERS or value in {"i", "i'm"} or CUES.get(value) not in {None} for value in values[: run.first] if value not in PUBLIC_CUES):
        return False
    if any(value in PUBLIC_CUES for value in before):
        return True
    digits = "".join(filter(str.isdigit, run.value))
    if before and before[-1] in {"in", "since", "of", "by", "until", "from", "year", "and"} and len(digits) == 4:
        return asks is not None
    return asks == "question" or (asks == "order" and len(digits) <= 4)


def _addresses(speech: Speech, last: int) -> bool:
    values = speech.values
    return "underscore" in values or any(value in EMAIL_CUES or value in PROVIDERS for value in values)


def _unnamed(speech: Speech, last: int, asks: str) -> str | None:
    """A request that names somebody, or a place, and may not have done so yet, or not to the end."""
    values = speech.values
    if values[last] in given_names() or uncommon(speech, last):
        before = values[max(0, last - 3) : last]
        if asks == "contact" or any(value in RELATIVES or value in {"for", "with", "from", "named", "called"} for value in before):
            return "a name that may go on"
    return None


# --- the beginning -----------------------------------------------------------------------------------------------------------


def _open_at_start(speech: Speech, last: int, asks: str | None) -> str | None:
    values, atoms = speech.values, speech.atoms
    at = 0
    while at <= last and (values[at] in LINKS or values[at] in requests.POLITE or atoms[at].kind == "mark"):
        at += 1
    if at > last:
        return "links alone" if not SMALL_TALK & set(values) else None
    kind, value = atoms[at].kind, values[at]
    if kind in {"digits", "code", "quantity"}:
        return "a number out of nowhere"
    if kind == "letter" and at < last and atoms[at + 1].kind in {"letter", *NUMBERS}:
        return "letters out of nowhere"
    if value in MONTHS - {"may", "march"} or value in ORDINALS - {"first", "second"}:
        return "a date out of nowhere"
    if asks != "question" and (value in given_names() or uncommon(speech, at)) and value not in requests.ORDERS | requests.CONTACTS:
        return "a name out of nowhere"
    return None


# --- statements --------------------------------------------------------------------------------------------------------------


def _statement(speech: Speech, last: int) -> str | None:
    """A text that asks for nothing: a fragment, or words about somebody."""
    words = [i for i in range(last + 1) if speech.atoms[i].kind != "mark"]
    values = [speech.values[i] for i in words]
    if set(values) <= SMALL_TALK:
        return None
    if len(words) <= SHORT:
        return "a fragment"
    if any(value in PERSON and value not in {"us"} for value in values):
        return "words about somebody"
    if any(value in CUES or value in EMAIL_CUES or value in {"name", "code", "number"} for value in values):
        return "a cue without a value"
    if values[0] in LINKS - {"the", "it's", "that's", "a"}:
        return "half a sentence"
    if any(uncommon(speech, i) or speech.atoms[i].kind in {"letter", *NUMBERS} for i in words if speech.values[i] not in {"a", "i"}):
        return "a name that nothing explains"
    return None
