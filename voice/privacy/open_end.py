"""Whether a text breaks off inside something private, or begins in the middle of it (pure).

Strategy: a pause cuts "my number is / five six seven eight" where it likes, and neither half need be private by itself. So a
text is held when its end lacks what its words announce (a word that something must follow, a cue without its value, a number
or a name that may go on), when its beginning lacks what announced it (a number or a name out of nowhere), and when it asks for
nothing and may be a piece of a statement about somebody. What is a whole request, in words of every day, is not.
"""

import re

from voice.privacy import numbers, requests
from voice.privacy.findings import Finding
from voice.privacy.lexicon import (
    CONDITIONS,
    CUES,
    CURRENCY,
    EMAIL_CUES,
    JOINTS,
    MONTHS,
    PERSON,
    PROVIDERS,
    PUBLIC_CUES,
    RELATIVES,
    TITLES,
)
from voice.privacy.people import given_names, uncommon
from voice.privacy.spoken_form import UNITS, Speech

OWNERS = frozenset("my his her our their".split())
ME = frozenset({"me", "us"})
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
TOPICS = frozenset(
    "born birth birthday birthdate dob diagnosed prescribed tested suffering suffer chest blood pain pains live lives "
    "living moved weigh weighs pressure pills pill medication prescription symptoms operation recovering hip heart lung kidney "
    "earn earns earned owe owes salary income wage wages paycheck mortgage debt debts pension inherited savings worth "
    "named called address email mail password passphrase passcode code username combination licence license passport plate "
    "insurance iban sort routing ssn social nurse hospital clinic treatment therapy old aged turned weeks positive "
    "negative name surname evicted".split()
)
"""Words of statements that are private once they are whole."""
ANNOUNCED = frozenset("password passphrase passcode key combination username login birthday surname iban postcode zip".split())
"""Cues that are never of anything public in a statement."""
SERVICES = frozenset(
    "card cards account bank credit debit visa mastercard pin call phone mobile text reach policy customer "
    "identity tax access security ring cell code verification".split()
)
"""Cues that stand in requests to a service as often as before a value."""
LINKS = frozenset(
    "is are was were at to on in from for with of and or but the it's that's its number no then dot a plus by near off capital "
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
    latest = requests.kind_of(speech, requests.last_sentence(speech)) or asks
    if not _found_at(speech, findings, last) and (found := _open_at_end(speech, last, latest, findings)) is not None:
        return found
    first = next(i for i, atom in enumerate(speech.atoms) if atom.kind != "mark")
    if not _found_at(speech, findings, first) and (found := _open_at_start(speech, last, asks)) is not None:
        return found
    if latest not in {None, "wish"}:
        return "more that may be private" if findings and _more(speech, findings) else None
    return _statement(speech, last, latest, findings)


def harmless(speech: Speech) -> bool:
    """Whether no word of the text can be part of anything private: a request in everyday words about nobody.

    A word that is none of every day may stand inside a question about the world, but not at its end, where a name may go on.
    """
    last = _last_word(speech)
    if requests.kind_of(speech) not in {"question", "order"}:
        return False
    world = speech.values[requests.lead(speech)] in requests.OF_THE_WORLD
    return not any(
        _may_be_private(speech, i)
        or (uncommon(speech, i) and not (world and i < last and speech.values[i] not in given_names()))
        for i in range(last + 1)
    )


def _may_be_private(speech: Speech, i: int) -> bool:
    value, kind = speech.values[i], speech.atoms[i].kind
    if kind != "word":
        return kind != "mark" and value != "a"
    if value in PERSON:
        return value not in ME
    return value in _HINTS or value in CUES


_HINTS = RELATIVES | CONDITIONS | TOPICS | EMAIL_CUES | {"name", "names", "dot", "underscore"}


def _last_word(speech: Speech) -> int:
    return next((i for i in range(len(speech.atoms) - 1, -1, -1) if speech.atoms[i].kind != "mark"), -1)


def _found_at(speech: Speech, findings: tuple[Finding, ...], at: int) -> bool:
    return any(found.start <= speech.atoms[at].start < found.end for found in findings)


# --- the end -----------------------------------------------------------------------------------------------------------------


def _open_at_end(speech: Speech, last: int, asks: str | None, findings: tuple[Finding, ...]) -> str | None:
    values, atoms = speech.values, speech.atoms
    value, kind = values[last], atoms[last].kind
    if _dangles(values, last, asks, found=bool(findings)):
        return "a word that something follows"
    number = last
    while number and (atoms[number].kind == "mark" or (atoms[number].kind == "word" and values[number] in JOINTS)):
        number -= 1
    if atoms[number].kind in NUMBERS and not _explained(speech, number, asks):
        return "a number that may go on"
    if kind == "letter" and (last == 0 or atoms[last - 1].kind in {"letter", *NUMBERS} or asks != "question"):
        return "letters that may go on"
    if values[max(0, last - 2) : last] == ["as", "in"]:
        return "letters that may go on"
    near = set(values[max(0, last - 4) : last + 1])
    if "underscore" in near or ({"dot", "at"} & near and _MAIL & set(values)) or _half_address(values, near, asks):
        return "an address that may go on"
    if value in TITLES or (value in RELATIVES and values[last - 1] in OWNERS | {"the"} and asks != "question"):
        return "somebody who may be named"
    if value in {"minus", "negative"} and asks is None:
        return "a number that is to come"
    if asks in {"contact", "order"} and _names(speech, last, asks):
        return "a name that may go on"
    if findings and _right_behind(speech, findings[-1].end):
        return "words right behind something private"
    counted = last - 1 if value in CURRENCY | UNITS and last else last
    if atoms[counted].kind == "quantity" and any(v in PERSON for v in values) and _HOLDING & set(values):
        return "an amount that somebody has"
    return None


def _right_behind(speech: Speech, end: int) -> bool:
    """Whether the text ends so few words behind a finding, and nothing between, that they may belong to it."""
    rest = [atom.value for atom in speech.atoms if atom.start >= end]
    return len(rest) <= BEHIND and not set(rest) & _APART


def _half_address(values: list[str], near: set[str], asks: str | None) -> bool:
    """Like "sophie at bluewater hyphen …", "contact is smith at company …"."""
    if "at" not in near:
        return False
    return bool({"hyphen", "dash", "dot"} & set(values)) or (
        asks in {None, "contact"} and bool((EMAIL_CUES | {"contact"}) & set(values))
    )


def _dangles(values: list[str], last: int, asks: str | None, *, found: bool) -> bool:
    """Whether the text ends with a word that something follows, as far as what it asks does not explain that."""
    value = values[last]
    verb = value in _REACHING or (value in requests.CONTACTS and last <= SHORT)
    if verb and (last == 0 or values[last - 1] in _BEFORE_A_VERB):
        return True
    if value not in requests.DANGLING:
        return False
    if value == "am" and last and (values[last - 1].isdigit() or values[last - 1] == "at"):
        return False
    if found:
        return True  # what a placeholder stands for may go on
    if asks in {"question", "order", "wish"} and value in requests.PARTICLES and last > 1:
        return bool(TOPICS & set(values[-SHORT - 1 :])) and values[0] not in requests.WH
    if value in requests.STRANDED and last > 2 and (asks == "question" or any(v in requests.WH for v in values[:last])):
        return asks is None and bool((TOPICS | RELATIVES) & set(values))
    if value in requests.LATE and last >= LONG:
        return bool((TOPICS | RELATIVES | CONDITIONS) & set(values))
    return value not in {"through", "over"}


_REACHING = frozenset("call text email ring phone dial message contact send ship mail reach notify invite".split())
_BEFORE_A_VERB = requests.POLITE | {"to", "you", "they", "we", "i", "i'll", "let's", "must", "should", "can", "could"}
LONG = 6
"""A statement of more words that speaks of nobody's matters is over, however it ends."""


def _explained(speech: Speech, last: int, asks: str | None) -> bool:
    """Whether the words before a number at the end say that it counts something that is nobody's."""
    values = speech.values
    run = next((run for run in numbers.runs(speech) if run.first <= last <= run.last), None)
    if run is None or re.fullmatch(r"\d+(?:st|nd|rd|th|am|pm|k|s)", run.value):
        return True
    before = values[max(0, run.first - 4) : run.first]
    digits = "".join(filter(str.isdigit, run.value))
    if run.first == run.last and digits == "1" and before and (before[-1] in _WHICH_ONE or asks is not None):
        return before[-1] not in {"is", "number", "at"}
    if TOPICS & set(values) or any(v in CUES and v not in PUBLIC_CUES and v not in SERVICES for v in values[: run.first]):
        return False
    if any(value in PUBLIC_CUES or value in MONTHS or value in _COUNTED for value in before):
        return True
    if numbers.is_fraction(speech, run) and (asks is not None or "point" in before):
        return True
    if any(value in CUES or value in OWNERS for value in values[: run.first]):
        return False
    if (
        before
        and before[-1] in {"in", "since", "of", "by", "until", "from", "year", "and", "late", "early"}
        and len(digits) == 4
    ):
        return True
    if asks == "question":
        at = requests.lead(speech)
        return values[at] not in {"is", "are", "was"} or values[at + 1] in _SUBJECTS
    return asks in {"order", "wish"} and len(digits) <= 4


_SUBJECTS = frozenset("the a an it this that there he she they my your his her our their any these those".split())


_HOLDING = frozenset(
    "have has got had make makes made earn earns earned owe owes pay pays paid get gets saved inherited".split()
)
_COUNTED = frozenset("score size volume costs cost area boeing exit stop costs won beat version equals".split())
_WHICH_ONE = frozenset("another this that which the to a new every no each only good best better right last any other".split())
_MAIL = PROVIDERS - {"me", "web", "live"} | {"email", "e-mail", "emails", "mail", "inbox", "login", "username", "underscore"}
_APART = frozenset("about because please thanks thank when if".split())
BEHIND = 3
"""So many words right behind a finding may belong to it."""


def _names(speech: Speech, last: int, asks: str) -> bool:
    """Whether a request ends with a name that nothing says is known to the world."""
    values = speech.values
    before = values[max(0, last - 3) : last]
    if asks == "contact":
        return values[last] in given_names() or uncommon(speech, last)
    return values[last] in given_names() and any(v in RELATIVES or v in {"for", "with", "named", "called"} for v in before)


# --- the beginning -----------------------------------------------------------------------------------------------------------


def _open_at_start(speech: Speech, last: int, asks: str | None) -> str | None:
    values, atoms = speech.values, speech.atoms
    at = 0
    while at <= last and (values[at] in LINKS or values[at] in requests.POLITE or atoms[at].kind == "mark"):
        at += 1
    if at > last:
        return "links alone" if not SMALL_TALK & set(values) else None
    kind, value = atoms[at].kind, values[at]
    if kind in {"digits", "code"} or (kind == "quantity" and asks is None):
        if asks is not None and len(value) <= 2 and values[0] not in {"is", "are", "was"}:
            return None  # "in 4 days, what date is it"
        return "a number out of nowhere"
    if kind == "letter" and at < last and atoms[at + 1].kind in {"letter", *NUMBERS}:
        return "letters out of nowhere"
    if value in MONTHS - {"may", "march"}:
        return "a date out of nowhere"
    if asks != "question" and value in given_names() and value not in requests.ORDERS | requests.CONTACTS:
        return "a name out of nowhere"
    return None


# --- statements --------------------------------------------------------------------------------------------------------------


def _statement(speech: Speech, last: int, asks: str | None, findings: tuple[Finding, ...]) -> str | None:
    """A text that asks for nothing: a fragment, or words about somebody."""
    words = [i for i in range(last + 1) if speech.atoms[i].kind != "mark"]
    values = [speech.values[i] for i in words]
    if set(values) <= SMALL_TALK:
        return None
    half = asks is None and values[0] in LINKS - {"the", "it's", "that's", "a", "its"}
    if half and (findings or len(words) < LONG):
        return "half a sentence"
    if findings:
        return "more that may be private" if _more(speech, findings) else None
    if asks is None and (found := _about_somebody(values)) is not None:
        return found
    if any(_bare_number(speech, i) for i in words) and not any(value in PUBLIC_CUES for value in values):
        return "a number that nothing explains"
    if any(value in given_names() or value in TITLES for value in values):
        return "a name that nothing explains"
    if asks is None and any(_maybe_name(speech, i) for i in words):
        return "a word that may be a name"
    return None


def _maybe_name(speech: Speech, i: int) -> bool:
    """Whether a word is none of every day, and is not built like one: "insanely", "verifying"."""
    return uncommon(speech, i) and (speech.values[i] in given_names() or not speech.values[i].endswith(_BUILT))


_BUILT = ("ing", "ings", "ed", "ly", "able", "tion", "tions", "ness", "ment", "ments", "ity", "less", "ful", "ious", "ized")


def _more(speech: Speech, findings: tuple[Finding, ...]) -> bool:
    """Whether beside what was found there is a number or a word that may be a name."""
    return any(
        (_bare_number(speech, i) or _maybe_name(speech, i)) and not _found_at(speech, findings, i)
        for i in range(len(speech.atoms))
    )


def _about_somebody(values: list[str]) -> str | None:
    """A statement that may have only begun to say what is private of somebody."""
    if any(value in ANNOUNCED for value in values[-LONG:]):
        return "a cue without a value"
    about = any(value in PERSON and value != "us" for value in values)
    topics = any(value in TOPICS or value in CONDITIONS for value in values[-LONG:])
    if about and len(values) <= SHORT and values[-1] not in _LIKED:
        return "words about somebody"
    if topics and (about or len(values) <= SHORT):
        return "words about somebody's matters"
    if about and len(values) <= LONG + 2 and any(value in RELATIVES for value in values):
        return "words about somebody close"
    if about and _HOLDING & set(values) and {"thousand", "million", "grand", "k", *CURRENCY} & set(values):
        return "an amount that somebody has"
    if _deals(values):
        return "words about somebody's matters"
    if any(value in CUES and value not in (SERVICES if len(values) > SHORT + 1 else ()) for value in values[-SHORT:]):
        return "a cue without a value"
    return None


_LIKED = frozenset("it that this tired fine good happy bored ready back sorry sure lost later hungry thirsty please".split())


def _deals(values: list[str]) -> bool:
    """Like "i make …", "she is taking …", "he weighs": a person's verb close to the end."""
    return any(
        values[i] in {"make", "makes", "made", "earn", "pay", "pays", "take", "takes", "taking", "on", "have", "has"}
        and values[i - 1] in PERSON | {"am", "been"}
        for i in range(max(1, len(values) - SHORT), len(values))
    )


def _bare_number(speech: Speech, i: int) -> bool:
    atom = speech.atoms[i]
    if atom.kind == "letter":
        return atom.value not in {"a", "i"} and i > 0 and speech.atoms[i - 1].kind in {"letter", *NUMBERS}
    if atom.kind not in NUMBERS:
        return False
    digits = sum(map(str.isdigit, atom.value))
    if atom.kind == "code" or atom.value.endswith("000"):
        return digits >= SHORT + 1 and not atom.value.endswith("000")
    if i and speech.values[i - 1] in {"in", "since", "of"} and len(atom.value) == len("1999"):
        return False
    return digits >= 3 or (i > 0 and speech.atoms[i - 1].kind in {"letter", *NUMBERS})
