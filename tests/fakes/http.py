"""A small HTTP server that says exactly what a test tells it to, byte by byte, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
Script = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request and the means to answer it."""

    head: str
    body: bytes
    writer: asyncio.StreamWriter

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """A piece of a chunked body."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, value: object) -> None:
        await self.chunk(b"data: " + json.dumps(value).encode() + b"\n\n")

    async def token(self, text: str, *, finish: str | None = None) -> None:
        """A chunk of a streamed chat answer."""
        await self.event({"id": "1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})

    async def answer(self, tokens: Sequence[str], *, every_s: float = 0.0, usage: dict[str, Any] | None = None) -> None:
        """A whole streamed answer, well formed."""
        await self.send(SSE)
        for text in tokens:
            await self.token(text)
            await asyncio.sleep(every_s)
        await self.token("", finish="stop")
        if usage is not None:
            await self.event({"id": "1", "choices": [], "usage": usage})
        await self.chunk(b"data: [DONE]\n\n")
        await self.send(b"0\r\n\r\n")

    async def status(self, code: int, *headers: str, body: bytes = b'{"error": {"message": "no"}}') -> None:
        lines = [f"HTTP/1.1 {code} Said", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Break the connection off as a dying host does."""
        self.writer.transport.abort()


@dataclass
class HttpServer:
    """Answers every request with ``script`` and keeps what it was sent; a ``HEAD`` is a knock, and answered at once."""

    script: Script
    port: int = 0
    requests: list[Exchange] = field(default_factory=list)
    knocks: list[Exchange] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            await self._answer_all(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")]
            exchange = Exchange(head, await reader.readexactly(lengths[0] if lengths else 0), writer)
            if head.startswith("HEAD "):
                self.knocks.append(exchange)
                await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                continue
            self.requests.append(exchange)
            await self.script(exchange)

    def abort(self) -> None:
        """Break off whatever is still open."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def http_server(script: Script) -> AsyncIterator[HttpServer]:
    """A server on a free port of loopback."""
    served = HttpServer(script)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        served.abort()
        await asyncio.sleep(0.01)  # aborted transports close in the loop's next rounds
