from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.skills import say
from voice.skills.slots import DAYS, ClockTime, clock_time, duration
from voice.skills.sums import expression, work_out
from voice.skills.words import plain

NOW = datetime(2026, 11, 24, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("10 minutes", 600),
        ("1 hour and 30 minutes", 5400),
        ("an hour and a half", 5400),
        ("1 and a half hours", 5400),
        ("half an hour", 1800),
        ("3 quarters of an hour", 2700),
        ("a quarter of an hour", 900),
        ("2.5 minutes", 150),
        ("a couple of minutes", 120),
        ("1 hour 2 minutes 3 seconds", 3723),
        ("a minute", 60),
        ("90 secs", 90),
    ],
)
def test_lengths_of_time(words: str, seconds: int) -> None:
    assert duration(words) == timedelta(seconds=seconds)


@given(st.integers(1, 7 * 86_400))
def test_a_length_that_is_said_is_understood(seconds: int) -> None:
    assert duration(plain(say.duration(seconds)).replace(",", "")) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("words", "hour", "minute", "either"),
    [
        ("7", 7, 0, True),
        ("7:30", 7, 30, True),
        ("7 30 am", 7, 30, False),
        ("6 oh 5 pm", 18, 5, False),
        ("half past 7", 7, 30, True),
        ("quarter to 1", 0, 45, False),
        ("10 minutes past 9 in the evening", 21, 10, False),
        ("noon", 12, 0, False),
        ("midnight", 0, 0, False),
        ("12 am", 0, 0, False),
        ("12 30 pm", 12, 30, False),
        ("19 45", 19, 45, False),
        ("9 at night", 21, 0, False),
        ("7 oclock", 7, 0, True),
    ],
)
def test_times_of_day(words: str, hour: int, minute: int, either: bool) -> None:
    assert clock_time(words) == ClockTime(hour, minute, either)


@pytest.mark.parametrize("words", ["25", "7:75", "99 past 7", "soon", ""])
def test_what_is_no_time_is_refused(words: str) -> None:
    with pytest.raises(ValueError):
        clock_time(words)


@given(st.integers(0, 23), st.integers(0, 59), st.booleans(), st.sampled_from(["", "tomorrow", *DAYS]))
def test_an_alarm_is_always_ahead(hour: int, minute: int, either: bool, day: str) -> None:
    at = ClockTime(hour % 12 if either else hour, minute, either).next_after(NOW, day)
    assert timedelta(0) < at - NOW <= timedelta(days=8)
    assert at.minute == minute
    if day in DAYS:
        assert DAYS[at.weekday()] == day


@given(st.text(alphabet="0123456789+-*/%(). xsqrtpercntofandimuly'\"_[]{}:,", max_size=40))
def test_no_text_makes_the_calculator_fail(text: str) -> None:
    words = plain(text)
    reply = work_out(words)
    assert reply is None or reply.text
    assert reply is None or expression(words)


@pytest.mark.parametrize(
    "text", ["__import__('os')", "9**9**9**9", "(1).__class__ + 1", "'a' * 1000000000 + 1", "1+" * 60 + "1"]
)
def test_a_sum_is_nothing_but_a_sum(text: str) -> None:
    reply = work_out(text)
    assert reply is None or reply.text in {"That number is too large for me.", "That is 61."}
