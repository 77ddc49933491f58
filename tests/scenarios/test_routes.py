"""What reaches the routing policy: the deadline that is left, the price, a verifier, and an answer that grows long."""

import pytest

from tests.fakes.engines import FakeChatModel, FakeCloud, Fakes
from tests.fakes.talk import Talk, talk
from tests.scenarios.test_tiers import router
from voice.core.config import CloudConfig, Config, LlmConfig, RouteConfig
from voice.route.policy import LAST_CLAUSE_TOKENS
from voice.route.router import Router, locate, policy_of
from voice.session import events as out

HARD = "Explain step by step why the sky is blue and prove it."
EASY = "turn off the lights"
CLOUD = Config(cloud=CloudConfig(enabled=True, model="m", price_out=1_000_000.0))


def typed(text: str, fakes: Fakes, config: Config | None = None) -> Talk:
    async def script(user: Talk) -> None:
        user.conversation.push_text(text)
        await user.hush_until(out.ReplyEnded)

    return talk(script, fakes=fakes, config=config)


def reasons(user: Talk) -> str:
    return "; ".join(user.record["route"]["reasons"])


def test_a_verifier_makes_cloud_turns_speculative_and_only_those() -> None:
    for can_verify, route in ((True, "speculative"), (False, "cloud")):
        cloud = FakeCloud(can_verify=can_verify)
        user = typed(HARD, Fakes(router=router("hybrid"), cloud=cloud))
        assert user.record["route"]["tier"] == route
        assert ("the edge drafts, the cloud verifies" in reasons(user)) == can_verify
        assert user.record["tier"] == "cloud"
        assert len(cloud.requests) == 1
    stays = typed(EASY, Fakes(router=router("hybrid"), cloud=FakeCloud(can_verify=True)))
    assert stays.record["route"]["tier"] == "edge"


@pytest.mark.parametrize(("most", "route"), [(0.0, "cloud"), (100.0, "edge")])
def test_a_turn_that_would_cost_too_much_stays(most: float, route: str) -> None:
    rules = policy_of(RouteConfig(mode="hybrid", right_answer_worth=1e4, max_price=most))
    user = typed(HARD, Fakes(router=Router(locate(), rules), cloud=FakeCloud()), CLOUD)
    assert user.record["route"]["tier"] == route
    assert ("the price, " in reasons(user)) == (route == "edge")


def test_the_deadline_that_is_left_is_weighed() -> None:
    """A recogniser that takes 250 ms leaves 50 ms for the reply: the edge, which needs longer, is called late."""
    slow, quick = Fakes(router=router("hybrid"), cloud=FakeCloud()), Fakes(router=router("hybrid"), cloud=FakeCloud())
    slow.recognizer.delay_s = 0.25

    async def script(user: Talk) -> None:
        await user.say("hello there")  # too little to be answered ahead of the pause
        await user.hush_until(out.ReplyEnded)

    late, early = talk(script, fakes=slow), talk(script, fakes=quick)
    assert "edge would need" in reasons(late)
    assert "edge would need" not in reasons(early)


def test_a_long_answer_of_the_edge_s_is_handed_over_before_it_breaks_off() -> None:
    words = " ".join(f"word{number}," for number in range(200))
    config = Config(llm=LlmConfig(max_reply_tokens=40))
    cloud = FakeCloud(answer="and here the cloud goes on.")
    user = typed(EASY, Fakes(router=router("hybrid"), cloud=cloud, chat_model=FakeChatModel(answer=lambda _: words)), config)
    assert user.record["route"]["tier"] == "edge"
    assert str(40 - LAST_CLAUSE_TOKENS) in user.record["handed_over"]
    assert user.record["tier"] == "cloud"
    assert user.record["heard_text"].endswith(cloud.answer)
    ((_, prefix),) = cloud.requests
    assert user.record["heard_text"].startswith(prefix)
    short = typed(EASY, Fakes(router=router("hybrid"), cloud=FakeCloud()), config)
    assert "handed_over" not in short.record


def test_a_private_long_answer_is_not_handed_over() -> None:
    words = " ".join(f"word{number}," for number in range(200))
    cloud = FakeCloud()
    fakes = Fakes(router=router("hybrid"), cloud=cloud, chat_model=FakeChatModel(answer=lambda _: words))
    user = typed("my number is five six seven eight nine five six seven eight nine", fakes)
    assert user.record["tier"] == "edge"
    assert not cloud.requests
