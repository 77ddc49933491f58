"""A verifier that always says the same, on a real socket: for what is not about its model."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from voice.draft import wire
from voice.draft.edge import identity_of
from voice.llm.edge import EdgeModel

WORDS = " and so the keeper lit the lamp, and the ships came home."


@dataclass
class Scripted:
    """What it was asked, as its tokens: whole prefixes, and offers."""

    url: str = ""
    asked: list[list[int]] = field(default_factory=list)
    offered: list[list[int]] = field(default_factory=list)


@asynccontextmanager
async def scripted(edge: EdgeModel, *, words: str = WORDS, token_s: float = 0.005) -> AsyncIterator[Scripted]:
    """Says ``words`` to every stream, in the edge model's vocabulary."""
    found, who = Scripted(), identity_of(edge)
    says = edge.runtime.tokenize(words, special=False)
    end = min(edge.runtime.ending_tokens())
    hello = wire.VerifierHello(
        wire.VERSION, "scripted", "v1", who.vocabulary, who.template, who.vocabulary_size, 16, 4, 512, 30.0
    )

    async def answer(connection: ServerConnection, question: wire.Stream) -> None:
        for token in [*says, end][: question.max_tokens]:
            await asyncio.sleep(token_s)
            await connection.send(wire.encode(wire.Tokens(question.id, [token], [-0.1])))
        await connection.send(wire.encode(wire.Done(question.id, "v1")))

    async def handle(connection: ServerConnection) -> None:
        held: list[int] = []
        answering: dict[int, asyncio.Task[None]] = {}
        with contextlib.suppress(ConnectionClosed):
            await connection.send(wire.encode(hello))
            async for data in connection:
                question = wire.question(data)
                if isinstance(question, wire.Stream):
                    held = [*held[: question.keep], *question.append]
                    assert wire.checksum(held) == question.checksum
                    found.asked.append(held)
                    answering[question.id] = asyncio.create_task(answer(connection, question))
                elif isinstance(question, wire.Offer):
                    found.offered.append(list(question.draft))
                elif isinstance(question, wire.Stop) and question.id in answering:
                    answering[question.id].cancel()
                    await connection.send(wire.encode(wire.Done(question.id, "v1")))
        for task in answering.values():
            task.cancel()
        await asyncio.gather(*answering.values(), return_exceptions=True)

    async with serve(handle, "127.0.0.1", 0) as server:
        found.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield found


def texts(edge: EdgeModel, asked: Sequence[Sequence[int]]) -> str:
    """What tokens stand for, one question a line."""
    return "\n".join(b"".join(map(edge.runtime.piece, tokens)).decode("utf-8", "replace") for tokens in asked)
