"""What the tag head may confirm, and what it may find alone."""

import pytest

from voice.privacy.findings import Kind, TaggedSpan
from voice.privacy.gate import PrivacyPolicy, check

OPEN = PrivacyPolicy()


def kinds(text: str, tag: str, words: str, probability: float = 0.95) -> set[Kind]:
    start = text.index(words)
    return {found.kind for found in check(text, OPEN, (TaggedSpan(tag, start, start + len(words), probability),)).findings}


@pytest.mark.parametrize(
    ("text", "tag", "words"),
    [
        ("call the fire department", "name", "department"),  # everyday words are no names
        ("i'm in flateyri at the conference", "name", "flateyri"),  # a town
        ("my friend lives in harburg", "address", "harburg"),
        ("go to bbc dot co dot uk", "email", "bbc dot co dot uk"),  # a site, no mailbox
        ("pi is three point one four one five nine", "number", "one four one five nine"),
        ("order number six six four two two one", "number", "six six four two two one"),
        ("my doctor is on holiday", "medical", "my doctor is"),
        ("my high score is nine thousand", "financial", "my high score is nine thousand"),
        ("dial nine one one", "number", "nine one one"),
    ],
)
def test_alone_it_must_look_like_what_it_says(text: str, tag: str, words: str) -> None:
    assert kinds(text, tag, words) == set()


@pytest.mark.parametrize(
    ("text", "tag", "words", "kind"),
    [
        ("give it to tadzio from next door", "name", "tadzio", Kind.NAME),
        ("i was told that it is malignant", "medical", "it is malignant", Kind.MEDICAL),
        ("we still owe the bank a fortune", "financial", "owe the bank a fortune", Kind.FINANCIAL),
        ("it is two two four four seven", "number", "two two four four seven", Kind.DIGITS),
    ],
)
def test_alone_it_finds_what_no_rule_knows(text: str, tag: str, words: str, kind: Kind) -> None:
    assert kinds(text, tag, words) == {kind}
    assert kinds(text, tag, words, probability=0.5) == set()


def test_what_is_only_suspected_needs_its_vote() -> None:
    text = "have you met homero portillo before"
    assert kinds(text, "medical", "before", 0.3) == set()
    assert kinds(text, "name", "homero portillo", 0.9) == {Kind.NAME}
