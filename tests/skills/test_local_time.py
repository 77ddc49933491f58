"""The system's own zone, over clock changes."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.skills.local_time import SystemZone, later, local_now
from voice.skills.slots import ClockTime
from voice.skills.timers import Timer

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True, scope="module", params=["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"])
def _in_berlin(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)))
def test_it_has_the_rules_of_the_place(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    here, there = at.astimezone(SystemZone()), at.astimezone(BERLIN)
    assert here.replace(tzinfo=None) == there.replace(tzinfo=None)
    assert (here.utcoffset(), here.fold) == (there.utcoffset(), there.fold)
    assert here.astimezone(UTC) == at


def test_now_is_now() -> None:
    assert abs((local_now().astimezone(UTC) - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("month_day", [(2026, 10, 24), (2027, 3, 27)])
def test_an_alarm_over_a_clock_change_is_at_the_time_that_was_said(month_day: tuple[int, int, int]) -> None:
    now = datetime(*month_day, 22, 0, tzinfo=SystemZone())
    due = ClockTime(7, 0, either_half=False).next_after(now)
    assert (due.hour, due.minute) == (7, 0)
    assert due.astimezone(BERLIN).hour == 7
    elapsed_s = 10 * 3600 if month_day[1] == 10 else 8 * 3600
    assert Timer("alarm", "", due_at=due).left_s(0.0, now) == elapsed_s


def test_later_is_so_many_seconds_later() -> None:
    now = datetime(2027, 3, 27, 22, 0, tzinfo=SystemZone())
    assert later(now, 8 * 3600).hour == 7
    assert later(now, 8 * 3600).astimezone(UTC) - now.astimezone(UTC) == timedelta(hours=8)


@given(
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 26)) | st.datetimes(datetime(2027, 3, 27), datetime(2027, 3, 29)),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_an_alarm_near_a_clock_change_is_ahead_and_within_a_day_and_an_hour(moment: datetime, hour: int, minute: int) -> None:
    now = moment.replace(tzinfo=UTC).astimezone(SystemZone())
    due = ClockTime(hour, minute, either_half=False).next_after(now)
    ahead = due.astimezone(UTC) - now.astimezone(UTC)
    assert timedelta(0) < ahead <= timedelta(hours=25)
    left_out = due.date() == datetime(2027, 3, 28).date() and hour == 2
    assert (due.hour, due.minute) == (3 if left_out else hour, minute)
