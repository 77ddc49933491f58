"""Whole conversations with fakes of every model, in virtual time."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.engines import FakeChatModel, FakeRecognizer, Fakes, FakeSynthesizer, FakeTurnDetector, silence, speech
from tests.fakes.talk import Talk, talk
from tests.fakes.virtual_time import LoopClock, run_virtual
from voice.core.config import Config, LlmConfig, TraceConfig, TurnConfig
from voice.core.errors import Overloaded, SynthesisError
from voice.core.interfaces import SAMPLE_RATE_HZ, Message, Samples, SpeechChunk
from voice.core.trace import TraceLog
from voice.reply.attempt import APOLOGY
from voice.session import events as out
from voice.session.conversation import Conversation
from voice.turn.table import TurnState


def test_a_question_is_answered_within_the_budget() -> None:
    async def script(user: Talk) -> None:
        await user.hush(0.5)
        await user.say("what is the capital of france")
        first_audio_s = await user.hush_until(out.ReplyAudio)
        assert 0 < (first_audio_s - user.spoken_until_s) * 1000 < 500
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    kinds = [kind for kind in user.kinds() if kind != "PartialTranscript"]
    assert kinds[:5] == ["SpeechStarted", "SpeechStopped", "FinalTranscript", "ReplyText", "ReplyAudio"]
    assert kinds[-2:] == ["ReplyEnded", "TurnTraced"]
    assert set(kinds[5:-2]) == {"ReplyText", "ReplyAudio"}
    assert user.all(out.FinalTranscript)[0].text == "What is the capital of france."
    assert user.all(out.ReplyEnded)[0].reason == "completed"
    record = user.record
    assert record["end_reason"] == "completed"
    assert record["heard_text"] == "You said what is the capital of france. That is what I heard, and I am glad."
    marks = record["marks"]
    for flow in (
        ["speech_start", "speech_end", "vad_silence", "asr_final", "end_of_turn", "first_audio_sent", "last_audio_sent"],
        ["speech_start", "route", "llm_first_token", "first_clause", "tts_first_audio", "end_of_turn"],
    ):
        assert [marks[name] for name in flow] == sorted(marks[name] for name in flow)
    assert abs(record["offsets_ms"]["speech_end"]) == 0
    assert record["ttfa_ms"] == record["offsets_ms"]["first_audio_sent"]


def test_partials_come_while_the_user_speaks_and_warm_the_model() -> None:
    async def script(user: Talk) -> None:
        await user.say("what is the capital of france and its population please")
        assert len(user.all(out.PartialTranscript)) >= 2
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    assert user.fakes.chat_model.prefills
    for messages in user.fakes.chat_model.prefills:
        assert "what is the capital of france and its population please".startswith(messages[-1].text.lower().rstrip("."))


def test_a_pause_inside_a_sentence_is_taken_back_without_a_trace() -> None:
    fakes = Fakes(turn_detector=FakeTurnDetector(prosody=lambda text: 0.9 if text.endswith("minutes") else 0.02))

    async def script(user: Talk) -> None:
        await user.say("set a timer for")
        await user.hush(0.7)
        assert not user.all(out.ReplyAudio)
        await user.say("ten minutes")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    assert [event.text for event in user.all(out.FinalTranscript)] == ["Set a timer for ten minutes."]
    assert len(user.all(out.ReplyEnded)) == 1
    assert user.record["takebacks"] == 1
    assert [message.text for message in fakes.chat_model.requests[-1][1:]] == ["Set a timer for ten minutes."]


def test_a_user_who_goes_on_right_after_the_first_audio_reopens_the_turn() -> None:
    async def script(user: Talk) -> None:
        await user.say("tell me more")
        await user.hush_until(out.ReplyAudio)
        await user.hush(0.1)
        await user.say("about spain")
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    assert [event.turn for event in user.all(out.TurnReopened)] == [1]
    assert [event.text for event in user.all(out.FinalTranscript)][-1] == "Tell me more about spain."
    assert len(user.all(out.ReplyEnded)) == 1
    assert user.record["reopenings"] == 1
    assert "about spain" in user.record["heard_text"]


def test_barge_in_stops_the_reply_and_keeps_only_what_was_heard() -> None:
    fakes = Fakes(
        chat_model=FakeChatModel(
            answer=lambda messages: "One two three four five six, seven eight nine ten eleven twelve, thirteen fourteen."
        )
    )
    after_s: list[float] = []

    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await user.say("stop")
        await user.hush(0.3)
        after_s.append(next(at_s for at_s, event in user.events if isinstance(event, out.ReplyPaused)) - began_s)
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    assert after_s[0] <= 0.15
    first, second = user.all(out.ReplyEnded)
    assert (first.reason, second.reason) == ("interrupted", "completed")
    heard = user.all(out.AudioCleared)[0].heard
    assert heard
    assert "One two three four five six, seven eight nine ten eleven twelve".startswith(heard)
    assert fakes.chat_model.requests[-1][1:] == [
        Message("user", "Tell me more about spain."),
        Message("assistant", heard),
        Message("user", "Stop."),
    ]


@pytest.mark.parametrize("sound", ["mm", "right"])
def test_a_backchannel_only_holds_the_reply(sound: str) -> None:
    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.say(sound)
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    assert len(user.all(out.ReplyPaused)) == len(user.all(out.ReplyResumed)) == 1
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["completed"]
    assert user.record["heard_text"].endswith("I am glad.")


def test_a_single_clear_window_holds_the_reply_only_for_a_moment() -> None:
    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.make(knocking(0.03))
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    (paused_s,), (resumed_s,) = user.times(out.ReplyPaused), user.times(out.ReplyResumed)
    assert resumed_s - paused_s < 0.2
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["completed"]


def test_noise_that_goes_on_does_not_silence_the_reply_for_long() -> None:
    fakes = Fakes(chat_model=FakeChatModel(answer=lambda messages: LONG_ANSWER))

    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.make(knocking(6.0))
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    (paused_s,), (resumed_s,) = user.times(out.ReplyPaused), user.times(out.ReplyResumed)
    assert 2.5 < resumed_s - paused_s < 3.5
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["completed"]


def test_a_user_who_speaks_up_in_noise_that_was_let_go_still_interrupts() -> None:
    fakes = Fakes(chat_model=FakeChatModel(answer=lambda messages: LONG_ANSWER))

    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.make(np.concatenate([knocking(4.0), speech("what is the population of france")]))
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    assert [event.reason for event in user.all(out.ReplyEnded)][:1] == ["interrupted"]
    assert "What is the population of france." in [event.text for event in user.all(out.FinalTranscript)]


def test_the_reply_does_not_interrupt_itself_by_its_echo() -> None:
    fakes = Fakes(chat_model=FakeChatModel(answer=lambda messages: "The capital of france is what bells ring about, tell me."))

    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.2)
        await user.say("the capital of france")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    assert len(user.all(out.ReplyPaused)) == len(user.all(out.ReplyResumed)) == 1
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["completed"]


@pytest.mark.parametrize("words", range(5, 9))
def test_a_user_who_speaks_as_the_reply_ends_has_the_next_turn(words: int) -> None:
    fakes = Fakes(chat_model=FakeChatModel(answer=lambda messages: " ".join(["word"] * words)))

    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.say("what is the capital of france")
        while len(user.all(out.ReplyEnded)) < 2:
            await user.hush(0.1)

    user = talk(script, fakes=fakes)
    assert user.all(out.FinalTranscript)[-1].text == "What is the capital of france."


LONG_ANSWER = ", ".join(["and so it went on and on for quite a while"] * 6) + "."


def knocking(seconds: float) -> Samples:
    """What the detector takes for speech and in which there are no words."""
    return np.where(np.arange(int(seconds * 16000)) % 2, 0.4, -0.4).astype(np.float32)


def test_what_was_thrown_away_by_a_hold_is_heard_after_all() -> None:
    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.say("mm")
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    rate_hz = user.fakes.synthesizer.sample_rate_hz
    paused_s = next(at_s for at_s, event in user.events if isinstance(event, out.ReplyPaused))
    audio = [(at_s, event.samples.size / rate_hz) for at_s, event in user.events if isinstance(event, out.ReplyAudio)]
    before_s = sum(length_s for at_s, length_s in audio if at_s <= paused_s)
    played_s = paused_s - audio[0][0]
    words = sum(len(event.text.split()) for event in user.all(out.ReplyText))
    assert sum(length_s for _, length_s in audio) - (before_s - played_s) == pytest.approx(words * 0.2, abs=0.05)


def test_a_sound_without_words_is_no_turn() -> None:
    fakes = Fakes(recognizer=FakeRecognizer())

    async def script(user: Talk) -> None:
        await user.make(knocking(0.3))
        await user.hush(3.0)

    user = talk(script, fakes=fakes)
    assert not user.all(out.ReplyAudio)
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["nothing_said"]


def test_a_client_that_stops_sending_has_stopped_speaking() -> None:
    async def script(user: Talk) -> None:
        await user.say("what is the capital of france")
        async with asyncio.timeout(20):
            while not user.all(out.ReplyEnded):
                await asyncio.sleep(0.1)

    assert talk(script).all(out.ReplyEnded)[0].reason == "completed"


def test_a_flood_of_audio_is_bounded_and_said() -> None:
    async def script(user: Talk) -> None:
        for _ in range(100):
            user.conversation.push_audio(silence(1.0))
        await asyncio.sleep(1)
        await user.say("yes")
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    assert "audio_dropped" in {notice.code for notice in user.all(out.Notice)}
    assert user.all(out.FinalTranscript)[0].text == "Yes."


@pytest.mark.parametrize("delay_ms", range(1860, 2100, 20))
def test_noise_whose_emptiness_is_known_at_the_last_moment_ends_the_turn(delay_ms: int) -> None:
    async def script(user: Talk) -> None:
        await user.make(np.full(SAMPLE_RATE_HZ, 0.08, dtype=np.float32))
        await user.make(np.full(SAMPLE_RATE_HZ // 2, 0.19, dtype=np.float32))  # speech, and no word of the vocabulary
        await user.make(np.full(12 * SAMPLE_RATE_HZ, 0.08, dtype=np.float32))

    user = talk(script, fakes=Fakes(recognizer=FakeRecognizer(delay_s=delay_ms / 1000)))
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["nothing_said"] * len(user.all(out.SpeechStarted))
    assert user.all(out.SpeechStarted)
    assert user.conversation.state is TurnState.IDLE


def test_a_model_that_hangs_is_apologised_for() -> None:
    async def script(user: Talk) -> None:
        user.conversation.push_text("hello there")
        await user.hush_until(out.ReplyEnded, seconds=60)

    user = talk(script, fakes=Fakes(chat_model=FakeChatModel(first_token_s=1000)))
    assert user.record["heard_text"].endswith(APOLOGY)
    assert user.record["end_reason"] == "failed"


def test_typed_turns_are_answered_and_interrupt_each_other() -> None:
    async def script(user: Talk) -> None:
        user.conversation.push_text("  hello there ")
        await asyncio.sleep(1.0)
        user.conversation.push_text("what is the capital of france")
        user.conversation.push_text("")
        async with asyncio.timeout(20):
            while len(user.all(out.ReplyEnded)) < 2:
                await asyncio.sleep(0.1)

    user = talk(script)
    assert [event.reason for event in user.all(out.ReplyEnded)] == ["interrupted", "completed"]
    assert [event.text for event in user.all(out.FinalTranscript)] == ["hello there", "what is the capital of france"]


def test_the_next_turn_knows_the_one_before() -> None:
    async def script(user: Talk) -> None:
        await user.say("what is the capital of france")
        await user.hush_until(out.ReplyEnded)
        await user.say("and its population")
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    roles = [message.role for message in user.fakes.chat_model.requests[-1]]
    assert roles == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("broken", ["asr", "llm", "tts"])
def test_a_failing_stage_is_said_aloud_and_the_conversation_goes_on(broken: str) -> None:
    class BrokenSynthesizer(FakeSynthesizer):
        async def stream(self, clause: str) -> AsyncGenerator[SpeechChunk, None]:
            if clause:
                raise SynthesisError("the fake voice was told to fail")
            yield SpeechChunk(silence(0.1), 0)

    fakes = Fakes()
    if broken == "asr":
        fakes.recognizer.failing = True
    elif broken == "llm":
        fakes.chat_model.failing_after = 0
    else:
        fakes.synthesizer = BrokenSynthesizer()

    async def script(user: Talk) -> None:
        await user.say("what is the capital of france")
        await user.hush_until(out.ReplyEnded)
        fakes.recognizer.failing = False
        fakes.chat_model.failing_after = None
        await user.say("what is the capital of spain")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    first, second = user.all(out.ReplyEnded)
    assert first.reason == "failed"
    assert user.all(out.Notice)[0].code == f"{broken}_failed"
    if broken != "tts":
        assert fakes.synthesizer.clauses[0] == APOLOGY
        assert second.reason == "completed"


def test_a_model_that_breaks_in_the_middle_keeps_what_it_said() -> None:
    fakes = Fakes(chat_model=FakeChatModel(failing_after=9))

    async def script(user: Talk) -> None:
        await user.say("what is the capital of france")
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=fakes)
    assert user.record["end_reason"] == "failed"
    assert user.record["heard_text"].startswith("You said what is the capital")
    assert APOLOGY not in fakes.synthesizer.clauses


def test_closing_in_the_middle_of_anything_leaves_nothing_behind() -> None:
    for step_ms in range(100, 4000, 170):

        async def script(user: Talk, seconds: float = step_ms / 1000) -> None:
            async def speak() -> None:
                await user.say("tell me more about spain")
                await user.hush(1.6)
                await user.say("stop")
                await user.hush(3)

            task = asyncio.create_task(speak())
            await asyncio.sleep(seconds)
            task.cancel()

        talk(script)  # asserts that no task and no chat is left


def test_a_client_that_takes_no_events_ends_only_its_conversation() -> None:
    async def scenario() -> None:
        fakes = Fakes(chat_model=FakeChatModel(answer=lambda messages: " ".join(f"word{i}" for i in range(400))))
        config = Config(llm=LlmConfig(max_reply_tokens=1000))
        conversation = Conversation(fakes.engines(), config, clock=LoopClock())
        running = asyncio.create_task(conversation.run())
        await asyncio.sleep(0)
        conversation.push_text("tell me more")
        with pytest.raises(Overloaded, match="events waiting"):
            await asyncio.wait_for(running, 300)
        assert fakes.chat_model.open_chats == 0

    run_virtual(scenario())


def test_the_log_redacts_unless_asked(tmp_path: Path) -> None:
    lines = {}
    for text in (False, True):
        log = TraceLog(TraceConfig(path=str(tmp_path / f"{text}.jsonl"), text=text))

        async def script(user: Talk) -> None:
            await user.say("my number is five six seven")
            await user.hush_until(out.ReplyEnded)

        user = talk(script, trace=log, config=Config(turn=TurnConfig(max_silence_ms=1000)))
        log.close()
        lines[text] = json.loads((tmp_path / f"{text}.jsonl").read_text())
        assert user.record["user_text"] == "My number is five six seven."
    assert lines[True]["user_text"] == "My number is five six seven."
    assert lines[False]["user_text"] == {"chars": 28, "words": 6}
    assert "five" not in json.dumps(lines[False])
