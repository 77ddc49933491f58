"""The recording proxy: between a client and a small server, and its pace by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.fakes.http import Exchange, HttpServer, http_server
from voice.bench.answers.paced_cloud import AnswerEvent, AnswerPace, Metronome, PacedCloud, paced, parse_event, request_key
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig
from voice.core.errors import CloudError
from voice.core.interfaces import Message, Usage

WORDS = ["Spain", " is", " in", " Europe", "."]
USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
AT_ONCE = AnswerPace(0.0, 0.0)


async def answer(exchange: Exchange) -> None:
    await exchange.answer(WORDS, usage=USAGE)


@asynccontextmanager
async def between(script: Any = answer, **defaults: Any) -> AsyncIterator[tuple[CloudChat, PacedCloud, HttpServer]]:
    async with http_server(script) as server, paced(server.base_url, defaults) as proxy:
        proxy.pace = AT_ONCE
        chat = CloudChat(CloudConfig(enabled=True, base_url=proxy.base_url, model="m"))
        try:
            yield chat, proxy, server
        finally:
            await chat.aclose()


async def ask(chat: CloudChat, question: str = "Where is Spain?", max_tokens: int = 50) -> tuple[list[str], list[Usage]]:
    used: list[Usage] = []
    reply = chat.reply([Message("user", question)], max_tokens=max_tokens, prefix="", on_usage=used.append)
    return [token.text async for token in reply], used


async def test_an_answer_is_asked_for_once_and_then_played_back() -> None:
    async with between() as (chat, proxy, server):
        for _ in range(3):
            assert await ask(chat) == (WORDS, [Usage(12, 5)])
        assert len(server.requests) == 1
        assert (proxy.requests, proxy.unpaced) == (3, 1)


async def test_another_request_is_another_recording() -> None:
    async with between() as (chat, proxy, server):
        await ask(chat)
        await ask(chat, "Where is Italy?")
        await ask(chat, max_tokens=1)
        await ask(chat, "Where is Italy?")
        assert len(server.requests) == proxy.unpaced == 3


async def test_what_a_request_leaves_open_is_filled_in_and_what_it_says_holds() -> None:
    async with between(temperature=0.0, max_tokens=7) as (chat, _, server):
        await ask(chat)
        assert server.requests[0].json["temperature"] == 0.0
        assert server.requests[0].json["max_tokens"] == 50


async def test_an_answer_is_recorded_though_nobody_waits_for_it() -> None:
    go_on = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await exchange.token("Spain")
        await go_on.wait()
        await exchange.token(" is.", finish="stop")
        await exchange.chunk(b"data: [DONE]\n\n")
        await exchange.send(b"0\r\n\r\n")

    async with between(slowly) as (chat, proxy, server):
        reply = chat.reply([Message("user", "Where is Spain?")], max_tokens=50, prefix="", on_usage=lambda _: None)
        assert (await anext(reply)).text == "Spain"
        await reply.aclose()
        go_on.set()
        await proxy.idle()
        assert (await ask(chat))[0] == ["Spain", " is."]
        assert (len(server.requests), proxy.unpaced) == (1, 1)


async def test_who_asks_for_what_is_being_made_is_counted_and_asks_nobody() -> None:
    go_on = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await go_on.wait()
        await answer(exchange)

    async with between(slowly) as (chat, proxy, server):
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(ask(chat)) for _ in range(2)]
            while proxy.requests < 2:
                await asyncio.sleep(0)
            go_on.set()
        assert [task.result()[0] for task in asking] == [WORDS, WORDS]
        assert (len(server.requests), proxy.unpaced) == (1, 2)


@pytest.mark.parametrize("broken", ["status", "reset", "cut"])
async def test_what_is_no_whole_answer_is_not_kept(broken: str) -> None:
    fails = True

    async def script(exchange: Exchange) -> None:
        if not fails:
            await answer(exchange)
        elif broken == "status":
            await exchange.status(503)
        elif broken == "reset":
            exchange.reset()
        else:
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            await exchange.token("Spain")
            exchange.reset()

    async with between(script) as (chat, proxy, _):
        with pytest.raises(CloudError):
            await ask(chat)
        await proxy.idle()
        fails = False
        assert (await ask(chat))[0] == WORDS
        assert proxy.unpaced == 2


async def test_a_knock_is_answered_and_disturbs_nobody() -> None:
    async with between() as (chat, proxy, server):
        await chat.warm()
        assert chat.round_trip_ms is not None
        assert (proxy.requests, server.knocks, server.requests) == (0, [], [])


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"POST /v1/x HTTP/1.1\r\nContent-Length: no\r\n\r\n", b"POST /v1"])
async def test_nonsense_ends_its_connection_alone(said: bytes) -> None:
    async with between() as (chat, proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(said)
        writer.write_eof()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.transport.abort()
        assert (await ask(chat))[0] == WORDS


async def test_closing_gives_up_what_is_still_made() -> None:
    async def never(_: Exchange) -> None:
        await asyncio.Event().wait()

    async with http_server(never) as server:
        async with paced(server.base_url) as proxy:
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            while not server.requests:
                await asyncio.sleep(0)
        writer.transport.abort()
        assert proxy.unpaced == 1


def left_at(pace: AnswerPace, events: list[AnswerEvent], there_s: list[float]) -> list[float]:
    metronome, now_s, left = Metronome(pace, 100.0), 0.0, []
    for event, at_s in zip(events, there_s, strict=True):
        now_s = max(now_s, 100.0 + at_s)
        now_s = metronome.due_s(event, now_s)
        left.append(round(now_s - 100.0, 6))
    return left


ROLE, TOKEN, END = AnswerEvent(b"role", opens=True), AnswerEvent(b"token", speaks=True), AnswerEvent(b"end")


def test_a_recording_is_played_at_the_pace() -> None:
    events = [ROLE, TOKEN, TOKEN, TOKEN, END, END]
    assert left_at(AnswerPace(600, 25), events, [0.001] * 6) == [0.001, 0.6, 0.625, 0.65, 0.675, 0.675]
    assert left_at(AnswerPace(600, 25), [END], [0.001]) == [0.6]


def test_what_comes_late_is_passed_on_as_it_comes_and_does_not_catch_up() -> None:
    assert left_at(AnswerPace(100, 25), [TOKEN] * 4, [0.5, 0.501, 0.9, 0.9]) == [0.5, 0.525, 0.9, 0.925]
    assert left_at(AnswerPace(600, 25), [TOKEN] * 2, [0.5, 0.501]) == [0.6, 0.625]


@pytest.mark.parametrize(
    ("value", "speaks", "opens"),
    [
        ({"choices": [{"delta": {"role": "assistant"}, "finish_reason": None}]}, False, True),
        ({"choices": [{"delta": {"role": "assistant", "content": "Hi"}, "finish_reason": None}]}, True, False),
        ({"choices": [{"delta": {"content": "Hi"}, "finish_reason": None}]}, True, False),
        ({"choices": [{"text": "Hi", "finish_reason": None}]}, True, False),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, False, False),
        ({"choices": [], "usage": USAGE}, False, False),
        ([], False, False),
    ],
)
def test_events_that_speak_are_told_from_others(value: object, speaks: bool, opens: bool) -> None:
    line = f"data: {json.dumps(value)}"
    assert parse_event(line) == AnswerEvent(line.encode(), speaks, opens)
    assert parse_event("data: [DONE]") == AnswerEvent(b"data: [DONE]")


def test_a_request_is_known_by_all_that_is_in_it() -> None:
    key = request_key("/chat", {"a": 1, "b": [1, 2]})
    assert key == request_key("/chat", {"b": [1, 2], "a": 1})
    assert len({key, request_key("/completions", {"a": 1, "b": [1, 2]}), request_key("/chat", {"a": 1, "b": [2, 1]})}) == 3
