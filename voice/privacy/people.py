"""Names of people among the atoms of a transcript."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import AFTER_A_NAME, CONTACT_VERBS, NOT_A_NAME, NUMBERS_NEXT, QUESTIONS, RELATIVES, TITLES
from voice.privacy.spoken_form import Speech

_NAME_SUBJECT = frozenset(
    "my his her their our the your first last middle full maiden family sur user's husband's wife's son's daughter's".split()
)
_CALL_CUES = frozenset({"call", "called", "named", "calls", "calling"})
_CUES = frozenset(
    "is name's names am i'm called named call calls under name surname spelled spell spelt that's it's by".split()
)
GIVEN_NAME = "given name"
UNKNOWN_PAIR = "two words of no language"
FULL_NAME = "a full name"
SUSPICIONS = frozenset({GIVEN_NAME, UNKNOWN_PAIR, FULL_NAME})
"""Rules that find people of whom nothing says whether they are known to the speaker or to the world."""
UNKNOWN_NAME = "cue for a name, no known name"
_DEEDS = frozenset("is has said says will would and lives works called wants told likes just needs".split())
_BELONGINGS = frozenset(
    "phone number address birthday email house place apartment wife husband son daughter mother father card account".split()
)


@cache
def given_names() -> frozenset[str]:
    """Given names of a dozen countries, lower case, without those that are common words."""
    return frozenset((files("voice.privacy") / "data" / "given_names.txt").read_text(encoding="utf-8").split())


@cache
def common_words() -> frozenset[str]:
    """Words that are written in lower case in everyday questions and exams: hardly ever a name."""
    return frozenset((files("voice.privacy") / "data" / "common_words.txt").read_text(encoding="utf-8").split())


def find(speech: Speech) -> Iterator[Finding]:
    """Names after cues and titles, spelled names, given names; findings may overlap."""
    names = given_names()
    for i, (atom, value) in enumerate(zip(speech.atoms, speech.values, strict=True)):
        if value in _CUES:
            yield from _after_cue(speech, i, names)
        elif value in TITLES:
            yield from _after_title(speech, i)
        elif value in {"speaking", "calling"}:
            yield from _before(speech, i, names)
        elif value in RELATIVES:
            yield from _after_relative(speech, i)
        if atom.kind == "word" and value.removesuffix("'s") in names:
            yield Finding(Kind.NAME, atom.start, _surname_end(speech, i), _acquainted(speech, i), GIVEN_NAME)
        elif atom.kind == "letter":
            yield from _spelled(speech, i, names)
        if atom.kind == "word" and i + 1 < len(speech.atoms):
            yield from _pair(speech, i, names)
            yield from _initialled(speech, i, names)
            yield from _alone(speech, i)


def uncommon(speech: Speech, i: int) -> bool:
    """Whether the atom at ``i`` is a word that may be a name: a given name, or no everyday word."""
    atom = speech.atoms[i]
    value = atom.value.removesuffix("'s")
    return (
        atom.kind == "word"
        and len(value) > 1
        and value not in NOT_A_NAME
        and (value in given_names() or value not in common_words())
    )


def _initialled(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """Like "Clara R. Dickson": a given name, a letter, a word with a capital."""
    letter = i + 1
    last = i + 3 if speech.values[i + 2 : i + 3] == ["."] else i + 2
    if last < len(speech.atoms) and speech.atoms[letter].kind == "letter" and speech.atoms[last].kind == "word":
        capitals = all(speech.text[speech.atoms[j].start].isupper() for j in (i, letter, last))
        if capitals and not speech.text.isupper() and (speech.values[i] in names or uncommon(speech, last)):
            yield Finding(Kind.NAME, speech.atoms[i].start, speech.atoms[last].end, 0.75, "a name with an initial")


def _alone(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "asya's kid", and a suspicion where a text begins with "vsevolod is …"."""
    value, following = speech.values[i], speech.values[i + 1]
    if value.endswith("'s") and following in RELATIVES and uncommon(speech, i):
        yield Finding(Kind.NAME, speech.atoms[i].start, speech.atoms[i].end, 0.7, "relative")
    elif i == 0 and following in _DEEDS and uncommon(speech, i):
        yield Finding(Kind.NAME, speech.atoms[i].start, speech.atoms[i].end, 0.45, UNKNOWN_PAIR)


def _pair(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """Two words in a row that are no everyday words, or a given name and a word with capitals: mostly a suspicion only."""
    if not (uncommon(speech, i) and speech.atoms[i + 1].kind == "word") or (i and speech.values[i - 1] in _PLACED):
        return
    following = speech.atoms[i + 1]
    known, capitals = speech.values[i].removesuffix("'s") in names, _capitalised(speech, i)
    strange = uncommon(speech, i + 1)
    if not strange and not (known and capitals):
        return
    asks = speech.values[0] in _PUBLIC_OPENERS or speech.values[0] in QUESTIONS
    sure = 0.3 + 0.15 * known + 0.15 * capitals
    if known and capitals and strange and not asks:
        sure = 0.65  # "a Homero Portillo concert"
    yield Finding(Kind.NAME, speech.atoms[i].start, following.end, sure, FULL_NAME if known else UNKNOWN_PAIR)


_PLACED = frozenset({"in", "near", "at"})


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
    contacts = bool(before) and before[-1] in CONTACT_VERBS and speech.values[0] not in _PUBLIC_OPENERS
    if contacts or any(value in RELATIVES for value in before):
        return 0.75
    owns = speech.values[i].endswith("'s")
    after = speech.values[i + 1 : i + 4]
    if owns and any(value in _BELONGINGS for value in after):
        return 0.75
    if i == 0 and after and after[0] in _DEEDS:
        return 0.65
    return 0.45


_KIN = frozenset("uncle aunt auntie grandma grandpa granny nana cousin".split())
"""Said before a name without a possessive."""
_PUBLIC_OPENERS = frozenset("play listen watch stream find show search who what which when queue add read".split())
"""A request that begins so speaks of works and the famous."""


def _after_relative(speech: Speech, i: int) -> Iterator[Finding]:
    """A word behind "my kid" or "uncle" that is no word of the language, as in "my kid tadzio"."""
    owned = i > 0 and speech.values[i - 1] in {"my", "our", "his", "her", "their", "best", "little"}
    if i + 1 >= len(speech.atoms) or not (owned or speech.values[i] in _KIN):
        return
    atom = speech.atoms[i + 1]
    if atom.kind == "word" and atom.value.removesuffix("'s") not in common_words() and atom.value not in NOT_A_NAME:
        yield Finding(Kind.NAME, atom.start, _surname_end(speech, i + 1), 0.7, "relative")


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
    if any(value in names or value == "that's" for value in before) or not _SPELLING_CUES.isdisjoint(speech.values):
        yield Finding(Kind.NAME, speech.atoms[i].start, end, 0.85, "spelled letters")
    elif len(letters) >= 5 and "w" * 3 not in letters:
        yield Finding(Kind.NAME, speech.atoms[i].start, end, 0.65, "spelled letters")


_SPELLING_CUES = frozenset({"name", "surname", "spell", "spelled", "spelt", "spelling", "letters", "called"})


def _after_cue(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """A name behind "my name is", "call me", "i'm", "last name", "spelled"."""
    values = speech.values
    value, before = values[i], values[i - 1] if i else ""
    at = i + 1
    sure, must_know = 0.0, False
    if (value in {"is", "'s"} and before in {"name", "surname", "names", "nickname"}) or (
        value == "name's" and (before in _NAME_SUBJECT or i == 0)
    ):
        sure = 0.95
    elif (
        value in {"name", "surname"}
        and before in {"first", "last", "middle", "family", "maiden", "surname", "full"}
        and values[0] not in {"where", "what", "who"}
        and _follows(values, at, "is", "of") is None
    ):
        sure = 0.9
    elif (
        value == "name"
        and _follows(values, at, "of") is not None
        and i
        and before == "the"
        and i > 1
        and values[i - 2] in {"in", "under"}
    ):
        at, sure = at + 1, 0.9
    elif value == "surname":
        sure = 0.9
    elif value in _CALL_CUES:
        at, sure, must_know = _called(values, i)
    elif value == "under" and i and values[i - 1] in {"is", "booking", "reservation", "booked", "table", "reserved"}:
        sure = 0.85
    elif (
        value in {"spelled", "spell", "spelt"} or (value in {"that's", "it's", "is"} and "name" in values[max(0, i - 3) : i])
    ) and (end := _spelled_end(speech, at)) is not None:
        yield Finding(Kind.NAME, speech.atoms[at].start, end, 0.85, "spelled letters")
        return
    elif value in {"i'm", "it's", "that's"} or (value == "am" and before == "i") or (value == "is" and before == "this"):
        sure, must_know = 0.8, True
    if sure and (end := _name_end(speech, at, names, must_know=must_know)) is not None:
        at = _skip_fillers(values, at)
        known = (
            values[at] in names
            or values[at] not in common_words()
            or _capitalised(speech, at)
            or speech.atoms[at].kind == "letter"
        )
        if known or _follows(values, at + 1, "to", "for", "than", "because", "that") is None:  # "my name is hard to spell"
            yield Finding(Kind.NAME, speech.atoms[at].start, end, sure, "cue for a name" if known else UNKNOWN_NAME)


def _called(values: list[str], i: int) -> tuple[int, float, bool]:
    """Where the name begins after a form of "call", how sure, and whether it must be a known one."""
    at = i + 1
    following = values[at] if at < len(values) else ""
    before = values[i - 1] if i else ""
    if values[i] in {"call", "calls"} and following in {"me", "myself", "him", "her"}:
        return at + 1, 0.85, following != "me"
    if values[i] in {"called", "named"} and (
        before in {"am", "was", "is", "i'm", "he's", "she's", "be", "are", "someone", "him", "her"} or before in RELATIVES
    ):
        return at, 0.7, True
    return at, 0.8, True


def _follows(values: list[str], i: int, *wanted: str) -> int | None:
    return i if i < len(values) and values[i] in wanted else None


def _skip_fillers(values: list[str], i: int) -> int:
    while i < len(values) - 1 and values[i] in {
        "um",
        "uh",
        "er",
        "erm",
        "hmm",
        ",",
        ":",
        "is",
        "well",
        "like",
        "actually",
        '"',
        "doctor",
        "dr",
        "mr",
        "mrs",
        "ms",
    }:
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
    return all(
        speech.atoms[j].kind == "word" and text[speech.atoms[j].start].isupper() and speech.values[j] not in NOT_A_NAME
        for j in (i, i + 1)
    )


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
        elif letters and atoms[i].value == "double" and i + 1 < len(atoms):
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
    if (
        atom.kind == "word"
        and atom.value not in NOT_A_NAME
        and len(atom.value) > 1
        and (short or speech.text[atom.start].isupper() or atom.value in given_names())
    ):
        yield Finding(Kind.NAME, speech.atoms[i].start, _surname_end(speech, at), 0.8, "title")


def _before(speech: Speech, i: int, names: frozenset[str]) -> Iterator[Finding]:
    """Like "Anna speaking": a known name, or whatever stands between "this is" and it."""
    start = i - 1
    while (
        start > 0
        and i - start < 3
        and speech.values[start - 1] not in {"is", "it's", "this", "i'm"}
        and speech.values[start - 1] not in NOT_A_NAME
    ):
        start -= 1
    if start < 0 or speech.atoms[start].kind != "word" or speech.values[start] in NOT_A_NAME:
        return
    if speech.values[start] in names or (start > 1 and speech.values[start - 2 : start] == ["this", "is"]):
        yield Finding(Kind.NAME, speech.atoms[start].start, speech.atoms[i - 1].end, 0.9, "speaking")
