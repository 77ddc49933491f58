import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.reply.repeats import Repeats, Verdict, asks_again
from voice.tts.clauses import ClauseSplitter

JOKE = "What's the most ridiculous joke you've ever heard?"
TEXTS = st.lists(st.sampled_from("the sea is deep. blue and, cold! five not why? it".split()), max_size=30).map(" ".join)
UNIQUE = st.lists(st.text("abcdefgh", min_size=4, max_size=9), min_size=4, max_size=12, unique=True)


def clauses(text: str) -> list[str]:
    splitter = ClauseSplitter(4)
    return [*splitter.feed(text), *splitter.finish()]


def judge(reply: str, *earlier: str) -> set[Verdict]:
    repeats = Repeats(earlier)
    return {repeats.feed(clause) for clause in clauses(reply)}


@pytest.mark.parametrize(
    ("reply", "earlier"),
    [
        (JOKE, JOKE),
        ("what’s the most ridiculous  joke — you've ever heard", ""),
        ("Sure. " + JOKE, JOKE),
        ("WHAT'S THE MOST RIDICULOUS JOKE YOU'VE EVER HEARD!", f"I know one. {JOKE}"),
        ("The month after August is the month of December.", "The month after August is, the month of December"),
        ("I do not have the ability to access tables here.", "I'm sorry. I do not have the ability to access the tables here."),
    ],
)  # fmt: skip
def test_what_an_earlier_reply_said_is_found(reply: str, earlier: str) -> None:
    assert ("earlier" in judge(reply, earlier)) is bool(earlier)


@pytest.mark.parametrize(
    ("reply", "earlier"),
    [
        ("You're welcome.", "You're welcome."),
        ("Yes. No. Of course!", "Yes. No. Of course!"),
        ("The capital of France is Paris.", "The capital of Spain is Madrid."),
        ("The capital of France is a city.", "The capital of France is Paris."),
        ("Your timer for soup rings in just about 5 minutes.", "Your timer for soup rings in just about 6 minutes."),
        ("The garage door at the back of the house is open now.", "The garage door at the back of the house is not open now."),
        ("It is very, very, very good.", ""),
        ("Ring five five five, one one one, five five five, five five five.", ""),
        ("It is spelled b a n a n a n a n a.", ""),
        ("No, no, no. Never!", ""),
    ],
)  # fmt: skip
def test_what_is_new_or_rightly_said_again_is_not(reply: str, earlier: str) -> None:
    assert judge(reply, earlier) == {"new"}


@pytest.mark.parametrize(
    "reply",
    [
        "The sea is very deep. It is cold. The sea is very deep.",
        "The sea is very deep, and the sea is very deep, and the sea is very deep, and",
        "You can go there, go there, go there and rest.",
        "ha ha ha ha ha",
        "I do not know. I do not know.",
    ],
)
def test_a_reply_that_repeats_itself_is_found(reply: str) -> None:
    assert "itself" in judge(reply)


def test_it_is_known_at_the_clause_that_completes_it() -> None:
    repeats = Repeats([JOKE])
    verdicts = [
        repeats.feed(clause) for clause in ("Sure.", " What's the most ridiculous joke", " you've ever heard?", " Right.")
    ]
    assert verdicts == ["new", "new", "earlier", "new"]


def test_what_may_become_a_repetition_is_told_before_it_is_one() -> None:
    repeats = Repeats([JOKE])
    seen = [repeats.may_be_earlier]
    for clause in ("What's the most ridiculous joke", " of this year?"):
        repeats.feed(clause)
        seen.append(repeats.may_be_earlier)
    assert seen == [False, True, False]


@given(TEXTS, TEXTS)
def test_how_it_is_cut_makes_no_difference_to_whether_it_is_found(reply: str, earlier: str) -> None:
    whole = Repeats([earlier])
    found = whole.feed(reply + "\nx")
    assert bool(judge(reply + "\nx", earlier) - {"new"}) is (found != "new")


@given(UNIQUE, st.lists(st.text("abcdefgh", min_size=4, max_size=9), max_size=5))
def test_whatever_was_said_is_found_again_however_it_is_written(sentence: list[str], before: list[str]) -> None:
    said = " ".join(sentence).capitalize() + "."
    again = ",  ".join(sentence).upper() + "!"
    assert "earlier" in judge(again, " ".join(before) + ". " + said)
    assert "itself" in judge(f"{said} {again}")


@given(UNIQUE)
def test_words_that_all_differ_are_new(words: list[str]) -> None:
    assert judge(" ".join(words) + ".", " ".join(reversed(words))[1:] + "x.") <= {"new", "earlier"}
    assert judge(" ".join(words) + ".") == {"new"}


@pytest.mark.parametrize(
    "text",
    ["Say that again.", "Repeat.", "What did you say?", "Pardon?", "I didn’t catch that", "One more time", "Tell me a joke"],
)  # fmt: skip
def test_who_asks_again_may_hear_it_again(text: str) -> None:
    assert asks_again(text, ["Hey, tell me a joke", "And who was Caesar?"])


@pytest.mark.parametrize("text", ["Tell me another joke", "Who was Brutus?", "", "Please", "Against what?", "A repeater"])
def test_who_does_not_may_not(text: str) -> None:
    assert not asks_again(text, ["Tell me a joke", "Who was Caesar?", "", "Please"])
