import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.seam import Seam

FRANCE = "The capital of France"
OCEAN = "The largest ocean is the"
WORDS = st.lists(st.sampled_from("the largest ocean is Pacific in world Ocean five I don't a".split()), min_size=1, max_size=7)
SPACES = st.sampled_from([" ", ", ", ". ", " ... ", "\n"])


@st.composite
def sentences(draw: st.DrawFn) -> str:
    return "".join(word + draw(SPACES) for word in draw(WORDS))


def follow(spoken: str, text: str, *, every: int = 1) -> str:
    seam = Seam(spoken)
    pieces = [text[at : at + every] for at in range(0, len(text), every)]
    return "".join([seam.feed(piece) for piece in pieces]) + seam.flush()


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize(
    ("spoken", "said", "follows"),
    [
        (FRANCE, " is Paris.", " is Paris."),
        (FRANCE, "is Paris.", " is Paris."),
        (FRANCE + " ", "is Paris.", "is Paris."),
        (FRANCE, "The capital of France is Paris.", " is Paris."),
        (FRANCE, "the capital of france is Paris.", " is Paris."),
        (FRANCE, "The capital, of France, is Paris.", ", is Paris."),
        (FRANCE, '"The capital of France is Paris."', ' is Paris."'),
        (FRANCE, "**The capital of France** is Paris.", " is Paris."),
        (FRANCE, "... is Paris.", " is Paris."),
        (FRANCE, ", as you know, is Paris.", ", as you know, is Paris."),
        (FRANCE, "The capital is Paris.", " The capital is Paris."),
        (FRANCE, "The capital of France", ""),
        (FRANCE, "", ""),
        (OCEAN, "Pacific.", " Pacific."),
        (OCEAN, "the Pacific", " Pacific"),
        (OCEAN, "The Pacific.", " Pacific."),
        (OCEAN, "... Pacific", " Pacific"),
        (OCEAN, "is the Pacific.", " Pacific."),
        (OCEAN, "The largest ocean in the world is the Pacific Ocean.", " Pacific Ocean."),
        (OCEAN + " Pacific", "The Pacific Ocean is the largest ocean in the world. It is deep.", " Ocean. It is deep."),
        (OCEAN + " Pacific", "The Pacific is the largest ocean, at 3.5 times the next.", "."),
        ("It is big. " + OCEAN, "The largest ocean of all is the Pacific.", " Pacific."),
        (OCEAN, "The largest ocean of all covers a third.", " The largest ocean of all covers a third."),
        ("Well,", "Well, yes.", " yes."),
        ("Well,", "Well... yes.", " yes."),
        ("I don't", "I don’t know.", " know."),
        ("I like it.", "I like it. You do.", " You do."),
        ("I like it.", "It is good.", " It is good."),
        ("On Monday,", "Monday is full.", " Monday is full."),
        ("Your number is five", "five five one.", " five five one."),
        ("It is spelled n e c", "c e s s.", " c e s s."),
        ("Yes", "Yesterday it rained.", " Yesterday it rained."),
        ("So it is", ". It is so.", ". It is so."),
    ],
)
def test_what_follows_is_one_sentence(spoken: str, said: str, follows: str, every: int) -> None:
    assert follow(spoken, said, every=every) == follows


@given(st.text(max_size=60), st.integers(1, 9))
def test_behind_nothing_nothing_is_changed(text: str, every: int) -> None:
    assert follow("", text, every=every) == text


@given(sentences(), st.one_of(sentences(), st.text(max_size=60)), st.integers(1, 9))
def test_how_it_was_cut_makes_no_difference(spoken: str, text: str, every: int) -> None:
    assert follow(spoken, text, every=every) == follow(spoken, text, every=1000)


@given(sentences(), st.text("bcgjkmqxz BCG,.!?\n", min_size=1, max_size=60).filter(lambda text: text[0].isalpha()))
def test_what_repeats_nothing_is_untouched_and_not_held(spoken: str, text: str) -> None:
    seam = Seam(spoken)
    given_at_once = seam.feed(text[0])
    assert (given_at_once + seam.feed(text[1:])).lstrip() == text
    assert given_at_once
    assert not seam.flush()


@given(WORDS, sentences())
def test_all_of_the_spoken_words_are_taken_off(spoken: list[str], text: str) -> None:
    assert follow(" ".join(["I have", *spoken]), ", ".join(["i HAVE", *spoken]) + f" zebra {text}") == f" zebra {text}"


@given(sentences(), st.one_of(sentences(), st.text(max_size=200)))
def test_little_is_held(spoken: str, text: str) -> None:
    seam, at = Seam(spoken), 0
    while at < len(text) and not seam.feed(text[at]):
        at += 1
    assert at <= len(spoken) + 100
