"""Names, e-mail addresses and postal addresses among the atoms of a transcript."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from voice.route.findings import Finding
from voice.route.labels import Kind
from voice.route.lexicon import (
    AFTER_A_NAME, CONTACT_VERBS, DELIVERY, DWELLINGS, EMAIL_CUES, NOT_A_NAME, NUMBERS_NEXT, PROVIDERS, RELATIVES, SHOPPING, STREETS, STREETS_FIRST, TITLES, TLDS,
)  # fmt: skip
from voice.route.normalise import UNITS, Atom, Speech

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NAME_SUBJECT = frozenset("my his her their our the your first last middle full maiden family sur user's husband's wife's son's daughter's".split())
_CALL_CUES = frozenset({"call", "called", "named", "calls", "calling"})
_LOCAL_STOP = frozenset(
    "is it's its to at me my email e-mail mail address on the a an use send write reach contact or and with from by via us him her them that "
    "forward sent for was are i you please under yes no okay so write's says said um uh er erm hmm sorry wait mean it".split()
)
_DOMAIN_STOP = frozenset("the a an is are was my home work school night noon least all once first last this that what".split())
GIVEN_NAME = "given name"
UNKNOWN_NAME = "cue for a name, no known name"
_BELONGINGS = frozenset("phone number address birthday email house place apartment wife husband son daughter mother father card account".split())
_HOME_CUES = frozenset({"live", "lives", "living", "reside", "resides", "moved", "home", "address", "ship", "deliver", "staying"})


@cache
def given_names() -> frozenset[str]:
    """Given names of a dozen countries, lower case, without those that are common words."""
    return frozenset((files("voice.route") / "data" / "given_names.txt").read_text(encoding="utf-8").split())


def find(speech: Speech) -> Iterator[Finding]:
    """Names after cues, e-mail addresses and postal addresses; findings may overlap."""
    names = given_names()
    for i, (atom, value) in enumerate(zip(speech.atoms, speech.values, strict=True)):
        if value in {"at", "@"}:
            yield from _email(speech, i)
        elif value in PROVIDERS and i:
            yield from _provider(speech, i)
        elif value in {"is", "name's", "names", "am", "i'm", "called", "named", "call", "calls", "under", "name", "surname", "spelled", "spell", "spelt", "that's", "it's", "by"}:
            yield from _after_cue(speech, i, names)
        elif value in TITLES:
            yield from _after_title(speech, i)
        elif value in {"speaking", "calling"}:
            yield from _before(speech, i, names)
        if value in STREETS or value in STREETS_FIRST:
            yield from _street(speech, i)
        elif value in DWELLINGS:
            yield from _dwelling(speech, i)
        elif value in {"live", "lives", "reside"}:
            yield from _lives(speech, i)
        elif value == "box" and i and i + 1 < len(speech.atoms) and speech.atoms[i + 1].kind == "digits":
            yield Finding(Kind.ADDRESS, speech.atoms[i - 1].start, speech.atoms[i + 1].end, 0.8, "post office box")
        if atom.kind == "word" and value.removesuffix("'s") in names:
            yield Finding(Kind.NAME, atom.start, _surname_end(speech, i), _acquainted(speech, i), GIVEN_NAME)
        elif atom.kind == "letter":
            yield from _spelled(speech, i, names)
        elif value in DELIVERY:
            yield from _delivery(speech, i)
    if "@" in speech.text:
        for match in _EMAIL.finditer(speech.text):
            yield Finding(Kind.EMAIL, *match.span(), 0.99, "e-mail")


def _surname_end(speech: Speech, i: int) -> int:
    """The end of the name that begins at ``i``: a capitalised word behind it belongs to it."""
    if i + 1 < len(speech.atoms):
        following = speech.atoms[i + 1]
        if following.kind == "word" and speech.text[following.start].isupper() and not speech.text.isupper():
            return following.end
    return speech.atoms[i].end


def _acquainted(speech: Speech, i: int) -> float:
    """How sure a given name alone is somebody whom the speaker knows."""
    before = speech.values[max(0, i - 2) : i]
    if any(value in RELATIVES for value in before) or (before and before[-1] in CONTACT_VERBS):
        return 0.75
    owns = speech.values[i].endswith("'s")
    after = speech.values[i + 1 : i + 4]
    if owns and any(value in _BELONGINGS for value in after):
        return 0.75
    return 0.45


def _spelled(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """A run of single letters that spells something: after a name, after "spell", or simply long."""
    if i and speech.atoms[i - 1].kind == "letter":
        return
    end = _spelled_end(speech, i)
    if end is None:
        return
    letters = "".join(atom.value for atom in speech.atoms[i:] if atom.kind == "letter" and atom.end <= end)
    before = speech.values[max(0, i - 4) : i]
    if letters in "abcdefghijklmnopqrstuvwxyz" or {"stand", "stands", "mean"} & set(speech.values):
        return
    if any(value in names or value in {"name", "surname", "spell", "spelled", "spelling", "letters", "that's"} for value in before):
        yield Finding(Kind.NAME, speech.atoms[i].start, end, 0.85, "spelled letters")
    elif len(letters) >= 4:
        yield Finding(Kind.NAME, speech.atoms[i].start, end, 0.65, "spelled letters")


# --- names -------------------------------------------------------------------------------------------------------------------


def _after_cue(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """A name behind "my name is", "call me", "i'm", "last name", "spelled"."""
    values = speech.values
    value, before = values[i], values[i - 1] if i else ""
    at = i + 1
    sure, must_know = 0.0, False
    if value in {"is", "'s"} and before in {"name", "surname", "names", "nickname"}:
        sure = 0.95
    elif value in {"name's"} and (before in _NAME_SUBJECT or i == 0):
        sure = 0.95
    elif value in {"name", "surname"} and before in {"first", "last", "middle", "family", "maiden", "surname", "full"} and values[0] not in {"where", "what", "who"} and _follows(values, at, "is", "of") is None:
        sure = 0.9
    elif value == "name" and _follows(values, at, "of") is not None and i and before in {"the"} and i > 1 and values[i - 2] in {"in", "under"}:
        at, sure = at + 1, 0.9
    elif value == "surname":
        sure = 0.9
    elif value in _CALL_CUES:
        at, sure, must_know = _called(values, i)
    elif value == "under" and i and values[i - 1] in {"is", "booking", "reservation", "booked", "table", "reserved"}:
        sure = 0.85
    elif (value in {"spelled", "spell", "spelt"} or (value in {"that's", "it's", "is"} and "name" in values[max(0, i - 3) : i])) and (end := _spelled_end(speech, at)) is not None:
        yield Finding(Kind.NAME, speech.atoms[at].start, end, 0.85, "spelled letters")
        return
    elif value in {"i'm", "it's", "that's"} or (value == "am" and before == "i") or (value == "is" and before == "this"):
        sure, must_know = 0.8, True
    if sure and (end := _name_end(speech, at, names, must_know=must_know)) is not None:
        at = _skip_fillers(values, at)
        known = values[at] in names or _capitalised(speech, at) or speech.atoms[at].kind == "letter"
        yield Finding(Kind.NAME, speech.atoms[at].start, end, sure, "cue for a name" if known else UNKNOWN_NAME)


def _called(values: list[str], i: int) -> tuple[int, float, bool]:
    """Where the name begins after a form of "call", how sure, and whether it must be a known one."""
    at = i + 1
    following = values[at] if at < len(values) else ""
    before = values[i - 1] if i else ""
    if values[i] in {"call", "calls"} and following in {"me", "myself", "him", "her"}:
        return at + 1, 0.85, following != "me"
    if values[i] in {"called", "named"} and (before in {"am", "was", "is", "i'm", "he's", "she's", "be", "are", "someone", "him", "her"} or before in RELATIVES):
        return at, 0.7, True
    return at, 0.8, True


def _follows(values: list[str], i: int, *wanted: str) -> int | None:
    return i if i < len(values) and values[i] in wanted else None


def _skip_fillers(values: list[str], i: int) -> int:
    while i < len(values) - 1 and values[i] in {"um", "uh", "er", "erm", "hmm", ",", ":", "is", "well", "like", "actually", "\"", "doctor", "dr", "mr", "mrs", "ms"}:
        i += 1
    return i


def _name_end(speech: Speech, i: int, names: frozenset[str], *, must_know: bool) -> int | None:
    """The end of a name of up to three words at ``i``; None when there is none."""
    i = _skip_fillers(speech.values, i)
    if i >= len(speech.atoms):
        return None
    first = speech.atoms[i]
    if (end := _spelled_end(speech, i)) is not None:
        return end
    if first.kind != "word" or first.value in NOT_A_NAME or first.value in NUMBERS_NEXT:
        return None
    if must_know and first.value not in names:
        following = speech.values[i + 1] if i + 1 < len(speech.values) else ""
        introduces = speech.values[i - 1] in {"i'm", "is", "am"} and _capitalised(speech, i)
        if not introduces and following not in {"speaking", "calling"}:
            return None
    end = first.end
    for atom in speech.atoms[i + 1 : i + 3]:
        if atom.kind != "word" or atom.value in NOT_A_NAME or atom.value in AFTER_A_NAME:
            break
        end = atom.end
    return end


def _capitalised(speech: Speech, i: int) -> bool:
    """Two capitalised words in a row, in a text that is not all capitals: a full name."""
    text = speech.text
    if text.isupper() or i + 1 >= len(speech.atoms):
        return False
    return all(speech.atoms[j].kind == "word" and text[speech.atoms[j].start].isupper() and speech.values[j] not in NOT_A_NAME for j in (i, i + 1))


def _spelled_end(speech: Speech, i: int) -> int | None:
    """The end of at least three single letters at ``i`` ("s m i t h", "S-M-I-T-H", "s as in sierra m …")."""
    letters, end, atoms = 0, 0, speech.atoms
    while i < len(atoms):
        if atoms[i].kind == "letter":
            letters, end = letters + 1, atoms[i].end
            i += 1
        elif letters and atoms[i].value in {"-", ".", ","}:
            i += 1
        elif letters and atoms[i].value in {"as", "for"} and i + 1 < len(atoms):
            i += 3 if atoms[i + 1].value == "in" else 2
            end = atoms[min(i, len(atoms)) - 1].end
        elif letters and atoms[i].value in {"double"} and i + 1 < len(atoms):
            i += 1
        else:
            break
    if i < len(atoms) and atoms[i].kind in {"digits", "code"}:
        return None  # a code, not a word
    return end if letters >= 3 else None


def _after_title(speech: Speech, i: int) -> Iterator[Finding]:
    at = i + 1 if not (i + 1 < len(speech.values) and speech.values[i + 1] == ".") else i + 2
    if at >= len(speech.atoms):
        return
    atom = speech.atoms[at]
    short = speech.values[i] not in {"doctor", "professor", "miss", "sir", "madam"}
    if atom.kind == "word" and atom.value not in NOT_A_NAME and len(atom.value) > 1 and (short or speech.text[atom.start].isupper() or atom.value in given_names()):
        yield Finding(Kind.NAME, speech.atoms[i].start, _surname_end(speech, at), 0.8, "title")


def _before(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """ "Anna speaking": a known name, or whatever stands between "this is" and it."""
    start = i - 1
    while start > 0 and i - start < 3 and speech.values[start - 1] not in {"is", "it's", "this", "i'm"} and speech.values[start - 1] not in NOT_A_NAME:
        start -= 1
    if start < 0 or speech.atoms[start].kind != "word" or speech.values[start] in NOT_A_NAME:
        return
    if speech.values[start] in names or (start > 1 and speech.values[start - 2 : start] == ["this", "is"]):
        yield Finding(Kind.NAME, speech.atoms[start].start, speech.atoms[i - 1].end, 0.9, "speaking")


# --- e-mail ------------------------------------------------------------------------------------------------------------------


def _email(speech: Speech, i: int) -> Iterator[Finding]:
    """ "jay dot smith at gmail dot com" around the "at" at place ``i``."""
    if (end := _domain_end(speech, i + 1)) is None or i == 0:
        return
    values = speech.values
    start = _local_start(speech, i - 1)
    domain = values[i + 1]
    local = values[start:i]
    symbols = any(v in {"dot", ".", "underscore", "_", "dash", "-", "hyphen"} for v in local) or any(
        atom.kind in {"digits", "letter", "code"} for atom in speech.atoms[start:i]
    )
    cued = any(value in EMAIL_CUES or value in {"login", "log"} for value in values[:start]) or values[start] in given_names() or any(value in EMAIL_CUES for value in values[end + 1 :])
    if not (cued or symbols or domain in PROVIDERS) and (start == i or any(value in SHOPPING for value in values[:i])):
        return
    yield Finding(Kind.EMAIL, speech.atoms[start].start, speech.atoms[end].end, 0.95 if cued or domain in PROVIDERS else 0.8, "e-mail")


def _local_start(speech: Speech, i: int) -> int:
    """The first atom of the part before the "at" that ends at ``i``."""
    start = i + 1
    while start > 0 and i - start < 14:
        value, kind = speech.values[start - 1], speech.atoms[start - 1].kind
        if value in _LOCAL_STOP and not (kind == "letter"):
            break
        if start <= i and kind == "word" and speech.atoms[start].kind == "word" and value not in _JOINERS and speech.values[start] not in _JOINERS:
            break  # two plain words in a row: the first is no part of it
        start -= 1
    return start


_JOINERS = frozenset({"dot", "underscore", "dash", "hyphen", "point", "period", "plus", "minus"})


def _domain_end(speech: Speech, i: int) -> int | None:
    """The last atom of "gmail dot com", "g m a i l dot com", "my company dot co dot uk" at ``i``."""
    values, found = speech.values, None
    for j in range(i, min(i + 12, len(values) - 1)):
        if values[j] in {"dot", ".", "point"}:
            ends_sentence = values[j] == "." and speech.atoms[j + 1].start != speech.atoms[j].end
            if values[j + 1] in TLDS and j > i and not ends_sentence:
                found = j + 1
        elif found is not None and j > found:
            break
        elif values[j] in _DOMAIN_STOP:
            return found
    if found is None and i < len(values) and values[i] in PROVIDERS:
        return i
    return found


def _provider(speech: Speech, i: int) -> Iterator[Finding]:
    """ "jay act gmail dot com": a mail provider with something before it that is not a verb of going there."""
    values = speech.values
    if values[i - 1] in {"at", "@"} or (end := _domain_end(speech, i)) is None or end == i:
        return
    if values[i - 1] in NOT_A_NAME or values[i - 1] in SHOPPING or values[i - 1] in {"open", "visit", "launch", "use", "using"}:
        return
    yield Finding(Kind.EMAIL, speech.atoms[i - 1].start, speech.atoms[end].end, 0.7, "mail provider")


# --- addresses ---------------------------------------------------------------------------------------------------------------


def _is_number(atom: Atom) -> bool:
    return (atom.kind == "digits" and len(atom.value) <= 5) or (atom.kind == "code" and len(atom.value) <= 6)


def _street(speech: Speech, i: int) -> Iterator[Finding]:
    """A house number near a street: "twelve forty-five maple avenue", "14 rue de la paix"."""
    atoms, values = speech.atoms, speech.values
    if values[i] in STREETS:
        for j in range(i - 1, max(-1, i - 6), -1):
            if _is_number(atoms[j]) and i - j >= 2:
                start = j
                while start > 0 and _is_number(atoms[start - 1]):
                    start -= 1
                if values[j] == "1" and start == j:
                    break  # "one way street"
                yield Finding(Kind.ADDRESS, atoms[start].start, atoms[i].end, 0.85, "street address")
                return
            if values[j] in {".", "?", "!"} or values[j] in {"the", "to", "is", "a", "for", "minutes", "and", "on", "of"}:
                break
    if values[i] in STREETS_FIRST and any(_is_number(atom) for atom in (*atoms[max(0, i - 2) : i], *atoms[i + 1 : i + 6])):
        near = [j for j in (*range(max(0, i - 2), i), *range(i + 1, min(len(atoms), i + 6))) if _is_number(atoms[j])]
        yield Finding(Kind.ADDRESS, atoms[min(i, *near)].start, atoms[max(i, *near)].end, 0.75, "street address")
    elif values[i] in STREETS and i + 1 < len(atoms) and _is_number(atoms[i + 1]) and i and values[i].endswith(("e", "z", "g", "se")) and values[i] in {"straße", "strasse", "weg", "platz", "allee", "gasse"}:
        yield Finding(Kind.ADDRESS, atoms[i - 1].start, atoms[i + 1].end, 0.8, "street address")


def _delivery(speech: Speech, i: int) -> Iterator[Finding]:
    """ "deliver to 702 elm …", "my home is at …": a house number and a word that is no unit of anything."""
    values, atoms = speech.values, speech.atoms
    for j in range(i + 1, min(len(atoms) - 1, i + 6)):
        if _is_number(atoms[j]) and values[j - 1] in {"to", "at", "is", ":", "in", "it"}:
            while j + 2 < len(atoms) and _is_number(atoms[j + 1]):
                j += 1
            word = atoms[j + 1]
            plain = word.kind != "word" or word.value in NOT_A_NAME or word.value in UNITS or word.value in {"am", "pm", "o'clock", "sharp", "ish", "people"}
            if not plain and sum(map(len, values[j : j + 1])) >= 2:
                yield Finding(Kind.ADDRESS, atoms[j].start, word.end, 0.7, "place to come to")
            return


def _dwelling(speech: Speech, i: int) -> Iterator[Finding]:
    if speech.values[i] in {"apt", "apartment", "suite", "ste"}:
        j = i + 2 if i + 1 < len(speech.atoms) and speech.values[i + 1] == "." else i + 1
        if j < len(speech.atoms) and speech.atoms[j].kind in {"digits", "code"}:
            yield Finding(Kind.ADDRESS, speech.atoms[i].start, speech.atoms[j].end, 0.7, "dwelling")
            return
    if i + 1 < len(speech.atoms) and speech.atoms[i + 1].kind in {"digits", "code"} and any(value in _HOME_CUES or value in STREETS for value in speech.values[:i]):
        yield Finding(Kind.ADDRESS, speech.atoms[i].start, speech.atoms[i + 1].end, 0.8, "dwelling")


def _lives(speech: Speech, i: int) -> Iterator[Finding]:
    """ "i live at …", "she lives on maple avenue"."""
    values = speech.values
    if i and i + 2 < len(values) and values[i + 1] in {"at", "on"} and values[i + 2] not in NOT_A_NAME and values[i + 2] not in {"earth", "mars", "campus", "netflix"}:
        end = min(len(values), i + 8)
        for j in range(i + 2, end):
            if values[j] in STREETS or _is_number(speech.atoms[j]):
                yield Finding(Kind.ADDRESS, speech.atoms[i + 2].start, speech.atoms[j].end, 0.8, "lives at")
                return
