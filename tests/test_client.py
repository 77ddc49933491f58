"""``voice.client`` as a new user meets it: ask something, take what comes; what goes wrong is said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from tests.fakes.conversation import FakeConversation, House
from voice import client as module
from voice import events as out
from voice.client import ReceivedAudio, VoiceClient
from voice.config import ServerConfig
from voice.errors import ProtocolError, ServerUnreachable
from voice.server.messages import ReplyEndedMessage, Trace, TranscriptMessage
from voice.server.websocket import VoiceServer
from voice.stages import Samples

RATE_HZ = 16_000


def tone(seconds: float) -> Samples:
    return (0.3 * np.sin(np.arange(int(RATE_HZ * seconds)) / 10)).astype(np.float32)


@asynccontextmanager
async def connected(house: Any = None, **settings: Any) -> AsyncIterator[tuple[VoiceClient, Any]]:
    house = house or House()
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(house)
        async with VoiceClient(server.url, **settings) as client:
            yield client, house


class Silent(FakeConversation):
    """Never answers a typed turn."""

    def push_text(self, text: str) -> None:
        self.typed.append(text)


async def test_ask_in_words_and_take_the_answer() -> None:
    async with connected() as (client, house):
        for question in ("What time is it?", " What time is it? "):
            messages = [message async for message in client.ask(question)]
            replies = [one.text for one in messages if isinstance(one, TranscriptMessage) and one.role == "agent"]
            assert replies == ["You said What time is it?."]
            size = sum(one.samples.size for one in messages if isinstance(one, ReceivedAudio))
            assert size == pytest.approx(0.35 * RATE_HZ, abs=2)
            assert isinstance(messages[-1], ReplyEndedMessage)
        assert house.conversations[0].typed == ["What time is it?"] * 2


async def test_with_traces_the_record_comes_last() -> None:
    async with connected(trace=True, user="ann", feature="kitchen") as (client, house):
        messages = [message async for message in client.ask("hello")]
        assert isinstance(messages[-1], Trace)
        assert house.conversations[0].labels == [("ann", "kitchen")]


async def test_what_happens_besides_does_not_end_it() -> None:
    async with connected(trace=True) as (client, house):
        talking = client.ask("hello")
        assert isinstance(await anext(talking), object)
        house.conversations[0].emit(out.ReplyEnded(7, "completed"))  # an alarm
        house.conversations[0].emit(out.TurnTraced(7, {}))
        rest = [message async for message in talking]
        assert isinstance(rest[-1], Trace)
        assert rest[-1].turn == 1


async def test_ask_aloud_and_take_the_answer() -> None:
    async with connected() as (client, house):
        messages = [message async for message in client.ask(tone(0.25))]
        assert [one.text for one in messages if isinstance(one, TranscriptMessage)] == ["a sound", "You said a sound."]
        heard = np.concatenate(house.conversations[0].heard)
        assert np.abs(heard[: RATE_HZ // 4]).max() > 0.25
        assert np.abs(heard[RATE_HZ // 4 + 400 :]).max() == 0  # silence goes on, as from a microphone


async def test_silence_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DEAF_S", 0.1)
    async with connected() as (client, _):
        assert [message async for message in client.ask(np.zeros(RATE_HZ // 10, np.float32))][1:] == []  # the first is ready


async def test_who_stops_listening_stops_speaking() -> None:
    async with connected() as (client, house):
        async for _ in client.ask(tone(5.0)):
            break
        await asyncio.sleep(0.05)
        said = len(house.conversations[0].heard)
        await asyncio.sleep(0.1)
        assert len(house.conversations[0].heard) <= said + 1


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_WITHIN_S", 0.2)
    async with connected(Silent) as (client, _):
        with pytest.raises(ServerUnreachable, match=r"said nothing for 0.2 s"):
            [message async for message in client.ask("hello?")]


async def test_what_is_refused_is_said_and_the_next_question_is_answered() -> None:
    async with connected() as (client, _):
        with pytest.raises(ProtocolError, match="at most 2000 characters"):
            [message async for message in client.ask("x" * 2001)]
        with pytest.raises(ProtocolError, match="too many typed turns"):
            [message async for message in client.ask("too much")]
        assert [message async for message in client.ask("and now?")]


async def test_a_server_that_leaves_in_the_middle_is_told() -> None:
    async with connected(lambda: leaving) as (client, _):
        leaving.close()
        with pytest.raises(ServerUnreachable, match=r"closed the conversation|ended the conversation"):
            [message async for message in client.ask("hello?")]


leaving = Silent()
