import pytest

from voice.core.clock import MonotonicClock, SampleClock


def test_jitter_does_not_move_a_sample() -> None:
    clock = SampleClock(16_000)
    clock.observe(320, 100.020)
    clock.observe(640, 100.090)  # 50 ms late
    clock.observe(960, 100.060)
    assert clock.time_of(640) == pytest.approx(100.040)


def test_a_gap_lays_the_origin_anew() -> None:
    clock = SampleClock(16_000, gap_s=0.5)
    clock.observe(16_000, 11.0)
    clock.observe(16_320, 20.0)
    assert clock.time_of(16_320) == pytest.approx(20.0)


def test_nothing_observed_is_an_error() -> None:
    with pytest.raises(ValueError, match="no audio"):
        SampleClock(16_000).time_of(0)


def test_the_monotonic_clock_does_not_go_back() -> None:
    clock = MonotonicClock()
    assert clock.now_s() <= clock.now_s()
