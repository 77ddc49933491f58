"""The acceptance rule is exact: nobody can tell the drafted answer from the target's own, and wrong rules are told."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from voice.bench.speculative.chi2 import p_value, tail
from voice.draft.acceptance import (
    GREEDY,
    BadRow,
    Proposal,
    Row,
    Sampling,
    accept,
    choose,
    distribution,
    draw,
    expected_tokens,
    overlap,
)

DRAWS = 20_000
WORDS = 9
Rule = Callable[[Row, Row, np.random.Generator], int]

logit_rows = arrays(np.float32, st.integers(2, 40), elements=st.floats(-20, 20, width=32))
samplings = st.builds(
    Sampling,
    temperature=st.floats(0.2, 3),
    top_k=st.integers(0, 50),
    top_p=st.floats(0.05, 1, exclude_min=True),
)


def pair(seed: int) -> tuple[Row, Row]:
    """A target and a drafter over nine words that agree in part."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, WORDS)
    return distribution(logits, Sampling(temperature=0.8)), distribution(logits + rng.normal(0, 1, WORDS), Sampling(1.0))


def full(q: Row, rng: np.random.Generator) -> Proposal:
    return Proposal(draw(q, rng), tuple(range(q.size)), tuple(map(float, q)))


def drafted(p: Row, q: Row, rng: np.random.Generator) -> int:
    return choose(p, full(q, rng), rng)


def first_choice(p: Row, q: Row, rng: np.random.Generator) -> int:
    return choose(p, Proposal(int(q.argmax())), rng)


def resampled_from_all(p: Row, q: Row, rng: np.random.Generator) -> int:
    """Wrong: the replacement is drawn from p and not from what is left of it."""
    x = draw(q, rng)
    return x if rng.random() < min(1, p[x] / q[x]) else draw(p, rng)


def always_kept(p: Row, q: Row, rng: np.random.Generator) -> int:
    """Wrong: what the target could have said is kept."""
    return draw(q, rng)


def first_choice_resampled_from_all(p: Row, q: Row, rng: np.random.Generator) -> int:
    """Wrong: after a first choice was refused it may still be drawn."""
    x = int(q.argmax())
    return x if rng.random() < p[x] else draw(p, rng)


def fit(rule: Rule, seed: int) -> float:
    p, q = pair(seed)
    rng = np.random.default_rng(seed + 1)
    counts = np.bincount([rule(p, q, rng) for _ in range(DRAWS)], minlength=WORDS)
    return p_value(counts, p)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [drafted, first_choice])
def test_the_drafted_answer_cannot_be_told_from_the_targets(rule: Rule) -> None:
    values = [fit(rule, seed) for seed in (3, 4)]
    assert min(values) > 0.01, values


@pytest.mark.parametrize("rule", [resampled_from_all, always_kept, first_choice_resampled_from_all])
def test_a_wrong_rule_is_told(rule: Rule) -> None:
    assert fit(rule, 3) < 1e-6


@pytest.mark.slow
def test_whole_blocks_are_distributed_as_the_targets_own_pairs_of_words() -> None:
    """Two draft tokens and a bonus, from rows that depend on the word before: the joint distribution of two words."""
    p, q = pair(7)
    after_p = [pair(20 + word)[0] for word in range(WORDS)]
    after_q = [pair(20 + word)[1] for word in range(WORDS)]
    rng = np.random.default_rng(9)
    counts = np.zeros((WORDS, WORDS), dtype=np.int64)
    for _ in range(DRAWS):
        first = full(q, rng)
        second = full(after_q[first.token], rng)
        kept, token = accept([p, after_p[first.token], p], [first, second], rng)
        words = [first.token, second.token, token][: kept + 1]
        words[kept:] = [token]
        if len(words) == 1:
            words.append(draw(after_p[words[0]], rng))
        counts[words[0], words[1]] += 1
    joint = p[:, None] * np.stack(after_p)
    assert p_value(counts.ravel(), joint.ravel()) > 0.01


@pytest.mark.slow
def test_kept_as_often_as_the_formula_says() -> None:
    p, q = pair(11)
    rng = np.random.default_rng(1)
    kept = 0
    for _ in range(DRAWS):
        proposal = full(q, rng)
        kept += choose(p, proposal, rng) == proposal.token
    assert kept / DRAWS == pytest.approx(overlap(p, q), abs=0.015)


def test_greedy_keeps_the_targets_first_choices_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    rows = [distribution(np.eye(5)[word], GREEDY) for word in (3, 1, 4)]
    assert accept(rows, [Proposal(3), Proposal(1)], rng) == (2, 4)
    assert accept(rows, [Proposal(3), Proposal(0)], rng) == (1, 1)
    assert accept(rows, [Proposal(2), Proposal(1)], rng) == (0, 3)


@given(logit_rows, samplings)
def test_filters_leave_a_distribution_of_the_most_probable(logits: np.ndarray, sampling: Sampling) -> None:
    row = distribution(logits, sampling)
    assert row.sum() == pytest.approx(1)
    assert row.min() >= 0
    kept = row > 0
    assert kept.any()
    if sampling.top_k:
        assert kept.sum() <= max(1, sampling.top_k)
    if not kept.all():
        assert (
            logits[kept].min() >= logits[~kept].max() - 1e-6  # nearly as probable is as good
            or np.exp((logits[~kept].max() - logits.max()) / sampling.temperature) < 1e-9
        )
    everything = distribution(logits, Sampling(sampling.temperature, sampling.top_k))
    held = everything[kept].sum()
    assert held >= sampling.top_p - 1e-9
    if kept.sum() > 1:
        assert held - everything[kept].min() < sampling.top_p + 1e-9


@given(logit_rows, st.integers(0, 1000))
@settings(max_examples=50)
def test_nothing_impossible_is_ever_said(logits: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = distribution(logits, Sampling(1.0, top_k=2))
    q = distribution(logits[::-1].copy(), Sampling(1.0))
    for proposal in (full(q, rng), Proposal(int(q.argmax())), None):
        assert p[choose(p, proposal, rng)] > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_that_is_none_is_refused(bad: float) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(BadRow):
        distribution(np.array([0.0, bad, 1.0]), Sampling(1.0))
    with pytest.raises(BadRow):
        choose(np.array([0.5, bad, 0.5]), Proposal(0), rng)
    with pytest.raises(BadRow):
        choose(np.array([0.5, -0.5, 1.0]), None, rng)
    with pytest.raises(BadRow):
        distribution(np.full(3, -np.inf), GREEDY)


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal(7, (7,), (1.0,)),
        Proposal(0, (0, 0), (0.5, 0.5)),
        Proposal(0, (0, 1), (0.5,)),
        Proposal(0, (1,), (1.0,)),
        Proposal(0, (0, 1), (0.5, float("nan"))),
        Proposal(0, (0, 1), (3.0, 0.5)),
    ],
)
def test_a_proposal_that_cannot_be_is_refused(proposal: Proposal) -> None:
    with pytest.raises(BadRow):
        choose(np.array([0.5, 0.25, 0.25]), proposal, np.random.default_rng(1))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(BadRow):
        accept([np.array([1.0, 0.0])], [Proposal(0)], np.random.default_rng(1))


@pytest.mark.parametrize("values", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0}, {"temperature": float("nan")}])
def test_sampling_that_is_none_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Sampling(**values)  # type: ignore[arg-type]


def test_expected_tokens() -> None:
    assert expected_tokens(0.8, 4) == pytest.approx(3.3616)
    assert expected_tokens(1.0, 4) == 5
    assert expected_tokens(0.0, 4) == 1


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"), [(15.507, 8, 0.05), (26.125, 8, 0.001), (3.841, 1, 0.05), (101.879, 80, 0.05)]
)
def test_the_tables_of_chi_squared(statistic: float, degrees: int, p: float) -> None:
    assert tail(statistic, degrees) == pytest.approx(p, abs=5e-4)
