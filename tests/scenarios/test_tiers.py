"""Edge and cloud in one answer, with fakes of every model, in virtual time."""

import json
from collections.abc import Sequence
from functools import cache
from math import log
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engines import FakeChatModel, FakeCloud, Fakes
from tests.fakes.talk import Talk, talk
from voice.core.config import CloudConfig, Config, CostConfig, RouteConfig, TraceConfig
from voice.core.interfaces import Message
from voice.cost.ledger import Ledger, report
from voice.reply.handover import BRIDGES, NOTICE_LATE, NOTICE_LOST, NOTICE_UNREACHED
from voice.route.router import Router, locate, policy_of
from voice.session import events as out
from voice.traces.record import parse

QUESTION = "please tell me more about spain"
OPENING = "More about Spain is"
PRIVATE = "my number is five six seven eight nine five six seven eight nine"


@cache
def router(mode: str = "cloud", redact: tuple[str, ...] = (), patience_ms: int = 3000) -> Router:
    return Router(locate(), policy_of(RouteConfig(mode=mode, redact=redact, patience_ms=patience_ms)))  # type: ignore[arg-type]


def about_spain(messages: Sequence[Message]) -> str:
    """A reply that begins with what the question holds."""
    said = messages[-1].text.rstrip(".").lower()
    return f"{OPENING} a land of {said}, as far as I can tell. That is what I heard, and I am glad."


def fakes(cloud: FakeCloud, **more: Any) -> Fakes:
    more.setdefault("chat_model", FakeChatModel(answer=about_spain))
    return Fakes(router=router(), cloud=cloud, **more)


async def ask(user: Talk) -> None:
    await user.say(QUESTION)
    await user.hush_until(out.ReplyEnded)


def longest_silence_s(user: Talk) -> float:
    """The longest silence inside a reply, at a client that plays what it gets at once."""
    rate_hz = user.fakes.synthesizer.sample_rate_hz
    longest_s, played_until_s = 0.0, None
    for at_s, event in user.events:
        if isinstance(event, out.ReplyEnded):
            played_until_s = None
        if isinstance(event, out.ReplyAudio):
            if played_until_s is not None:
                longest_s = max(longest_s, at_s - played_until_s)
            played_until_s = max(at_s, played_until_s or 0.0) + event.samples.size / rate_hz
    return longest_s


def test_the_cloud_goes_on_from_the_edge_s_opening() -> None:
    cloud = FakeCloud()
    user = talk(ask, fakes=fakes(cloud))
    ((messages, prefix),) = cloud.requests
    assert messages[-1] == Message("user", "Please tell me more about spain.")
    assert prefix == OPENING
    assert user.record["heard_text"] == f"{prefix} {cloud.answer}"
    assert user.record["tier"] == "cloud"
    assert user.record["cloud"]["words"] == [["edge", 4], ["cloud", len(cloud.answer.split())]]
    assert user.record["cloud"]["fallback"] is None
    assert longest_silence_s(user) == 0
    assert not user.all(out.Notice)


def test_the_first_audio_is_the_edge_s_whatever_the_cloud_does() -> None:
    with_cloud = talk(ask, fakes=fakes(FakeCloud(first_token_s=5)))
    alone = talk(ask, fakes=Fakes(router=router()))
    assert with_cloud.record["ttfa_ms"] == pytest.approx(alone.record["ttfa_ms"], abs=5)


def test_a_busy_edge_pushes_turns_to_the_cloud_and_is_not_busy_for_ever() -> None:
    chat_model = FakeChatModel()
    crowd = {object(): chat_model.open() for _ in range(3)}
    for chat in crowd.values():
        chat.close()
    reasons = []
    for waiting in ({}, crowd):
        some = fakes(FakeCloud(), chat_model=chat_model, waiting=dict(waiting))
        some.router = router("hybrid")
        user = talk(ask, fakes=some)
        reasons.append(" ".join(user.record["route"]["reasons"]))
        assert some.waiting == waiting  # the turn itself waits no more
    assert "wait for the edge model" not in reasons[0]
    assert "3 turns wait for the edge model" in reasons[1]


def own(user: Talk) -> str:
    """What was heard of the answer itself, without bridges and notices."""
    heard = str(user.record["heard_text"])
    for said in (*BRIDGES, NOTICE_LATE, NOTICE_LOST, NOTICE_UNREACHED):
        heard = heard.replace(f" {said}", "").removeprefix(f"{said} ")
    return heard


def test_a_cloud_that_lets_wait_is_bridged_twice_and_given_up_when_the_patience_is_over() -> None:
    cloud = FakeCloud(first_token_s=30)
    user = talk(ask, fakes=fakes(cloud))
    heard = str(user.record["heard_text"])
    assert heard.startswith(f"{OPENING} {BRIDGES[0]} {BRIDGES[1]} {NOTICE_LATE} a land of")
    assert longest_silence_s(user) <= 0.5
    assert own(user) == about_spain([Message("user", QUESTION)])
    assert user.record["tier"] == "edge"
    assert user.record["answer"]["notice"] == NOTICE_LATE
    assert [notice.code for notice in user.all(out.Notice)] == ["cloud_late"]
    assert len(cloud.requests) == 1
    assert cloud.open_requests == 0


@pytest.mark.parametrize("first_token_s", [0.1, 0.6, 1.5, 2.5])
def test_a_cloud_within_the_patience_gives_the_answer(first_token_s: float) -> None:
    cloud = FakeCloud(first_token_s=first_token_s, forecast_ms=first_token_s * 1000 + 150)
    user = talk(ask, fakes=fakes(cloud))
    assert own(user) == f"{OPENING} {cloud.answer}"
    assert user.record["answer"]["notice"] is None
    assert user.record["answer"]["bridges"] == {0.1: 0, 0.6: 0, 1.5: 1, 2.5: 2}[first_token_s]
    assert longest_silence_s(user) <= 0.5


def test_who_is_hasty_hears_the_edge_sooner() -> None:
    waits = []
    for patience_ms in (1000, 3000):
        some = fakes(FakeCloud(first_token_s=30))
        some.router = router("cloud", patience_ms=patience_ms)
        user = talk(ask, fakes=some)
        notice = next(at_s for at_s, event in user.events if isinstance(event, out.ReplyText) and event.text == NOTICE_LATE)
        waits.append(notice - user.spoken_until_s)
    assert waits[0] < 1.6
    assert 2.5 < waits[1] < 3.6


@pytest.mark.parametrize("fails_after", range(12))
def test_a_cloud_that_breaks_off_leaves_the_rest_to_the_edge(fails_after: int) -> None:
    cloud = FakeCloud(fails_after=fails_after)
    user = talk(ask, fakes=fakes(cloud))
    assert longest_silence_s(user) <= 0.3
    assert user.record["end_reason"] == "completed"
    assert [notice.code for notice in user.all(out.Notice)] == ["cloud_unreachable"]
    heard = str(user.record["heard_text"])
    assert heard.startswith(OPENING)
    by_cloud = [words for tier, words in user.record["cloud"]["words"] if tier == "cloud"]
    if by_cloud:  # the seam is at a clause: nothing of a cloud's clause that was not complete is spoken
        assert sum(by_cloud) <= fails_after
        assert NOTICE_LOST in heard
    else:
        assert NOTICE_UNREACHED in heard
        assert own(user) == about_spain([Message("user", QUESTION)])


def test_a_cloud_that_breaks_off_behind_a_sentence_has_answered() -> None:
    cloud = FakeCloud(answer="a country. It lies in the south of Europe, and it is large.", fails_after=4)
    user = talk(ask, fakes=fakes(cloud))
    assert user.record["heard_text"] == f"{OPENING} a country. {NOTICE_LOST}"
    assert user.record["end_reason"] == "completed"


@pytest.mark.parametrize("stalls_after", [1, 4, 9, 15])
def test_a_cloud_that_stalls_does_not_stall_the_reply(stalls_after: int) -> None:
    cloud = FakeCloud(stalls_after=stalls_after)
    user = talk(ask, fakes=fakes(cloud))
    assert longest_silence_s(user) <= 0.5
    assert user.record["end_reason"] == "completed"
    assert cloud.open_requests == 0


def test_nothing_leaves_before_the_words_are_certain() -> None:
    cloud = FakeCloud()
    user = talk(ask, fakes=fakes(cloud))
    assert len(user.all(out.PartialTranscript)) >= 2
    assert user.spoken_until_s < cloud.asked_at_s[0] <= user.times(out.FinalTranscript)[0]


def test_a_turn_that_is_taken_back_withdraws_its_request() -> None:
    cloud = FakeCloud(first_token_s=10)

    async def script(user: Talk) -> None:
        await user.say("what is the capital of france")
        await user.hush(0.22)
        await user.say("and its population")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes(cloud))
    assert cloud.open_requests == 0
    assert user.all(out.FinalTranscript)[-1].text == "What is the capital of france and its population."
    assert cloud.requests[-1][0][-1].text == "What is the capital of france and its population."


def test_what_is_private_never_leaves_nor_does_what_the_edge_made_of_it() -> None:
    cloud = FakeCloud()

    async def script(user: Talk) -> None:
        await ask(user)
        await user.say(PRIVATE)
        await user.hush_until(out.ReplyEnded)
        for _ in range(3):
            await ask(user)

    user = talk(script, fakes=fakes(cloud))
    assert [event.record["tier"] for event in user.all(out.TurnTraced)] == ["cloud", "edge", "edge", "cloud", "cloud"]
    sent = " ".join(message.text for messages, prefix in cloud.requests for message in [*messages, Message("user", prefix)])
    assert "five" not in sent
    last = [message.role for message in cloud.requests[-1][0]]
    assert last == ["system", "user", "assistant", "user", "assistant", "user"]  # the first turn, the fourth, and the question


def test_what_may_leave_as_placeholders_leaves_so_and_comes_back_whole() -> None:
    cloud = FakeCloud(answer="and [PHONE_1] is a fine number, as everybody who has one of that kind will tell you.")
    everyone = fakes(cloud)
    everyone.router = router("cloud", ("phone",))

    async def script(user: Talk) -> None:
        await user.say(PRIVATE)
        await user.hush_until(out.ReplyEnded)
        await ask(user)

    user = talk(script, fakes=everyone, config=Config(trace=TraceConfig(text=True)))
    assert cloud.requests
    sent = " ".join(message.text for messages, prefix in cloud.requests for message in [*messages, Message("user", prefix)])
    assert "five six seven" not in sent
    assert "[PHONE_1]" in sent
    assert "five six seven eight nine" in str(user.all(out.TurnTraced)[0].record["heard_text"])


def test_an_edge_that_fails_before_a_word_leaves_the_answer_to_the_cloud() -> None:
    cloud = FakeCloud(answer="Spain is a country in the south of Europe, and a large one.")
    user = talk(ask, fakes=fakes(cloud, chat_model=FakeChatModel(failing_after=0)))
    assert user.record["heard_text"] == cloud.answer
    assert user.record["tier"] == "cloud"


def test_an_answer_that_the_edge_does_not_know_is_left_to_the_cloud(tmp_path: Path) -> None:
    """A gain of 0.3 is not worth the price; that of an answer in doubt, more than 0.6, is."""
    cloud = FakeCloud()
    everyone = fakes(cloud, chat_model=FakeChatModel(logprob=-6.0))
    pair = json.loads((locate() / "pair.json").read_text(encoding="utf-8"))
    pair["head"] = {"weights": [[0.0] * 256] * 4, "bias": [log(share) for share in (0.6, 0.01, 0.31, 0.08)]}
    (tmp_path / "pair.json").write_text(json.dumps(pair), encoding="utf-8")
    rules = policy_of(RouteConfig(right_answer_worth=1.0, second_costs=0.0))
    everyone.router = Router(locate(), rules, pair=str(tmp_path / "pair.json"))
    question = "what is the capital of france"
    heads = everyone.router.decide(question).heads
    assert heads is not None
    price_out = 0.45e6 / heads.tokens

    async def script(user: Talk) -> None:
        user.conversation.push_text(question)
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=everyone, config=Config(cloud=CloudConfig(enabled=True, model="m", price_out=price_out)))
    assert user.record["route"]["tier"] == "edge"
    assert user.record["doubt"] == "escalate"
    assert user.record["tier"] == "cloud"
    assert user.record["heard_text"].endswith(cloud.answer)


def test_a_private_answer_that_the_edge_does_not_know_is_only_flagged() -> None:
    cloud = FakeCloud()
    user = talk(lambda user: _say(user, PRIVATE), fakes=fakes(cloud, chat_model=FakeChatModel(logprob=-6.0)))
    assert user.record["doubt"] == "flag"
    assert cloud.requests == []


def test_each_tier_knows_what_the_other_said() -> None:
    cloud = FakeCloud()
    everyone = fakes(cloud)
    everyone.router = router("hybrid")
    light, rome = "turn on the kitchen light", "explain how the roman empire came to fall"

    async def script(user: Talk) -> None:
        for text in (light, rome, light):
            user.conversation.push_text(text)
            await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=everyone)
    records = [event.record for event in user.all(out.TurnTraced)]
    assert [record["tier"] for record in records] == ["edge", "cloud", "edge"]
    to_cloud, to_edge = cloud.requests[0][0], everyone.chat_model.requests[-1]
    assert [message.text for message in to_cloud[1:]] == [light, records[0]["heard_text"], rome]
    assert [message.text for message in to_edge[1:]] == [light, records[0]["heard_text"], rome, records[1]["heard_text"], light]


async def _say(user: Talk, text: str) -> None:
    await user.say(text)
    await user.hush_until(out.ReplyEnded)


def test_the_ledger_has_what_the_cloud_counted_to_the_token(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = Ledger(url)
    cloud = FakeCloud()

    async def script(user: Talk) -> None:
        for _ in range(3):
            await ask(user)

    prices = CloudConfig(price_in=1.0, price_out=10.0)
    user = talk(script, fakes=fakes(cloud), config=Config(cloud=prices), ledger=ledger)
    ledger.close()
    total = report(url, by="session")[-1]
    assert (total["turns"], total["cloud_turns"], total["estimated"]) == (3, 3, False)
    assert total["tokens_in"] == 3 * 40
    assert total["tokens_out"] == 3 * len(cloud.answer.split())
    assert total["cost_cloud"] == pytest.approx((total["tokens_in"] + 10 * total["tokens_out"]) / 1e6)
    wasted = sum(int(str(event.record["wasted_tokens"])) for event in user.all(out.TurnTraced))
    assert total["tokens_wasted"] == wasted


def test_a_client_says_for_whom_and_what_its_turns_are(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = Ledger(url)

    async def script(user: Talk) -> None:
        await ask(user)
        user.conversation.label(user="ann")
        await ask(user)
        user.conversation.label(feature="kitchen")
        await ask(user)

    config = Config(cloud=CloudConfig(price_in=1.0, price_out=10.0), cost=CostConfig(user="house", feature="hall"))
    user = talk(script, fakes=fakes(FakeCloud()), config=config, ledger=ledger)
    ledger.close()
    records = [event.record for event in user.all(out.TurnTraced)]
    assert [(one["user"], one["feature"]) for one in records] == [("house", "hall"), ("ann", "hall"), ("ann", "kitchen")]
    assert [(row["group"], row["turns"]) for row in report(url, by="user")] == [("ann", 2), ("house", 1), ("all", 3)]
    assert [row["turns"] for row in report(url, by="turn")] == [1, 1, 1, 3]
    total = report(url, by="feature")[-1]
    costs = [parse(json.dumps(record).encode()) for record in records]
    assert sum(one.cost.tokens_in for one in costs if one and one.cost) == total["tokens_in"]
    assert sum(one.cost.cloud for one in costs if one and one.cost) == pytest.approx(total["cost_cloud"])
    assert sum(one.cost.all_edge or 0 for one in costs if one and one.cost) == pytest.approx(total["cost_all_edge"], abs=3e-9)


def test_what_the_cloud_did_not_count_is_estimated_and_said_to_be(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = Ledger(url)
    talk(ask, fakes=fakes(FakeCloud(fails_after=5)), ledger=ledger)
    ledger.close()
    total = report(url, by="session")[-1]
    assert total["estimated"]
    assert total["tokens_in"] > 20
    assert total["tokens_out"] == 5


def test_an_edge_that_is_overrun_lets_the_cloud_open() -> None:
    chat_model = FakeChatModel(first_token_s=4)
    crowd: dict[object, Any] = {object(): chat_model.open() for _ in range(7)}
    for chat in crowd.values():
        chat.close()
    cloud = FakeCloud(answer="Spain is a large country, and it lies in the south.", forecast_ms=350)

    async def script(user: Talk) -> None:
        user.conversation.push_text(QUESTION)
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes(cloud, chat_model=chat_model, waiting=crowd))
    assert user.record["heard_text"] == cloud.answer
    clause_s = cloud.first_token_s + 5 * cloud.token_s  # the word behind the comma says that the clause is over
    assert user.record["ttfa_ms"] == pytest.approx(1000 * (clause_s + user.fakes.synthesizer.first_chunk_s), abs=15)


def test_a_private_turn_that_must_wait_says_so_and_stays() -> None:
    chat_model = FakeChatModel(first_token_s=4)
    crowd: dict[object, Any] = {object(): chat_model.open() for _ in range(7)}
    for chat in crowd.values():
        chat.close()
    cloud = FakeCloud()

    async def script(user: Talk) -> None:
        user.conversation.push_text(PRIVATE)
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes(cloud, chat_model=chat_model, waiting=crowd))
    assert not cloud.requests
    assert user.record["answer"]["bridges"] == 2
    assert user.record["ttfa_ms"] <= 710
    assert user.record["heard_text"].startswith(f"{BRIDGES[0]} {BRIDGES[1]} You said my number")
    assert len(user.fakes.waiting) == 7  # it waits no more


def test_nobody_is_bridged_who_is_only_a_little_late() -> None:
    user = talk(ask, fakes=Fakes(chat_model=FakeChatModel(first_token_s=0.4)))
    assert user.record["answer"]["bridges"] == 0


def test_an_edge_that_fails_hands_over_even_a_turn_of_its_own() -> None:
    cloud = FakeCloud(answer="It is on now.")
    everyone = fakes(cloud, chat_model=FakeChatModel(failing_after=0))
    everyone.router = router("hybrid")

    async def script(user: Talk) -> None:
        user.conversation.push_text("turn on the kitchen light")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=everyone)
    assert user.record["route"]["tier"] == "edge"
    assert user.record["heard_text"] == cloud.answer


def test_the_cloud_reads_along_where_the_conversation_may_come_back_to_it() -> None:
    cloud = FakeCloud()
    everyone = fakes(cloud, chat_model=FakeChatModel(answer=lambda _: "It is on now. " + "And so it will be. " * 8))
    everyone.router = router("hybrid")

    async def script(user: Talk) -> None:
        for text in ("explain how a rainbow is made, step by step and in detail", "turn on the kitchen light"):
            user.conversation.push_text(text)
            await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=everyone)
    first, second = (dict[str, Any](event.record) for event in user.all(out.TurnTraced))
    assert first["tier"] == "cloud"
    assert second["tier"] == "edge"
    assert second["cloud"]["warmed"] == 1
    assert second["cloud"]["requests"] == 0
    messages, prefix = cloud.requests[-1]
    assert messages[-1].text == "turn on the kitchen light"
    assert prefix.startswith("It is on now.")

    off = fakes(FakeCloud(), chat_model=FakeChatModel(answer=lambda _: "It is on now. " + "And so it will be. " * 8))
    off.router = router("hybrid")
    user = talk(script, fakes=off, config=Config(cloud=CloudConfig(warm="connection")))
    assert "cloud" not in user.record


def test_the_connection_is_opened_when_somebody_begins_to_speak() -> None:
    cloud = FakeCloud()
    talk(ask, fakes=fakes(cloud))
    assert cloud.warmed == 3  # at the start, at the first word, and when the turn has ended
    cloud = FakeCloud()
    talk(ask, fakes=fakes(cloud), config=Config(route=RouteConfig(mode="edge")))
    assert cloud.warmed == 0


def test_a_network_that_the_settings_refuse_is_named() -> None:
    cloud = FakeCloud(forecast_ms=None, why_not="the network is metered")
    user = talk(ask, fakes=fakes(cloud))
    assert not cloud.requests
    assert "the network is metered" in user.record["route"]["reasons"]


def test_a_bridge_is_said_once_and_remembered_by_nobody() -> None:
    chat_model = FakeChatModel(first_token_s=4)
    crowd: dict[object, Any] = {object(): chat_model.open() for _ in range(7)}
    for chat in crowd.values():
        chat.close()

    async def script(user: Talk) -> None:
        for text in (PRIVATE, QUESTION, QUESTION):
            user.conversation.push_text(text)
            await user.hush_until(out.ReplyEnded)

    cloud = FakeCloud(fails_after=3)
    user = talk(script, fakes=Fakes(router=router(), cloud=cloud, chat_model=chat_model, waiting=crowd))
    for bridge in (*BRIDGES, NOTICE_LOST, NOTICE_UNREACHED):
        for event in user.all(out.TurnTraced):
            assert str(event.record["heard_text"]).count(bridge) <= 1
        assert bridge not in " ".join(message.text for request in chat_model.requests for message in request)
        assert bridge not in " ".join(prefix for _, prefix in cloud.requests)
    assert any(BRIDGES[0] in str(event.record["heard_text"]) for event in user.all(out.TurnTraced))


def paused(first: str, then: str) -> tuple[Talk, FakeCloud, int]:
    """The talk, its cloud, and how many requests had been made at the end of a pause between the two."""
    cloud, before = FakeCloud(), -1

    async def script(user: Talk) -> None:
        nonlocal before
        await user.say(first)
        await user.hush(0.2)
        before = len(cloud.requests)
        await user.say(then)
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes(cloud))
    return user, cloud, before


def test_nothing_leaves_at_a_pause() -> None:
    """What is said up to a breath may be the half of something; the turn has not ended there."""
    user, cloud, before = paused("how much time is left for my pasta", "in the kitchen")
    assert before == 0
    assert [messages[-1].text for messages, _ in cloud.requests] == [user.record["user_text"]]
    assert cloud.asked_at_s[0] >= user.spoken_until_s + 0.15  # the least silence, from the last voiced sample


def test_what_no_word_can_make_private_leaves_at_the_pause() -> None:
    user, cloud, before = paused("tell me more about spain", "and its population")
    assert before == 1
    assert cloud.requests[-1][0][-1].text == user.record["user_text"]
    assert cloud.open_requests == 0
