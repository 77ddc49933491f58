"""E-mail addresses among the atoms of a transcript, written or said: "jay dot smith at gmail dot com"."""

import re
from collections.abc import Iterator

from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import EMAIL_CUES, NOT_A_NAME, PROVIDERS, SHOPPING, TLDS
from voice.privacy.people import given_names
from voice.privacy.spoken_form import Speech

NEAR = 40
"""Words around an address in which a cue counts."""
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LOCAL_STOP = frozenset(
    "is it's its to at me my email e-mail mail address on the a an use send write reach contact or and with "
    "from by via us him her them that "
    "forward sent for was are i you please under yes no okay so write's says said um uh er erm hmm sorry wait mean it".split()
)
_DOMAIN_STOP = frozenset("the a an is are was my home work school night noon least all once first last this that what".split())


def find(speech: Speech) -> Iterator[Finding]:
    """Every e-mail address in ``speech``; findings may overlap."""
    for i, value in enumerate(speech.values):
        if value in {"at", "@"}:
            yield from _email(speech, i)
        elif value in PROVIDERS and i:
            yield from _provider(speech, i)
    if "@" in speech.text:
        for match in _EMAIL.finditer(speech.text):
            yield Finding(Kind.EMAIL, *match.span(), 0.99, "e-mail")


def _email(speech: Speech, i: int) -> Iterator[Finding]:
    """Like "jay dot smith at gmail dot com" around the "at" at place ``i``."""
    if (end := _domain_end(speech, i + 1)) is None or i == 0:
        return
    values = speech.values
    start = _local_start(speech, i - 1)
    domain = values[i + 1]
    local = values[start:i]
    symbols = any(v in {"dot", ".", "underscore", "_", "dash", "-", "hyphen"} for v in local) or any(
        atom.kind in {"digits", "letter", "code"} for atom in speech.atoms[start:i]
    )
    cued = (
        any(value in EMAIL_CUES or value in {"login", "log"} for value in values[max(0, start - NEAR) : start])
        or values[start] in given_names()
        or any(value in EMAIL_CUES for value in values[end + 1 : end + NEAR])
    )
    if not (cued or symbols or domain in PROVIDERS) and (
        start == i or any(value in SHOPPING for value in values[max(0, i - NEAR) : i])
    ):
        return
    yield Finding(
        Kind.EMAIL, speech.atoms[start].start, speech.atoms[end].end, 0.95 if cued or domain in PROVIDERS else 0.8, "e-mail"
    )


def _local_start(speech: Speech, i: int) -> int:
    """The first atom of the part before the "at" that ends at ``i``."""
    start = i + 1
    while start > 0 and i - start < 14:
        value, kind = speech.values[start - 1], speech.atoms[start - 1].kind
        if value in _LOCAL_STOP and kind != "letter":
            break
        if (
            start <= i
            and kind == "word"
            and speech.atoms[start].kind == "word"
            and value not in _JOINERS
            and speech.values[start] not in _JOINERS
        ):
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
    """Like "jay act gmail dot com": a mail provider with something before it that is not a verb of going there."""
    values = speech.values
    if values[i - 1] in {"at", "@"} or (end := _domain_end(speech, i)) is None or end == i:
        return
    if values[i - 1] in NOT_A_NAME or values[i - 1] in SHOPPING or values[i - 1] in {"open", "visit", "launch", "use", "using"}:
        return
    yield Finding(Kind.EMAIL, speech.atoms[i - 1].start, speech.atoms[end].end, 0.7, "mail provider")
