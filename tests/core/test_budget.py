import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.budget import PRIOR_MS, PRIOR_WORD_MS, Deadline, Forecasts, Quantiles, Stage, pace_ms, words_that_fit


def test_a_deadline_is_absolute() -> None:
    deadline = Deadline.after(10.0, 300)
    assert deadline.left_ms(10.1) == pytest.approx(200)
    assert deadline.late_ms(10.1) == 0
    assert deadline.left_ms(10.5) == pytest.approx(-200)
    assert deadline.late_ms(10.5) == pytest.approx(200)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.integers(1, 64))
def test_quantiles_are_those_of_the_newest_values(values: list[float], window: int) -> None:
    quantiles = Quantiles(window)
    for value in values:
        quantiles.add(value)
    newest = values[-window:]
    assert len(quantiles) == len(newest)
    assert quantiles.at(0.0, -1) == min(newest)
    assert quantiles.at(1.0, -1) == max(newest)
    assert quantiles.at(0.5, -1) == statistics.median_high(newest)


def test_forecasts_start_from_priors_and_then_learn() -> None:
    forecasts = Forecasts(quantile=0.8)
    assert forecasts.stage_ms(Stage.ASR) == PRIOR_MS[Stage.ASR]
    for took_ms in range(10, 110, 10):
        forecasts.observe(Stage.ASR, took_ms)
    assert forecasts.stage_ms(Stage.ASR) == 90
    assert forecasts.snapshot()["asr"] == 90


def test_what_fits_depends_on_the_time_left() -> None:
    forecasts = Forecasts()
    for stage in Stage:
        forecasts.observe(stage, 20)
    deadline = Deadline.after(0.0, 100)
    assert forecasts.fits(deadline, 0.0, Stage)
    assert not forecasts.fits(deadline, 0.001, Stage)
    assert forecasts.fits(deadline, 0.079, [Stage.TTS_FIRST_AUDIO])


def test_a_first_clause_is_as_long_as_the_time_left_allows() -> None:
    forecasts = Forecasts()
    forecasts.observe(Stage.TTS_FIRST_AUDIO, 40)
    assert forecasts.word_ms == PRIOR_WORD_MS
    forecasts.observe_words(60, 5)
    assert forecasts.word_ms == 12
    assert words_that_fit(forecasts, left_ms=40 + 3 * 12, words=1) == 4
    assert words_that_fit(forecasts, left_ms=39, words=2) == 2


@given(st.floats(-1000, 1000), st.integers(0, 20))
def test_less_time_never_allows_more_words(left_ms: float, words: int) -> None:
    forecasts = Forecasts()
    assert words <= words_that_fit(forecasts, left_ms - 10, words) <= words_that_fit(forecasts, left_ms, words)


def test_a_busy_machine_looks_less_often() -> None:
    forecasts = Forecasts()
    forecasts.observe(Stage.ASR, 80)
    assert pace_ms(forecasts, 240) == 240
    for _ in range(10):
        forecasts.observe(Stage.ASR, 400)
    assert pace_ms(forecasts, 240) == 800
