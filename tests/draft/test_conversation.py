"""A whole spoken conversation through drafting: recognition, router, edge, ``voice verifier`` on a real socket, synthesis."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import numpy as np
import pytest

from voice.audio.files import read_audio
from voice.core.config import CloudConfig, Config, DraftConfig, LlmConfig, RouteConfig, TtsConfig, VerifierConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Message, Token
from voice.draft.cloud import DraftedCloud
from voice.engines import Engines
from voice.models import locate
from voice.session import events as out
from voice.session.conversation import Conversation
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

pytestmark = pytest.mark.real
FRAME = SAMPLE_RATE_HZ // 50
TURNS = 2
"""So many are tried, for the same reason that the speech is slow."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    found = Target(VerifierConfig(clients=6, context_tokens=2048, threads=1))
    yield found
    found.close()


class Overheard:
    """A cloud that keeps what it was asked, and what it said."""

    def __init__(self, cloud: DraftedCloud) -> None:
        self._cloud = cloud
        self.requests: list[tuple[list[Message], str, str]] = []

    async def reply(self, messages: Sequence[Message], *, prefix: str, **more: Any) -> AsyncGenerator[Token, None]:
        said = ""
        try:
            async with aclosing(self._cloud.reply(messages, prefix=prefix, **more)) as tokens:
                async for token in tokens:
                    said += token.text
                    yield token
        finally:
            self.requests.append((list(messages), prefix, said))

    @property
    def forecast_ms(self) -> float | None:
        """Far away, so that the edge opens every answer, however busy this machine is."""
        return None if self._cloud.forecast_ms is None else 5_000.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)


async def spoken(conversation: Conversation) -> dict[str, Any]:
    """Say the first words of a reading of Dickens, in real time, listen to the end of the turn, and give its record."""
    recording = read_audio(locate("samples").parent / "two_cities.wav")[: int(4.5 * SAMPLE_RATE_HZ)]
    audio = np.concatenate([recording, np.zeros(SAMPLE_RATE_HZ * 25, dtype=np.float32)])
    loop = asyncio.get_running_loop()

    async def speak() -> None:
        began_s = loop.time()
        for number, at in enumerate(range(0, audio.size, FRAME), 1):
            await asyncio.sleep(max(0.0, began_s + number / 50 - loop.time()))
            conversation.push_audio(audio[at : at + FRAME])

    speaking = asyncio.create_task(speak())
    try:
        async for event in conversation.events:
            if isinstance(event, out.TurnTraced):
                return dict(event.record)
    finally:
        speaking.cancel()
    raise AssertionError("the conversation ended")


async def test_the_reply_is_the_verifiers(target: Target) -> None:
    async with VerifierServer(msgspec.structs.replace(target.config, port=0), target, token_ms=20.0) as server:
        config = Config(
            draft=DraftConfig(engine="voice", url=server.url, patience_ms=10_000),
            route=RouteConfig(mode="cloud"),
            llm=LlmConfig(max_reply_tokens=16, large=""),
            cloud=CloudConfig(max_tokens=8),
            tts=TtsConfig(speed=0.4, first_clause_words=4),  # on a busy machine the edge rightly does not wait for long
        )
        engines = await asyncio.to_thread(Engines.load, config)
        try:
            assert isinstance(engines.cloud, DraftedCloud)
            async with asyncio.timeout(10):
                while engines.cloud.forecast_ms is None:
                    await asyncio.sleep(0.02)
            overheard, records = Overheard(engines.cloud), list[dict[str, Any]]()
            conversation = Conversation(dataclasses.replace(engines, cloud=overheard), config)
            async with asyncio.TaskGroup() as group, asyncio.timeout(60):
                group.create_task(conversation.run())
                while len(records) < TURNS and not (records and records[-1]["tier"] == "cloud"):
                    records.append(await spoken(conversation))
                conversation.close()
            last = records[-1]
            assert all(record["end_reason"] == "completed" for record in records)
            assert last["tier"] == "cloud"
            assert last["draft"]["verifier"] == target.identity.model
            assert last["draft"]["version"] == target.identity.version
            assert last["draft"]["kind"] == last["route"]["task"]
            assert not last["draft"]["failure"]
            assert last["cloud"]["words"][-1][0] == "cloud"
            for messages, prefix, text in overheard.requests:
                reply = engines.cloud.reply(messages, max_tokens=8, prefix=prefix, on_usage=lambda _: None)
                assert "".join([token.text async for token in reply]).startswith(text)  # its own words, by itself
            told = overheard.requests[-1][2].split()
            assert told
            assert " ".join(told[:-1]) in last["reply_text"]
        finally:
            await engines.aclose()
