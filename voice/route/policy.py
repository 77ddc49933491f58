"""The decision itself: a pure function from what is known of a turn to where it is answered, with the reasons.

Strategy: each step may end the matter or pass it on, in this order: privacy, mode, what each side would make of the request,
the forecasts (deadline, network, queues), the price. The middle step is one inequality: the *gain*, how much likelier the
cloud's answer is right than the edge's, times what a right answer is worth, against the price and the wait. So the share of
turns that the cloud answers follows from what things cost, and from the pair of models. What each step found becomes a
reason, in words; the runner-up is what would have been chosen next.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from voice.privacy.gate import PrivacyPolicy, PrivacyVerdict
from voice.route.confidence import AnswerDoubt
from voice.route.difficulty import Odds
from voice.route.encoder import Heads
from voice.route.labels import EDGE_TASKS

Route = Literal["edge", "cloud", "speculative"]
Mode = Literal["edge", "cloud", "hybrid"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What its owner wants. The ranges are checked when it is made.

    Attributes:
        right_answer_worth: what one right answer more is worth, in the currency of :attr:`Forecast.price_per_1k_tokens`.
        second_costs: what a second of waiting is worth, in the same.
        patience_ms: so long after the end of a turn a larger model's first clause is waited for at most.
        long_tokens: the soft threshold of length: with a longer answer the small model is likely to fail. 512 to 2048.
        allow_speculative: where the cloud can verify, the edge drafts what is placed there.
        max_price: the most that one turn may cost, in the same currency.
        cloud_is_labelled: the cloud's model is the larger one of the pair that was labelled.
    """

    mode: Mode = "hybrid"
    privacy: PrivacyPolicy = field(default_factory=PrivacyPolicy)
    right_answer_worth: float = 0.01
    second_costs: float = 0.001
    patience_ms: float = 3000.0
    long_tokens: int = 1024
    allow_speculative: bool = True
    max_price: float = math.inf
    cloud_is_labelled: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.right_answer_worth < math.inf and 0 <= self.second_costs < math.inf):
            raise ValueError("right_answer_worth and second_costs must be 0 or more")
        if not 512 <= self.long_tokens <= 2048:
            raise ValueError("long_tokens must be 512 to 2048")


@dataclass(frozen=True, slots=True)
class RouteState:
    """What is known of the conversation.

    Attributes:
        tainted: the turn follows or repeats private matter that must stay on the device.
        redacted: an earlier turn held private matter that leaves with placeholders.
        last: where the last turn was answered.
        history_tokens: what a switch would have to prefill anew.
    """

    tainted: bool = False
    redacted: bool = False
    last: Route | None = None
    history_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What this moment allows: quantiles of the newest measurements, in milliseconds.

    Attributes:
        deadline_left_ms: until the first audio of the reply is due.
        edge_first_ms, cloud_first_ms: to the first clause of each side's answer; the cloud's with the network. None: not
        reachable. edge_queue: turns that wait for the edge model. price_per_1k_tokens: of the cloud's output. can_verify: the
        cloud can verify drafts of the edge model. why_not: the cloud's absence in words, where there are better ones than that.
        edge_large: the device's second speed answers what the edge answers.
    """

    deadline_left_ms: float = 300.0
    edge_first_ms: float = 150.0
    cloud_first_ms: float | None = None
    edge_queue: int = 0
    price_per_1k_tokens: float = 0.0
    can_verify: bool = False
    why_not: str = ""
    edge_large: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a turn is answered.

    Attributes:
        route: edge, cloud or speculative (the edge drafts, the cloud verifies).
        reasons: in the order of the steps, for people.
        runner_up: what would have been chosen next; None when there was no choice.
        gain: how much likelier the cloud's answer is right than the edge's, -1 to 1; None when it was not asked.
        redact: private matter must be replaced by placeholders before anything leaves.
        may_move: the edge answers, but what comes next may well be the cloud's: its cache is worth keeping warm.
        patience_ms: so long after the end of the turn a larger model's first clause is worth waiting for.
        doubt: what the small model's own confidence is to be weighed with, where its answer may move to the cloud.
    """

    route: Route
    reasons: tuple[str, ...]
    runner_up: Route | None = None
    gain: float | None = None
    redact: bool = False
    may_move: bool = False
    patience_ms: float = 3000.0
    doubt: AnswerDoubt | None = None


MUCH_ASKED = Odds(both=0.15, only_small=0.03, only_large=0.47, neither=0.35)
"""Of reasoning, programs, long texts and explanations. Assumed: the labels hold none, since no rule can judge them."""
NOTHING_ASKED = Odds(both=1.0, only_small=0.0, only_large=0.0, neither=0.0)
"""Of small talk, and of what the device does: no model does it better."""
ASSUMED_OF_THE_REST = 0.5
"""A cloud that was not labelled is assumed to be right in this share of what the device's larger model gets wrong."""
UNREACHABLE_WAIT_MS = 1000.0
"""The wait that a cloud which cannot be reached would have cost, to say what would have been."""
EDGE_READS_MS, CLOUD_READS_MS = 2.0, 0.5
"""A token of the history that the side has not yet read."""
HISTORY_TOKENS = 256
"""Less to be read anew is not worth a word."""
MOVES_WITHIN = 0.1
"""A turn may still move to the cloud where so little of a right answer's worth was missing."""
LEAST_GAIN = 0.05
"""Less than this is within what the labels can tell: nothing leaves the device for it, however near and cheap the cloud is."""
NEARLY_EVEN = 0.1
"""Where so little of a right answer's worth is at stake, the other side, in time, is better than the wanted one, late."""
LAST_CLAUSE_TOKENS = 16
"""Kept for the clause at whose end the cloud takes over."""
NO_CLOUD = "no cloud tier, or it cannot be reached"


def decide(
    verdict: PrivacyVerdict,
    heads: Heads | None,
    stated_tokens: int | None,
    state: RouteState,
    forecast: Forecast,
    policy: Policy,
) -> Choice:
    """Where the turn is answered. Pure; microseconds."""
    reasons: list[str] = []
    redact = verdict.treatment == "redact" or state.redacted
    if (refused := _privacy(verdict, state)) is not None:
        return Choice("edge", (refused,))
    if redact:
        reasons.append("private matter leaves as placeholders only")
    patience_ms = policy.patience_ms
    if policy.mode == "edge":
        return Choice("edge", (*reasons, "mode: edge"), redact=redact, patience_ms=patience_ms)
    if policy.mode == "cloud":
        reasons.append("mode: cloud")
        if forecast.cloud_first_ms is None:
            why_not = forecast.why_not or NO_CLOUD
            return Choice("edge", (*reasons, why_not), "cloud", redact=redact, patience_ms=patience_ms)
        return _drafted(Choice("cloud", tuple(reasons), "edge", redact=redact, patience_ms=patience_ms), forecast, policy)
    if heads is None:
        return Choice("edge", (*reasons, "no word from the encoder"), "cloud", redact=redact, patience_ms=patience_ms)
    odds = expected_odds(heads, stated_tokens, policy)
    stake = weighed(odds, stated_tokens or heads.tokens, state, forecast, policy)
    reasons += _why(heads, stated_tokens, policy)
    reasons += _weighing(stake, state, forecast)
    wants: Route = "cloud" if stake.pays else "edge"
    nothing = asks(heads, stated_tokens, policy)[1]
    doubt = None if forecast.edge_large else doubt_of(odds, nothing, stake, policy)
    if forecast.cloud_first_ms is None:
        reasons.append(forecast.why_not or NO_CLOUD)
        runner_up: Route | None = "cloud" if wants == "cloud" else None
        return Choice("edge", tuple(reasons), runner_up, stake.gain, redact, patience_ms=patience_ms, doubt=doubt)
    route, runner_up, late = _in_time(wants, stake, forecast.cloud_first_ms, forecast, policy)
    reasons += late
    if route != "edge" and stake.price > policy.max_price:
        reasons.append(f"the price, {stake.price:.4f}, is over {policy.max_price:.4f}")
        route, runner_up = "edge", route
    within = stake.gain >= LEAST_GAIN and stake.surplus >= -MOVES_WITHIN * policy.right_answer_worth
    may_move = route == "edge" and (within or state.last == "cloud")
    if route != "edge" and wants == "cloud":
        patience_ms = min(patience_ms, stake.worth_waiting_ms(policy))
    choice = Choice(route, tuple(reasons), runner_up, stake.gain, redact, may_move, patience_ms, doubt)
    return _drafted(choice, forecast, policy)


def _drafted(choice: Choice, forecast: Forecast, policy: Policy) -> Choice:
    """What is placed in the cloud is drafted by the edge and verified there, where that is possible: the answer is the same."""
    if choice.route != "cloud" or not (policy.allow_speculative and forecast.can_verify):
        return choice
    return replace(choice, route="speculative", reasons=(*choice.reasons, "the edge drafts, the cloud verifies"))


def _privacy(verdict: PrivacyVerdict, state: RouteState) -> str | None:
    if verdict.too_long:
        return "too long to be checked for private matter in time"
    if verdict.language is not None:
        return f"there are no privacy rules for {verdict.language}: it stays on the device"
    if verdict.treatment == "edge":
        kinds = sorted({str(found.kind) for found in verdict.findings})
        return f"private: {', '.join(kinds)}" if kinds else "private: found earlier in this turn"
    if state.tainted:
        return "it follows or repeats private matter that stays on the device"
    if verdict.open_end:
        return "its end may be the beginning of something private"
    return None


# --- what is at stake --------------------------------------------------------------------------------------------------------


def asks(heads: Heads, stated_tokens: int | None, policy: Policy) -> tuple[float, float]:
    """How likely the request asks for much, and how likely for nothing: by its class, and by the expected length."""
    tokens = stated_tokens or heads.tokens
    long = 1.0 / (1.0 + (policy.long_tokens / max(tokens, 1)) ** 3)
    much = max(heads.hard, long)
    return much, min(heads.quiet, 1.0 - much)


def expected_odds(heads: Heads, stated_tokens: int | None, policy: Policy) -> Odds:
    """What the two models will make of the request: the labelled odds, as far as it is a question like the labelled ones.

    The labels are of short questions. So the more likely it asks for more than an answer to one, the more :data:`MUCH_ASKED`
    takes their place; and the more likely it needs no model, :data:`NOTHING_ASKED`.
    """
    much, nothing = asks(heads, stated_tokens, policy)
    of_the_rest = min(1.0, much / max(1.0 - nothing, 1e-6))
    return heads.odds.towards(MUCH_ASKED, of_the_rest).towards(NOTHING_ASKED, nothing)


@dataclass(frozen=True, slots=True)
class Stake:
    """What the cloud would bring and cost, in money; ``wait_ms`` is beyond the edge's first clause, at ``edge_ms``."""

    edge_right: float
    cloud_right: float
    assumed: bool
    price: float
    edge_ms: float
    wait_ms: float
    costs: float
    surplus: float

    @property
    def gain(self) -> float:
        """How much likelier the cloud's answer is right."""
        return self.cloud_right - self.edge_right

    @property
    def pays(self) -> bool:
        """Whether the gain is one, and worth what it costs."""
        return self.gain >= LEAST_GAIN and self.surplus > 0

    def worth_waiting_ms(self, policy: Policy) -> float:
        """So long after the end of the turn the cloud's first clause is still worth its wait."""
        left = self.gain * policy.right_answer_worth - self.price
        return self.edge_ms + max(0.0, left) / policy.second_costs * 1000 if policy.second_costs else math.inf


def weighed(odds: Odds, tokens: int, state: RouteState, forecast: Forecast, policy: Policy) -> Stake:
    """The gain of the cloud over the edge, against the price of ``tokens`` and the wait."""
    if not forecast.edge_large:
        edge_right, cloud_right, assumed = odds.small_right, odds.large_right, False
    else:
        edge_right = cloud_right = odds.large_right
        assumed = not policy.cloud_is_labelled
        if assumed:
            cloud_right += ASSUMED_OF_THE_REST * (1.0 - edge_right)
    edge_ms = forecast.edge_first_ms * (1 + forecast.edge_queue)
    edge_reads = cloud_reads = 0.0
    if state.history_tokens >= HISTORY_TOKENS:
        edge_reads = EDGE_READS_MS * state.history_tokens if state.last == "cloud" else 0.0
        cloud_reads = CLOUD_READS_MS * state.history_tokens if state.last == "edge" else 0.0
    cloud_ms = edge_ms + UNREACHABLE_WAIT_MS if forecast.cloud_first_ms is None else forecast.cloud_first_ms
    wait_ms = max(0.0, cloud_ms + cloud_reads - edge_ms - edge_reads)
    price = tokens / 1000 * forecast.price_per_1k_tokens
    costs = price + policy.second_costs * wait_ms / 1000
    surplus = (cloud_right - edge_right) * policy.right_answer_worth - costs
    return Stake(edge_right, cloud_right, assumed, price, edge_ms + edge_reads, wait_ms, costs, surplus)


def doubt_of(odds: Odds, nothing: float, stake: Stake, policy: Policy) -> AnswerDoubt:
    """From which probability of being wrong on a small model's answer is worth moving to the cloud.

    The same inequality as for the turn, with what the labels say of the larger model where the small one is wrong, and where
    it is right and could be spoiled; as far as anything is asked at all (``nothing``: how likely it is not).
    """
    mends = odds.only_large / max(odds.only_large + odds.neither, 1e-6)
    spoils = odds.only_small / max(odds.small_right, 1e-6)
    worth = policy.right_answer_worth
    least = max(LEAST_GAIN, stake.costs / worth if worth else math.inf) / max(1.0 - nothing, 1e-6)
    return AnswerDoubt(odds.small_right, (least + spoils) / max(mends + spoils, 1e-6))


def _why(heads: Heads, stated_tokens: int | None, policy: Policy) -> list[str]:
    side = "edge-able" if heads.task in EDGE_TASKS else "cloud-worthy"
    reasons = [f"{heads.task} ({heads.task_probability:.2f}): {side}"]
    if stated_tokens is not None:
        reasons.append(f"asks for about {stated_tokens} tokens")
    elif heads.tokens_p90 >= policy.long_tokens:
        reasons.append(f"may need {heads.tokens_p90} tokens (median {heads.tokens})")
    return reasons


def _weighing(stake: Stake, state: RouteState, forecast: Forecast) -> list[str]:
    edge = "the second speed" if forecast.edge_large else "the small model"
    cloud = f"the cloud {stake.cloud_right:.2f}{', assumed' if stake.assumed else ''}"
    reasons = [f"{edge} is right with {stake.edge_right:.2f}, {cloud}"]
    if state.last in {"edge", "cloud"} and state.history_tokens >= HISTORY_TOKENS:
        reasons.append(f"a switch would prefill {state.history_tokens} tokens anew")
    if forecast.edge_queue > 0:
        reasons.append(f"{forecast.edge_queue} turns wait for the edge model")
    gain = f"a gain of {stake.gain:.2f} right answers"
    if stake.gain < LEAST_GAIN:
        return [*reasons, f"{gain} is none"]
    word = "is worth" if stake.pays else "is not worth"
    wait = f"price {stake.price:.2g}, {stake.wait_ms / 1000:.1f} s of waiting"
    return [*reasons, f"{gain} {word} {stake.costs:.2g} ({wait})"]


def _in_time(wants: Route, stake: Stake, cloud_ms: float, forecast: Forecast, policy: Policy) -> tuple[Route, Route, list[str]]:
    """The wanted route if its first clause is in time, else the best that is."""
    other: Route = "edge" if wants == "cloud" else "cloud"
    first_ms = {"edge": forecast.edge_first_ms * (1 + forecast.edge_queue), "cloud": cloud_ms}
    left_ms = forecast.deadline_left_ms
    if first_ms[wants] <= left_ms:
        return wants, other, []
    late = f"{wants} would need {first_ms[wants]:.0f} ms, {left_ms:.0f} ms are left"
    if wants == "edge" and forecast.edge_queue and cloud_ms <= left_ms:
        return "cloud", "edge", [late, "the edge is busy: it spills to the cloud"]
    even = abs(stake.surplus) < NEARLY_EVEN * policy.right_answer_worth and (other == "edge" or stake.gain >= LEAST_GAIN)
    if first_ms[other] <= left_ms and even:
        return other, wants, [late]
    return wants, other, [late, "worth being late for" if first_ms[other] <= left_ms else f"{other} would be late too"]


def hand_over_after(forecast: Forecast, policy: Policy, *, most_tokens: int) -> int | None:
    """After how many tokens of the edge's the cloud goes on with an answer that was not placed there; ``None``: never.

    That is at the soft threshold of length, or before the edge would break the answer off at its ``most_tokens``.
    """
    if policy.mode != "hybrid" or forecast.cloud_first_ms is None:
        return None
    return max(1, min(policy.long_tokens, most_tokens - LAST_CLAUSE_TOKENS))
