"""What may be said before a larger model answers: nothing that binds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.reply.opening import MOST_WORDS, Given, Opening, opening_of, stem

EXAMPLES = [
    # what the question holds is restated, up to the first word that is new
    ("Which month comes after August?", "The month after August is December.", "The month after August is"),
    ("What is the fastest land animal?", "The fastest land animal is the cheetah.", "The fastest land animal is"),
    ("What is the capital of Norway?", "The capital of Norway is Bergen.", "The capital of Norway is"),
    ("What is frozen water called?", "Frozen water is called ice.", "Frozen water is called"),
    ("What do caterpillars turn into?", "Caterpillars turn into caterpillars.", "Caterpillars turn into"),
    ("Who wrote War and Peace?", "War and Peace was written by Tolstoy.", "War and Peace was written by"),
    ("Why is the sky blue?", "The sky is blue because of magic.", "The sky is blue because of"),
    ("How do I boil an egg?", "To boil an egg, you first need a pan.", "To boil an egg, you"),
    ("How many weeks are there in a year?", "There are 120 weeks in a year.", "There are"),
    ("Tell me a joke", "Here's a joke for you: Why did the chicken cross?", "Here's a joke for you"),
    ("What is my name?", "Your name is Bob.", "Your name is"),
    # a word is given once
    ("What is the opposite of ancient?", "The opposite of ancient is ancient.", "The opposite of ancient is"),
    ("What colour is an orange?", "An orange is orange.", "An orange is"),
    # what the question leaves open is not given
    ("Which bird cannot fly, a penguin or a sparrow?", "A sparrow is a bird that cannot fly.", ""),
    ("Which bird cannot fly, a penguin or a sparrow?", "The bird that cannot fly is a sparrow.", "The bird that cannot fly is"),
    ("Is a tomato a fruit or a vegetable?", "A tomato is a vegetable.", "A tomato is"),
    ("What is sushi made with, rice or pasta?", "Sushi is made with pasta.", "Sushi is made with"),
    ("Is the earth flat?", "The earth is flat.", "The earth is"),
    ("Do penguins fly?", "Penguins do fly.", "Penguins do"),
    ("How many hours are in three days?", "Three days is 30 hours.", ""),
    ("How old is the earth in million years?", "The earth is million years old.", "The earth is"),
    # names, numbers and negations that the question did not hold
    ("Who invented the telephone?", "Edison invented the telephone.", ""),
    ("What is five times six?", "Five times six is thirty.", "Five times six is"),
    ("What is five times six?", "Five times seven is thirty-five.", "Five times"),
    ("Can I eat mushrooms from the forest?", "You can not eat them.", "You can"),
    # no question, no single word, no markup, no echo
    ("Text Paul that I'm on my way.", "Paul that I'm on my way.", ""),
    ("I'm feeling sad today", "I'm feeling sad today.", ""),
    ("Set a reminder to call my mom", "Set a reminder to call your mom.", ""),
    ("Is it going to rain tomorrow?", "It's going to rain tomorrow.", ""),
    ("What is the capital of Norway?", "What is the capital of Norway?", ""),
    ("Tell me a joke", "What's the most ridiculous joke?", ""),
    ("Tell me a joke", "It is the best I have", ""),
    ("What's the time?", "The hour is late.", ""),
    ("List the planets", "1. Mercury", ""),
    ("What is the boiling point of water?", "**The boiling point** is 100.", ""),
    ("", "It is the", ""),
]


@pytest.mark.parametrize(("said", "reply", "expected"), EXAMPLES)
def test_examples(said: str, reply: str, expected: str) -> None:
    assert opening_of(reply, said) == expected


def test_a_follow_up_may_take_up_what_was_asked_before_but_no_name_and_no_number() -> None:
    earlier = ["What is the capital of Norway?"]
    assert opening_of("The capital of Sweden is Oslo.", "And of Sweden?", earlier) == "The capital of Sweden is"
    assert opening_of("The capital of Norway is Oslo.", "And of Sweden?", earlier) == "The capital of"
    assert opening_of("There are 50 states.", "And in Germany?", ["Are there 50 states in America?"]) == "There are"


@pytest.mark.parametrize(
    ("begun", "expected"),
    [("The sum of the angles in a tri", "The sum of the angles"), ("The sum of the ang", "The sum"),
     ("The exchange rate for", ""), ("The", ""), ("", ""),
     ("The sum of the angles in a triangle is 1", "The sum of the angles in a triangle")],
)  # fmt: skip
def test_what_is_there_may_be_said_up_to_the_end_of_a_phrase(begun: str, expected: str) -> None:
    opening = Opening(Given("What is the sum of the angles in a triangle?"))
    opening.feed(begun)
    assert opening.so_far == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("capitals", "capital"), ("wrote", "written"), ("stopped", "stop"), ("cities", "city"), ("made", "making"),
     ("boxes", "box"), ("children", "child"), ("penguin's", "penguins"), ("lived", "live"), ("used", "use")],
)  # fmt: skip
def test_forms_of_one_word(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("go", "goed"), ("united", "unit"), ("glass", "glad")])
def test_other_words(one: str, other: str) -> None:
    assert (stem(one) == stem(other)) is (one == "united"), "known: a stemmer of rules takes these two for one"


words = st.lists(st.sampled_from("the capital of Norway is Oslo a not five 5 it, big. river What".split()), max_size=12)


@given(words, words, st.integers(1, 5))
def test_it_is_the_reply_s_beginning_and_streaming_makes_no_difference(said: list[str], reply: list[str], size: int) -> None:
    text = " ".join(reply)
    whole = opening_of(text, " ".join(said))
    assert text.startswith(whole.replace(" ", " "))
    assert len(whole.split()) <= MOST_WORDS
    opening = Opening(Given(" ".join(said)))
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    for piece in pieces:
        if opening.feed(piece):
            break
    else:
        opening.feed(" ")
    assert opening.text == whole


@given(words, words)
def test_every_word_of_it_is_given(said: list[str], reply: list[str]) -> None:
    known = {stem(word.strip(",.")) for word in said}
    for word in opening_of(" ".join(reply), " ".join(said)).split():
        plain = word.strip(",.").lower()
        assert plain in {"the", "of", "is", "a", "it"} or stem(plain) in known
