"""How a turn is to be answered: decided once, before the answer is begun, and not changed afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from voice.core.budget import Deadline, Stage
from voice.core.interfaces import Chat, CloudModel, Message
from voice.cost.prices import estimated_tokens
from voice.reply.handover import OPENING_MS, larger_first_audio_ms
from voice.reply.length import OFFER, accepts_offer, declines_offer
from voice.reply.request import CloudPass
from voice.reply.stages import Stages
from voice.route.confidence import AnswerDoubt
from voice.route.placing import Placing
from voice.route.policy import Forecast, hand_over_after
from voice.skills.session import Alert
from voice.skills.skill import Effect


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What an attempt answers: what the user said or typed, after what was said before.

    Attributes:
        shareable: the part of the history that may leave the device, in the same order.
        alert: what is to be announced, unasked, in place of an answer.
        deadline: of the first audio, where the user is known to have paused.
    """

    history: Sequence[Message]
    said: str
    shareable: Sequence[Message] = ()
    alert: Alert | None = None
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """Made by placing and by the skills.

    Attributes:
        given: the words, where they are known already: no model is asked.
        cloud: the permission to ask the cloud, where the turn was placed there.
        reserve: the same, where it was not: for an edge that fails, does not know, or does not come to an end.
        large: the second speed of the device, where there is one: it answers behind the small model's opening.
        patience_ms: so long a larger model is waited for.
        keep_warm: whether the cloud's cache is to follow an answer of the edge's, which takes a ``reserve``.
        hand_over_after: so many tokens of the edge's, and the ``reserve`` goes on with its answer.
        settled: whether no later word can make anything of the turn private.
        doubt: what the small model's own confidence is to be weighed with.
        effect: what a skill then does.
        repeatable: whether "say that again" may say it.
        details: what the turn's trace says of it.
    """

    given: str | None = None
    cloud: CloudPass | None = None
    reserve: CloudPass | None = None
    large: Chat | None = None
    patience_ms: float = 3000.0
    keep_warm: bool = False
    hand_over_after: int | None = None
    settled: bool = False
    doubt: AnswerDoubt | None = None
    effect: Effect | None = None
    repeatable: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)


GO_ON = "Yes, please go on from where you stopped."
ALL_RIGHT = "All right."


def understood(request: TurnRequest) -> str:
    """What the models are asked: what was said, but for a bare yes to the offer to go on, which says little by itself."""
    return GO_ON if _was_offered(request) and accepts_offer(request.said) else request.said


def _was_offered(request: TurnRequest) -> bool:
    return bool(request.history) and request.history[-1].text.rstrip().endswith(OFFER)


async def plan_answer(stages: Stages, request: TurnRequest) -> AnswerPlan:
    """Ask the router where the turn is answered, and the skills whether they can answer it."""
    plan = AnswerPlan() if stages.placing is None else _placed(stages, stages.placing, request)
    plan = replace(plan, large=stages.large())
    if _was_offered(request) and declines_offer(request.said):
        return replace(plan, given=ALL_RIGHT, cloud=None, reserve=None)
    found = None if stages.skills is None else await stages.skills(request.said)
    if found is None:
        return plan
    return AnswerPlan(
        given=found.reply.text,
        effect=found.reply.effect,
        repeatable=found.reply.repeatable,
        details={**plan.details, "skill": found.skill},
    )


def _placed(stages: Stages, placing: Placing, request: TurnRequest) -> AnswerPlan:
    """Where the turn is answered, and the permission that this takes."""
    cloud = stages.cloud
    forecast = _forecast(stages, request.deadline)
    history_tokens = estimated_tokens(sum(len(message.text) for message in request.shareable))
    decision = placing.place(request.said, forecast, history_tokens=history_tokens)
    choice = decision.choice
    details = {"route": decision.brief() | _network(cloud)}
    patience_ms = min(stages.policy.patience_ms, choice.patience_ms + OPENING_MS)  # nobody waits while the opening is spoken
    plan = AnswerPlan(settled=decision.settled, patience_ms=patience_ms, doubt=choice.doubt, details=details)
    if cloud is None or not {choice.route, choice.runner_up} & {"cloud", "speculative"}:
        return plan
    outgoing = placing.outgoing([*request.shareable, Message("user", understood(request))], decision)
    asking = CloudPass(cloud, outgoing, stages.cloud_tokens, decision.task)
    if choice.route != "edge":
        return replace(plan, cloud=asking)
    return replace(
        plan,
        reserve=asking,
        keep_warm=stages.keeps_cloud_warm and choice.may_move,
        hand_over_after=hand_over_after(forecast, stages.policy, most_tokens=stages.max_reply_tokens),
    )


def _network(cloud: CloudModel | None) -> dict[str, float | None]:
    if cloud is None:
        return {}
    return {"cloud_forecast_ms": _rounded(cloud.forecast_ms), "round_trip_ms": _rounded(cloud.round_trip_ms)}


def _forecast(stages: Stages, deadline: Deadline | None) -> Forecast:
    """What this moment allows."""
    left_ms = stages.first_audio_ms if deadline is None else deadline.left_ms(stages.clock.now_s())
    edge_ms = stages.forecasts.remaining_ms((Stage.LLM_FIRST_TOKEN, Stage.LLM_CLAUSE))
    forecast = Forecast(
        deadline_left_ms=left_ms, edge_first_ms=edge_ms, edge_queue=stages.queue, edge_large=stages.large() is not None
    )
    if (cloud := stages.cloud) is None:
        return forecast
    return replace(
        forecast,
        cloud_first_ms=larger_first_audio_ms(cloud.forecast_ms, edge_ms),
        price_per_1k_tokens=stages.cloud_price,
        can_verify=cloud.can_verify,
        why_not=cloud.why_not,
    )


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
