"""A cloud at a pace that is chosen: a proxy before the stand-in that records its answers and plays them back on time.

The stand-in for the cloud computes on the cores of the machine that is measured. So each request is answered by it once, in a
pass that is not measured, and from then on out of memory: the first token a set time after the request came, one more each
25 ms, usage at the end. A request that was not seen before goes to the stand-in all the same, no sooner than at that pace, and
is counted. An answer is recorded to its end, also when nobody waits for it any more.
"""

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx2

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_ANSWER_WITHIN_S = 120.0
_DONE = b"data: [DONE]"


@dataclass(frozen=True, slots=True)
class AnswerPace:
    """From the request to its first token, and from each token to the next."""

    first_ms: float = 0.0
    token_ms: float = 25.0


class Metronome:
    """When the next event of an answer may leave (pure; time is an argument).

    Args:
        asked_s: when the request came.
    """

    def __init__(self, pace: AnswerPace, asked_s: float) -> None:
        self._pace = pace
        self._due_s = asked_s + pace.first_ms / 1000

    def due_s(self, event: "AnswerEvent", now_s: float) -> float:
        """When an event leaves that is there at ``now_s``; to be asked once for each, in order."""
        if event.opens:
            return now_s
        leaves_s = max(self._due_s, now_s)
        if event.speaks:
            # an answer that is played back is never late; one that is late goes on from there and does not catch up
            self._due_s = leaves_s + self._pace.token_ms / 1000
        return leaves_s


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """One event of a stream.

    Attributes:
        speaks: whether it holds text.
        opens: whether it only says who speaks, which endpoints say at once.
    """

    line: bytes
    speaks: bool = False
    opens: bool = False


def parse_event(line: str) -> AnswerEvent:
    """An event of what an endpoint for chats or completions sends."""
    data = line.encode()
    try:
        choice: dict[str, Any] = json.loads(line.removeprefix("data:"))["choices"][0]
        delta = choice.get("delta") or {}
        speaks = bool(delta.get("content") or choice.get("text"))
        return AnswerEvent(data, speaks, opens="role" in delta and not speaks and choice.get("finish_reason") is None)
    except (ValueError, LookupError, TypeError, AttributeError):
        return AnswerEvent(data)


@dataclass(slots=True)
class _Recorded:
    """An answer, while it comes and afterwards."""

    events: list[AnswerEvent] = field(default_factory=list)
    status: int = 0
    over: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def whole(self) -> bool:
        return self.over and self.status == HTTPStatus.OK and any(event.line == _DONE for event in self.events)

    async def note(self, *, event: AnswerEvent | None = None, status: int | None = None, over: bool = False) -> None:
        async with self.changed:
            if event is not None:
                self.events.append(event)
            self.status = self.status if status is None else status
            self.over = self.over or over
            self.changed.notify_all()

    async def answered(self) -> int:
        """The status, as soon as it is known; 0 when nobody answered."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.status or self.over)
        return self.status

    async def follow(self) -> AsyncIterator[AnswerEvent]:
        """All events, also those that are still to come."""
        for number in itertools.count():
            async with self.changed:
                while number == len(self.events) and not self.over:
                    await self.changed.wait()
            if number == len(self.events):
                return
            yield self.events[number]


class PacedCloud:
    """An endpoint on loopback; :func:`paced` runs one.

    Args:
        upstream: the address of the stand-in's API, with its version.
        defaults: fields that a request gets on its way to the stand-in where it has none of its own.

    Attributes:
        pace: of the answers to the requests that come from now on.
        requests: how many there were, and ``unpaced`` how many of them the stand-in had to answer.
    """

    def __init__(self, upstream: str, defaults: dict[str, Any], group: asyncio.TaskGroup) -> None:
        self.pace = AnswerPace()
        self.requests = self.unpaced = 0
        self.port = 0
        self._upstream = upstream
        self._defaults = defaults
        self._group = group
        self._http = httpx2.AsyncClient(timeout=_ANSWER_WITHIN_S)
        self._recorded: dict[str, _Recorded] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """What the assistant takes for the cloud."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let go of everybody; answers that are still made are given up."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._connections, *self._asking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    async def idle(self) -> None:
        """Wait until the stand-in has nothing more to compute."""
        while self._asking:
            await asyncio.wait(self._asking)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            with suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
                while True:
                    await self._one_request(reader, writer)
        finally:
            writer.transport.abort()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked_s = asyncio.get_running_loop().time()
        request, *lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(":", 1) for line in lines if ":" in line)
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        method, path, _ = request.split(" ", 2)
        if method != "POST":  # a knock, to open the connection
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        self.requests += 1
        metronome = Metronome(self.pace, asked_s)
        recorded = self._answer_to(path.removeprefix("/v1"), json.loads(body))
        if (status := await recorded.answered()) != HTTPStatus.OK:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\n{}" % (status or HTTPStatus.BAD_GATEWAY))
            await writer.drain()
            return
        await self._play(recorded, metronome, writer)

    def _answer_to(self, path: str, body: dict[str, Any]) -> _Recorded:
        """The answer that is known, or one that is being asked for."""
        key = request_key(path, body)
        recorded = self._recorded.get(key)
        if recorded is None or not recorded.whole:
            self.unpaced += 1
        if recorded is None:
            recorded = self._recorded[key] = _Recorded()
            task = self._group.create_task(self._ask(path, body, recorded, key), name="bench stand-in")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return recorded

    async def _ask(self, path: str, body: dict[str, Any], recorded: _Recorded, key: str) -> None:
        """Record the stand-in's answer; only a whole one is kept."""
        try:
            with suppress(httpx2.HTTPError):
                asking = self._http.stream("POST", f"{self._upstream}{path}", json={**self._defaults, **body})
                async with asking as answer:
                    await recorded.note(status=answer.status_code)
                    async for line in answer.aiter_lines():
                        if line.startswith("data:"):
                            await recorded.note(event=parse_event(line))
        finally:
            await recorded.note(over=True)
            if not recorded.whole:
                del self._recorded[key]

    async def _play(self, recorded: _Recorded, metronome: Metronome, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        writer.write(_STREAM)
        async for event in recorded.follow():
            due_s = metronome.due_s(event, loop.time())
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            data = event.line + b"\n\n"
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
        if not recorded.whole:
            raise ConnectionError("the stand-in broke off")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def request_key(path: str, body: dict[str, Any]) -> str:
    """What tells a request from others: everything in it, in any order of its fields."""
    return hashlib.sha256(f"{path}\n{json.dumps(body, sort_keys=True)}".encode()).hexdigest()


@asynccontextmanager
async def paced(upstream: str, defaults: dict[str, Any] | None = None) -> AsyncIterator[PacedCloud]:
    """A proxy on a free port of loopback, before the API at ``upstream``."""
    async with asyncio.TaskGroup() as group:
        cloud = PacedCloud(upstream, defaults or {}, group)
        await cloud.open()
        try:
            yield cloud
        finally:
            await cloud.close()
