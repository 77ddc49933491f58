"""The router in a conversation: what the trace says, and what the log must not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engines import Fakes
from tests.fakes.talk import Talk, talk
from voice.core.config import Config, RouteConfig, TraceConfig, TurnConfig
from voice.core.errors import ConfigError
from voice.core.interfaces import Message
from voice.core.trace import TraceLog
from voice.privacy import language
from voice.privacy.findings import Kind
from voice.route.placing import Placing
from voice.route.policy import Forecast
from voice.route.router import Router, locate, policy_of
from voice.session import events as out

pytestmark = pytest.mark.real
HYBRID = RouteConfig(mode="hybrid")


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(locate(), policy_of(HYBRID))


def test_every_turn_is_placed_and_its_trace_says_why(router: Router) -> None:
    async def script(user: Talk) -> None:
        user.conversation.push_text("explain how the roman empire came to fall")
        await user.hush_until(out.ReplyEnded)
        await user.hush(1.0)
        user.conversation.push_text("my card number is four one one one one one one one one one one one one one one one")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=Fakes(router=router), config=Config(turn=TurnConfig(max_silence_ms=1000)))
    records: list[dict[str, Any]] = [dict(event.record) for event in user.all(out.TurnTraced)]
    open_, private = records[0]["route"], records[-1]["route"]
    assert (open_["tier"], open_["runner_up"], open_["private"]) == ("edge", "cloud", [])
    assert 0 < open_["ms"] < 1000
    assert (private["tier"], private["private"]) == ("edge", ["card"])
    assert "four" not in json.dumps(private)
    assert records[0]["stages_ms"]["route"] is not None
    assert 0 < records[0]["unknown_probability"] < 1


def test_private_words_do_not_reach_a_log_that_keeps_texts(router: Router, tmp_path: Path) -> None:
    log = TraceLog(TraceConfig(path=str(tmp_path / "turns.jsonl"), text=True))

    async def script(user: Talk) -> None:
        user.conversation.push_text("my name is rosalind ferreira")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=Fakes(router=router), trace=log, config=Config(trace=TraceConfig(text=True)))
    log.close()
    line = json.loads((tmp_path / "turns.jsonl").read_text())
    assert "rosalind" in user.record["user_text"].lower()
    assert "rosalind" in user.record["reply_text"].lower()
    assert "rosalind" not in json.dumps(line).lower()
    assert "[NAME_1]" in line["user_text"]
    assert "[NAME_1]" in line["reply_text"]


def test_the_turn_after_a_private_one_stays_and_so_does_what_repeats_it(router: Router) -> None:
    placing = Placing(router)
    reachable = Forecast(cloud_first_ms=200.0)
    hard = "explain how the roman empire came to fall"
    placing.begin_turn()
    assert placing.place(hard, reachable).choice.route == "cloud"
    placing.begin_turn()
    placing.place("my pin is four eight one five", reachable)
    assert placing.withholds("edge")
    placing.begin_turn()
    assert placing.place(hard, reachable).choice.route == "edge"
    assert placing.withholds("edge")  # the edge may have spoken of it
    placing.begin_turn()
    assert placing.place(hard, reachable).choice.route == "cloud"
    assert not placing.withholds("cloud")
    placing.begin_turn()
    assert (
        placing.place("explain in an essay what four eight one five means for the roman empire", reachable).choice.route
        == "edge"
    )
    assert placing.withholds("edge")


def test_a_turn_in_another_language_stays_like_a_private_one_and_so_does_the_next(router: Router) -> None:
    placing = Placing(router)
    reachable = Forecast(cloud_first_ms=200.0)
    hard = "explain how the roman empire came to fall"
    placing.begin_turn()
    decision = placing.place("soy seropositivo desde hace tres años", reachable)
    assert decision.choice.route == "edge"
    assert decision.choice.reasons == ("there are no privacy rules for Spanish: it stays on the device",)
    assert placing.withholds("edge")
    assert "seropositivo" not in placing.hide("soy seropositivo desde hace tres años")
    placing.begin_turn()
    follows = placing.place(hard, reachable).choice
    assert (follows.route, follows.reasons[0]) == ("edge", "it follows or repeats private matter that stays on the device")
    placing.begin_turn()
    assert placing.place(hard, reachable).choice.route == "cloud"


def test_the_first_turn_does_not_wait_for_the_language_model() -> None:
    language.load.cache_clear()
    Router(locate())
    assert language.load.cache_info().currsize == 1


def test_settings_become_a_policy_and_unknown_kinds_are_named() -> None:
    policy = policy_of(RouteConfig(mode="cloud", right_answer_worth=0.3, redact=("name",), allow=("age",)))
    assert (policy.mode, policy.right_answer_worth) == ("cloud", 0.3)
    assert (policy.privacy.of(Kind.NAME), policy.privacy.of(Kind.AGE), policy.privacy.of(Kind.CARD)) == (
        "redact",
        "allow",
        "edge",
    )
    with pytest.raises(ConfigError, match="shoes"):
        policy_of(RouteConfig(redact=("shoes",)))
    with pytest.raises(ConfigError, match="two treatments"):
        policy_of(RouteConfig(redact=("name",), allow=("name",)))


REACHABLE = Forecast(cloud_first_ms=200.0)
HARD = "explain how the roman empire came to fall"


def cloud_router(*redact: str) -> Router:
    return Router(locate(), policy_of(RouteConfig(mode="cloud", redact=redact)))


@pytest.fixture(scope="module")
def cloudy() -> Router:
    return cloud_router()


def test_what_broke_off_stays_and_so_does_what_follows_it(cloudy: Router) -> None:
    placing = Placing(cloudy)
    placing.begin_turn()
    first = placing.place("my number is five six seven", REACHABLE)
    assert (first.choice.route, first.choice.runner_up) == ("edge", None)
    assert "its end may be the beginning of something private" in first.choice.reasons
    assert placing.withholds("edge")
    placing.begin_turn()
    second = placing.place("eight nine one two and what is the weather in the north of the country", REACHABLE)
    assert second.choice.route == "edge"
    assert placing.withholds("edge")
    placing.begin_turn()
    said_again = placing.place("explain what five six seven eight nine means to the world", REACHABLE)
    assert said_again.choice.route == "edge"  # only both halves together told what it was


def test_an_open_end_that_goes_on_harmlessly_taints_neither_its_turn_nor_the_next(cloudy: Router) -> None:
    placing = Placing(cloudy)
    placing.begin_turn()
    assert placing.place("tell me whether the", REACHABLE).choice.route == "edge"
    assert placing.place("tell me whether the moon is far", REACHABLE).choice.route == "cloud"
    placing.begin_turn()
    assert placing.place(HARD, REACHABLE).choice.route == "cloud"


def test_a_real_finding_taints_its_turn_whatever_a_later_partial_says(cloudy: Router) -> None:
    placing = Placing(cloudy)
    placing.begin_turn()
    placing.place("my pin is four eight one five", REACHABLE)
    assert placing.place(HARD, REACHABLE).choice.route == "edge"


def test_only_a_request_about_nobody_may_leave_before_the_turn_has_ended(cloudy: Router) -> None:
    placing = Placing(cloudy)
    placing.begin_turn()
    assert placing.place(HARD, REACHABLE).settled
    assert not placing.place("what is my account balance", REACHABLE).settled
    assert not placing.place("i need to change my flight", REACHABLE).settled


def test_every_request_has_its_own_way_back_and_the_outgoing_cannot_change() -> None:
    placing = Placing(cloud_router("phone"))
    placing.begin_turn()
    text = "call five five five one two one two eight nine about the meeting"
    outgoing = placing.outgoing([Message("user", text)], placing.place(text, REACHABLE))
    assert outgoing.messages == (Message("user", "call [PHONE_1] about the meeting"),)
    assert outgoing.hide("Okay five five five one") == "Okay [PHONE_1]"
    first, second = outgoing.stream(), outgoing.stream()
    assert first.feed("I call [PHO") == "I call "
    assert second.feed("It is five.") + second.rest() == "It is five."
    assert first.feed("NE_1].") == "I call five five five one two one two eight nine.".removeprefix("I call ")
    with pytest.raises(AttributeError):
        outgoing.messages = ()  # type: ignore[misc]


def test_a_message_is_judged_once_however_often_it_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    router = cloud_router("phone")
    placing = Placing(router)
    placing.begin_turn()
    asked = placing.place("call five five five one two one two eight nine about the meeting", REACHABLE)
    history = [
        Message("user", f"and what is the height of mountain number {n}, and how long did that take") for n in range(200)
    ]
    judged: list[str] = []
    decide = Router.decide

    def counting(self: Router, text: str, **how: Any) -> Any:
        judged.append(text)
        return decide(self, text, **how)

    monkeypatch.setattr(Router, "decide", counting)
    for message in history:
        placing.remember(message.text)
    assert len(judged) == len(history)
    placing.outgoing(history, asked)
    again = placing.place("tell anna that five five five one two one two eight nine is taken", REACHABLE)
    placing.outgoing(history, again)
    assert len(judged) == len(history) + 1
