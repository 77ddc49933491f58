"""The decision itself: a pure function from what is known of a turn to where it is answered, with the reasons.

Strategy: each step may end the matter or pass it on, in this order: privacy, mode, what the request is (class, difficulty,
expected length), the forecasts (deadline, network, queues), the price. The middle step boils down to one number, the *pull*
towards the cloud, and one threshold, which can be learned for a wanted share of cloud turns or set by hand. What each step
found becomes a reason, in words; the runner-up is what would have been chosen next.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from voice.privacy.gate import PrivacyPolicy, PrivacyVerdict
from voice.route.encoder import Heads
from voice.route.labels import EDGE_TASKS

Route = Literal["edge", "cloud", "speculative"]
Mode = Literal["edge", "cloud", "hybrid"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What its owner wants. The ranges are checked when it is made."""

    mode: Mode = "hybrid"
    privacy: PrivacyPolicy = field(default_factory=PrivacyPolicy)
    threshold: float = 0.5
    """The pull (0 to 1) from which on a turn goes to the cloud."""
    long_tokens: int = 1024
    """The soft threshold of length: an answer expected to be longer pulls to the cloud. 512 to 2048."""
    allow_speculative: bool = True
    """Where the cloud can verify, the edge drafts what is placed there."""
    max_price: float = math.inf
    """The most that one turn may cost, in the currency of :attr:`Forecast.price_per_1k_tokens`."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError("threshold must be 0 to 1")
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
    """

    deadline_left_ms: float = 300.0
    edge_first_ms: float = 150.0
    cloud_first_ms: float | None = None
    edge_queue: int = 0
    price_per_1k_tokens: float = 0.0
    can_verify: bool = False
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a turn is answered.

    Attributes:
        route: edge, cloud or speculative (the edge drafts, the cloud verifies).
        reasons: in the order of the steps, for people.
        runner_up: what would have been chosen next; None when there was no choice.
        pull: towards the cloud, 0 to 1; None when the matter ended before it was asked.
        redact: private matter must be replaced by placeholders before anything leaves.
        may_move: the edge answers, but what comes next may well be the cloud's: its cache is worth keeping warm.
        patience_ms: so long after the end of the turn a larger model's first clause is worth waiting for.
    """

    route: Route
    reasons: tuple[str, ...]
    runner_up: Route | None = None
    pull: float | None = None
    redact: bool = False
    may_move: bool = False
    patience_ms: float = 3000.0


MOVES_WITHIN = 0.2
"""So far below the threshold an answer may still move to the cloud."""
NEAR_THE_THRESHOLD = 0.25
"""So near it the other side, in time, is better than the wanted one, late."""
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
    if policy.mode == "edge":
        return Choice("edge", (*reasons, "mode: edge"), redact=redact)
    if policy.mode == "cloud":
        if forecast.cloud_first_ms is None:
            return Choice("edge", (*reasons, "mode: cloud", forecast.why_not or NO_CLOUD), "cloud", redact=redact)
        return _drafted(Choice("cloud", (*reasons, "mode: cloud"), "edge", redact=redact), forecast, policy)
    if heads is None:
        return Choice("edge", (*reasons, "no word from the encoder"), "cloud", redact=redact)
    pull = cloud_pull(heads, stated_tokens, policy)
    reasons += _why(heads, stated_tokens, policy)
    pull, moved = _shifted(pull, state, forecast)
    reasons += moved
    wants: Route = "cloud" if pull >= policy.threshold else "edge"
    reasons.append(f"pull {pull:.2f} {'reaches' if wants == 'cloud' else 'is below'} {policy.threshold:.2f}")
    if forecast.cloud_first_ms is None:
        why_not = forecast.why_not or NO_CLOUD
        return Choice("edge", (*reasons, why_not), "cloud" if wants == "cloud" else None, pull, redact)
    route, runner_up, late = _in_time(wants, pull, forecast.cloud_first_ms, forecast, policy)
    reasons += late
    tokens = stated_tokens or heads.tokens
    price = tokens / 1000 * forecast.price_per_1k_tokens
    if route != "edge" and price > policy.max_price:
        reasons.append(f"the price, {price:.4f}, is over {policy.max_price:.4f}")
        route, runner_up = "edge", route
    may_move = route == "edge" and (pull >= policy.threshold - MOVES_WITHIN or state.last == "cloud")
    return _drafted(Choice(route, tuple(reasons), runner_up, pull, redact, may_move), forecast, policy)


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


def cloud_pull(heads: Heads, stated_tokens: int | None, policy: Policy) -> float:
    """The pull towards the cloud, 0 to 1: the chance that the request is cloud-worthy, moved by difficulty and expected length.

    Difficulty weighs only where the class asks for thinking: a weak model's trouble with exams says nothing of switching a
    lamp.
    """
    worthy = 1.0 - heads.edge_probability
    hard = worthy * max(-0.3, min(0.3, heads.gain))
    tokens = stated_tokens or heads.tokens
    long = 1.0 / (1.0 + (policy.long_tokens / max(tokens, 1)) ** 3)
    return min(1.0, max(0.0, worthy + hard, long))


def _why(heads: Heads, stated_tokens: int | None, policy: Policy) -> list[str]:
    side = "edge-able" if heads.task in EDGE_TASKS else "cloud-worthy"
    reasons = [f"{heads.task} ({heads.task_probability:.2f}): {side}"]
    if heads.task not in EDGE_TASKS:
        reasons.append(f"small model right {heads.weak_ok:.2f}, large {heads.strong_ok:.2f}")
    if stated_tokens is not None:
        reasons.append(f"asks for about {stated_tokens} tokens")
    elif heads.tokens_p90 >= policy.long_tokens:
        reasons.append(f"may need {heads.tokens_p90} tokens (median {heads.tokens})")
    return reasons


def _shifted(pull: float, state: RouteState, forecast: Forecast) -> tuple[float, list[str]]:
    """The pull after the cost of a switch and the edge's queue."""
    reasons = []
    if state.last in {"edge", "cloud"} and state.history_tokens >= 256:
        shift = min(0.1, state.history_tokens / 20_000)
        pull += shift if state.last == "cloud" else -shift
        reasons.append(f"a switch would prefill {state.history_tokens} tokens anew")
    if forecast.edge_queue > 0:
        pull += min(0.3, 0.1 * forecast.edge_queue)
        reasons.append(f"{forecast.edge_queue} turns wait for the edge model")
    return min(1.0, max(0.0, pull)), reasons


def _in_time(wants: Route, pull: float, cloud_ms: float, forecast: Forecast, policy: Policy) -> tuple[Route, Route, list[str]]:
    """The wanted route if its first clause is in time, else the best that is."""
    other: Route = "edge" if wants == "cloud" else "cloud"
    first_ms = {"edge": forecast.edge_first_ms * (1 + forecast.edge_queue), "cloud": cloud_ms}
    left_ms = forecast.deadline_left_ms
    if first_ms[wants] <= left_ms:
        return wants, other, []
    late = f"{wants} would need {first_ms[wants]:.0f} ms, {left_ms:.0f} ms are left"
    if wants == "edge" and forecast.edge_queue and cloud_ms <= left_ms:
        return "cloud", "edge", [late, "the edge is busy: it spills to the cloud"]
    if first_ms[other] <= left_ms and abs(pull - policy.threshold) < NEAR_THE_THRESHOLD:
        return other, wants, [late]
    return wants, other, [late, "worth being late for" if first_ms[other] <= left_ms else f"{other} would be late too"]


def hand_over_after(forecast: Forecast, policy: Policy, *, most_tokens: int) -> int | None:
    """After how many tokens of the edge's the cloud goes on with an answer that was not placed there; ``None``: never.

    That is at the soft threshold of length, or before the edge would break the answer off at its ``most_tokens``.
    """
    if policy.mode != "hybrid" or forecast.cloud_first_ms is None:
        return None
    return max(1, min(policy.long_tokens, most_tokens - LAST_CLAUSE_TOKENS))


_STATED = re.compile(
    r"\b(\d[\d,]{0,5}|(?:[a-z]+[ -]){1,4}?)\s*[- ]?(words?|pages?|paragraphs?|sentences?|lines?)\b", re.IGNORECASE
)
_TOKENS_PER = {"word": 1.35, "page": 650.0, "paragraph": 120.0, "sentence": 25.0, "line": 12.0}
_COUNTS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "few": 3, "couple": 2,
}  # fmt: skip


def stated_tokens(text: str) -> int | None:
    """The length that the words ask for ("in five hundred words", "two pages"), in tokens; None when they ask for none."""
    for match in _STATED.finditer(text[:2000]):
        count, unit = _count(match[1]), match[2].lower().removesuffix("s")
        if count and not (unit in {"word", "line"} and count < 5):  # "what's a word for …"
            return min(20_000, round(count * _TOKENS_PER[unit]))
    return None


def _count(words: str) -> int:
    if words[:1].isdigit():
        return int(words.replace(",", ""))
    total = 0
    for word in re.split(r"[ -]+", words.lower().strip()):
        if word in {"hundred", "thousand"}:
            total = max(total, 1) * (100 if word == "hundred" else 1000)
        elif word in _COUNTS:
            total += _COUNTS[word]
        elif total:
            return 0
    return total


# --- thresholds learned from data --------------------------------------------------------------------------------------------


def threshold_for_share(scores: Sequence[float], share: float) -> float:
    """The threshold at which ``share`` (0 to 1) of ``scores`` goes to the cloud."""
    ordered = sorted(scores, reverse=True)
    count = round(share * len(ordered))
    return math.nextafter(ordered[0], math.inf) if count == 0 else ordered[count - 1]


def threshold_for_quality(scores: Sequence[float], weak_ok: Sequence[bool], strong_ok: Sequence[bool], quality: float) -> float:
    """The highest threshold whose share of right answers is at least ``quality`` (0 to 1), or the lowest score if none is."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    right = sum(weak_ok)
    if right >= quality * len(scores):
        return math.nextafter(scores[order[0]], math.inf)
    for i in order:
        right += strong_ok[i] - weak_ok[i]
        if right >= quality * len(scores):
            return scores[i]
    return scores[order[-1]]
