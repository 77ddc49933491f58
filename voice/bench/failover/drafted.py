"""``voice bench failover --draft``: the same turns and figures, with a drafting edge and a verifier that fails.

A real ``voice verifier`` in a process of its own stands behind :mod:`voice.bench.failover.verifier_faults`.
"""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import httpx2
import msgspec

from voice.bench.failover import failover
from voice.bench.failover.failover import FailoverOutcome, Host, Progress
from voice.bench.failover.http_faults import FaultProxy, HttpFaultSchedule, NetworkPath
from voice.bench.failover.verifier_faults import DraftFaults, VerifierFaultSchedule, proxied
from voice.core.config import Config
from voice.core.errors import ConfigError
from voice.draft.cloud import KEPT
from voice.llm.vocabulary import Vocabulary
from voice.models import locate

REPLY_TOKENS = 24
STARTS_WITHIN_S = 120.0
_OTHERS = ("Task-", "bench", "verifier-answers")
"""Names of tasks that may be there at the end: the libraries', the bench's, those of connections kept for the next reply."""


async def run(host: Host, config: Config, *, turns: int, private: int, seed: int, progress: Progress) -> dict[str, Any]:
    """As :func:`voice.bench.failover.failover.run`, with drafts; ``drafts`` adds up what became of them."""
    schedule = VerifierFaultSchedule(seed)
    vocabulary = await asyncio.to_thread(partial(Vocabulary, locate(config.llm.model), text_only=True))
    outcomes: list[FailoverOutcome] = []

    def text(tokens: Sequence[int]) -> bytes:
        return b"".join(vocabulary.piece(token) for token in tokens)

    async with (
        verifier(failover._free_port()) as url,
        proxied(url, schedule, text, seed=seed) as proxy,
        host(_drafting(config, proxy)) as server,
    ):
        before = asyncio.all_tasks()
        recordings = failover._recordings(turns, seed)
        for what, count in (("healthy", turns // 2), ("faults", turns)):
            schedule.healthy = what == "healthy"
            proxy.line = NetworkPath(80, 10) if schedule.healthy else NetworkPath(80, 20, 0.01)
            outcomes += await failover._turns(server, what, count, recordings, progress)
        as_cloud = cast("tuple[HttpFaultSchedule, FaultProxy]", (schedule, proxy))
        recovered = await failover._recovery(server, *as_cloud, progress)
        outside, tried = await failover._private(server, as_cloud[1], private, seed, progress, config.llm.system_prompt)
        await asyncio.sleep(1.0)
        hung = [task.get_name() for task in asyncio.all_tasks() - before]
    vocabulary.close()
    return failover.result(outcomes, as_cloud[1], recovered) | {
        "bench": "failover, drafted",
        "drafts": drafts(outcomes),
        "private_values_leaked": outside,
        "private_utterances": tried,
        "hung_tasks": max(0, hung.count("verifier-answers") - KEPT) + sum(not name.startswith(_OTHERS) for name in hung),
        "seed": seed,
    }


def drafts(outcomes: Sequence[FailoverOutcome]) -> dict[str, Any]:
    """What became of the drafts of all turns (pure)."""
    found = [one.record["draft"] for one in outcomes if "draft" in one.record]
    judged = [(one["acceptance"], one["drafted"]) for one in found if one["acceptance"] is not None]
    drafted = sum(count for _, count in judged)
    failures: dict[str, int] = {}
    for one in found:
        if one["failure"]:
            failures[one["failure"]] = failures.get(one["failure"], 0) + 1
    return {
        "replies": len(found),
        "acceptance": round(sum(rate * count for rate, count in judged) / drafted, 3) if drafted else None,
        "failures": failures,
    }


def _drafting(config: Config, proxy: DraftFaults) -> Config:
    replace = msgspec.structs.replace
    return replace(
        config,
        draft=replace(config.draft, engine="voice", url=proxy.base_url),
        cloud=replace(config.cloud, enabled=False, max_tokens=REPLY_TOKENS),
        route=replace(config.route, mode="cloud"),
        llm=replace(config.llm, max_reply_tokens=REPLY_TOKENS),
        server=replace(config.server, host="127.0.0.1", port=0),
        cost=replace(config.cost, ledger="off"),
    )


@asynccontextmanager
async def verifier(port: int, *overrides: str) -> AsyncIterator[str]:
    """``voice verifier`` in a process of its own, on one thread unless ``overrides`` say otherwise; gives its address.

    Raises:
        ConfigError: it does not start.
    """
    settings = [word for override in ("verifier.threads=1", *overrides) for word in ("--set", override)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voice", *settings, "verifier", "--port", str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_s = time.monotonic() + STARTS_WITHIN_S
        async with httpx2.AsyncClient() as http:
            while True:
                if process.returncode is not None or time.monotonic() > until_s:
                    raise ConfigError("voice verifier does not start; try it by hand")
                try:
                    if (await http.get(f"http://127.0.0.1:{port}/health", timeout=2)).status_code == 200:
                        break
                except httpx2.HTTPError:
                    await asyncio.sleep(0.2)
        yield f"ws://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(10):
            await process.wait()
