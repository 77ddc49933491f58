import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.privacy.findings import Finding, Kind
from voice.privacy.gate import PrivacyVerdict
from voice.route.difficulty import Odds
from voice.route.encoder import Heads
from voice.route.labels import Task
from voice.route.length import stated_tokens
from voice.route.policy import (
    ASSUMED_OF_THE_REST,
    LAST_CLAUSE_TOKENS,
    NO_CLOUD,
    NOTHING_ASKED,
    Choice,
    Forecast,
    Policy,
    RouteState,
    decide,
    expected_odds,
    hand_over_after,
)

CLEAN = PrivacyVerdict((), "allow", 10)
PRIVATE = PrivacyVerdict((Finding(Kind.CARD, 0, 4, 0.99, "card checksum"),), "edge", 0)
ODDS = Odds(both=0.5, only_small=0.05, only_large=0.35, neither=0.1)
EASY = Heads(Task.DEVICE_COMMAND, 0.97, Task.CHIT_CHAT, 0.99, 0.8, 0.85, 14, 30, (), ODDS, hard=0.01, quiet=0.97)
HARD = dataclasses.replace(EASY, task=Task.REASONING, edge_probability=0.1, tokens=220, tokens_p90=500, hard=0.9, quiet=0.05)
FACT = dataclasses.replace(EASY, task=Task.SHORT_FACTUAL, hard=0.0, quiet=0.0)
"""A gain of 0.3: worth 0.003 by default, or three seconds of waiting."""
REACHABLE = Forecast(cloud_first_ms=200.0)


def hybrid(heads: Heads, forecast: Forecast = REACHABLE, policy: Policy | None = None) -> Choice:
    return decide(CLEAN, heads, None, RouteState(), forecast, policy or Policy())


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
    st.floats(0, 100),
    st.sampled_from(["edge", "cloud", "hybrid"]),
)
def test_nothing_moves_a_private_or_tainted_turn(
    verify: bool, cloud: float | None, queue: int, left: float, worth: float, mode: str
) -> None:
    forecast = Forecast(deadline_left_ms=left, cloud_first_ms=cloud, edge_queue=queue, can_verify=verify)
    policy = Policy(mode=mode, right_answer_worth=worth)  # type: ignore[arg-type]
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


def test_the_deadline_that_is_left_moves_a_turn_that_is_nearly_even() -> None:
    near = dataclasses.replace(FACT, odds=Odds(0.5, 0.05, 0.12, 0.33))
    for left_ms, route in ((300.0, "cloud"), (150.0, "edge")):
        forecast = Forecast(deadline_left_ms=left_ms, edge_first_ms=100.0, cloud_first_ms=200.0)
        assert hybrid(near, forecast).route == route


def test_the_wait_and_the_price_are_weighed_against_the_gain() -> None:
    def where(cloud_ms: float, price: float = 0.0, *, policy: Policy | None = None) -> str:
        forecast = Forecast(deadline_left_ms=100.0, edge_first_ms=200.0, cloud_first_ms=cloud_ms, price_per_1k_tokens=price)
        return hybrid(FACT, forecast, policy).route

    assert [where(ms) for ms in (1000.0, 3100.0, 3300.0, 9000.0)] == ["cloud", "cloud", "edge", "edge"]
    assert [where(1000.0, price) for price in (0.1, 0.3)] == ["cloud", "edge"]  # of 14 tokens, beside 0.8 s
    assert where(9000.0, policy=Policy(right_answer_worth=0.05)) == "cloud"
    assert where(9000.0, policy=Policy(second_costs=0.0)) == "cloud"
    assert where(210.0, policy=Policy(right_answer_worth=0.0)) == "edge"


def test_small_talk_and_what_the_device_does_gain_nothing() -> None:
    at_once = Forecast(edge_first_ms=400.0, cloud_first_ms=100.0)
    for heads in (EASY, dataclasses.replace(EASY, task=Task.CHIT_CHAT)):
        assert hybrid(heads, at_once, Policy(right_answer_worth=100.0)).route == "edge"


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 20_000), st.sampled_from([None, 10, 4000]))
def test_the_odds_are_odds_whatever_the_class_says(hard: float, quiet: float, tokens: int, stated: int | None) -> None:
    heads = dataclasses.replace(FACT, hard=hard, quiet=quiet, tokens=tokens)
    odds = expected_odds(heads, stated, Policy())
    shares = dataclasses.astuple(odds)
    assert abs(sum(shares) - 1) < 1e-6
    assert min(shares) >= -1e-9


def test_the_class_is_evidence() -> None:
    assert expected_odds(FACT, None, Policy()).gain == pytest.approx(ODDS.gain, abs=0.01)
    assert expected_odds(dataclasses.replace(FACT, quiet=1.0), None, Policy()).gain == pytest.approx(
        NOTHING_ASKED.gain, abs=0.001
    )
    for hard in (dataclasses.replace(FACT, hard=1.0), dataclasses.replace(FACT, tokens=8000)):
        assert expected_odds(hard, None, Policy()).small_right < 0.25


def test_the_second_speed_leaves_the_cloud_less_to_gain() -> None:
    local = dataclasses.replace(REACHABLE, edge_large=True)
    assumed = hybrid(FACT, local)
    assert assumed.gain == pytest.approx(ASSUMED_OF_THE_REST * (1 - ODDS.large_right), abs=0.01)
    assert any("assumed" in reason for reason in assumed.reasons)
    same = hybrid(FACT, local, Policy(cloud_is_labelled=True))
    assert (same.route, same.gain) == ("edge", 0.0)
    assert hybrid(FACT).gain == pytest.approx(ODDS.gain, abs=0.01)


def test_patience_lasts_as_long_as_the_gain_is_worth_the_wait() -> None:
    forecast = Forecast(deadline_left_ms=100.0, edge_first_ms=200.0, cloud_first_ms=1000.0)
    patient = Policy(patience_ms=60_000)
    assert hybrid(FACT, forecast, patient).patience_ms == pytest.approx(3200, rel=0.01)
    assert hybrid(FACT, forecast).patience_ms == 3000
    assert hybrid(FACT, forecast, Policy(mode="cloud", patience_ms=5000)).patience_ms == 5000
    dear = dataclasses.replace(forecast, price_per_1k_tokens=0.1)  # 0.0014 a turn: 1.4 s
    assert hybrid(FACT, dear, patient).patience_ms == pytest.approx(1800, rel=0.01)
    assert hybrid(FACT, forecast, Policy(second_costs=0.0)).patience_ms == 3000


def test_an_answer_in_doubt_moves_where_the_larger_model_would_mend_it() -> None:
    slow = Forecast(edge_first_ms=200.0, cloud_first_ms=4200.0)
    doubt = hybrid(FACT, slow).doubt
    assert doubt is not None
    assert doubt.small_right == pytest.approx(ODDS.small_right, abs=0.01)
    mends, spoils = 0.35 / 0.45, 0.05 / 0.55
    assert doubt.moves_from * mends - (1 - doubt.moves_from) * spoils == pytest.approx(0.4, abs=0.01)  # four seconds' worth
    nobody = hybrid(dataclasses.replace(FACT, odds=Odds(0.1, 0.0, 0.01, 0.89)), slow).doubt
    assert nobody is not None
    assert nobody.moves_from > 1
    assert hybrid(FACT, dataclasses.replace(slow, edge_large=True)).doubt is None


def test_price_and_redaction() -> None:
    dear = Forecast(cloud_first_ms=200.0, price_per_1k_tokens=10.0)
    assert decide(CLEAN, HARD, None, RouteState(), dear, Policy(max_price=0.5)).route == "edge"
    masked = decide(PrivacyVerdict((), "redact", 5), HARD, None, RouteState(), REACHABLE, Policy())
    assert (masked.route, masked.redact) == ("cloud", True)


def test_a_queue_at_the_edge_shortens_the_wait_for_the_cloud() -> None:
    far = Forecast(deadline_left_ms=100.0, edge_first_ms=500.0, cloud_first_ms=4000.0)
    assert hybrid(FACT, far).route == "edge"
    assert hybrid(FACT, dataclasses.replace(far, edge_queue=3)).route == "cloud"


def test_a_busy_edge_that_would_be_late_spills_whatever_the_gain() -> None:
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


@pytest.mark.parametrize("wrong", [{"right_answer_worth": -1.0}, {"second_costs": float("nan")}, {"long_tokens": 100}])
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


def test_without_a_cloud_the_edge_answers_and_says_what_would_have_been() -> None:
    hard = decide(CLEAN, HARD, None, RouteState(), Forecast(), Policy())
    easy = decide(CLEAN, EASY, None, RouteState(), Forecast(), Policy())
    assert (hard.route, hard.runner_up, hard.reasons[-1]) == ("edge", "cloud", NO_CLOUD)
    assert (easy.route, easy.runner_up, easy.reasons[-1]) == ("edge", None, NO_CLOUD)
    assert decide(CLEAN, HARD, None, RouteState(), Forecast(), Policy(mode="cloud")).runner_up == "cloud"
