"""The fault proxy, between the real client and a small server."""

import asyncio
from contextlib import suppress

import pytest

from tests.fakes.http import Exchange, http_server
from voice.bench.failover.http_faults import FAULTS, Fault, HttpFault, HttpFaultSchedule, NetworkPath, proxied
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig
from voice.core.errors import CloudError
from voice.core.interfaces import Message

WORDS = ["Spain", " is", " in", " Europe", "."]


async def answer(exchange: Exchange) -> None:
    await exchange.answer(WORDS, every_s=0.005)


def ask(fault: Fault, *, line: NetworkPath | None = None) -> tuple[list[str], str | None, bytes, float]:
    """The pieces that arrive, the error's code, what the proxy kept, and the seconds it took."""

    async def main() -> tuple[list[str], str | None, bytes, float]:
        loop = asyncio.get_running_loop()
        async with http_server(answer) as server, proxied("127.0.0.1", server.port, lambda: fault) as proxy:
            proxy.line = line or NetworkPath()
            config = CloudConfig(enabled=True, base_url=proxy.base_url, model="m", first_token_ms=400, next_token_ms=400)
            chat = CloudChat(config)
            found: list[str] = []
            code, began_s = None, loop.time()
            try:
                question = [Message("user", "Where is Spain?")]
                async for token in chat.reply(question, max_tokens=50, prefix="", on_usage=lambda _: None):
                    found += [token.text]
            except CloudError as error:
                code = error.error_code
            took_s = loop.time() - began_s
            await chat.aclose()
            return found, code, bytes(proxy.sent), took_s

    return asyncio.run(main())


def test_without_a_fault_everything_arrives_and_everything_is_kept() -> None:
    found, code, kept, _ = ask(Fault())
    assert found == WORDS
    assert code is None
    assert b"Where is Spain?" in kept


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_one(kind: HttpFault) -> None:
    found, code, kept, took_s = ask(Fault(kind, after_events=2))
    assert code is not None
    assert found == WORDS[: len(found)] or kind is HttpFault.FLOOD
    assert len(found) < len(WORDS) or kind is HttpFault.FLOOD
    assert b"Where is Spain?" in kept
    assert took_s < 1.5


async def speak(port: int, request: bytes) -> bytes:
    """What comes back until the end, or within half a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    got = bytearray()
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.5):
            while piece := await reader.read(4096):
                got += piece
    writer.transport.abort()
    return bytes(got)


def test_headers_that_are_slow_never_stop_coming() -> None:
    async def main() -> bytes:
        async with (
            http_server(answer) as server,
            proxied("127.0.0.1", server.port, lambda: Fault(HttpFault.SLOW_HEADERS)) as proxy,
        ):
            return await speak(proxy.own_port, b"GET /v1/models HTTP/1.1\r\n\r\n")

    got = asyncio.run(main())
    assert got.startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\n" not in got
    assert got.count(b"z") > 3


def test_a_closed_proxy_refuses_and_an_opened_one_answers_at_the_same_port() -> None:
    async def main() -> None:
        async with http_server(answer) as server, proxied("127.0.0.1", server.port, Fault) as proxy:
            request = b"GET /v1/x HTTP/1.1\r\n\r\n"
            assert b"Spain" in await speak(proxy.own_port, request)
            await proxy.close()
            with pytest.raises(ConnectionRefusedError):
                await speak(proxy.own_port, request)
            await proxy.open()
            assert b"Spain" in await speak(proxy.own_port, request)

    asyncio.run(main())


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /v1 HTTP/1.1\r\nContent-Length: lots\r\n\r\nsecret",
        b"POST /v1 HTTP/1.1\r\nContent-Length: -5\r\n\r\nsecret",
        b"POST /v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nsecret",
        b"\x00\xff\r\n\r\n",
    ],
)
def test_what_is_no_request_ends_its_connection_and_nothing_else(request_: bytes) -> None:
    async def main() -> None:
        async with http_server(answer) as server, proxied("127.0.0.1", server.port, Fault) as proxy:
            await speak(proxy.own_port, request_)
            assert b"Spain" in await speak(proxy.own_port, b"GET /v1/x HTTP/1.1\r\n\r\n")

    asyncio.run(main())


def test_a_chunked_request_is_kept_whole() -> None:
    async def main() -> bytes:
        async with http_server(answer) as server, proxied("127.0.0.1", server.port, lambda: Fault(HttpFault.BROKEN)) as proxy:
            request = b"POST /v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n0\r\n\r\n"
            await speak(proxy.own_port, request)
            return bytes(proxy.sent)

    assert b"secret" in asyncio.run(main())


def test_the_line_adds_its_time() -> None:
    *_, took_s = ask(Fault(), line=NetworkPath(round_trip_ms=200))
    assert took_s >= 0.2


def test_a_schedule_strikes_with_every_kind_before_it_repeats_one() -> None:
    schedule = HttpFaultSchedule(seed=3)
    assert [schedule() for _ in range(5)] == [Fault()] * 5
    schedule.healthy = False
    for _ in range(3):
        assert {schedule().kind for _ in FAULTS} == set(FAULTS)
    schedule.only = HttpFault.RESET
    assert {schedule().kind for _ in range(9)} == {HttpFault.RESET}


def test_the_same_seed_gives_the_same_faults() -> None:
    one, other = HttpFaultSchedule(5), HttpFaultSchedule(5)
    one.healthy = other.healthy = False
    assert [one() for _ in range(50)] == [other() for _ in range(50)]
