from hypothesis import given
from hypothesis import strategies as st

from voice.cloud.breaker import FIRST_PAUSE_S, LASTING_PAUSE_S, LONGEST_PAUSE_S, Breaker


def test_a_failure_pauses_and_one_trial_decides() -> None:
    breaker = Breaker()
    assert breaker.allows(0.0)
    breaker.began()
    breaker.failed(0.0)
    assert not breaker.allows(FIRST_PAUSE_S - 0.01)
    assert breaker.allows(FIRST_PAUSE_S)
    breaker.began()
    assert not breaker.allows(FIRST_PAUSE_S)  # one at a time
    breaker.succeeded()
    assert breaker.allows(FIRST_PAUSE_S)
    assert not breaker.open


def test_a_trial_that_is_withdrawn_leaves_room_for_another() -> None:
    breaker = Breaker()
    breaker.failed(0.0)
    breaker.began()
    breaker.given_up()
    assert breaker.allows(LONGEST_PAUSE_S)


def test_what_does_not_mend_by_itself_is_left_alone_for_longer() -> None:
    breaker = Breaker()
    breaker.failed(0.0, lasting=True)
    assert not breaker.allows(LASTING_PAUSE_S - 1)
    assert breaker.allows(LASTING_PAUSE_S)


def test_the_cloud_s_own_wish_is_respected() -> None:
    breaker = Breaker()
    breaker.failed(10.0, retry_after_s=30)
    assert not breaker.allows(39.9)
    assert breaker.allows(40.0)


@given(st.integers(1, 100))
def test_pauses_grow_but_not_without_bound(failures: int) -> None:
    breaker = Breaker()
    for _ in range(failures):
        breaker.failed(0.0)
    assert not breaker.allows(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (failures - 1)) - 0.01)
    assert breaker.allows(LONGEST_PAUSE_S)


def test_what_was_only_out_of_reach_may_be_tried_as_soon_as_it_is_back() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0.0, out_of_reach=True)
    assert not breaker.allows(1.0)
    breaker.reached(1.0)
    assert breaker.allows(1.0)
    breaker.failed(1.0, lasting=True)
    breaker.reached(2.0)
    assert not breaker.allows(2.0)
