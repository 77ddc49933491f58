"""The way to the cloud, over real sockets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.fakes.virtual_time import LoopClock
from voice.cloud import connection
from voice.cloud.chat import CloudChat
from voice.cloud.network import Network
from voice.core.config import CloudConfig

DELAY_S = 0.05


@dataclass
class Warmed:
    """What came of it: what the cloud's forecast was, and what came to its socket."""

    forecast_ms: float | None
    round_trip_ms: float | None
    why_not: str
    seen: list[bytes]


async def warmed(config_of: dict[str, object], *, times: int = 1) -> Warmed:
    """Warm a cloud that answers every ``HEAD`` after a while."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                await asyncio.sleep(DELAY_S)
                writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 31\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            gone.set()
            writer.close()

    gone = asyncio.Event()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    chat = CloudChat(CloudConfig(enabled=True, base_url=base_url, model="m", **config_of), LoopClock())  # type: ignore[arg-type]
    try:
        for _ in range(times):
            await chat.warm()
        return Warmed(chat.forecast_ms, chat.round_trip_ms, chat.why_not, seen)
    finally:
        await chat.aclose()
        server.close()
        await server.wait_closed()
        if seen:
            await asyncio.wait_for(gone.wait(), 2)


def test_a_round_trip_is_measured_and_nothing_is_said() -> None:
    chat = asyncio.run(warmed({}, times=3))
    assert len(chat.seen) == 1  # not again so soon
    assert chat.seen[0].startswith(b"HEAD /v1/models ")
    assert chat.round_trip_ms == pytest.approx(DELAY_S * 1000, abs=30)
    assert chat.round_trip_ms is not None
    assert chat.forecast_ms is not None
    assert chat.forecast_ms > chat.round_trip_ms


def test_it_can_be_switched_off() -> None:
    chat = asyncio.run(warmed({"warm": "off"}))
    assert not chat.seen
    assert chat.round_trip_ms is None


def test_a_network_that_is_refused_is_not_even_knocked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [Network(frozenset({"train"}), metered=True), Network(frozenset({"home"}))]

    async def look() -> Network:
        return here.pop(0)

    monkeypatch.setattr(connection, "look", look)
    monkeypatch.setattr(connection, "_LOOPBACK", set[str]())
    monkeypatch.setattr(connection, "EVERY_S", 0.0)
    settings: dict[str, object] = {"networks": ("home",), "metered": "avoid"}
    chat = asyncio.run(warmed(settings))
    assert not chat.seen
    assert chat.forecast_ms is None
    assert "metered" in chat.why_not
    chat = asyncio.run(warmed(settings))
    assert len(chat.seen) == 1
    assert chat.why_not == ""


def test_what_is_not_known_yet_is_refused() -> None:
    chat = CloudChat(CloudConfig(enabled=True, base_url="https://cloud.example/v1", model="m", networks=("home",)))
    assert chat.forecast_ms is None
    assert "not known" in chat.why_not


def test_who_is_not_there_is_found_out_before_anybody_waits() -> None:
    async def main() -> Sequence[float | None]:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        chat = CloudChat(CloudConfig(enabled=True, base_url=f"http://127.0.0.1:{port}/v1", model="m"))
        before = chat.forecast_ms
        await chat.warm()
        after = chat.forecast_ms
        chat.breaker.reached(asyncio.get_running_loop().time() + 1e6)
        await chat.aclose()
        return before, after

    before, after = asyncio.run(main())
    assert before is not None
    assert after is None
