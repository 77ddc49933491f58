from hypothesis import given
from hypothesis import strategies as st

from voice.core.budget import Forecasts
from voice.reply.handover import (
    BRIDGES,
    NOTICE_LATE,
    NOTICE_LOST,
    NOTICE_UNREACHED,
    OPENING_MS,
    bridge_at_s,
    give_up_at_s,
    larger_first_audio_ms,
    notice,
    small_clause_ms,
)


def test_the_opening_covers_a_larger_model_that_is_not_too_slow() -> None:
    assert larger_first_audio_ms(None, 120) is None
    assert larger_first_audio_ms(500, 120) == 120
    assert larger_first_audio_ms(OPENING_MS + 400, 120) == 400


def test_a_bridge_is_begun_in_time_for_the_end_of_the_audio_where_the_larger_model_is_not() -> None:
    assert bridge_at_s(0, 10.0, 9.0, 11.0, 60) == 10.0 - 0.06


def test_who_is_nearly_there_is_waited_for() -> None:
    late = bridge_at_s(0, 10.0, 9.0, 10.1, 60)
    assert late is not None
    assert 10.1 < late <= 10.35


def test_before_anything_is_heard_it_is_begun_when_the_silence_is_noticed() -> None:
    first = bridge_at_s(0, None, 9.0, 30.0, 60)
    assert first is not None
    assert 9.2 < first <= 9.4
    nearly = bridge_at_s(0, None, 9.0, 9.4, 60)
    assert nearly is not None
    assert first < nearly <= 9.5


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 500))
def test_no_more_bridges_than_there_are_and_none_while_the_user_may_go_on(
    covered_s: float, due_s: float, expected_s: float, voice_ms: float
) -> None:
    assert bridge_at_s(len(BRIDGES), covered_s, due_s, expected_s, voice_ms) is None
    assert bridge_at_s(0, covered_s, None, expected_s, voice_ms) is None
    assert bridge_at_s(1, None, due_s, expected_s, voice_ms) is None


@given(st.floats(0, 1e4), st.floats(300, 60_000), st.floats(0, 60_000))
def test_the_next_best_answers_within_the_patience_or_gets_half_of_it(
    since_s: float, patience_ms: float, next_ms: float
) -> None:
    at_ms = (give_up_at_s(since_s, patience_ms, next_ms) - since_s) * 1000
    assert patience_ms / 2 - 1 <= at_ms <= patience_ms + 1
    assert at_ms + next_ms <= patience_ms + 1 or at_ms <= patience_ms / 2 + 1


def test_reading_what_another_said_takes_the_small_model_longer() -> None:
    forecasts = Forecasts()
    assert small_clause_ms(forecasts, rereads=True) > small_clause_ms(forecasts, rereads=False)


def test_the_user_is_told_what_happened() -> None:
    assert notice("cloud_late", answered=False) == NOTICE_LATE
    assert notice("cloud_unreachable", answered=False) == NOTICE_UNREACHED
    assert notice("cloud_late", answered=True) == NOTICE_LOST
