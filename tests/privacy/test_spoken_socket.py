"""Private words, spoken aloud and heard by the real models, with a breath in the middle: the cloud's socket is watched."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.fakes.http import Exchange, HttpServer, http_server
from tests.privacy import pauses
from voice.audio.resample import resample
from voice.bench.failover.sent import readings
from voice.core.config import CloudConfig, Config, LlmConfig, RouteConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples, Synthesizer
from voice.engines import Engines
from voice.session import events as out
from voice.session.conversation import Conversation

pytestmark = [pytest.mark.real, pytest.mark.slow]
FRAME = SAMPLE_RATE_HZ // 50
QUESTION = "Why did the Roman empire fall?"
SPOKEN = (
    ("My phone number is five six seven eight.", "Nine zero one one two.", 0.35, ("5678", "90112")),
    ("Her address is forty one.", "Baker Street, in London.", 0.5, ("baker street", "forty one baker", "41 baker")),
    ("My name is.", "Katharina Meier.", 1.2, ("katharina", "katerina", "catherina", "meier", "maya")),
)
"""The halves, the pause between them in seconds, and what must not be found, as recognition may write it."""


async def answer(exchange: Exchange) -> None:
    await exchange.answer([" and", " that", " is", " all", "."])


async def aloud(synthesizer: Synthesizer, text: str) -> Samples:
    pieces = [chunk.samples async for chunk in synthesizer.stream(text)]
    return resample(np.concatenate(pieces), synthesizer.sample_rate_hz, SAMPLE_RATE_HZ)


async def say(conversation: Conversation, events: AsyncIterator[out.Event], audio: Samples) -> list[str]:
    """Speak in real time, then be silent until the assistant has ended a turn and nothing more comes; gives the transcripts."""
    loop = asyncio.get_running_loop()
    whole = np.concatenate([audio, np.zeros(30 * SAMPLE_RATE_HZ, dtype=np.float32)])

    async def stream() -> None:
        began_s = loop.time()
        for number, at in enumerate(range(0, whole.size, FRAME), 1):
            await asyncio.sleep(max(0.0, began_s + number / 50 - loop.time()))
            conversation.push_audio(whole[at : at + FRAME])

    speaking, until_s, heard, open_turns = asyncio.create_task(stream()), loop.time() + audio.size / SAMPLE_RATE_HZ, [], 0
    try:
        async with asyncio.timeout(60):
            async for event in events:
                open_turns += isinstance(event, out.SpeechStarted)
                if isinstance(event, out.FinalTranscript):
                    heard.append(event.text)
                if isinstance(event, out.TurnTraced):
                    open_turns -= 1
                    if not open_turns and loop.time() > until_s:
                        break
    finally:
        speaking.cancel()
    return heard


async def talk(server: HttpServer) -> tuple[list[str], int]:
    """What was heard of the private halves, and how many requests a public question made before."""
    cloud = CloudConfig(enabled=True, base_url=server.base_url, model="m")
    config = Config(cloud=cloud, route=RouteConfig(mode="cloud"), llm=LlmConfig(large=""))
    engines = await asyncio.to_thread(Engines.load, config)
    try:
        conversation = Conversation(engines, config)
        async with asyncio.TaskGroup() as group:
            group.create_task(conversation.run())
            await say(conversation, conversation.events, await aloud(engines.synthesizer, QUESTION))
            asked, heard = len(server.requests), list[str]()
            for first, second, pause_s, _ in SPOKEN:
                breath = np.zeros(int(pause_s * SAMPLE_RATE_HZ), dtype=np.float32)
                halves = [await aloud(engines.synthesizer, first), breath, await aloud(engines.synthesizer, second)]
                heard += await say(conversation, conversation.events, np.concatenate(halves))
            conversation.close()
        return heard, asked
    finally:
        await engines.aclose()


async def test_no_half_of_what_is_private_is_seen_at_the_socket() -> None:
    async with http_server(answer) as server:
        heard, asked = await talk(server)
        sent = readings("\n".join(exchange.head + exchange.body.decode() for exchange in server.requests).encode())
    assert asked  # the socket is used: the search below could find something
    assert "roman empire" in sent.lower()
    assert len(heard) >= len(SPOKEN)
    said = " ".join(heard)
    assert pauses.stands("five six seven eight", said), said  # recognition has heard what is looked for
    for _, _, _, values in SPOKEN:
        for value in values:
            assert pauses.stands(value, sent) is None, (value, heard)
