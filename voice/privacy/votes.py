"""The tag head's vote on what the rules suspect, and what it may find alone.

Strategy: the rules know shapes and cues, the tag head knows contexts. What a rule only suspects (a given name may be a film
star's) needs the head's vote; what the head finds alone must at least look like what it says: a name is no word of the
language, an e-mail address has an "at", a private number is not one that the rules explain.
"""

from dataclasses import replace

from voice.privacy import numbers, people
from voice.privacy.findings import Finding, Kind, TaggedSpan
from voice.privacy.lexicon import CURRENCY, EMAIL_CUES, MONEY_NOUNS, MONEY_STATES, MONEY_VERBS, NOT_A_NAME, PERSON, RELATIVES
from voice.privacy.spoken_form import Speech

THRESHOLD = 0.6
"""A finding below this is dropped."""
TAG_KIND = {
    "name": Kind.NAME, "address": Kind.ADDRESS, "email": Kind.EMAIL, "number": Kind.DIGITS, "birth_date": Kind.BIRTH_DATE,
    "medical": Kind.MEDICAL, "financial": Kind.FINANCIAL,
}  # fmt: skip
TAG_DISCOUNT = {Kind.DIGITS: 0.25, Kind.MEDICAL: 0.15, Kind.FINANCIAL: 0.15}
"""What is taken from the head's probability when no rule agrees; 0.1 for the other kinds."""
_PLAIN = NOT_A_NAME | PERSON | RELATIVES
_PLACE_CUES = frozenset({"in", "near", "around", "outside"})
_MONEY = (MONEY_NOUNS - {"score", "balance", "bonus", "worth"}) | MONEY_VERBS | MONEY_STATES | CURRENCY
_MONEY_HINTS = _MONEY | {"account", "bank", "credit", "tax", "taxes", "paid", "bill", "bills", "broke", "money", "card"}


def weighed(suspected: list[Finding], tags: tuple[TaggedSpan, ...] | None, speech: Speech) -> list[Finding]:
    """The rules' findings with the tag head's vote, and the tag head's own. Without a tag head the rules stand alone."""
    if tags is None:
        return suspected
    found = [voted for rule in suspected if (voted := _voted(rule, tags)) is not None]
    return found + [own for tag in tags if (own := _alone(tag, speech)) is not None]


def _voted(found: Finding, tags: tuple[TaggedSpan, ...]) -> Finding | None:
    """A rule's finding after the tag head's vote on the same characters."""
    votes = [tag.probability for tag in tags if tag.start < found.end and found.start < tag.end]
    if found.rule in people.SUSPICIONS and found.confidence < THRESHOLD:
        return replace(found, confidence=min(0.95, found.confidence + max(votes, default=0.0) * 0.5))
    if found.rule == people.UNKNOWN_NAME and not votes:
        return None  # "my name is hard to spell"
    return found


def _alone(tag: TaggedSpan, speech: Speech) -> Finding | None:
    """What the tag head says of words of which the rules know nothing, if they could be that at all."""
    kind = TAG_KIND[tag.tag]
    inside = [i for i, atom in enumerate(speech.atoms) if atom.start < tag.end and tag.start < atom.end]
    words = [speech.values[i] for i in inside]
    if not words or not _plausible(kind, speech, inside, words):
        return None
    return Finding(kind, tag.start, tag.end, tag.probability - TAG_DISCOUNT.get(kind, 0.1), "tags")


def _plausible(kind: Kind, speech: Speech, inside: list[int], words: list[str]) -> bool:
    if kind is Kind.NAME:
        before = speech.values[inside[0] - 1] if inside[0] else ""
        if before in _PLACE_CUES or words[0] in _PLACE_CUES:
            return False  # a town
        return any(people.uncommon(speech, i) for i in inside)
    if kind is Kind.DIGITS:
        return numbers.unexplained(speech, inside[0], inside[-1])
    if kind is Kind.EMAIL:
        return bool({"at", "@"} & set(words)) or bool(EMAIL_CUES & set(speech.values))
    if kind is Kind.MEDICAL:
        return any(len(word) > 2 and word not in _PLAIN for word in words)
    if kind is Kind.FINANCIAL:
        return bool(_MONEY_HINTS & set(speech.values))
    if kind is Kind.ADDRESS:
        numbered = any(speech.atoms[i].kind in {"digits", "code"} for i in inside)
        if len(words) == 1 and numbered:
            return False  # a floor, a room
        return numbered or len(words) > 3 or not _PLACE_CUES & {words[0], *speech.values[inside[0] - 1 : inside[0]]}
    return True
