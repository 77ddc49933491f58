"""Eight clients of one verifier, and one: throughput, and whether anybody's reply changes.

Strategy: every client has its prompt read first, as it is in the field while the user still speaks, and then has its reply
verified over and over until it has its share of tokens, so that no client's end leaves the others alone for long. One and
eight by turns, and the medians compared. *Networked*: blocks of four draft tokens, of which four of five are right, with a
network and drafting between them; *saturated*: the same without a pause; *streamed*: plain streams. What eight can be worth
is what the processor makes of a larger step: one that computes hardly faster than it reads the weights gains little.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from voice.bench.speculative.paced_verifier import Recorded
from voice.core.config import VerifierConfig
from voice.draft.acceptance import GREEDY, Proposal
from voice.draft.verifier import Block
from voice.verifier.target import Judge, Target

CLIENTS = 8
ROUND_TRIP_S = 0.04
DRAFT_S = 0.03
TOKENS = 40
"""Of each client, in one measurement."""
ROUNDS = 2
BLOCK = 4
RIGHT = 0.8

Client = Callable[[Judge, Recorded, int], Awaitable[tuple[int, ...]]]
"""Has one reply verified; what was approved."""


async def clients(target: Path, recorded: Sequence[Recorded], *, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Tokens a second of one client and of eight, and how many replies were what they are alone; exact, and not."""
    records = [record for record in recorded if len(record.reply) > 8][:CLIENTS]
    records = (records * CLIENTS)[:CLIENTS]
    found: dict[str, Any] = {"round_trip_ms": ROUND_TRIP_S * 1e3, "drafting_ms": DRAFT_S * 1e3}
    for number, (name, exact) in enumerate((("exact", True), ("not_exact", False))):
        progress("eight clients of one verifier", number, 2)
        config = VerifierConfig(model=str(target), clients=CLIENTS, context_tokens=512, exact=exact)
        verifying = await asyncio.to_thread(Target, config)
        try:
            found[name] = await _serve(verifying, records)
        finally:
            verifying.close()
    progress("eight clients of one verifier", 2, 2)
    return found


async def _serve(verifying: Target, records: Sequence[Recorded]) -> dict[str, Any]:
    ways: dict[str, Client] = {
        "networked": _in_blocks(ROUND_TRIP_S + DRAFT_S),
        "saturated": _in_blocks(0.0),
        "streamed": _stream,
    }
    judges = [verifying.open() for _ in records]
    results: dict[str, Any] = {}
    replies: list[bool] = []
    try:
        for judge, record in zip(judges, records, strict=True):
            await judge.verify(Block(record.prompt))
        for name, way in ways.items():
            rates: dict[int, list[float]] = {1: [], CLIENTS: []}
            for _ in range(ROUNDS):
                for count, found in rates.items():
                    found.append(await _rate(way, judges[:count], records, replies))
            one, eight = (statistics.median(found) for found in rates.values())
            results[name] = {"tokens_per_s": [round(one, 1), round(eight, 1)], "ratio": round(eight / one, 2)}
    finally:
        for judge in judges:
            judge.close()
    return {**results, "replies": len(replies), "unchanged": sum(replies)}


async def _rate(way: Client, judges: Sequence[Judge], records: Sequence[Recorded], replies: list[bool]) -> float:
    """Tokens a second, of all together."""

    async def client(seed: int, judge: Judge, record: Recorded) -> int:
        count = 0
        while count < TOKENS:
            reply = await way(judge, record, seed + count)
            replies.append(reply == record.reply)
            count += len(reply)
        return count

    began_s = time.perf_counter()
    counts = await asyncio.gather(
        *(client(i, judge, record) for i, (judge, record) in enumerate(zip(judges, records, strict=False)))
    )
    return sum(counts) / (time.perf_counter() - began_s)


def _in_blocks(pause_s: float) -> Client:
    async def reply(judge: Judge, record: Recorded, seed: int) -> tuple[int, ...]:
        rng = random.Random(seed)  # noqa: S311 (mistakes, not secrets)
        found: list[int] = []
        while len(found) < len(record.reply):
            ahead = record.reply[len(found) : len(found) + BLOCK]
            draft = tuple(Proposal(token if rng.random() < RIGHT else 1000 + token % 1000) for token in ahead)
            await asyncio.sleep(pause_s)
            verdict = await judge.verify(Block((*record.prompt, *found), draft))
            found += [chosen.token for chosen in verdict.tokens]
        return tuple(found[: len(record.reply)])

    return reply


async def _stream(judge: Judge, record: Recorded, seed: int) -> tuple[int, ...]:
    del seed
    return tuple([c.token async for c in judge.stream(record.prompt, max_tokens=len(record.reply), sampling=GREEDY)])
