import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.budget import Forecasts
from voice.reply.handover import OPENERS, OPENING_MS, cloud_first_audio_ms, opening, reserve_ms, wait_until_s


def test_the_edge_s_opening_covers_a_cloud_that_is_not_too_slow() -> None:
    assert cloud_first_audio_ms(None, 120) is None
    assert cloud_first_audio_ms(500, 120) == 120
    assert cloud_first_audio_ms(OPENING_MS + 400, 120) == 400


@given(st.floats(0, 1e6), st.floats(0, 5000))
def test_the_wait_ends_while_the_edge_can_still_speak(covered_until_s: float, needs_ms: float) -> None:
    until_s = wait_until_s(covered_until_s, needs_ms)
    assert until_s is not None
    assert covered_until_s - until_s == pytest.approx(needs_ms / 1000, abs=1e-6)


def test_nothing_runs_out_that_is_not_heard() -> None:
    assert wait_until_s(None, 300) is None


def test_reading_what_the_cloud_said_takes_the_edge_longer() -> None:
    forecasts = Forecasts()
    assert reserve_ms(forecasts, rereads=True) > reserve_ms(forecasts, rereads=False)


def test_an_unsure_opening_is_replaced() -> None:
    assert opening("The answer is", -0.4, 3) == "The answer is"
    assert opening("The answer is", -5.0, 3) == OPENERS[3 % len(OPENERS)]
