"""Skills in whole conversations, in virtual time: what is answered, what is done, and when."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.engines import VOCABULARY, FakeChatModel, Fakes, FakeTurnDetector
from tests.fakes.talk import Talk, talk
from voice.core.config import Config, TraceConfig
from voice.core.trace import TraceLog
from voice.session import events as out
from voice.skills import Reply, skill
from voice.skills.registry import SkillRegistry

Script = Callable[[Talk], Coroutine[Any, Any, None]]


def spoken(
    script: Script, *, prosody: Callable[[str], float] = lambda text: 0.95, library: SkillRegistry | None = None
) -> Talk:
    fakes = Fakes(skills=library or SkillRegistry(), turn_detector=FakeTurnDetector(prosody=prosody))
    return talk(script, fakes=fakes)


def texts(user: Talk) -> list[str]:
    return [event.text for event in user.all(out.ReplyText)]


def rings(user: Talk) -> list[float]:
    """When the assistant spoke unasked."""
    return [at_s for at_s, event in user.events if isinstance(event, out.ReplyText) and "done" in event.text]


def test_a_timer_set_by_voice_rings_audibly_while_nobody_speaks() -> None:
    async def script(user: Talk) -> None:
        await user.say("set a timer for ten minutes")
        await user.hush_until(out.ReplyEnded)
        await asyncio.sleep(595)
        assert not rings(user)
        await user.hush(12)
        assert rings(user)
        await user.hush_until(out.ReplyEnded, seconds=120)

    user = spoken(script)
    assert "Set a timer for ten minutes." not in {messages[-1].text for messages in user.fakes.chat_model.requests}
    assert " ".join(texts(user)).startswith("10 minutes, starting now. Your 10 minute timer is done.")
    assert rings(user)[0] - user.times(out.SpeechStopped)[0] == pytest.approx(600, abs=1.0)
    tone = next(event.samples for event in user.all(out.ReplyAudio) if event.turn == 2)
    assert 0.1 < float(np.abs(tone).max()) <= 0.5
    assert len({round(float(sample), 4) for sample in tone}) > 50, "a tone, not the voice"
    assert user.record["alert"] == "timer"
    assert len([text for text in texts(user) if "done" in text]) == 15
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["completed", "completed"]


def test_it_keeps_the_budget_that_a_model_would_have() -> None:
    async def script(user: Talk) -> None:
        await user.say("set a timer for ten minutes")
        first_audio_s = await user.hush_until(out.ReplyAudio)
        assert 0 < (first_audio_s - user.spoken_until_s) * 1000 < 400

    user = spoken(script)
    assert user.record["skill"] == "set_timer"
    assert user.record["reply_tokens"] == 0


def test_saying_stop_ends_the_ringing() -> None:
    async def script(user: Talk) -> None:
        await user.say("set a timer for one minutes")
        await user.hush_until(out.ReplyEnded)
        await user.hush_until(out.ReplyAudio, seconds=70)
        await user.hush(2)
        await user.say("stop")
        await user.hush_until(out.ReplyEnded)
        await user.hush(30)

    user = spoken(script)
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["completed", "interrupted", "completed"]
    assert texts(user)[-1] == "Okay."
    assert len(rings(user)) == 1


def test_a_timer_in_half_a_sentence_is_never_set() -> None:
    """The pause after "minutes" is one inside the sentence: what is prepared there is taken back."""

    async def script(user: Talk) -> None:
        await user.say("set a timer for ten minutes")
        await user.hush(0.2)
        assert not user.all(out.ReplyAudio)
        await user.say("is what the bells ring")
        await user.hush_until(out.ReplyEnded)
        await user.hush(700)

    user = spoken(script, prosody=lambda text: 0.95 if text.endswith("ring") else 0.02)
    assert user.record["user_text"] == "Set a timer for ten minutes is what the bells ring."
    assert user.record["takebacks"] == 1
    assert len(user.fakes.chat_model.requests) >= 1
    assert not rings(user)


def test_a_timer_in_a_turn_that_is_reopened_is_not_set_twice() -> None:
    async def script(user: Talk) -> None:
        await user.say("set a timer for ten minutes")
        await user.hush_until(out.ReplyAudio)
        await user.hush(0.1)
        await user.say("called pasta")
        await user.hush_until(out.ReplyEnded)
        await user.hush_until(out.ReplyAudio, seconds=620)
        await user.hush(700)

    user = spoken(script)
    assert user.record["turn"] == 2
    assert {text for text in texts(user) if "done" in text} == {"Your pasta timer is done."}


def test_a_reply_that_is_interrupted_keeps_its_promise() -> None:
    library = SkillRegistry()

    async def script(user: Talk) -> None:
        await user.say("set a timer for ten minutes")
        await user.hush_until(out.ReplyAudio)
        await user.hush(0.75)
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyEnded)
        await user.hush(620)

    user = spoken(script, library=library)
    assert rings(user)


def test_several_timers_names_and_cancelling() -> None:
    async def script(user: Talk) -> None:
        for request in ("set a pasta timer for five minutes", "set a timer for ten minutes", "how much time is left"):
            user.conversation.push_text(request)
            await user.hush_until(out.ReplyEnded)
        user.conversation.push_text("cancel the pasta timer")
        await user.hush_until(out.ReplyEnded)
        await user.hush(640)

    user = spoken(script)
    told = " ".join(texts(user))
    assert "left on the pasta timer." in told
    assert "left on the 10 minute timer." in told
    assert "I cancelled the pasta timer." in told
    assert {text for text in texts(user) if "done" in text} == {"Your 10 minute timer is done."}


def test_a_timer_that_is_due_waits_until_the_reply_is_over() -> None:
    fakes = Fakes(
        skills=SkillRegistry(),
        chat_model=FakeChatModel(answer=lambda messages: ", ".join(f"and so {word} went on" for word in VOCABULARY[:12]) + "."),
    )

    async def script(user: Talk) -> None:
        user.conversation.push_text("set a timer for ten seconds")
        await user.hush_until(out.ReplyEnded)
        await user.hush(4)
        user.conversation.push_text("tell me more about spain")
        await user.hush_until(out.ReplyEnded)
        ended_s = user.times(out.ReplyEnded)[1]
        await user.hush(2)
        assert 0 <= rings(user)[0] - ended_s < 0.2

    talk(script, fakes=fakes)


def test_a_conversation_that_ends_leaves_no_bell() -> None:
    async def script(user: Talk) -> None:
        user.conversation.push_text("set a timer for ten minutes")
        await user.hush_until(out.ReplyEnded)

    spoken(script)  # asserts that nothing is left behind


def test_louder_is_louder_from_the_next_reply_on() -> None:
    async def script(user: Talk) -> None:
        for request in ("hello there", "speak softer", "hello there"):
            user.conversation.push_text(request)
            await user.hush_until(out.ReplyEnded)

    user = spoken(script)
    peaks = {
        turn: max(float(np.abs(event.samples).max()) for event in user.all(out.ReplyAudio) if event.turn == turn)
        for turn in (1, 3)
    }
    assert peaks[3] / peaks[1] == pytest.approx(10 ** (-5 / 20), rel=0.01)


def test_say_that_again_says_the_newest_answer_again() -> None:
    async def script(user: Talk) -> None:
        for request in ("what is two plus two", "say that again", "stop", "say that again"):
            user.conversation.push_text(request)
            await user.hush_until(out.ReplyEnded)

    assert texts(spoken(script)) == ["That is 4.", "That is 4.", "Okay.", "That is 4."]


def test_the_effect_of_a_draft_is_never_done(tmp_path: Path) -> None:
    done: list[str] = []
    asked: list[str] = []

    async def lights() -> Reply:
        asked.append("lights")

        async def off() -> None:
            done.append("off")

        return Reply("Lights off.", off)

    def prosody(text: str) -> float:
        return 0.02 if text == "turn off the lights" and len(asked) < 2 else 0.95

    async def script(user: Talk) -> None:
        await user.say("turn off the lights")
        await user.hush(0.5)
        assert asked, "the draft asked"
        await user.say("in spain")
        await user.hush_until(out.ReplyEnded)
        assert done == []
        await user.say("turn off the lights")
        await user.hush_until(out.ReplyEnded)
        assert done == ["off"]

    log = TraceLog(TraceConfig(path=str(tmp_path / "turns.jsonl")))
    added = skill("turn off [the] lights")(lights)
    talk(
        script,
        fakes=Fakes(skills=SkillRegistry([("lights", added)]), turn_detector=FakeTurnDetector(prosody=prosody)),
        trace=log,
    )
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert [line.get("skill") for line in lines] == [None, "lights"]


def test_a_promise_that_cannot_be_kept_is_told_and_the_conversation_goes_on() -> None:
    async def ask() -> Reply:
        async def fail() -> None:
            raise OSError("the lamp does not answer")

        return Reply("Lights off.", fail)

    fakes = Fakes(skills=SkillRegistry([("lights", skill("turn off lights")(ask))]))

    async def script(user: Talk) -> None:
        for request in ("turn off lights", "what is two plus two"):
            user.conversation.push_text(request)
            await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes, config=Config())
    assert [notice.code for notice in user.all(out.Notice)] == ["skill_failed"]
    assert texts(user)[-1] == "That is 4."
