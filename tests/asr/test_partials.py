from hypothesis import given
from hypothesis import strategies as st

from voice.asr.partials import StablePrefix


def stable(*hypotheses: str) -> str:
    prefix = StablePrefix()
    text, chars = "", 0
    for one in hypotheses:
        text, chars = prefix.update(one)
    return text[:chars]


def test_the_first_hypothesis_is_not_stable_yet() -> None:
    assert stable("Set a timer") == ""


def test_what_two_agree_on_is_stable() -> None:
    assert stable("Set a time", "Set a timer for") == "Set a"


def test_a_full_stop_that_is_taken_back_does_not_matter() -> None:
    assert stable("Set a timer.", "Set a timer for ten") == "Set a timer"
    assert stable("set a Timer for", "Set a timer. For ten") == "Set a timer. For"


def test_a_changed_word_ends_the_prefix_even_if_later_ones_agree() -> None:
    assert stable("Let a timer go", "Set a timer go") == ""


def test_nothing_is_frozen() -> None:
    assert stable("I want tea", "I want tea now", "I won't see now") == "I"


def test_numbers_and_contractions_are_words() -> None:
    assert stable("It's 3:30", "It’s 3:30 now") == "It’s 3:30"
    assert stable("It's 3:3", "It's 3:30") == "It's"


def test_reset_forgets() -> None:
    prefix = StablePrefix()
    prefix.update("Set a timer")
    prefix.reset()
    assert prefix.update("Set a timer") == ("Set a timer", 0)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_the_count_stays_inside_the_text_and_needs_both(hypotheses: list[str]) -> None:
    prefix = StablePrefix()
    for one in hypotheses:
        text, chars = prefix.update(one)
        assert text == one
        assert 0 <= chars <= len(one)


words = st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=12)


@given(words, words)
def test_the_stable_part_is_the_common_prefix_in_words(first: list[str], second: list[str]) -> None:
    common = 0
    while common < min(len(first), len(second)) and first[common] == second[common]:
        common += 1
    assert stable(" ".join(first), " ".join(second)) == " ".join(second[:common])


@given(words)
def test_saying_the_same_twice_makes_all_of_it_stable(said: list[str]) -> None:
    text = " ".join(said)
    assert stable(text.upper() + "…", text + ".") == text
