import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.skills.words import MAX_CHARS, plain


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("What's 15% of 80?", "what is 15 percent of 80"),
        ("what is fifteen percent of eighty", "what is 15 percent of 80"),
        ("Could you set a timer for twenty-five minutes, please?", "set a timer for 25 minutes"),
        ("Set a 10-minute timer.", "set 10 minute timer"),
        ("12 x 7", "12 times 7"),
        ("Set an alarm for 7:30 a.m.", "set an alarm for 7:30 am"),
        ("Set an alarm for 7.", "set an alarm for 7"),
        ("Wake me up at six oh five P.M.", "wake me up at 6 oh 5 pm"),
        ("what's 1,000 plus 5", "what is 1000 plus 5"),
        ("what's minus five plus three", "what is -5 plus 3"),
        ("What's 5-3?", "what is 5 minus 3"),
        ("a hundred and twenty minus 20", "120 minus 20"),
        ("What's 98.6°F in Celsius?", "what is 98.6 degrees fahrenheit in celsius"),
        ("Set a timer for ninety seconds", "set a timer for 90 seconds"),
        ("I'd like a ten minute timer, please.", "10 minute timer"),
        ("Okay, stop.", "stop"),
        ("It's seven o'clock", "it is 7 oclock"),
        ("Wake me at 7 tomorrow morning", "wake me at 7 in the morning tomorrow"),
    ],
)
def test_spellings_of_one_sentence_are_brought_together(written: str, read: str) -> None:
    assert plain(written) == read


def test_a_long_sentence_is_for_somebody_else() -> None:
    assert plain("set a timer for ten minutes " * 10) == ""


@given(st.text(max_size=MAX_CHARS + 10))
def test_any_text_is_read(text: str) -> None:
    read = plain(text)
    assert read == read.strip()
    assert plain(text) == read
