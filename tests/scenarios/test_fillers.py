"""A reply that would be late is begun with a filler; virtual time."""

from typing import Any

import numpy as np
import pytest

from tests.fakes.engines import FakeChatModel, FakeCloud, Fakes, FakeSynthesizer
from tests.fakes.talk import Talk, talk
from tests.scenarios.test_tiers import OPENING, PRIVATE, QUESTION, about_spain, longest_silence_s, router
from voice.core.config import BudgetConfig, Config
from voice.core.interfaces import Filler, Message
from voice.reply.handover import BRIDGES
from voice.session import events as out

LONG, SHORT = (Filler(text, np.full(size, 0.25, np.float32)) for text, size in (("Let's see.", 12_000), ("Well,", 6400)))
FILLERS = (LONG, SHORT, Filler("So,", SHORT.samples))
SLOW_S = 0.75


def fakes(*, first_token_s: float = SLOW_S, **more: Any) -> Fakes:
    return Fakes(chat_model=FakeChatModel(first_token_s=first_token_s), fillers=FILLERS, **more)


async def ask(user: Talk) -> None:
    await user.hush(0.5)  # the level of the room is known
    await user.say("what is the capital of france")
    await user.hush_until(out.ReplyEnded)


def replies(user: Talk) -> list[str]:
    return [event.text for event in user.all(out.ReplyText)]


def test_a_reply_in_time_has_none() -> None:
    user = talk(ask, fakes=fakes(first_token_s=0.02))
    assert user.record["late_ms"] == 0
    assert "filler" not in user.record
    assert replies(user)[0].startswith("You said")


def test_a_reply_that_would_be_late_begins_with_one_in_time() -> None:
    user = talk(ask, fakes=fakes())
    assert user.record["filler"] is True
    assert 250 < user.record["first_sound_ms"] < 600
    assert user.record["own_words_ms"] > 750
    assert user.record["ttfa_ms"] > 250  # the last moment, not the first
    assert user.record["offsets_ms"]["answer_heard"] > user.record["offsets_ms"]["first_audio_sent"] + 50
    first, second, *_ = replies(user)
    assert (first, second[:8]) == ("Well,", "You said")
    assert longest_silence_s(user) <= 0.1
    assert user.record["heard_text"].startswith("Well, You said")
    assert user.record["end_reason"] == "completed"


def test_without_them_the_user_waits() -> None:
    user = talk(ask, fakes=Fakes(chat_model=FakeChatModel(first_token_s=SLOW_S)))
    assert user.record["late_ms"] > 0
    assert "filler" not in user.record


def test_they_take_turns_and_no_model_reads_them() -> None:
    async def script(user: Talk) -> None:
        await ask(user)
        await user.hush(0.5)
        await ask(user)

    user = talk(script, fakes=fakes())
    said = [text for text in replies(user) if text in {one.text for one in FILLERS}]
    assert len(said) == len(set(said)) == 2
    history = user.fakes.chat_model.requests[-1]
    assert history[-2] == Message("assistant", FakeChatModel().answer(history[-3:-2]))


def test_a_typed_turn_has_one_too() -> None:
    async def script(user: Talk) -> None:
        user.conversation.push_text("what is the capital of france")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes())
    assert replies(user)[0] == "Well,"
    assert user.record["first_sound_ms"] < 600


def test_who_goes_on_over_it_takes_the_turn_back() -> None:
    async def script(user: Talk) -> None:
        await user.say("what is the capital of france")
        await user.hush_until(out.ReplyAudio)
        await user.say("and its population")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes())
    assert user.record["user_text"] == "What is the capital of france and its population."
    assert user.record["reopenings"] == 1
    assert replies(user)[0] == "Well,"
    assert user.record["heard_text"].endswith(
        "you said what is the capital of france and its population. That is what I heard, and I am glad.".replace("you", "You")
    )


@pytest.mark.parametrize("hesitates_s", [0.1, 0.2, 0.26])
def test_who_only_breathes_hears_none(hesitates_s: float) -> None:
    async def script(user: Talk) -> None:
        await user.say("what is the capital of")
        await user.hush(hesitates_s)
        await user.say("france")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes())
    before = [event for event in user.events if isinstance(event[1], out.ReplyAudio) and event[0] < user.spoken_until_s]
    assert not before
    assert user.record["user_text"] == "What is the capital of france."


def test_a_model_that_fails_behind_one_is_apologised_for() -> None:
    some = fakes()
    some.chat_model.failing_after = 0
    user = talk(ask, fakes=some)
    assert [text.split()[0] for text in replies(user)][:2] == ["Well,", "Sorry,"]
    assert user.record["end_reason"] == "failed"


def test_the_cloud_goes_on_from_the_opening_not_from_the_filler() -> None:
    async def script(user: Talk) -> None:
        await user.hush(0.5)
        await user.say(QUESTION)
        await user.hush_until(out.ReplyEnded)

    cloud = FakeCloud()
    slow = FakeSynthesizer(first_chunk_s=0.7)
    everyone = fakes(synthesizer=slow, router=router(), cloud=cloud)
    everyone.chat_model = FakeChatModel(first_token_s=0.02, answer=about_spain)
    user = talk(script, fakes=everyone)
    assert cloud.requests[0][1] == OPENING
    assert user.record["heard_text"].startswith(f"Well, {OPENING}")
    assert user.record["tier"] == "cloud"
    assert longest_silence_s(user) <= 0.3


def test_a_private_turn_is_filled_and_stays() -> None:
    async def script(user: Talk) -> None:
        user.conversation.push_text(PRIVATE)
        await user.hush_until(out.ReplyEnded)

    cloud = FakeCloud()
    user = talk(script, fakes=fakes(first_token_s=3, router=router(), cloud=cloud))
    assert user.record["filler"] is True
    assert user.record["first_sound_ms"] < 600
    assert not cloud.requests


def test_a_slow_synthesis_is_filled() -> None:
    user = talk(ask, fakes=Fakes(synthesizer=FakeSynthesizer(first_chunk_s=0.4), fillers=FILLERS))
    assert user.record["filler"] is True
    assert user.record["late_ms"] <= BudgetConfig().filler_after_ms  # it was expected sooner
    assert longest_silence_s(user) <= 0.3


def test_a_filler_is_the_first_bridge() -> None:
    user = talk(ask, fakes=fakes(first_token_s=3))
    marks = user.record["offsets_ms"]
    assert replies(user)[:2] == ["Well,", BRIDGES[1]]
    assert replies(user)[2].startswith("You said")
    assert marks["first_audio_sent"] < 600
    assert marks["answer_heard"] == pytest.approx(marks["tts_first_audio"], abs=20)


@pytest.mark.parametrize(("after_ms", "filled"), [(300, True), (700, False)])
def test_words_that_are_nearly_there_are_waited_for(after_ms: int, filled: bool) -> None:
    """The reply's own words are there after 340 ms."""
    config = Config(budget=BudgetConfig(filler_after_ms=after_ms))
    user = talk(typed, fakes=fakes(first_token_s=0.23), config=config)
    assert user.record.get("filler", False) is filled
    assert user.record["first_sound_ms"] == pytest.approx(265 if filled else 340, abs=10)


def test_words_that_are_expected_late_are_bridged_at_once() -> None:
    """The small model has nothing to open with, and the cloud is expected after a second: that is known at once."""
    cloud = FakeCloud(first_token_s=1.0, forecast_ms=1000)

    async def script(user: Talk) -> None:
        user.conversation.push_text("why did the roman empire fall")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes(first_token_s=0.02, router=router(), cloud=cloud))
    assert user.record["filler"] is True
    assert user.record["first_sound_ms"] <= 300
    assert user.record["own_words_ms"] > 1000


async def typed(user: Talk) -> None:
    user.conversation.push_text("what is the capital of france")
    await user.hush_until(out.ReplyEnded)
