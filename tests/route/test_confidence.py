import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.route.confidence import MIN_TOKENS, escalate, unknown_probability


def test_too_few_tokens_say_nothing() -> None:
    assert unknown_probability([-0.1] * (MIN_TOKENS - 1)) is None


def test_hesitation_raises_the_probability() -> None:
    sure, unsure = unknown_probability([-0.05] * 12), unknown_probability([-0.05] * 6 + [-3.0] * 6)
    assert sure is not None
    assert unsure is not None
    assert unsure > sure


def test_a_first_token_in_doubt_counts_beside_the_lowest() -> None:
    early, late = unknown_probability([-2.0] + [-0.1] * 8), unknown_probability([-0.1] * 8 + [-2.0])
    assert early is not None
    assert late is not None
    assert early > late


@given(st.lists(st.one_of(st.floats(), st.just(math.nan)), min_size=MIN_TOKENS, max_size=40))
def test_any_numbers_give_a_probability(logprobs: list[float]) -> None:
    found = unknown_probability(logprobs)
    assert found is not None
    assert 0 <= found <= 1


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
