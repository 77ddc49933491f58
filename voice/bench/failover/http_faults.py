"""A proxy on loopback that stands between the assistant and its cloud and does to it what networks and clouds do.

Every request gets a :class:`Fault` from a seeded schedule; round-trip time, jitter and loss are added to all of them. Whatever
the assistant sends is kept, so that it can be searched for what should never have been sent.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=StrEnum)
RETRANSMISSION_S = 0.2
"""What a lost segment costs before it is sent again."""
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class HttpFault(StrEnum):
    """What happens to a request."""

    NONE = "none"
    REFUSED = "refused"
    """The connection is taken and let go without a word; :meth:`FaultProxy.close` refuses it before."""
    UNAUTHORISED = "401"
    NO_MODEL = "404"
    LIMITED = "429"
    BROKEN = "503"
    SLOW_HEADERS = "slow headers"
    HALF_OPEN = "half-open"
    STALLED = "stalled"
    KEEP_ALIVES = "keep-alives"
    RESET = "reset"
    RESET_IN_TOKEN = "reset in a token"
    GARBAGE = "garbage"
    TRUNCATED = "truncated JSON"
    FLOOD = "flood"


FAULTS: tuple[HttpFault, ...] = tuple(kind for kind in HttpFault if kind is not HttpFault.NONE)
_STATUS = {HttpFault.UNAUTHORISED: 401, HttpFault.NO_MODEL: 404, HttpFault.LIMITED: 429, HttpFault.BROKEN: 503}
_MID_ANSWER = {
    HttpFault.STALLED,
    HttpFault.KEEP_ALIVES,
    HttpFault.RESET,
    HttpFault.RESET_IN_TOKEN,
    HttpFault.GARBAGE,
    HttpFault.TRUNCATED,
    HttpFault.FLOOD,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One request's fate; those that strike in the middle do so after ``after_events`` events of the answer."""

    kind: HttpFault = HttpFault.NONE
    after_events: int = 0


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """The network: round-trip time, its standard deviation, and the share of pieces that are lost once."""

    round_trip_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0

    def delay_s(self, chance: random.Random) -> float:
        """One way, for one piece."""
        one_way_s = max(0.0, chance.gauss(self.round_trip_ms, self.jitter_ms) / 2000)
        return one_way_s + (RETRANSMISSION_S if chance.random() < self.loss else 0.0)


@dataclass
class FaultProxy:
    """What the proxy does and what it has seen; :func:`proxied` runs one.

    Attributes:
        next_fault: asked for the fate of each request.
        sent: all bytes of all requests.
        requests: how many there were, and ``struck`` how many of them by a fault.
    """

    host: str
    port: int
    next_fault: Callable[[], Fault]
    line: NetworkPath = field(default_factory=NetworkPath)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - not a secret
    own_port: int = 0
    sent: bytearray = field(default_factory=bytearray)
    requests: int = 0
    struck: dict[HttpFault, int] = field(default_factory=dict)
    _held: set["asyncio.Task[None]"] = field(default_factory=set)
    _listening: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen: at first on a free port, later on the same one again.

        Raises:
            OSError: somebody has taken the port meanwhile.
        """
        self._listening = await asyncio.start_server(self.serve, "127.0.0.1", self.own_port)
        self.own_port = self._listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let go of every connection; further ones are refused by the system, as where no server runs."""
        if self._listening is not None:
            self._listening.close()
        for task in tuple(self._held):
            task.cancel()
        await asyncio.gather(*self._held, return_exceptions=True)
        await asyncio.sleep(0.01)  # aborted transports close in the loop's next rounds

    @property
    def base_url(self) -> str:
        """What the assistant takes for the cloud."""
        return f"http://127.0.0.1:{self.own_port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the assistant's."""
        task = asyncio.current_task()
        if task is not None:
            self._held.add(task)
            task.add_done_callback(self._held.discard)
        try:
            # cancelled only by close(); a server's own callback would log that as an error
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
                while await self._one_request(reader, writer):
                    pass
        finally:
            writer.transport.abort()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.sent += head  # before the body is there: a request that is broken off has said something, too
        body = b""
        async for piece in _pieces(reader, head):
            self.sent += piece
            body += piece
        self.requests += 1
        fault = self.next_fault()
        if fault.kind is not HttpFault.NONE:
            self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
        await asyncio.sleep(self.line.delay_s(self.chance))
        if fault.kind is HttpFault.REFUSED:
            return False
        if fault.kind is HttpFault.HALF_OPEN:
            await asyncio.sleep(3600)
        if fault.kind is HttpFault.SLOW_HEADERS:
            await self._dribble(writer)
        if (status := _STATUS.get(fault.kind)) is not None:
            more = b"Retry-After: 1\r\n" if fault.kind is HttpFault.LIMITED else b""
            writer.write(b"HTTP/1.1 %d No\r\n%sContent-Length: 2\r\n\r\n{}" % (status, more))
            await writer.drain()
            return True
        return await self._pass_on(head, body, writer, fault)

    async def _pass_on(self, head: bytes, body: bytes, writer: asyncio.StreamWriter, fault: Fault) -> bool:
        """Ask the real cloud and relay its answer, event by event; false when the connection is over."""
        upstream, asking = await asyncio.open_connection(self.host, self.port)
        try:
            asking.write(head + body)
            await asking.drain()
            answer = await upstream.readuntil(b"\r\n\r\n")
            writer.write(answer)
            events = 0
            async for piece in _pieces(upstream, answer):
                if fault.kind in _MID_ANSWER and events >= fault.after_events:
                    return await self._strike(writer, fault.kind)
                await asyncio.sleep(self.line.delay_s(self.chance) if events == 0 else self._late_s())
                writer.write(piece)
                await writer.drain()
                events += 1
        finally:
            asking.transport.abort()
        return True

    def _late_s(self) -> float:
        """How much later than the piece before it a piece comes: only what jitters and is lost."""
        lost_s = RETRANSMISSION_S if self.chance.random() < self.line.loss else 0.0
        return lost_s + abs(self.chance.gauss(0, self.line.jitter_ms)) / 4000

    async def _dribble(self, writer: asyncio.StreamWriter) -> None:
        """Headers that never end, byte by byte: no bound on silence between bytes sees that they are slow."""
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"z")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def _strike(self, writer: asyncio.StreamWriter, kind: HttpFault) -> bool:
        match kind:
            case HttpFault.STALLED:
                await asyncio.sleep(3600)
            case HttpFault.KEEP_ALIVES:
                while True:
                    writer.write(b"e\r\n: keep-alive\n\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            case HttpFault.RESET_IN_TOKEN:
                writer.write(b'80\r\ndata: {"id": "1", "cho')
                await writer.drain()
            case HttpFault.GARBAGE:
                writer.write(self.chance.randbytes(200))
                await writer.drain()
            case HttpFault.TRUNCATED:
                piece = b'data: {"id": "1", "choices": [{"ind\n\n'
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0.1)
            case HttpFault.FLOOD:
                text = b'data: {"id":"1","choices":[{"index":0,"text":"%s","finish_reason":null}]}\n\n' % (b"blah " * 2000)
                while True:
                    writer.write(b"%x\r\n%s\r\n" % (len(text), text))
                    await writer.drain()
            case _:
                pass
        return False


async def _pieces(source: asyncio.StreamReader, head: bytes) -> AsyncIterator[bytes]:
    """The body of a message in the pieces in which it came, chunk headers included.

    Raises:
        asyncio.IncompleteReadError: it ends too early, or its length is no number.
    """
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n") if b":" in line)
    try:
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            while True:
                header = await source.readuntil(b"\r\n")
                size = int(header.split(b";")[0], 16)
                yield header + await source.readexactly(size + 2)
                if size == 0:
                    return
        if length := int(fields.get(b"content-length", b"0")):
            yield await source.readexactly(length)
    except ValueError as error:
        raise asyncio.IncompleteReadError(b"", None) from error


@asynccontextmanager
async def proxied(host: str, port: int, next_fault: Callable[[], Fault], *, seed: int = 1) -> AsyncIterator[FaultProxy]:
    """A proxy on a free port of loopback, in front of the cloud at ``host`` and ``port``."""
    proxy = FaultProxy(host, port, next_fault, chance=random.Random(seed))  # noqa: S311 - not a secret
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


class Rotation(Generic[K]):
    """Every one of ``kinds`` in turn, in a seeded order, at random places of an answer of ``most_events``."""

    def __init__(self, kinds: Sequence[K], seed: int, *, most_events: int) -> None:
        self._kinds = kinds
        self._chance = random.Random(seed)  # noqa: S311 - not a secret
        self._most_events = most_events
        self._left: list[K] = []

    def draw(self, only: K | None) -> tuple[K, int]:
        """The next kind, or ``only`` in its place, and behind how many events it strikes."""
        if not self._left:
            self._left = list(self._kinds)
            self._chance.shuffle(self._left)
        return only or self._left.pop(), self._chance.randrange(self._most_events)


class HttpFaultSchedule:
    """Which fault each request meets: every kind in turn, in a seeded order, at random places of the answer."""

    def __init__(self, seed: int, *, most_events: int = 40) -> None:
        self.healthy = True
        """Nothing strikes while this is true."""
        self.only: HttpFault | None = None
        """The one kind that strikes, if it is to be one."""
        self._rotation = Rotation(FAULTS, seed, most_events=most_events)

    def __call__(self) -> Fault:
        """The next request's fate."""
        return Fault() if self.healthy else Fault(*self._rotation.draw(self.only))
