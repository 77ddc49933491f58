"""The cloud client over real sockets: what arrives, and every way in which it does not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.fakes.http import SSE, Exchange, http_server
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig
from voice.core.errors import CloudError
from voice.core.interfaces import Message, Usage

MESSAGES = [Message("system", "Be brief."), Message("user", "Where is Spain?")]
WORDS = ["Spain", " is", " in", " Europe", "."]


def config(base_url: str, **more: Any) -> CloudConfig:
    return CloudConfig(enabled=True, base_url=base_url, model="m", first_token_ms=300, next_token_ms=300, **more)


async def ask(chat: CloudChat, *, prefix: str = "", usages: list[Usage] | None = None) -> list[str]:
    """The answer's pieces; what came before an error is lost."""
    taken = [] if usages is None else usages
    reply = chat.reply(MESSAGES, max_tokens=50, prefix=prefix, on_usage=taken.append)
    return [token.text async for token in reply]


def run(script: Callable[[Exchange], Coroutine[Any, Any, None]], use: Callable[[CloudChat], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with http_server(script) as server:
            chat = CloudChat(config(server.base_url))
            try:
                return await asyncio.wait_for(use(chat), 5)
            finally:
                await chat.aclose()

    return asyncio.run(main())


def fault(script: Callable[[Exchange], Coroutine[Any, Any, None]]) -> tuple[CloudError, float, CloudChat]:
    """The error that a script leads to, how long it took in seconds, and the client afterwards."""

    async def use(chat: CloudChat) -> tuple[CloudError, float, CloudChat]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(CloudError) as caught:
            await ask(chat)
        return caught.value, loop.time() - began_s, chat

    found: tuple[CloudError, float, CloudChat] = run(script, use)
    return found


def test_an_answer_streams_and_is_counted() -> None:
    usages: list[Usage] = []

    async def script(exchange: Exchange) -> None:
        assert exchange.json["messages"][-1] == {"role": "user", "content": "Where is Spain?"}
        assert exchange.json["stream"] is True
        await exchange.answer(WORDS, usage={"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17})

    async def use(chat: CloudChat) -> list[str]:
        return await ask(chat, usages=usages)

    assert run(script, use) == WORDS
    assert usages == [Usage(12, 5, 0)]


def test_the_connection_and_the_forecast_are_kept() -> None:
    heads: list[Exchange] = []

    async def script(exchange: Exchange) -> None:
        heads.append(exchange)
        await asyncio.sleep(0.05)
        await exchange.answer(WORDS)

    async def use(chat: CloudChat) -> float | None:
        for _ in range(3):
            await ask(chat)
        return chat.forecast_ms

    forecast_ms = run(script, use)
    assert len({id(exchange.writer) for exchange in heads}) == 1
    assert 50 <= forecast_ms < 2500


async def refuse(exchange: Exchange) -> None:
    await exchange.status(401)


async def unknown(exchange: Exchange) -> None:
    await exchange.status(404)


async def limit(exchange: Exchange) -> None:
    await exchange.status(429, "Retry-After: 7")


async def break_down(exchange: Exchange) -> None:
    await exchange.status(503)


async def slow_headers(exchange: Exchange) -> None:
    await asyncio.sleep(10)


async def keep_alive_only(exchange: Exchange) -> None:
    await exchange.send(SSE)
    while True:
        await exchange.chunk(b": keep-alive\n\n")
        await exchange.event({"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]})
        await asyncio.sleep(0.02)


async def stall(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.token("Spain")
    while True:
        await exchange.chunk(b": keep-alive\n\n")
        await asyncio.sleep(0.02)


async def reset(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.token("Spain")
    exchange.reset()


async def reset_in_a_token(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.token("Spain")
    await exchange.send(b"40\r\ndata: {")
    exchange.reset()


async def end_early(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.token("Spain")
    await exchange.send(b"0\r\n\r\n")


async def truncated_json(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.chunk(b'data: {"id": "1", "choices": [{"ind\n\n')


async def garbage(exchange: Exchange) -> None:
    await exchange.send(b"\x00\xff\x13 not http at all\r\n\r\n")


async def wrong_shape(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.event({"choices": [{"delta": {"content": [1, 2]}, "finish_reason": None}]})


async def not_an_object(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.event([1, 2, 3])
    await exchange.event("four")


async def error_in_stream(exchange: Exchange) -> None:
    await exchange.send(SSE)
    await exchange.event({"error": {"message": "out of memory"}})


async def flood(exchange: Exchange) -> None:
    await exchange.send(SSE)
    while True:
        await exchange.token("blah " * 1000)


async def web_page(exchange: Exchange) -> None:
    await exchange.status(200, body=b"<html>Welcome to our portal</html>")


async def nothing(exchange: Exchange) -> None:
    await exchange.answer([])


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (refuse, "cloud_refused"),
        (unknown, "cloud_unknown"),
        (limit, "cloud_limited"),
        (break_down, "cloud_failed"),
        (slow_headers, "cloud_slow"),
        (keep_alive_only, "cloud_slow"),
        (stall, "cloud_slow"),
        (reset, "cloud_unreachable"),
        (reset_in_a_token, "cloud_unreachable"),
        (end_early, "cloud_unreachable"),
        (truncated_json, "cloud_garbled"),
        (garbage, "cloud_unreachable"),
        (wrong_shape, "cloud_garbled"),
        (not_an_object, None),
        (error_in_stream, "cloud_garbled"),
        (flood, "cloud_garbled"),
        (web_page, None),
    ],
)
def test_every_fault_has_a_name_and_an_end(script: Callable[[Exchange], Coroutine[Any, Any, None]], code: str | None) -> None:
    error, took_s, chat = fault(script)
    if code is not None:
        assert error.error_code == code, error
    assert took_s < 1.5
    assert chat.breaker.open
    assert chat.forecast_ms is None


def test_an_empty_answer_is_an_answer() -> None:
    assert run(nothing, ask) == []


def test_what_the_cloud_asks_for_is_granted() -> None:
    error, _, _ = fault(limit)
    assert error.retry_after_s == 7


def test_nobody_there() -> None:
    async def use() -> str:
        chat = CloudChat(config("http://127.0.0.1:9/v1"))
        with pytest.raises(CloudError) as caught:
            await ask(chat)
        await chat.aclose()
        return caught.value.error_code

    assert asyncio.run(use()) == "cloud_unreachable"


def test_a_name_that_does_not_exist() -> None:
    async def use() -> CloudError:
        chat = CloudChat(config("http://no-such-host.invalid/v1"))
        with pytest.raises(CloudError) as caught:
            await ask(chat)
        await chat.aclose()
        return caught.value

    assert asyncio.run(use()).error_code in {"cloud_unreachable", "cloud_slow"}


def test_the_cloud_is_used_again_once_it_is_back() -> None:
    broken = True

    async def script(exchange: Exchange) -> None:
        if broken:
            exchange.reset()
        else:
            await exchange.answer(WORDS)

    async def use(chat: CloudChat) -> list[str]:
        nonlocal broken
        with pytest.raises(CloudError):
            await ask(chat)
        broken = False
        while chat.forecast_ms is None:
            await asyncio.sleep(0.05)
        return await ask(chat)

    assert run(script, use) == WORDS


def test_closing_the_answer_ends_the_request() -> None:
    ended: list[bool] = []

    async def script(exchange: Exchange) -> None:
        await exchange.send(SSE)
        try:
            while True:
                await exchange.token("on and ")
                await asyncio.sleep(0.01)
        except ConnectionError:
            ended.append(True)
            raise

    async def use(chat: CloudChat) -> None:
        reply = chat.reply(MESSAGES, max_tokens=50, prefix="", on_usage=lambda _: None)
        await anext(reply)
        await reply.aclose()
        while not ended:
            await asyncio.sleep(0.01)
        assert not chat.breaker.open

    run(script, use)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "secret-key")
    heads: list[str] = []

    async def main() -> None:
        async def script(exchange: Exchange) -> None:
            heads.append(exchange.head)
            await exchange.answer(WORDS)

        async with http_server(script) as server:
            chat = CloudChat(config(server.base_url, api_key_env="OUR_KEY"))
            await ask(chat)
            await chat.aclose()

    asyncio.run(main())
    assert "Bearer secret-key" in heads[0]
