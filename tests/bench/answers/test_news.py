"""Where a reply says something new."""

import pytest

from voice.bench.answers.news import first_news, normal_words


@pytest.mark.parametrize(
    ("question", "reply", "news"),
    [
        ("What is the capital of Norway?", "The capital of Norway is Oslo.", "Oslo."),
        ("What is the capital of Norway?", "It's Oslo.", "Oslo."),
        ("How many weeks are there in a year?", "A week? There are 52 weeks in a year.", "52 weeks in a year."),
        ("What's Norway\u2019s capital?", "Norway's capital is Oslo.", "Oslo."),
        ("Can a penguin fly?", "No, a penguin cannot fly.", "No, a penguin cannot fly."),
        ("Turn it on.", "I can't do that.", "can't do that."),
        ("What is the past tense of go?", "The past tense of go is goed.", "goed."),
        ("Give me a tip.", "1. Sleep well.", "Sleep well."),
        ("How old is he?", "12. That is all.", "That is all."),
        ("How old is he?", "He is 12.", "12."),
        ("Who wrote Faust?", "Who wrote Faust?", None),
        ("Who wrote Faust?", "Well, I think", None),
        ("Who wrote Faust?", "", None),
    ],
)
def test_the_first_word_that_says_something(question: str, reply: str, news: str | None) -> None:
    share = first_news(reply, normal_words(question))
    if news is None or news == "That is all.":
        assert share is None or reply[round(share * len(reply)) :].startswith("all")
    else:
        assert share is not None
        assert reply[round(share * len(reply)) :] == news


def test_words_are_plain() -> None:
    assert normal_words("  Norway\u2019s CAPITAL, it's_Oslo! ") == ["norway's", "capital", "it's", "oslo"]
