import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.privacy.findings import Finding, Kind
from voice.privacy.gate import PrivacyVerdict
from voice.route.encoder import Heads
from voice.route.labels import Task
from voice.route.policy import (
    LAST_CLAUSE_TOKENS,
    NO_CLOUD,
    Forecast,
    Policy,
    RouteState,
    decide,
    hand_over_after,
    stated_tokens,
    threshold_for_quality,
    threshold_for_share,
)

CLEAN = PrivacyVerdict((), "allow", 10)
PRIVATE = PrivacyVerdict((Finding(Kind.CARD, 0, 4, 0.99, "card checksum"),), "edge", 0)
EASY = Heads(Task.DEVICE_COMMAND, 0.97, Task.CHIT_CHAT, 0.99, 0.8, 0.85, 14, 30, ())
HARD = dataclasses.replace(
    EASY, task=Task.REASONING, edge_probability=0.1, weak_ok=0.3, strong_ok=0.9, tokens=220, tokens_p90=500
)
REACHABLE = Forecast(cloud_first_ms=200.0)


def test_private_matter_stays_whatever_the_mode() -> None:
    for mode in ("edge", "cloud", "hybrid"):
        choice = decide(PRIVATE, HARD, None, RouteState(), REACHABLE, Policy(mode=mode))
        assert choice.route == "edge"
        assert "card" in choice.reasons[0]


@given(
    st.booleans(),
    st.one_of(st.none(), st.floats(1, 5000)),
    st.integers(0, 20),
    st.floats(-500, 2000),
    st.floats(0, 1),
    st.sampled_from(["edge", "cloud", "hybrid"]),
)
def test_nothing_moves_a_private_or_tainted_turn(
    verify: bool, cloud: float | None, queue: int, left: float, threshold: float, mode: str
) -> None:
    forecast = Forecast(deadline_left_ms=left, cloud_first_ms=cloud, edge_queue=queue, can_verify=verify)
    policy = Policy(mode=mode, threshold=threshold)  # type: ignore[arg-type]
    assert decide(PRIVATE, HARD, None, RouteState(), forecast, policy).route == "edge"
    assert decide(CLEAN, HARD, None, RouteState(tainted=True), forecast, policy).route == "edge"


def test_easy_stays_and_hard_goes_with_reasons_and_runner_up() -> None:
    easy, hard = (decide(CLEAN, heads, None, RouteState(), REACHABLE, Policy()) for heads in (EASY, HARD))
    assert (easy.route, easy.runner_up) == ("edge", "cloud")
    assert (hard.route, hard.runner_up) == ("cloud", "edge")
    assert any("reasoning" in reason for reason in hard.reasons)


def test_modes_and_an_unreachable_cloud() -> None:
    assert decide(CLEAN, HARD, None, RouteState(), REACHABLE, Policy(mode="edge")).route == "edge"
    assert decide(CLEAN, EASY, None, RouteState(), REACHABLE, Policy(mode="cloud")).route == "cloud"
    assert decide(CLEAN, HARD, None, RouteState(), Forecast(), Policy(mode="cloud")).route == "edge"


def test_a_long_answer_pulls_to_the_cloud() -> None:
    assert decide(CLEAN, EASY, 4000, RouteState(), REACHABLE, Policy()).route == "cloud"


def test_a_late_cloud_makes_the_edge_begin_where_it_can_be_verified() -> None:
    late = Forecast(deadline_left_ms=250.0, edge_first_ms=100.0, cloud_first_ms=600.0, can_verify=True)
    assert decide(CLEAN, HARD, None, RouteState(), late, Policy()).route == "speculative"
    assert decide(CLEAN, HARD, None, RouteState(), late, Policy(allow_speculative=False)).route == "cloud"
    assert decide(CLEAN, EASY, None, RouteState(), late, Policy()).route == "edge"
    assert decide(CLEAN, EASY, None, RouteState(), late, Policy(mode="cloud")).route == "speculative"


def test_the_deadline_that_is_left_moves_a_turn_near_the_threshold() -> None:
    near = dataclasses.replace(EASY, edge_probability=0.42)
    for left_ms, route in ((300.0, "cloud"), (150.0, "edge")):
        forecast = Forecast(deadline_left_ms=left_ms, edge_first_ms=100.0, cloud_first_ms=200.0)
        assert decide(CLEAN, near, None, RouteState(), forecast, Policy()).route == route


def test_price_and_redaction() -> None:
    dear = Forecast(cloud_first_ms=200.0, price_per_1k_tokens=10.0)
    assert decide(CLEAN, HARD, None, RouteState(), dear, Policy(max_price=0.5)).route == "edge"
    masked = decide(PrivacyVerdict((), "redact", 5), HARD, None, RouteState(), REACHABLE, Policy())
    assert (masked.route, masked.redact) == ("cloud", True)


def test_waiting_turns_push_to_the_cloud() -> None:
    middling = dataclasses.replace(EASY, edge_probability=0.6)
    assert decide(CLEAN, middling, None, RouteState(), REACHABLE, Policy()).route == "edge"
    queue = Forecast(cloud_first_ms=200.0, edge_queue=3)
    assert decide(CLEAN, middling, None, RouteState(), queue, Policy()).route == "cloud"


def test_a_busy_edge_that_would_be_late_spills_whatever_the_pull() -> None:
    busy = Forecast(deadline_left_ms=300.0, edge_first_ms=120.0, cloud_first_ms=250.0, edge_queue=4)
    choice = decide(CLEAN, EASY, None, RouteState(), busy, Policy())
    assert (choice.route, choice.runner_up) == ("cloud", "edge")
    assert any("spills" in reason for reason in choice.reasons)
    for stays in (
        dataclasses.replace(busy, edge_queue=0),
        dataclasses.replace(busy, edge_first_ms=50.0),
        dataclasses.replace(busy, cloud_first_ms=None),
        dataclasses.replace(busy, cloud_first_ms=400.0),
    ):
        assert decide(CLEAN, EASY, None, RouteState(), stays, Policy()).route == "edge"
    assert decide(PRIVATE, EASY, None, RouteState(), busy, Policy()).route == "edge"


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"long_tokens": 100}])
def test_a_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Policy(**wrong)  # type: ignore[arg-type]


def test_a_long_answer_is_handed_over_before_the_edge_breaks_it_off() -> None:
    policy = Policy(long_tokens=512)
    assert hand_over_after(REACHABLE, policy, most_tokens=5000) == 512
    assert hand_over_after(REACHABLE, policy, most_tokens=120) == 120 - LAST_CLAUSE_TOKENS
    assert hand_over_after(REACHABLE, policy, most_tokens=3) == 1
    assert hand_over_after(Forecast(), policy, most_tokens=120) is None
    assert hand_over_after(REACHABLE, Policy(mode="cloud"), most_tokens=120) is None
    assert hand_over_after(REACHABLE, Policy(mode="edge"), most_tokens=120) is None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("an essay in five hundred words", 675),
        ("write 2,000 words", 2700),
        ("two pages on whales", 1300),
        ("what's a word", None),
        ("in other words", None),
        ("", None),
    ],
)
def test_the_length_that_words_ask_for(text: str, tokens: int | None) -> None:
    assert stated_tokens(text) == tokens


@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans(), st.booleans()), min_size=1, max_size=60), st.floats(0, 1))
def test_learned_thresholds_do_what_was_wanted(rows: list[tuple[float, bool, bool]], wanted: float) -> None:
    scores = [row[0] for row in rows]
    threshold = threshold_for_share(scores, wanted)
    assert sum(score >= threshold for score in scores) >= round(wanted * len(scores))
    threshold = threshold_for_quality(scores, [row[1] for row in rows], [row[2] for row in rows], wanted)
    assert threshold >= min(scores)


def test_without_a_cloud_the_edge_answers_and_says_what_would_have_been() -> None:
    hard = decide(CLEAN, HARD, None, RouteState(), Forecast(), Policy())
    easy = decide(CLEAN, EASY, None, RouteState(), Forecast(), Policy())
    assert (hard.route, hard.runner_up, hard.reasons[-1]) == ("edge", "cloud", NO_CLOUD)
    assert (easy.route, easy.runner_up, easy.reasons[-1]) == ("edge", None, NO_CLOUD)
    assert decide(CLEAN, HARD, None, RouteState(), Forecast(), Policy(mode="cloud")).runner_up == "cloud"
