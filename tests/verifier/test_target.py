"""The verifier on a real model: exact, whatever the draft and whoever else asks; and over a real WebSocket."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest
from websockets.asyncio.client import connect

from voice.core.config import VerifierConfig
from voice.core.errors import ConfigError, VerifierError
from voice.draft import wire
from voice.draft.acceptance import GREEDY, Proposal, Sampling
from voice.draft.remote import RemoteVerifier
from voice.draft.verifier import Block, believe
from voice.verifier.server import VerifierServer
from voice.verifier.target import Judge, Target

pytestmark = pytest.mark.real

PROMPT = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    found = Target(VerifierConfig(clients=8, context_tokens=512))
    yield found
    found.close()


@pytest.fixture
def prompt(target: Target) -> list[int]:
    return target._model.runtime.tokenize(PROMPT, special=True)


async def alone(judge: Judge, prompt: Sequence[int], count: int = 24) -> list[int]:
    return [chosen.token async for chosen in judge.stream(prompt, max_tokens=count, sampling=GREEDY)]


def drafts(tokens: Sequence[int]) -> tuple[Proposal, ...]:
    return tuple(Proposal(token) for token in tokens)


async def test_blocks_give_what_streaming_gives(target: Target, prompt: list[int]) -> None:
    judge = target.open()
    try:
        reply = await alone(judge, prompt)
        assert "Paris" in b"".join(map(target._model.runtime.piece, reply)).decode()
        verdict = await judge.verify(Block(tuple(prompt), drafts(reply[:5])))
        assert (verdict.accepted, [c.token for c in verdict.tokens]) == (5, reply[:6])
        wrong = [*reply[:2], 77, *reply[3:5]]
        verdict = await judge.verify(Block(tuple(prompt), drafts(wrong)))
        assert (verdict.accepted, [c.token for c in verdict.tokens]) == (2, reply[:3])
        verdict = await judge.verify(Block((*prompt, *reply[:4]), drafts(reply[4:7]), bonus=False))
        assert (verdict.accepted, [c.token for c in verdict.tokens]) == (3, reply[4:7])
        verdict = await judge.verify(Block(tuple(prompt)))
        assert [c.token for c in verdict.tokens] == reply[:1]
        assert -1 < verdict.tokens[0].logprob <= 0
    finally:
        judge.close()


async def test_pipelined_blocks_follow_or_are_stale(target: Target, prompt: list[int]) -> None:
    judge = target.open()
    try:
        reply = await alone(judge, prompt)
        first = judge.begin(Block(tuple(prompt), drafts(reply[:3])))
        second = judge.begin(Block((*prompt, *reply[:3]), drafts(reply[3:6]), follows=True))
        third = judge.begin(Block((*prompt, *reply[:6]), drafts([reply[6], 99]), follows=True))
        fourth = judge.begin(Block((*prompt, *reply[:7], 99), drafts([1, 2]), follows=True))
        verdicts = await asyncio.gather(first, second, third, fourth)
        assert [v.accepted for v in verdicts] == [3, 3, 1, 0]
        assert [c.token for c in verdicts[1].tokens] == reply[3:7]
        assert [c.token for c in verdicts[2].tokens] == reply[6:8]
        assert verdicts[3].stale
        block = Block((*prompt, *reply[:3]), drafts(reply[3:6]), follows=True)
        assert believe(block, verdicts[1], vocabulary_size=target.identity.vocabulary_size, ends=lambda _: False)
    finally:
        judge.close()


async def drafted(judge: Judge | RemoteVerifier, prompt: list[int], truth: list[int], rng: random.Random) -> list[int]:
    """Draft ``truth`` with mistakes, in blocks of random sizes; what was approved."""
    found: list[int] = []
    while len(found) < len(truth):
        draft = [
            token if rng.random() < 0.8 else rng.randrange(1000) for token in truth[len(found) : len(found) + rng.randint(0, 6)]
        ]
        verdict = await judge.verify(Block((*prompt, *found), drafts(draft)))
        found += [chosen.token for chosen in verdict.tokens]
    return found[: len(truth)]


async def test_eight_clients_at_once_get_what_each_gets_alone(target: Target, prompt: list[int]) -> None:
    judges = [target.open() for _ in range(8)]
    try:
        truth = await alone(judges[0], prompt, 16)
        found = await asyncio.gather(*(drafted(judge, prompt, truth, random.Random(i)) for i, judge in enumerate(judges)))
        assert all(reply == truth for reply in found)
    finally:
        for judge in judges:
            judge.close()


async def test_a_sampled_reply_is_drawn_from_the_filtered_tokens(target: Target, prompt: list[int]) -> None:
    judge = target.open()
    sampling = Sampling(1.5, top_k=4)
    try:
        counts = dict[int, int]()
        for _ in range(60):
            verdict = await judge.verify(Block(tuple(prompt), drafts([100]), sampling))
            token = verdict.tokens[-1].token
            counts[token] = counts.get(token, 0) + 1
        assert 2 <= len(counts) <= 4
        proposal = Proposal(max(counts, key=lambda t: counts[t]), tuple(counts), tuple(n / 60 for n in counts.values()))
        verdict = await judge.verify(Block(tuple(prompt), (proposal,), sampling))
        assert verdict.accepted in (0, 1)
    finally:
        judge.close()


async def test_what_cannot_be_judged_is_refused_and_harms_nobody(target: Target, prompt: list[int]) -> None:
    judge, other = target.open(), target.open()
    try:
        for block in (Block(()), Block((1, 10**6)), Block((1, -1)), Block((1,) * 600), Block((1,), drafts([1] * 17))):
            with pytest.raises(VerifierError):
                await judge.verify(block)
        truth = await alone(other, prompt, 6)
        bad = Block(tuple(prompt), (Proposal(5, (5,), (float("nan"),)),), Sampling(1.0))
        with pytest.raises(VerifierError):
            await judge.verify(bad)
        assert await alone(judge, prompt, 6) == truth
    finally:
        judge.close()
        other.close()


# --- over the network --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(target: Target, **changes: object) -> AsyncIterator[VerifierServer]:
    config = msgspec.structs.replace(target.config, port=0, **changes)
    async with VerifierServer(config, target, token_ms=10.0) as server:
        yield server


async def test_the_wire_changes_nothing(target: Target, prompt: list[int]) -> None:
    judge = target.open()
    truth = await alone(judge, prompt, 20)
    judge.close()
    async with serving(target) as server:
        verifiers = [await RemoteVerifier.connect(server.url) for _ in range(3)]
        assert verifiers[0].identity.vocabulary == target.identity.vocabulary
        found = await asyncio.gather(*(drafted(v, prompt, truth, random.Random(i)) for i, v in enumerate(verifiers)))
        assert all(reply == truth for reply in found)
        streamed = [c.token async for c in verifiers[1].stream(prompt, max_tokens=20, sampling=GREEDY)]
        assert streamed == truth
        assert verifiers[0].sent_bytes < 3000
        for verifier in verifiers:
            await verifier.aclose()
            await verifier.aclose()
    async with asyncio.timeout(5):
        while target.free < 8:
            await asyncio.sleep(0.01)


async def test_stopping_a_stream_frees_the_session_for_the_next_question(target: Target, prompt: list[int]) -> None:
    async with serving(target) as server:
        verifier = await RemoteVerifier.connect(server.url)
        stream = verifier.stream(prompt, max_tokens=300, sampling=GREEDY)
        first = await anext(stream)
        await stream.aclose()
        task = asyncio.create_task(verifier.verify(Block(tuple(prompt), drafts([first.token]))))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        verdict = await verifier.verify(Block(tuple(prompt), drafts([first.token])))
        assert verdict.accepted == 1
        assert not verifier.broken
        await verifier.aclose()


def verify(**changes: object) -> wire.Verify:
    usual = wire.Verify(1, 0, [1, 2], wire.checksum([1, 2]), [3])
    return msgspec.structs.replace(usual, **changes)


BAD: list[bytes | str] = [
    b"",
    b"\x00" * 40,
    "hello",
    msgspec.msgpack.encode(["verify", 1]),
    msgspec.msgpack.encode({"verify": 1}),
    b"\x91" * 5000,
    wire.encode(wire.VerifierHello(1, "", "", "", "", 1, 1, 1, 1, 1.0)),
]
REFUSED = [
    verify(keep=5),
    verify(keep=-1),
    verify(checksum=7),
    verify(append=[]),
    verify(append=[2**40], checksum=0),
    verify(draft=[49_152]),
    verify(draft=[-5]),
    verify(draft=[1] * 400),
    verify(chance=wire.Chance(-1.0)),
    verify(chance=wire.Chance(1.0, 0, float("nan"))),
    verify(support=[[1], [2]], weights=[[1.0]]),
    verify(support=[[1] * 300], weights=[[0.1] * 300]),
    verify(support=[[3]], weights=[[float("nan")]], chance=wire.Chance(1.0)),
    verify(append=[1] * 5000, checksum=wire.checksum([1] * 5000)),
]


@pytest.mark.parametrize("message", BAD, ids=range(len(BAD)))
async def test_a_message_that_is_none_ends_its_own_connection_only(
    target: Target, prompt: list[int], message: bytes | str
) -> None:
    async with serving(target) as server:
        other = await RemoteVerifier.connect(server.url)
        async with connect(server.url) as bad, asyncio.timeout(5):
            await bad.recv()
            await bad.send(message)
            answer = wire.answer(await bad.recv())
            assert isinstance(answer, wire.Failed)
            await bad.wait_closed()
            assert bad.close_code == 1002
        assert (await other.verify(Block(tuple(prompt)))).tokens
        await other.aclose()


async def test_a_question_that_makes_no_sense_is_answered_so(target: Target) -> None:
    async with serving(target) as server, connect(server.url) as client, asyncio.timeout(20):
        await client.recv()
        for question in REFUSED:
            await client.send(wire.encode(question))
            answer = wire.answer(await client.recv())
            assert isinstance(answer, wire.Failed), question
            assert answer.id == 1
        await client.send(wire.encode(verify()))
        assert isinstance(wire.answer(await client.recv()), wire.Judged)


async def test_random_bytes_never_kill_it(target: Target, prompt: list[int]) -> None:
    rng = np.random.default_rng(1)
    whole = wire.encode(verify())
    async with serving(target) as server:
        for _ in range(40):
            data = bytearray(whole)
            for _ in range(int(rng.integers(1, 4))):
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
            async with connect(server.url) as client, asyncio.timeout(5):
                await client.recv()
                await client.send(bytes(data))
                wire.answer(await client.recv())
        verifier = await RemoteVerifier.connect(server.url)
        assert (await verifier.verify(Block(tuple(prompt)))).tokens
        await verifier.aclose()


async def test_too_many_questions_at_once_end_the_connection(target: Target) -> None:
    async with serving(target) as server, connect(server.url) as client, asyncio.timeout(10):
        await client.recv()
        stream = wire.Stream(1, 0, [1], wire.checksum([1]), 400)
        for number in range(60):
            await client.send(wire.encode(msgspec.structs.replace(stream, id=number + 1)))
        await client.wait_closed()
        assert client.close_code == 1002


async def test_a_token_is_needed_where_one_is_set(target: Target) -> None:
    with pytest.raises(ConfigError):
        VerifierServer(msgspec.structs.replace(target.config, host="0.0.0.0"), target)
    async with serving(target, token="secret") as server:
        with pytest.raises(VerifierError, match="401"):
            await RemoteVerifier.connect(server.url)
        verifier = await RemoteVerifier.connect(server.url, token="secret")
        await verifier.aclose()


async def test_more_clients_than_sessions_are_told_so(target: Target) -> None:
    judges = [target.open() for _ in range(8)]
    try:
        async with serving(target) as server:
            with pytest.raises(VerifierError, match="503"):
                await RemoteVerifier.connect(server.url)
    finally:
        for judge in judges:
            judge.close()


async def test_nobody_there() -> None:
    with pytest.raises(VerifierError, match="voice verifier"):
        await RemoteVerifier.connect("ws://127.0.0.1:9")


async def test_offers_hurry_a_stream_on_and_do_not_change_it(target: Target, prompt: list[int]) -> None:
    judge = target.open()
    truth = await alone(judge, prompt, 40)
    judge.close()
    async with serving(target) as server:
        verifier = await RemoteVerifier.connect(server.url)
        rng = random.Random(1)
        for _ in range(3):
            found: list[int] = []
            stream = verifier.stream(prompt, max_tokens=40, sampling=GREEDY)
            async for chosen in stream:
                found.append(chosen.token)
                place = len(found) + rng.randrange(3)
                draft = [token if rng.random() < 0.9 else 7 for token in truth[place : place + 5]]
                await verifier.offer(len(prompt) + place, draft)
                await verifier.offer(rng.randrange(-5, 600), [1, 2, 3])
            assert found == truth
        with_offers = await _steps(target, prompt, truth)
        assert with_offers < len(truth) / 2
        assert not verifier.broken
        await verifier.aclose()


async def _steps(target: Target, prompt: list[int], truth: list[int]) -> int:
    """Moments at which tokens came, with perfect offers: several come with one step."""
    judge, times = target.open(), list[float]()
    stream = judge.stream(prompt, max_tokens=len(truth), sampling=GREEDY)
    count = 0
    async for _ in stream:
        count += 1
        await judge.offer(len(prompt) + count, truth[count : count + 12])
        now_s = asyncio.get_running_loop().time()
        if not times or now_s - times[-1] > 0.004:
            times.append(now_s)
    judge.close()
    return len(times)
