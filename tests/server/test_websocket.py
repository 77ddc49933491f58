"""The server over real loopback sockets, with a client that is not ours."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fakes.conversation import FakeConversation, House
from voice.core.config import ServerConfig
from voice.core.errors import AsrError, ChatBusy, ConfigError
from voice.server.websocket import VoiceServer
from voice.session import events

FRAME = np.zeros(320, "<i2").tobytes()


@asynccontextmanager
async def serving(house: House | None = None, **settings: Any) -> AsyncIterator[tuple[VoiceServer, House]]:
    house = house or House()
    async with VoiceServer(ServerConfig(port=0, **settings)) as server:
        server.open_with(house)
        yield server, house
    assert server.sessions == 0
    assert all(conversation.ended.is_set() for conversation in house.conversations)


async def message(client: ClientConnection) -> Any:
    async with asyncio.timeout(5):
        received = await client.recv()
    return json.loads(received) if isinstance(received, str) else received


async def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)


async def goes_on(client: ClientConnection) -> None:
    """Prove that a session still works."""
    await client.send('{"type":"text","text":"still there?"}')
    async with asyncio.timeout(5):
        async for received in client:
            if isinstance(received, str) and json.loads(received)["type"] == "reply_ended":
                return
    pytest.fail("the session ended")


async def closed(client: ClientConnection, within_s: float = 20.0) -> tuple[int | None, str | None]:
    """The close code and reason, whatever comes before."""
    async with asyncio.timeout(within_s):
        try:
            async for _ in client:
                pass
        except ConnectionClosed:
            pass
        await client.wait_closed()
    return client.close_code, client.close_reason


# --- the conversation ---------------------------------------------------------------------------------------------------


async def test_a_client_that_sends_only_binary_just_works() -> None:
    async with serving() as (server, house), connect(server.url) as client:
        await client.send(np.full(640, 9000, "<i2").tobytes())
        for _ in range(12):
            await client.send(FRAME)
        got = [await message(client) for _ in range(7)]
        assert got[0] == {"type": "speech_started", "turn": 1}
        assert got[2] == {"type": "transcript", "role": "user", "text": "a sound", "final": True}
        assert got[3] == {"type": "transcript", "role": "agent", "text": "You said a sound.", "final": True}
        audio = got[4] + got[5]  # the reply and what the resampler still held
        assert abs(len(audio) / 2 - 0.35 * 16000) <= 1
        assert np.abs(np.frombuffer(audio, "<i2")).max() == pytest.approx(0.3 * 32768, rel=0.02)
        assert house.conversations[0].heard[0][0] == np.float32(9000 / 32768)


async def test_hello_agrees_on_the_rate_and_asks_for_the_trace() -> None:
    async with serving() as (server, _), connect(f"{server.url}/ws?rate=48000") as client:
        await client.send('{"type":"hello","trace":true,"something":"new"}')
        assert await message(client) == {"type": "ready", "sample_rate_hz": 48000, "version": 1}
        await client.send('{"type":"text","text":"hi"}')
        got = [await message(client) for _ in range(6)]
        assert got[0]["turn"] == got[1]["turn"] == 1
        assert abs(len(got[2] + got[3]) / 2 - 0.35 * 48000) <= 1
        assert (got[4]["type"], got[5]["type"]) == ("reply_ended", "trace")


async def test_labels_reach_the_conversation() -> None:
    async with serving() as (server, house), connect(server.url) as client:
        await client.send('{"type":"hello","user":"ann","feature":"kitchen"}')
        assert (await message(client))["type"] == "ready"
        assert house.conversations[0].labels == [("ann", "kitchen")]


async def test_played_reaches_the_conversation_and_bye_ends_it() -> None:
    async with serving() as (server, house), connect(server.url) as client:
        await client.send('{"type":"played","turn":1,"ms":40}')
        await client.send('{"type":"bye"}')
        assert await closed(client) == (1000, "")
        assert house.conversations[0].reports == [(1, 40.0)]


async def test_the_socket_sends_at_once_and_keeps_little() -> None:
    async with serving() as (server, _), connect(server.url) as client:
        await goes_on(client)
        (connection,) = server._server.connections  # type: ignore[union-attr]
        raw = connection.transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 256 * 1024
        assert connection.protocol.extensions == []


async def test_the_example_in_the_docs_works_as_it_stands(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    tone = np.full(3200, 9000, "<i2")
    soundfile.write(tmp_path / "a.wav", tone, 16000)
    async with serving() as (server, _):
        quick = code.replace("ws://127.0.0.1:8765", server.url).replace("0.02", "0.0005")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", quick, str(tmp_path / "a.wav"), stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            out, _err = await process.communicate()
    assert process.returncode == 0
    assert "bytes of reply" in out.decode()
    assert "'text': 'You said a sound.'" in out.decode()


# --- bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"odd", "odd_bytes"),
        ("{not json", "bad_json"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":"hello","sample_rate_hz":44100}', "bad_rate"),
        (json.dumps({"type": "text", "text": "x" * 3000}), "text_too_long"),
        ('{"type":"text","text":"too much"}', "overloaded"),
    ],
)
async def test_a_bad_message_is_answered_and_the_session_goes_on(bad: str | bytes, code: str) -> None:
    async with serving() as (server, _), connect(server.url) as client:
        await client.send(bad)
        answer = await message(client)
        assert (answer["type"], answer["code"]) == ("error", code)
        assert len(answer["message"]) > 10
        await goes_on(client)


@pytest.mark.parametrize(
    ("bad", "code", "reason"),
    [
        ([bytes(10 * 2**20)], 1009, ""),
        (['{"type":"played","turn":1,"ms":1}'] * 40, 1008, "a second"),
        ([b"odd"] * 40, 1008, "a second"),
    ],
)
async def test_one_misbehaves_the_other_goes_on(bad: list[str | bytes], code: int, reason: str) -> None:
    async with serving() as (server, house), connect(server.url) as good:
        evil = await connect(server.url)
        await goes_on(good)
        try:
            for part in bad:
                await evil.send(part)
        except ConnectionClosed:
            pass
        got_code, got_reason = await closed(evil)
        assert got_code == code
        assert reason in (got_reason or "")
        await goes_on(good)
        await until(lambda: server.sessions == 1)
        assert [c.ended.is_set() for c in house.conversations] == [False, True]


async def test_text_that_is_not_utf8_closes_with_1007() -> None:
    async with serving() as (server, _), connect(server.url) as client:
        await client.send(b"\xff\xfe", text=True)
        assert (await closed(client))[0] == 1007


async def test_a_client_that_never_reads_is_let_go_and_the_other_hears_on() -> None:
    async with serving(slow_client_s=0.5) as (server, house), connect(server.url) as good:
        await goes_on(good)
        reader, writer = await raw_websocket(server.port)
        await until(lambda: len(house.conversations) == 2)
        for _ in range(400):  # far more than any kernel buffers
            house.conversations[1].emit(events.ReplyAudio(1, np.zeros(22050, dtype=np.float32), 22050))
        await until(house.conversations[1].ended.is_set)
        await goes_on(good)
        assert house.conversations[1].channel.deepest <= 400
        writer.close()
        del reader


async def test_a_client_that_vanishes_in_the_middle_of_a_reply() -> None:
    async with serving() as (server, house), connect(server.url) as good:
        await goes_on(good)
        _, writer = await raw_websocket(server.port)
        await until(lambda: len(house.conversations) == 2)
        house.conversations[1].emit(events.ReplyAudio(1, np.zeros(2205, dtype=np.float32), 22050))
        writer.transport.abort()
        await until(house.conversations[1].ended.is_set)
        await goes_on(good)


async def test_a_half_open_connection_is_found_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    from voice.server import websocket

    assert websocket._PING_EVERY_S + websocket._PONG_WITHIN_S + websocket._CLOSE_WITHIN_S + websocket._END_WITHIN_S < 30
    monkeypatch.setattr(websocket, "_PING_EVERY_S", 0.1)
    monkeypatch.setattr(websocket, "_PONG_WITHIN_S", 0.1)
    monkeypatch.setattr(websocket, "_CLOSE_WITHIN_S", 0.1)
    async with serving() as (server, house):
        _, writer = await raw_websocket(server.port)  # never answers a ping
        await until(lambda: len(house.conversations) == 1)
        await until(house.conversations[0].ended.is_set)
        writer.close()


async def test_a_flood_of_audio_does_not_starve_the_others() -> None:
    async with serving(max_control_per_s=1000) as (server, house), connect(server.url) as good, connect(server.url) as evil:
        await goes_on(good)

        async def flood() -> None:
            while True:
                await evil.send(FRAME * 100)

        flooding = asyncio.create_task(flood())
        for _ in range(20):
            await goes_on(good)
        flooding.cancel()
        await asyncio.wait([flooding])
        assert house.conversations[1].heard


async def raw_websocket(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that shook hands and then neither reads nor answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    return reader, writer


# --- what goes wrong inside ---------------------------------------------------------------------------------------------


async def test_a_conversation_that_fails_tells_its_client_only() -> None:
    async with serving() as (server, house), connect(server.url) as good, connect(server.url) as unlucky:
        await goes_on(good)
        await goes_on(unlucky)
        house.conversations[1].fail(AsrError("the recogniser failed"))
        assert await message(unlucky) == {"type": "error", "code": "asr_failed", "message": "the recogniser failed"}
        assert await closed(unlucky) == (1013, "the recogniser failed")
        await goes_on(good)


async def test_a_bug_is_logged_and_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (server, house), connect(server.url) as client:
        await goes_on(client)
        house.conversations[0].fail(RuntimeError("a bug"))
        assert (await closed(client))[0] == 1011
    assert "a bug" in caplog.text


async def test_no_slot_for_another_conversation() -> None:
    async with serving(House(refuses_with=ChatBusy("all slots are taken"))) as (server, _), connect(server.url) as client:
        assert (await message(client))["code"] == "llm_busy"
        assert await closed(client) == (1013, "all slots are taken")


async def test_a_conversation_that_does_not_end_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    from voice.server import websocket

    monkeypatch.setattr(websocket, "_END_WITHIN_S", 0.1)

    class Stubborn(FakeConversation):
        def close(self) -> None:
            self.channel.close()

    stubborn = Stubborn()
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(lambda: stubborn)
        async with connect(server.url) as client:
            await client.send('{"type":"text","text":"hi"}')
            await message(client)
        await until(lambda: server.sessions == 0)
    assert stubborn.ended.is_set()


# --- who may connect ----------------------------------------------------------------------------------------------------


async def refusal(url: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    response = caught.value.response
    return response.status_code, (response.body or b"").decode()


async def test_tokens() -> None:
    async with serving(token="sesame") as (server, _):
        assert (await refusal(server.url))[0] == 401
        assert (await refusal(f"{server.url}/?token=nope"))[0] == 401
        async with connect(f"{server.url}/?token=sesame") as client:
            await goes_on(client)
        async with connect(server.url, additional_headers={"Authorization": "Bearer sesame"}) as client:
            await goes_on(client)


async def test_other_sites_rates_and_paths_are_refused() -> None:
    async with serving() as (server, _):
        assert (await refusal(server.url, origin="https://evil.example"))[0] == 403
        status, text = await refusal(f"{server.url}/?rate=44100")
        assert status == 400
        assert "8000, 16000, 24000, 48000" in text
        assert (await refusal(f"{server.url}/elsewhere"))[0] == 404


async def test_full_and_not_ready_yet() -> None:
    async with VoiceServer(ServerConfig(port=0, max_sessions=1)) as server:
        status, text = await refusal(server.url)
        assert status == 503
        assert "still loading" in text
        server.open_with(House())
        async with connect(server.url) as client:
            await goes_on(client)
            status, text = await refusal(server.url)
            assert status == 503
            assert "All 1 conversations are taken" in text
        await until(lambda: server.sessions == 0)
        async with connect(server.url) as client:
            await goes_on(client)


async def get(port: int, path: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        response = (await reader.read()).decode()
    writer.close()
    head, _, body = response.partition("\r\n\r\n")
    return head.splitlines()[0], body


async def test_pages() -> None:
    async with serving() as (server, _), connect(server.url) as client:
        await goes_on(client)
        line, body = await get(server.port, "/health")
        assert "200" in line
        state = json.loads(body)
        assert (state["ready"], state["sessions"], state["max_sessions"]) == (True, 1, 8)
        line, body = await get(server.port, "/")
        assert "200" in line
        assert "<!doctype html>" in body
        assert "404" in (await get(server.port, "/etc/passwd"))[0]


async def test_what_is_not_http_is_not_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with serving() as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n" * 10)
            await reader.read()
            writer.close()
            async with connect(server.url) as client:
                await goes_on(client)
    assert "Traceback" not in caplog.text


async def test_a_taken_port_and_an_open_door() -> None:
    async with serving() as (server, _):
        with pytest.raises(ConfigError, match="already in use"):
            async with VoiceServer(ServerConfig(port=server.port)):
                pass
    with pytest.raises(ConfigError, match=r"server\.token"):
        VoiceServer(ServerConfig(host="0.0.0.0"))
    with pytest.raises(ConfigError, match="cannot listen on"):
        async with VoiceServer(ServerConfig(host="host.invalid", token="x", port=0)):
            pass


async def test_goodbye() -> None:
    house = House()
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(house)
        client = await connect(server.url)
        await goes_on(client)
    assert await closed(client) == (1001, "the server is shutting down")
    assert house.conversations[0].ended.is_set()
    assert [task for task in asyncio.all_tasks() if task.get_name() in {"read", "write", "converse"}] == []
