"""Verifiers that fail while the edge drafts: a real one behind the fault proxy, and the pipeline's cloud in front of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from voice import models
from voice.bench.draft_faults import AT_THE_DOOR, FAULTS, DraftFaults, Kind, Schedule, proxied
from voice.config import DraftConfig, LlmConfig, VerifierConfig
from voice.draft.cloud import DraftedCloud
from voice.draft.connect import drafted_model
from voice.draft.health import Health
from voice.errors import CloudError
from voice.llm.edge import EdgeModel
from voice.stages import Message, Usage
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

pytestmark = pytest.mark.real
LONG = [Message("user", "Tell me a story about a lighthouse.")]
MID_ANSWER = tuple(kind for kind in FAULTS if kind not in AT_THE_DOOR)


@pytest.fixture(scope="module")
def edge() -> Iterator[EdgeModel]:
    if not models.locate(LlmConfig().model).is_file():
        pytest.skip("the language model is not on this machine: run `voice models fetch`")
    found = EdgeModel(LlmConfig(conversations=1, context_tokens=512, threads=1))
    yield found
    found.close()


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    found = Target(VerifierConfig(clients=3, context_tokens=512, threads=1))
    yield found
    found.close()


class One(Schedule):
    """One kind, behind so many messages of each answer."""

    def __init__(self, after: int = 2) -> None:
        super().__init__(1)
        self._after = after

    def question(self) -> tuple[Kind, int]:
        return super().question()[0], self._after


@asynccontextmanager
async def drafting(edge: EdgeModel, target: Target) -> AsyncIterator[tuple[DraftedCloud, One, DraftFaults]]:
    schedule = One()

    def text(tokens: object) -> bytes:
        return b"".join(edge.runtime.piece(token) for token in tokens)  # type: ignore[attr-defined]

    config = msgspec.structs.replace(target.config, port=0)
    async with VerifierServer(config, target, token_ms=30.0) as server, proxied(server.url, schedule, text) as proxy:
        model = drafted_model(edge, DraftConfig(engine="voice", url=proxy.base_url, patience_ms=3000))
        model.health = Health(None)
        cloud = DraftedCloud(model)
        try:
            yield cloud, schedule, proxy
        finally:
            await cloud.aclose()


async def connected(cloud: DraftedCloud, *, within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while cloud.forecast_ms is None:
            await asyncio.sleep(0.02)


async def ask(cloud: DraftedCloud, max_tokens: int = 8) -> tuple[str, str, list[Usage]]:
    """What came, the error's code if it ended in one, and what it took."""
    usages: list[Usage] = []
    text, code = "", ""
    try:
        reply = cloud.reply(LONG, max_tokens=max_tokens, prefix="Once upon a time,", on_usage=usages.append, kind="long_form")
        async for token in reply:
            text += token.text
    except CloudError as error:
        code = error.error_code
    return text, code, usages


async def test_every_fault_is_noticed_and_the_verifier_used_again(edge: EdgeModel, target: Target) -> None:
    async with drafting(edge, target) as (cloud, schedule, proxy):
        await connected(cloud)
        right, code, usages = await ask(cloud)
        assert (bool(right), code) == (True, "")
        assert usages[0].draft["kind"] == "long_form"
        assert b"lighthouse" in bytes(proxy.sent)
        before = asyncio.all_tasks()
        for kind in MID_ANSWER:
            schedule.healthy, schedule.only = False, kind
            async with asyncio.timeout(20):
                text, code, usages = await ask(cloud)
            assert code == ("" if kind is Kind.SLOW else "cloud_unreachable"), kind
            assert right.startswith(text), kind  # nothing was made up
            assert usages[0].draft["failure"] or kind is Kind.SLOW, kind
            schedule.healthy = True
            await connected(cloud)
            assert (await ask(cloud, 3))[1] == "", kind
        assert set(proxy.struck) == set(MID_ANSWER)
        await asyncio.sleep(0.2)
        assert len([task for task in asyncio.all_tasks() - before if not task.get_name().startswith(("Task-", "bench"))]) <= 1


@pytest.mark.parametrize("kind", sorted(AT_THE_DOOR - {Kind.HALF_OPEN}))
async def test_who_stands_at_the_door_is_not_asked(edge: EdgeModel, target: Target, kind: Kind) -> None:
    async with drafting(edge, target) as (cloud, schedule, proxy):
        schedule.healthy, schedule.only = False, kind
        for _ in range(20):
            assert cloud.forecast_ms is None
            await asyncio.sleep(0.02)
        assert (await ask(cloud))[:2] == ("", "cloud_unreachable")
        assert not proxy.requests
        schedule.healthy = True
        await connected(cloud)
        assert (await ask(cloud))[1] == ""
