"""A whole spoken conversation through drafting: recognition, router, edge, ``voice verifier`` on a real socket, synthesis."""

import asyncio
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from voice import events as out
from voice import models
from voice.audio.files import read_audio
from voice.config import CloudConfig, Config, DraftConfig, LlmConfig, RouteConfig, VerifierConfig
from voice.draft.cloud import DraftedCloud
from voice.engines import Engines
from voice.models import locate
from voice.session import Conversation
from voice.stages import SAMPLE_RATE_HZ
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

pytestmark = pytest.mark.real
FRAME = SAMPLE_RATE_HZ // 50


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    if not models.locate(LlmConfig().model).is_file():
        pytest.skip("the models are not on this machine: run `voice models fetch`")
    found = Target(VerifierConfig(clients=6, context_tokens=2048, threads=1))
    yield found
    found.close()


async def spoken(conversation: Conversation) -> list[out.Event]:
    """Say the first words of a reading of Dickens, in real time, and listen to the end of the turn."""
    recording = read_audio(locate("samples").parent / "two_cities.wav")[: int(4.5 * SAMPLE_RATE_HZ)]
    audio = np.concatenate([recording, np.zeros(SAMPLE_RATE_HZ * 25, dtype=np.float32)])
    loop = asyncio.get_running_loop()

    async def speak() -> None:
        began_s = loop.time()
        for number, at in enumerate(range(0, audio.size, FRAME), 1):
            await asyncio.sleep(max(0.0, began_s + number / 50 - loop.time()))
            conversation.push_audio(audio[at : at + FRAME])

    speaking = asyncio.create_task(speak())
    seen: list[out.Event] = []
    try:
        async for event in conversation.events:
            seen.append(event)
            if isinstance(event, out.TurnTraced):
                break
    finally:
        speaking.cancel()
    return seen


async def test_the_reply_is_the_verifiers_behind_the_edges_opening(target: Target) -> None:
    async with VerifierServer(msgspec.structs.replace(target.config, port=0), target, token_ms=20.0) as server:
        config = Config(
            draft=DraftConfig(engine="voice", url=server.url, patience_ms=10_000),
            route=RouteConfig(mode="cloud"),
            llm=LlmConfig(max_reply_tokens=24),
            cloud=CloudConfig(max_tokens=16),
        )
        engines = await asyncio.to_thread(Engines.load, config)
        try:
            assert isinstance(engines.cloud, DraftedCloud)
            async with asyncio.timeout(10):
                while engines.cloud.forecast_ms is None:
                    await asyncio.sleep(0.02)
            conversation = Conversation(engines, config)
            async with asyncio.TaskGroup() as group, asyncio.timeout(40):
                group.create_task(conversation.run())
                seen = await spoken(conversation)
                conversation.close()
            record = next(event.record for event in seen if isinstance(event, out.TurnTraced))
            assert record["end_reason"] == "completed"
            assert record["tier"] == "cloud"
            assert record["draft"]["verifier"] == target.identity.model
            assert record["draft"]["version"] == target.identity.version
            assert record["draft"]["kind"] == record["route"]["task"]
            assert not record["draft"]["failure"]
            await check_words(engines, config, record)
        finally:
            await engines.aclose()


async def check_words(engines: Engines, config: Config, record: dict[str, object]) -> None:
    """What follows the edge's opening are the verifier's own words behind it, as it says them by itself."""
    from voice.stages import Message

    reply = str(record["reply_text"])
    words = record["cloud"]["words"]  # type: ignore[index]
    assert words[0][0] == "edge" and words[1][0] == "cloud"
    opening = " ".join(reply.split()[: words[0][1]])
    alone = engines.cloud
    assert alone is not None
    messages = [Message("user", str(record["user_text"]))]
    text = "".join([t.text async for t in alone.reply(messages, max_tokens=16, prefix=opening, on_usage=lambda _: None)])
    assert " ".join((opening + text).split()).startswith(" ".join(reply.split()))
