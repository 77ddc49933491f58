import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.reply.length import OFFER, accepts_offer, declines_offer, ends_sentence, whole_sentences
from voice.tts.clauses import normalise

WORDS = st.lists(
    st.sampled_from("yes no go on please do sure continue stop enough okay but what about Rome thanks not now".split()),
    max_size=6,
)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Rome is old. It was founded in", "Rome is old."),
        ("Rome is old. It was founded.", "Rome is old. It was founded."),
        ("Rome was founded in the", ""),
        ("", ""),
        ("It is 3.5 km long. Dr. Smith once swam half of", "It is 3.5 km long."),
        ("It costs 3.", "It costs 3."),
        ("He said “Stop!” Then he", "He said “Stop!”"),
        ("You need:\n1. Eggs\n2. Milk\n3. Half a", "You need:\n1. Eggs\n2. Milk"),
        ("Is it? Yes, and then, as I said", "Is it?"),
        ("One, two, three. " * 40 + "And", ("One, two, three. " * 40).strip()),
    ],
)
def test_a_reply_that_is_cut_off_ends_with_a_sentence(text: str, whole: str) -> None:
    assert whole_sentences(text) == whole


@given(st.text("ab .!?,\n", max_size=80))
def test_it_is_a_beginning_and_the_longest(text: str) -> None:
    whole = whole_sentences(text)
    assert normalise(text).startswith(whole)
    assert ends_sentence(whole) or not whole or "\n" in text
    assert whole_sentences(whole) == whole or "\n" in text


@pytest.mark.parametrize(
    "text",
    [
        "yes", "Yes, please.", "Yeah, go on.", "Go on", "Please do!", "Sure, continue.", "Okay", "Of course.", "Keep going.",
        "Tell me more", "I’d like that", "Um, yes, please go on.", "Go ahead, please.", "All right, carry on then.", "why not",
    ],
)  # fmt: skip
def test_a_yes_is_one(text: str) -> None:
    assert accepts_offer(text)
    assert not declines_offer(text)


@pytest.mark.parametrize(
    "text",
    [
        "no", "No, thanks.", "No thank you, that's enough.", "Stop.", "Not now.", "Okay, enough.", "Never mind", "I’m good.",
        "Please don't go on.", "That's all, thank you.", "Nope", "Maybe later", "No, it's fine.", "Oh no please don't.",
    ],
)  # fmt: skip
def test_a_no_is_one(text: str) -> None:
    assert declines_offer(text)
    assert not accepts_offer(text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes, but what about Rome?", "Yes, in Rome", "No, I meant Paris.", "What time is it?", "Go on a trip with me",
        "Stop the timer", "", "…", "thanks", "Sure, but shorter", "How do I continue?", "More about the Greeks", OFFER,
    ],
)  # fmt: skip
def test_anything_else_is_neither(text: str) -> None:
    assert not accepts_offer(text)
    assert not declines_offer(text)


@given(WORDS)
def test_never_both(words: list[str]) -> None:
    text = " ".join(words)
    assert not (accepts_offer(text) and declines_offer(text))
    if {"but", "what", "about", "Rome"} & set(words):
        assert not accepts_offer(text)
        assert not declines_offer(text)
