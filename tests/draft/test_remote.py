"""A verifier that cannot be believed, on a real socket: noticed, dropped, and every question answered with an error."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from voice.core.errors import VerifierError
from voice.draft import wire
from voice.draft.acceptance import GREEDY, Proposal
from voice.draft.remote import RemoteVerifier
from voice.draft.verifier import Block

HELLO = wire.VerifierHello(wire.VERSION, "big", "v1", "vocabulary", "template", 100, 16, 4, 512, 10.0)
PREFIX = (1, 2, 3)
BLOCK = Block(PREFIX, (Proposal(4), Proposal(5)))
Answers = Callable[[wire.Verify | wire.Stream], list[wire.Answer | bytes | str]]


@asynccontextmanager
async def verifier_that(answers: Answers, hello: wire.Answer | bytes = HELLO) -> AsyncIterator[str]:
    async def handle(connection: ServerConnection) -> None:
        await connection.send(hello if isinstance(hello, bytes) else wire.encode(hello))
        with contextlib.suppress(ConnectionClosed):
            async for data in connection:
                question = wire.question(data)
                if isinstance(question, wire.Verify | wire.Stream):
                    for answer in answers(question):
                        await connection.send(answer if isinstance(answer, bytes | str) else wire.encode(answer))

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def right(question: wire.Verify | wire.Stream, **changes: object) -> wire.Judged:
    return msgspec.structs.replace(wire.Judged(question.id, 2, 6, [-0.1, -0.2, -0.3], 5.0, "v1"), **changes)


async def test_a_right_answer_is_taken() -> None:
    async with verifier_that(lambda question: [right(question)]) as url:
        verifier = await RemoteVerifier.connect(url)
        verdict = await verifier.verify(BLOCK)
        assert (verdict.accepted, [chosen.token for chosen in verdict.tokens]) == (2, [4, 5, 6])
        assert verdict.tokens[2].logprob == -0.3
        assert verifier.identity.rtt_ms > 0
        await verifier.aclose()


UNBELIEVABLE: dict[str, Answers] = {
    "another version": lambda q: [right(q, version="v2")],
    "to no question": lambda q: [right(q, id=q.id + 7)],
    "twice": lambda q: [right(q, id=q.id + 1), right(q)],
    "nan": lambda q: [right(q, logprobs=[-0.1, math.nan, -0.3])],
    "infinite": lambda q: [right(q, logprobs=[-0.1, -math.inf, -0.3])],
    "too few rows": lambda q: [right(q, logprobs=[-0.1])],
    "too many rows": lambda q: [right(q, logprobs=[-0.1] * 9)],
    "more than was drafted": lambda q: [right(q, accepted=5, logprobs=[-0.1] * 6)],
    "fewer than none": lambda q: [right(q, accepted=-1)],
    "another vocabulary": lambda q: [right(q, token=100)],
    "a stream": lambda q: [wire.Tokens(q.id, [4], [-0.1])],
    "hello again": lambda q: [HELLO],
    "not understood": lambda q: [wire.Failed(0, "x", "y")],
    "failed": lambda q: [wire.Failed(q.id, "x", "y")],
    "garbage": lambda q: [b"\xff\xff"],
    "text": lambda q: ["hello"],
}


@pytest.mark.parametrize("answers", UNBELIEVABLE.values(), ids=UNBELIEVABLE.keys())
async def test_an_answer_that_cannot_be_is_an_error(answers: Answers) -> None:
    async with verifier_that(answers) as url, asyncio.timeout(5):
        verifier = await RemoteVerifier.connect(url)
        with pytest.raises(VerifierError):
            await verifier.verify(BLOCK)
        await verifier.aclose()
        assert verifier.broken
        with pytest.raises(VerifierError):
            await verifier.verify(BLOCK)


async def test_answers_out_of_order_end_the_connection() -> None:
    asked: list[wire.Verify | wire.Stream] = []

    def backwards(question: wire.Verify | wire.Stream) -> list[wire.Answer | bytes | str]:
        asked.append(question)
        return [right(q) for q in reversed(asked)] if len(asked) == 2 else []

    async with verifier_that(backwards) as url, asyncio.timeout(5):
        verifier = await RemoteVerifier.connect(url)
        results = await asyncio.gather(verifier.verify(BLOCK), verifier.verify(BLOCK), return_exceptions=True)
        assert all(isinstance(result, VerifierError) for result in results)
        assert verifier.broken
        await verifier.aclose()


async def test_an_answer_to_a_question_that_was_given_up_is_dropped() -> None:
    asked: list[wire.Verify | wire.Stream] = []

    def late(question: wire.Verify | wire.Stream) -> list[wire.Answer | bytes | str]:
        asked.append(question)
        return [right(q) for q in asked] if len(asked) == 2 else []

    async with verifier_that(late) as url, asyncio.timeout(5):
        verifier = await RemoteVerifier.connect(url)
        first = asyncio.create_task(verifier.verify(BLOCK))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.wait([first])
        assert (await verifier.verify(BLOCK)).accepted == 2
        assert not verifier.broken
        await verifier.aclose()


STREAMS: dict[str, Answers] = {
    "a verdict": lambda q: [right(q)],
    "nan": lambda q: [wire.Tokens(q.id, [4], [math.nan])],
    "rows": lambda q: [wire.Tokens(q.id, [4, 5], [-0.1])],
    "vocabulary": lambda q: [wire.Tokens(q.id, [400], [-0.1])],
    "version": lambda q: [wire.Tokens(q.id, [4], [-0.1]), wire.Done(q.id, "v2")],
}


@pytest.mark.parametrize("answers", STREAMS.values(), ids=STREAMS.keys())
async def test_a_stream_that_cannot_be_is_an_error(answers: Answers) -> None:
    async with verifier_that(answers) as url, asyncio.timeout(5):
        verifier = await RemoteVerifier.connect(url)
        with pytest.raises(VerifierError):
            async for _ in verifier.stream(PREFIX, max_tokens=5, sampling=GREEDY):
                pass
        await verifier.aclose()


@pytest.mark.parametrize("hello", [b"x", msgspec.structs.replace(HELLO, protocol=2), wire.Done(1, "v1")])
async def test_another_protocol_is_refused_at_once(hello: wire.Answer | bytes) -> None:
    async with verifier_that(lambda _: [], hello) as url, asyncio.timeout(5):
        with pytest.raises(VerifierError):
            await RemoteVerifier.connect(url)
