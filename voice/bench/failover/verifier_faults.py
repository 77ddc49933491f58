"""A proxy on loopback between the assistant and ``voice verifier`` that does to drafting what networks and verifiers do.

The counterpart of :mod:`.http_faults` for a connection that lives for a conversation: each question (a stream or a
block) has its fate. What strikes in the middle of its answer spoils its messages from there on; what strikes at the door ends
the connection, and the next one meets it. Whatever the assistant asks is kept, decoded, so that it can be searched.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import WebSocketException
from websockets.http11 import Request, Response

from voice.bench.failover.http_faults import NetworkPath, Rotation
from voice.draft import wire

SLOW_S = 0.7
"""What a slow verifier takes for each message."""
STRANGER_S = 2.0
"""So long a verifier of another vocabulary stays."""


class VerifierFault(StrEnum):
    """What happens to a question."""

    NONE = "none"
    REFUSED = "refused"
    UNAUTHORISED = "401"
    FULL = "503"
    HALF_OPEN = "half-open"
    OTHER_VOCABULARY = "another vocabulary"
    OTHER_PROTOCOL = "another protocol"
    STALLED = "stalled"
    SLOW = "slow"
    RESET = "reset"
    GARBAGE = "garbage"
    TRUNCATED = "truncated message"
    NAN = "NaN"
    FEW_ROWS = "too few rows"
    NO_TOKEN = "no token of the vocabulary"
    OTHER_QUESTION = "to another question"
    OTHER_VERSION = "another version"


FAULTS: tuple[VerifierFault, ...] = tuple(kind for kind in VerifierFault if kind is not VerifierFault.NONE)
AT_THE_DOOR = {
    VerifierFault.REFUSED,
    VerifierFault.UNAUTHORISED,
    VerifierFault.FULL,
    VerifierFault.HALF_OPEN,
    VerifierFault.OTHER_VOCABULARY,
    VerifierFault.OTHER_PROTOCOL,
}
_STATUS = {VerifierFault.UNAUTHORISED: HTTPStatus.UNAUTHORIZED, VerifierFault.FULL: HTTPStatus.SERVICE_UNAVAILABLE}


class VerifierFaultSchedule:
    """Which fault each question meets: every kind in turn, in a seeded order, at random places of the answer."""

    def __init__(self, seed: int, *, most_events: int = 12) -> None:
        self.healthy = True
        """Nothing strikes while this is true."""
        self.only: str | None = None
        """The one kind that strikes, if it is to be one; at the door, each time."""
        self._rotation = Rotation(FAULTS, seed, most_events=most_events)

    def question(self) -> tuple[VerifierFault, int]:
        """The next question's fate, and behind how many messages of its answer it strikes."""
        if self.healthy:
            return VerifierFault.NONE, 0
        return self._rotation.draw(VerifierFault(self.only) if self.only else None)

    def door(self) -> VerifierFault:
        """Who stands there anyway."""
        kind = VerifierFault.NONE if self.healthy or self.only is None else VerifierFault(self.only)
        return kind if kind in AT_THE_DOOR else VerifierFault.NONE


@dataclass
class DraftFaults:
    """What the proxy does and what it has seen; :func:`proxied` runs one.

    Attributes:
        url: of the verifier.
        text: what tokens stand for.
        sent: everything that was asked, as text.
        requests: how many questions there were, and ``struck`` how many of them by a fault.
    """

    url: str
    schedule: VerifierFaultSchedule
    text: Callable[[Sequence[int]], bytes]
    line: NetworkPath = field(default_factory=NetworkPath)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - not a secret
    own_port: int = 0
    sent: bytearray = field(default_factory=bytearray)
    requests: int = 0
    struck: dict[VerifierFault, int] = field(default_factory=dict)
    _waiting: VerifierFault = VerifierFault.NONE
    _server: Server | None = None

    @property
    def base_url(self) -> str:
        """What the assistant takes for the verifier."""
        return f"ws://127.0.0.1:{self.own_port}"

    async def open(self) -> None:
        """Listen: at first on a free port, later on the same one again."""
        self._server = await serve(self._serve, "127.0.0.1", self.own_port, process_request=self._door, compression=None)
        self.own_port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Let go of every connection; further ones are refused by the system."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._server.connections):
                connection.transport.abort()
            await self._server.wait_closed()

    def _door(self, connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" not in request.headers:
            return connection.respond(HTTPStatus.NOT_FOUND, "no tokenizer here\n")
        kind, self._waiting = self._waiting, VerifierFault.NONE
        kind = kind if kind is not VerifierFault.NONE else self.schedule.door()
        if (status := _STATUS.get(kind)) is not None:
            return connection.respond(status, "no\n")
        if kind is VerifierFault.REFUSED:
            connection.transport.abort()
        connection.at_the_door = kind  # type: ignore[attr-defined]
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        kind: VerifierFault = getattr(connection, "at_the_door", VerifierFault.NONE)
        if kind is VerifierFault.HALF_OPEN:
            await asyncio.sleep(3600)
        with contextlib.suppress(WebSocketException, OSError):
            async with connect(self.url, compression=None, max_size=None) as upstream:
                relay = _Relay(self, connection, upstream, kind)
                tasks = [asyncio.create_task(work(), name="bench relay") for work in relay.works()]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        connection.transport.abort()

    def fate(self) -> tuple[VerifierFault, int]:
        """Of a question that has come."""
        self.requests += 1
        kind, after = self.schedule.question()
        if kind is not VerifierFault.NONE:
            self.struck[kind] = self.struck.get(kind, 0) + 1
        if kind in AT_THE_DOOR:
            self._waiting = kind
        return kind, after


class _Relay:
    """One connection: both ways, late as the line makes it, and spoilt as the schedule wants it."""

    def __init__(self, proxy: DraftFaults, client: Connection, verifier: Connection, door: VerifierFault) -> None:
        self._proxy, self._client, self._verifier, self._door = proxy, client, verifier, door
        self._asked: list[int] = []
        self._kind, self._after, self._slow_s = VerifierFault.NONE, 0, 0.0
        self._queues: dict[Connection, asyncio.Queue[tuple[float, bytes | str]]] = {
            client: asyncio.Queue(4096),
            verifier: asyncio.Queue(4096),
        }

    def works(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What goes on at the same time, until one of it ends."""
        works: list[Callable[[], Coroutine[Any, Any, None]]] = [self._questions, self._answers]
        works += [partial(self._deliver, to) for to in (self._client, self._verifier)]
        if self._door is VerifierFault.OTHER_VOCABULARY:
            works.append(partial(asyncio.sleep, STRANGER_S))
        return works

    async def _questions(self) -> None:
        async for data in self._client:
            question = wire.question(data)
            if isinstance(question, wire.Stream | wire.Verify):
                draft = question.draft if isinstance(question, wire.Verify) else []
                self._asked = [*self._asked[: question.keep], *question.append, *draft]
                self._proxy.sent += self._proxy.text(self._asked) + b"\n"
                self._kind, self._after = self._proxy.fate()
                if self._kind in AT_THE_DOOR:
                    return
            elif isinstance(question, wire.Offer):
                self._proxy.sent += self._proxy.text(question.draft) + b"\n"
            self._late(self._verifier, data)

    async def _answers(self) -> None:
        async for data in self._verifier:
            answer = wire.answer(data)
            if isinstance(answer, wire.VerifierHello):
                self._late(self._client, wire.encode(_hello(answer, self._door)))
                continue
            if isinstance(answer, wire.Failed) or self._kind is VerifierFault.NONE or self._after > 0:
                self._after -= 1
                self._late(self._client, data)
            elif self._kind is VerifierFault.RESET:
                return
            elif self._kind is not VerifierFault.STALLED:
                self._late(self._client, spoilt(answer, data, self._kind, self._proxy.chance))

    def _late(self, to: Connection, data: bytes | str) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._proxy.line.delay_s(self._proxy.chance)
        if self._kind is VerifierFault.SLOW and to is self._client:
            due_s = self._slow_s = max(due_s, self._slow_s) + SLOW_S
        with contextlib.suppress(asyncio.QueueFull):
            self._queues[to].put_nowait((due_s, data))

    async def _deliver(self, to: Connection) -> None:
        while True:
            due_s, data = await self._queues[to].get()
            await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
            await to.send(data)


def _hello(hello: wire.VerifierHello, door: VerifierFault) -> wire.VerifierHello:
    if door is VerifierFault.OTHER_VOCABULARY:
        return msgspec.structs.replace(hello, vocabulary="0" * 32)
    if door is VerifierFault.OTHER_PROTOCOL:
        return msgspec.structs.replace(hello, protocol=99)
    return hello


def spoilt(answer: wire.Answer, data: bytes | str, kind: VerifierFault, chance: random.Random) -> bytes | str:
    """An answer as a verifier gives it that cannot be believed (pure but for ``chance``)."""
    number = getattr(answer, "id", 0)
    match kind:
        case VerifierFault.GARBAGE:
            return chance.randbytes(60)
        case VerifierFault.TRUNCATED:
            return data[: max(1, len(data) // 2)]
        case VerifierFault.NAN:
            return wire.encode(wire.Tokens(number, [1], [math.nan]))
        case VerifierFault.FEW_ROWS:
            return wire.encode(wire.Tokens(number, [1, 2], [-0.1]))
        case VerifierFault.NO_TOKEN:
            return wire.encode(wire.Tokens(number, [1 << 24], [-0.1]))
        case VerifierFault.OTHER_QUESTION:
            return wire.encode(wire.Tokens(number + 100, [1], [-0.1]))
        case VerifierFault.OTHER_VERSION:
            return wire.encode(wire.Done(number, "another version"))
        case _:
            return data


@asynccontextmanager
async def proxied(
    url: str, schedule: VerifierFaultSchedule, text: Callable[[Sequence[int]], bytes], *, seed: int = 1
) -> AsyncIterator[DraftFaults]:
    """A proxy on a free port of loopback, in front of the verifier at ``url``."""
    proxy = DraftFaults(url, schedule, text, chance=random.Random(seed))  # noqa: S311 - not a secret
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
