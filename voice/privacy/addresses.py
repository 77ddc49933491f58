"""Postal addresses among the atoms of a transcript: house numbers with a street, a delivery, a dwelling, a box."""

from collections.abc import Iterator

from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import DELIVERY, DWELLINGS, NOT_A_NAME, STREET_ENDS, STREETS, STREETS_FIRST
from voice.privacy.people import uncommon
from voice.privacy.spoken_form import UNITS, Atom, Speech

_HOME_CUES = frozenset(
    {"live", "lives", "living", "reside", "resides", "moved", "home", "address", "ship", "deliver", "staying"}
)


def find(speech: Speech) -> Iterator[Finding]:
    """Every address in ``speech``; findings may overlap."""
    for i, value in enumerate(speech.values):
        if value in STREETS or value in STREETS_FIRST:
            yield from _street(speech, i)
        elif value in DWELLINGS:
            yield from _dwelling(speech, i)
        elif value in {"live", "lives", "reside"}:
            yield from _lives(speech, i)
        elif value == "box" and i and i + 1 < len(speech.atoms) and speech.atoms[i + 1].kind == "digits":
            yield Finding(Kind.ADDRESS, speech.atoms[i - 1].start, speech.atoms[i + 1].end, 0.8, "post office box")
        elif value.endswith(STREET_ENDS) and len(value) > 7:
            yield from _one_word_street(speech, i)
        elif value == "in":
            yield from _town(speech, i)
        if value in DELIVERY:
            yield from _delivery(speech, i)


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
            if values[j] == "on" and j > 1 and _is_number(atoms[j - 1]) and values[j - 2] == "number":
                yield Finding(Kind.ADDRESS, atoms[j - 1].start, atoms[i].end, 0.8, "street address")
                return
            if values[j] in {".", "?", "!"} or values[j] in {"the", "to", "is", "a", "for", "minutes", "and", "on", "of"}:
                break
    if values[i] in STREETS_FIRST and any(_is_number(atom) for atom in (*atoms[max(0, i - 2) : i], *atoms[i + 1 : i + 6])):
        near = [j for j in (*range(max(0, i - 2), i), *range(i + 1, min(len(atoms), i + 6))) if _is_number(atoms[j])]
        yield Finding(Kind.ADDRESS, atoms[min(i, *near)].start, atoms[max(i, *near)].end, 0.75, "street address")
    elif (
        values[i] in STREETS
        and i + 1 < len(atoms)
        and _is_number(atoms[i + 1])
        and i
        and values[i].endswith(("e", "z", "g", "se"))
        and values[i] in {"straße", "strasse", "weg", "platz", "allee", "gasse"}
    ):
        yield Finding(Kind.ADDRESS, atoms[i - 1].start, atoms[i + 1].end, 0.8, "street address")


def _one_word_street(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "kalverstraat 88": a street in one word, with a number beside it."""
    for j in (i + 1, i - 1):
        if 0 <= j < len(speech.atoms) and _is_number(speech.atoms[j]):
            first, last = sorted((i, j))
            yield Finding(Kind.ADDRESS, speech.atoms[first].start, speech.atoms[last].end, 0.8, "street address")
            return


def _town(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "in arendal 4844": a postcode, no year, behind a word that is no word of the language."""
    if i + 2 >= len(speech.atoms) or not uncommon(speech, i + 1):
        return
    last = i + 2
    while last + 1 < len(speech.atoms) and speech.atoms[last].kind == speech.atoms[last + 1].kind == "digits":
        last += 1
    code = "".join(speech.values[i + 2 : last + 1])
    if speech.atoms[i + 2].kind == "digits" and len(code) in {4, 5} and not (len(code) == 4 and code[:2] in {"18", "19", "20"}):
        yield Finding(Kind.ADDRESS, speech.atoms[i + 1].start, speech.atoms[last].end, 0.7, "town and postcode")


def _delivery(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "deliver to 702 elm …", "my home is at …": a house number and a word that is no unit of anything."""
    values, atoms = speech.values, speech.atoms
    for j in range(i + 1, min(len(atoms) - 1, i + 6)):
        if not (_is_number(atoms[j]) and values[j - 1] in {"to", "at", "is", ":", "in", "it"}):
            continue
        last = j
        while last + 2 < len(atoms) and _is_number(atoms[last + 1]):
            last += 1
        word = atoms[last + 1]
        if word.kind == "word" and word.value not in NOT_A_NAME | UNITS | _TIMES and len(values[last]) >= 2:
            yield Finding(Kind.ADDRESS, atoms[j].start, word.end, 0.7, "place to come to")
        return


_TIMES = frozenset({"am", "pm", "o'clock", "sharp", "ish", "people"})


def _dwelling(speech: Speech, i: int) -> Iterator[Finding]:
    if speech.values[i] in {"apt", "apartment", "suite", "ste"}:
        j = i + 2 if i + 1 < len(speech.atoms) and speech.values[i + 1] == "." else i + 1
        if j < len(speech.atoms) and speech.atoms[j].kind in {"digits", "code"}:
            yield Finding(Kind.ADDRESS, speech.atoms[i].start, speech.atoms[j].end, 0.7, "dwelling")
            return
    if (
        i + 1 < len(speech.atoms)
        and speech.atoms[i + 1].kind in {"digits", "code"}
        and any(value in _HOME_CUES or value in STREETS for value in speech.values[:i])
    ):
        yield Finding(Kind.ADDRESS, speech.atoms[i].start, speech.atoms[i + 1].end, 0.8, "dwelling")


def _lives(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "i live at …", "she lives on maple avenue"."""
    values = speech.values
    if (
        i
        and i + 2 < len(values)
        and values[i + 1] in {"at", "on"}
        and values[i + 2] not in NOT_A_NAME
        and values[i + 2] not in {"earth", "mars", "campus", "netflix"}
    ):
        end = min(len(values), i + 8)
        for j in range(i + 2, end):
            if values[j] in STREETS or _is_number(speech.atoms[j]):
                yield Finding(Kind.ADDRESS, speech.atoms[i + 2].start, speech.atoms[j].end, 0.8, "lives at")
                return
