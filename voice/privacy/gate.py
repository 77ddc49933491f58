"""The privacy gate: what in a transcript is private, and whether it may leave the device.

Strategy: the rules (:mod:`numbers`, :mod:`people`, :mod:`statements`) read the transcript in its spoken forms; the encoder's
tag head adds what no rule expects and confirms what a rule only suspects (a given name may be a film star's). Both sides vote
on the same characters; a finding stands from ``THRESHOLD`` on. The gate fails closed: a long run of digits that nothing
explains is private, so is a text too long to be read in time, and one in a language for which there are no rules.

On a partial transcript the last words may be the beginning of something ("my card number is four one"), so with
``final=False`` the gate also says how much of the text is *settled*: no later word can make anything before it private in the
ways the rules know. What is private once stays private for the turn (:class:`PrivacyWatch`), whatever a
later transcript makes of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from voice.privacy import addresses, emails, keys, language, numbers, open_end, people, spoken_form, statements
from voice.privacy.findings import Finding, Kind, TaggedSpan, merged
from voice.privacy.lexicon import BIRTH, CUES, EMAIL_CUES, PERSON
from voice.privacy.spoken_form import Speech
from voice.privacy.votes import THRESHOLD, weighed

Treatment = Literal["edge", "redact", "allow"]
"""What a kind asks for: stay on the device; leave with a placeholder in its place; leave."""

RULES = (numbers, people, emails, addresses, statements, keys)
MAX_CHARACTERS = 6000
"""A longer text is not read: it is taken for private."""
HELD_WORDS = 8
"""The last words of a partial transcript that are never settled: a name before "at gmail dot com" is not yet one."""
HELD_AFTER_CUE = 16
"""Within so many words behind a cue ("my card number is") nothing is settled."""

SURE_WORDS = 6
"""A transcript of so many words that was in another language was: a later one that is not does not undo it."""


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """The treatment of each kind; ``edge`` for those not named."""

    treatments: Mapping[Kind, Treatment] = field(default_factory=dict)

    def of(self, kind: Kind) -> Treatment:
        """The treatment of ``kind``."""
        return self.treatments.get(kind, "edge")


@dataclass(frozen=True, slots=True)
class PrivacyVerdict:
    """What the gate says of one transcript.

    Attributes:
        findings: in order of place, none overlapping.
        treatment: the strictest that the findings ask for; "allow" without any.
        settled: how many characters from the start no later word can make private; all of a final transcript.
        too_long: the text was not read because of its length; the treatment is then "edge".
        open_end: the end of the text may be the beginning, or a half, of something private: a pause must not let it out.
        harmless: no word of it can be part of anything private, whatever follows; partial or not, all of it is settled.
        language: the language of the text, or of a stretch of it, for which there are no rules; the treatment is then "edge".
    """

    findings: tuple[Finding, ...]
    treatment: Treatment
    settled: int
    too_long: bool = False
    open_end: bool = False
    harmless: bool = False
    language: str | None = None


def check(
    text: str, policy: PrivacyPolicy, tags: tuple[TaggedSpan, ...] | None = None, *, final: bool = True
) -> PrivacyVerdict:
    """What in ``text`` is private. Pure; about a microsecond a character at most. Any string is fine."""
    if len(text) > MAX_CHARACTERS:
        return PrivacyVerdict((), "edge", 0, too_long=True, open_end=True)
    speech = spoken_form.read(text)
    suspected = [found for rules in RULES for found in rules.find(speech)]
    findings = merged(found for found in weighed(suspected, tags, speech) if found.confidence >= THRESHOLD)
    treatment = treatment_of(findings, policy)
    if (foreign := language.foreign(text)) is not None:
        return PrivacyVerdict(findings, "edge", 0, language=foreign)
    opened = open_end.reason(speech, findings) is not None
    harmless = not findings and not opened and open_end.harmless(speech)
    settled = len(text) if final or harmless else _settled(speech, findings)
    return PrivacyVerdict(findings, treatment, settled, open_end=opened, harmless=harmless)


def treatment_of(findings: Iterable[Finding], policy: PrivacyPolicy) -> Treatment:
    """The strictest treatment that any of the findings asks for."""
    return strictest(policy.of(found.kind) for found in findings)


def strictest(treatments: Iterable[Treatment]) -> Treatment:
    """Of several treatments the one that lets the least out; "allow" of none."""
    found = set(treatments)
    return "edge" if "edge" in found else "redact" if "redact" in found else "allow"


def _settled(speech: Speech, findings: tuple[Finding, ...]) -> int:
    """How much of a partial transcript may be acted on outside: nothing near its end, near a cue or behind a finding."""
    if findings:
        return findings[0].start
    atoms = speech.atoms
    keep = max(0, len(atoms) - HELD_WORDS)
    for i in range(max(0, len(atoms) - HELD_AFTER_CUE), len(atoms)):
        value = atoms[i].value
        if (
            value in CUES
            or value in EMAIL_CUES
            or value in BIRTH
            or value in PERSON
            or value == "name"
            or atoms[i].kind in {"digits", "letter", "code"}
        ):
            keep = min(keep, i)
            break
    return atoms[keep].start if keep < len(atoms) else len(speech.text)


class PrivacyWatch:
    """The gate over one turn's growing transcript. Not thread-safe; one a turn.

    What was found once stays: a partial transcript that lost the private words does not make the turn public again. A language
    stays only once ``SURE_WORDS`` words were in it: "add tara blaise" sounds foreign until "to my playlist" follows.
    """

    def __init__(self, policy: PrivacyPolicy) -> None:
        self._policy = policy
        self._treatment: Treatment = "allow"
        self._language: str | None = None
        self._is_sure = False
        self.kinds: set[Kind] = set()

    @property
    def treatment(self) -> Treatment:
        """The strictest treatment so far."""
        return "edge" if self._language is not None else self._treatment

    def see(self, text: str, tags: tuple[TaggedSpan, ...] | None = None, *, final: bool = False) -> PrivacyVerdict:
        """The verdict on the transcript so far, no milder than any before it in this turn."""
        verdict = check(text, self._policy, tags, final=final)
        self.kinds |= {found.kind for found in verdict.findings}
        asked = verdict.treatment if verdict.language is None else treatment_of(verdict.findings, self._policy)
        self._is_sure = self._is_sure or (verdict.language is not None and len(text.split()) >= SURE_WORDS)
        self._language = verdict.language or (self._language if self._is_sure else None)
        self._treatment = strictest((self._treatment, asked))
        settled = 0 if self.treatment == "edge" else verdict.settled
        harmless = verdict.harmless and self.treatment == "allow"
        return replace(verdict, treatment=self.treatment, settled=settled, harmless=harmless, language=self._language)
