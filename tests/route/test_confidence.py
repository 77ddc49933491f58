import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.route.confidence import DOUBTFUL, MIN_TOKENS, AnswerDoubt, Calibration, escalate, unknown_probability

CALIBRATION = Calibration(bias=-2.0, mean=-0.1, lowest=-1.0, first=-0.5, question=-1.0, base=0.5)


def unknown(logprobs: list[float], doubt: AnswerDoubt | None = None) -> float:
    found = unknown_probability(logprobs, CALIBRATION, doubt)
    assert found is not None
    return found


def test_too_few_tokens_say_nothing() -> None:
    assert unknown_probability([-0.1] * (MIN_TOKENS - 1), CALIBRATION) is None


def test_hesitation_raises_the_probability() -> None:
    assert unknown([-0.05] * 6 + [-3.0] * 6) > unknown([-0.05] * 12)


def test_a_first_token_in_doubt_counts_beside_the_lowest() -> None:
    assert unknown([-2.0] + [-0.1] * 8) > unknown([-0.1] * 8 + [-2.0])


def test_a_hard_question_raises_the_probability() -> None:
    easy, hard = (unknown([-0.5] * 8, AnswerDoubt(right, 1.0)) for right in (0.9, 0.1))
    assert hard > unknown([-0.5] * 8) > easy
    assert 0 < unknown([-0.5] * 8, AnswerDoubt(1.0, 1.0)) < unknown([-0.5] * 8, AnswerDoubt(0.0, 1.0)) < 1


@given(st.lists(st.one_of(st.floats(), st.just(math.nan)), min_size=MIN_TOKENS, max_size=40))
def test_any_numbers_give_a_probability(logprobs: list[float]) -> None:
    assert 0 <= unknown(logprobs) <= 1


@pytest.mark.parametrize(
    ("unknown", "left_ms", "cloud_ms", "private", "wanted"),
    [
        (None, 500, 100, False, "keep"),
        (0.2, 500, 100, False, "keep"),
        (0.99, 500, 100, False, "escalate"),
        (0.99, 50, 100, False, "flag"),
        (0.99, 500, None, False, "flag"),
        (0.99, 500, 100, True, "flag"),
    ],
)
def test_escalates_only_in_time_and_never_private(
    unknown: float | None, left_ms: float, cloud_ms: float | None, private: bool, wanted: str
) -> None:
    assert escalate(unknown, left_ms, cloud_ms, private=private) == wanted


@pytest.mark.parametrize(
    ("unknown", "moves_from", "wanted"),
    [(0.5, 0.4, "escalate"), (0.5, 0.6, "keep"), (0.95, 1.2, "flag"), (DOUBTFUL, DOUBTFUL, "escalate")],
)
def test_an_answer_moves_where_that_is_worth_it(unknown: float, moves_from: float, wanted: str) -> None:
    assert escalate(unknown, 500, 100, private=False, doubt=AnswerDoubt(0.5, moves_from)) == wanted
