"""Whole conversations with the real models on real human speech."""

import asyncio
import gc
import random
import threading
from collections.abc import AsyncIterator, Iterator

import numpy as np
import psutil
import pytest

from voice.audio.files import read_audio
from voice.core.config import BudgetConfig, Config, LlmConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.engines import Engines
from voice.models import locate
from voice.session import events as out
from voice.session.conversation import Conversation

FRAME = SAMPLE_RATE_HZ // 50

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    loaded = Engines.load(Config(llm=LlmConfig(large="")))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def best_of_times() -> Samples:
    """“It was the best of times, it was the worst of times”: the first words of a reading of Dickens."""
    recording = read_audio(locate("samples").parent / "two_cities.wav")
    return recording[: int(4.5 * SAMPLE_RATE_HZ)]


async def speak(conversation: Conversation, audio: Samples, *, hush_s: float) -> None:
    """Stream a recording and silence behind it in real time, as a microphone does."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    whole = np.concatenate([audio, np.zeros(int(hush_s * SAMPLE_RATE_HZ), dtype=np.float32)])
    for number, at in enumerate(range(0, whole.size, FRAME), 1):
        await asyncio.sleep(max(0.0, began_s + number / 50 - loop.time()))
        conversation.push_audio(whole[at : at + FRAME])


async def until_ended(events: AsyncIterator[out.Event]) -> list[out.Event]:
    seen: list[out.Event] = []
    async for event in events:
        seen.append(event)
        if isinstance(event, out.TurnTraced):
            break
    return seen


async def test_speech_in_sense_out(engines: Engines, best_of_times: Samples) -> None:
    conversation = Conversation(engines, Config())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(conversation.run())
        speaking = group.create_task(speak(conversation, best_of_times, hush_s=20))
        async with asyncio.timeout(30):
            seen = await until_ended(conversation.events)
        speaking.cancel()
        conversation.close()
    assert running.done()
    transcript = [event.text for event in seen if isinstance(event, out.FinalTranscript)][-1]
    assert "best of times" in transcript.lower()
    audio = np.concatenate([event.samples for event in seen if isinstance(event, out.ReplyAudio)])
    assert audio.size > engines.synthesizer.sample_rate_hz / 3
    assert np.abs(audio).max() > 0.05
    record = next(event.record for event in seen if isinstance(event, out.TurnTraced))
    assert record["end_reason"] == "completed"
    marks = record["marks"]
    assert isinstance(marks, dict)
    assert {"speech_end", "asr_final", "llm_first_token", "tts_first_audio", "end_of_turn", "first_audio_sent"} <= set(marks)


async def test_eight_conversations_dropped_at_random_moments_leave_nothing(engines: Engines, best_of_times: Samples) -> None:
    rng = random.Random(7)
    config = Config(budget=BudgetConfig(playback_lead_ms=200))

    async def listen(conversation: Conversation) -> None:
        async for _ in conversation.events:
            pass

    async def one() -> None:
        conversation = Conversation(engines, config)
        tasks = [
            asyncio.create_task(conversation.run()),
            asyncio.create_task(listen(conversation)),
            asyncio.create_task(speak(conversation, best_of_times, hush_s=10)),
        ]
        await asyncio.sleep(0)
        if rng.random() < 0.5:
            conversation.push_text("What is the capital of France?")
        await asyncio.sleep(rng.uniform(0.2, 5.0))
        if rng.random() < 0.5:
            conversation.close()
        else:
            tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def memory_mib() -> float:
        gc.collect()
        return float(psutil.Process().memory_info().rss) / 2**20

    await asyncio.gather(*(one() for _ in range(8)))
    threads, memory = set(threading.enumerate()), memory_mib()
    for _ in range(2):
        await asyncio.gather(*(one() for _ in range(8)))
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert set(threading.enumerate()) <= threads
    assert memory_mib() - memory < 40
    # every sequence is free again: eight more can be opened
    chats = [engines.chat_model.open() for _ in range(config.llm.conversations)]
    for chat in chats:
        chat.close()
