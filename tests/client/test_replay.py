import asyncio

import numpy as np
import pytest

from tests.fakes.conversation import House
from voice.client import ReceivedAudio, VoiceClient, health
from voice.client.replay import ReplayListener, audible_at_s, replay
from voice.core.config import ServerConfig
from voice.core.errors import ConfigError, ProtocolError, ServerUnreachable
from voice.core.interfaces import Samples
from voice.protocol import messages as m
from voice.server.websocket import VoiceServer

RATE = 16000


def tone(ms: int) -> Samples:
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE * ms // 1000) / RATE)).astype(np.float32)


def hush(ms: int) -> Samples:
    return np.zeros(RATE * ms // 1000, dtype=np.float32)


# --- timing, without a server -------------------------------------------------------------------------------------------


def test_leading_silence_counts() -> None:
    pieces = [ReceivedAudio(hush(40), 10.0), ReceivedAudio(np.concatenate([hush(10), tone(20)]), 10.001)]
    heard_s = audible_at_s(pieces, RATE)
    assert heard_s is not None
    assert heard_s == pytest.approx(10.05, abs=0.001)


def test_a_piece_that_comes_late_is_heard_late() -> None:
    heard_s = audible_at_s([ReceivedAudio(hush(20), 10.0), ReceivedAudio(tone(20), 10.5)], RATE)
    assert heard_s == pytest.approx(10.5, abs=0.001)


def test_silence_is_never_heard() -> None:
    assert audible_at_s([ReceivedAudio(hush(500), 1.0)], RATE) is None
    assert audible_at_s([], RATE) is None


def test_a_reopened_turn_forgets_the_reply_that_was_taken_back() -> None:
    listener = ReplayListener(RATE)
    for message in (
        m.SpeechStartedMessage(turn=1),
        m.TranscriptMessage(role="user", text="what", final=True, turn=1),
        m.TranscriptMessage(role="agent", text="What what?", final=True, turn=1),
        ReceivedAudio(tone(20), 1.0),
        m.TurnReopenedMessage(turn=1),
        m.TranscriptMessage(role="user", text="what is it", final=True, turn=1),
        m.TranscriptMessage(role="agent", text="A test.", final=True, turn=1),
        ReceivedAudio(tone(40), 2.0),
        m.ReplyEndedMessage(turn=1, reason="completed"),
    ):
        listener.take(message)
    waiting = [listener.waiting]  # its record is still to come
    listener.take(m.Trace(turn=1, record={}))
    assert [*waiting, listener.waiting] == [True, False]
    turn = listener.turns[1]
    assert (turn.transcript, turn.reply, turn.reopened, turn.audio.size) == ("what is it", "A test.", 1, 640)


# --- over a real socket -------------------------------------------------------------------------------------------------


async def test_a_recording_is_played_and_timed() -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        house = House()
        server.open_with(house)
        async with VoiceClient(server.url, trace=True) as client:
            began = client.clock.now_s()
            (turn,) = await replay(client, np.concatenate([hush(100), tone(300), hush(100)]))
            took_s = client.clock.now_s() - began
    assert (turn.transcript, turn.reply, turn.end_reason) == ("a sound", "You said a sound.", "completed")
    assert turn.ttfa_ms is not None
    assert 250 <= turn.ttfa_ms < 5000  # 200 ms until the script is sure, then 50 ms of leading silence
    assert took_s > 0.6 + 0.8
    heard = np.concatenate(house.conversations[0].heard)
    assert np.array_equal(
        np.abs(heard[: RATE // 2]) > 0, np.abs(np.rint(np.concatenate([hush(100), tone(300), hush(100)]) * 32768)) > 0
    )


async def test_a_server_that_leaves_ends_the_replay() -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        house = House()
        server.open_with(house)
        async with VoiceClient(server.url, trace=True) as client:
            playing = asyncio.create_task(replay(client, tone(5000)))
            while not (house.conversations and house.conversations[0].heard):
                await asyncio.sleep(0.01)
            house.conversations[0].close()
            with pytest.raises((ProtocolError, ServerUnreachable)):
                await playing


async def test_what_a_client_says_when_it_cannot_connect() -> None:
    with pytest.raises(ServerUnreachable, match="voice serve"):
        async with VoiceClient("ws://127.0.0.1:1"):
            pass
    with pytest.raises(ConfigError, match="not a WebSocket address"):
        async with VoiceClient("http://127.0.0.1:1"):
            pass
    async with VoiceServer(ServerConfig(port=0, token="sesame")) as server:
        server.open_with(House())
        with pytest.raises(ServerUnreachable, match=r"401.*needs its token"):
            async with VoiceClient(server.url):
                pass
        async with VoiceClient(server.url, token="sesame") as client:
            await client.send_played(1, 20.0)


async def test_health() -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        state = await health(server.url)
        assert state is not None
        assert state["ready"] is False
    assert await health(server.url) is None


async def test_health_of_another_kind_of_server() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        assert await health(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") is None
