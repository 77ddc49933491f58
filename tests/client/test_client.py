"""``voice.client`` as a new user meets it: ask something, take what comes; what goes wrong is said."""

import asyncio
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.conversation import FakeConversation, House
from voice.client import ReceivedAudio, VoiceClient
from voice.client import client as module
from voice.core.config import ServerConfig
from voice.core.errors import ProtocolError, ServerUnreachable
from voice.core.interfaces import Samples
from voice.protocol.messages import ReplyEndedMessage, Trace, TranscriptMessage
from voice.server.websocket import VoiceServer
from voice.session import events as out

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
    leaving = Silent()
    async with connected(lambda: leaving) as (client, _):
        leaving.close()
        with pytest.raises(ServerUnreachable, match=r"closed the conversation|ended the conversation"):
            [message async for message in client.ask("hello?")]


async def connect_again(url: str) -> list[Any]:
    """Ask as soon as the place is free again."""
    async with asyncio.timeout(5):
        while True:
            try:
                async with VoiceClient(url) as client:
                    return [message async for message in client.ask("again")]
            except ServerUnreachable as error:
                if "503" not in str(error):
                    raise
                await asyncio.sleep(0.01)


async def test_two_clients_for_one_place_and_a_reconnect_in_mid_reply() -> None:
    async with VoiceServer(ServerConfig(port=0, max_sessions=1)) as server:
        house = House()
        server.open_with(house)
        async with VoiceClient(server.url) as first:
            with pytest.raises(ServerUnreachable, match=r"503.*All 1 conversations are taken; try again later"):
                async with VoiceClient(server.url):
                    pass
            async for message in first.ask("hello"):
                if isinstance(message, ReceivedAudio):
                    break  # and leaves in the middle of the reply
        assert isinstance((await connect_again(server.url))[-1], ReplyEndedMessage)
        assert [conversation.typed for conversation in house.conversations] == [["hello"], ["again"]]


async def test_the_port_of_something_else_is_told() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nNo voice.\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with pytest.raises(ServerUnreachable, match=r"refused the conversation \(404\): No voice"):
            async with VoiceClient(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"):
                pass


async def test_the_example_in_the_readme_works_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = text.split("```python\n", 1)[1].split("```", 1)[0]
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(House())
        code = textwrap.indent(example.replace("ws://127.0.0.1:8765", server.url), "    ")
        space: dict[str, Any] = {"VoiceClient": VoiceClient}
        exec(f"async def example():\n{code}", space)
        await space["example"]()
    assert "You said" in capsys.readouterr().out
