"""A beginning made of the user's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.reply.opening import MOST_WORDS
from voice.reply.restating import restated

EXAMPLES = [
    ("Who invented the telephone?", "The telephone was invented by"),
    ("Who wrote War and Peace?", "War and Peace was written by"),
    ("Can you tell me who painted Starry Night?", "Starry Night was painted by"),
    ("What is the capital of Norway?", "The capital of Norway is"),
    ("What's the largest ocean animal?", "The largest ocean animal is"),
    ("Who was the first president of the United States?", "The first president of the United States was"),
    ("What are the ingredients of a pizza?", "The ingredients of a pizza are"),
    ("What is my sister's name?", "Your sister's name is"),
    ("When was the Eiffel Tower built?", "The Eiffel Tower was built in"),
    ("Where was Albert Einstein born?", "Albert Einstein was born in"),
    ("Brew a medium-roast cappuccino.", "You would like a medium-roast cappuccino"),
    ("Make me a list of European capitals", "Here is a list of European capitals:"),
    ("Could you please get me two teas?", "You would like two teas"),
    ("Okay, I'm gonna have a hot chocolate", "You would like a hot chocolate"),
    ("How tall is Mount Everest?", "Mount Everest is"),
    ("How old are your parents?", "My parents are"),
    ("How many zeros are in a million?", "In a million there are"),
    ("How many weeks are there in a year?", "In a year there are"),
    ("How many legs does a spider have?", "A spider has"),
    ("Which organ pumps blood?", "The organ that pumps blood is"),
    ("Which metal is liquid at room temperature?", "The metal that is liquid at room temperature is"),
    ("Where is the Eiffel Tower?", "The Eiffel Tower is"),
    ("Tell me a joke", "Here is a joke:"),
    ("Tell me another joke, please.", "Here is another joke:"),
    ("Could you give me a recipe for pancakes?", "Here is a recipe for pancakes:"),
    ("Write a poem about the sea", "Here is a poem about the sea:"),
    ("Tell me something interesting about octopuses", "Here is something interesting about octopuses:"),
    ("Name three fruits", "Three fruits are"),
    ("I'd like a large latte with oat milk please", "You would like a large latte with oat milk"),
    ("Hi, can I get a medium iced coffee?", "You would like a medium iced coffee"),
    ("Let me get two cappuccinos to go", "You would like two cappuccinos"),
    ("I would like to order a black coffee.", "You would like to order a black coffee"),
    ("I need a table for my wife and me", "You need a table for your wife and you"),
    (
        "I'd like a large latte with oat milk and two pumps of vanilla and a warm blueberry muffin on the side",
        "You would like a large latte with oat milk",
    ),
    # nothing that could be false, or worse
    ("Which bird cannot fly, a penguin or a sparrow?", ""),
    ("Is the earth flat?", ""),
    ("Which country was he from?", ""),
    ("I want to die", ""),
    ("I'm feeling sad today", ""),
    ("What is frozen water called?", ""),
    ("What is the weather like?", ""),
    ("What is the bread made of?", ""),
    ("Is it the red or the blue one?", ""),
    ("Turn on the kitchen light", ""),
    ("Call my brother", ""),
    ("Tell me about Spain", ""),
    ("", ""),
    ("...", ""),
]


@pytest.mark.parametrize(("said", "expected"), EXAMPLES)
def test_examples(said: str, expected: str) -> None:
    assert restated(said) == expected
    assert restated(said.lower()).lower() == expected.lower()


@given(st.text(max_size=300))
def test_any_text_has_a_short_one_or_none(said: str) -> None:
    assert len(restated(said).split()) <= MOST_WORDS
