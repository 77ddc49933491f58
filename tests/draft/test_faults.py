"""Verifiers that fail while the edge drafts: the pipeline's cloud, and the fault proxy between it and a verifier."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.draft.scripted import WORDS, scripted
from voice.bench.failover.verifier_faults import AT_THE_DOOR, FAULTS, DraftFaults, VerifierFault, VerifierFaultSchedule, proxied
from voice.core.config import DraftConfig, LlmConfig
from voice.core.errors import CloudError
from voice.core.interfaces import Message, Usage
from voice.draft.cloud import DraftedCloud
from voice.draft.connect import drafted_model
from voice.draft.health import Health
from voice.draft.remote import STUCK_S
from voice.llm.edge import EdgeModel

pytestmark = pytest.mark.real
LONG = [Message("user", "Tell me a story about a lighthouse.")]
MID_ANSWER = tuple(kind for kind in FAULTS if kind not in AT_THE_DOOR)


@pytest.fixture(scope="module")
def edge() -> Iterator[EdgeModel]:
    found = EdgeModel(LlmConfig(conversations=1, context_tokens=512, threads=1))
    yield found
    found.close()


class One(VerifierFaultSchedule):
    """One kind, behind two messages of each answer."""

    def question(self) -> tuple[VerifierFault, int]:
        return super().question()[0], 2


@asynccontextmanager
async def drafting(edge: EdgeModel) -> AsyncIterator[tuple[DraftedCloud, One, DraftFaults]]:
    schedule = One(1)

    def text(tokens: object) -> bytes:
        return b"".join(edge.runtime.piece(token) for token in tokens)  # type: ignore[attr-defined]

    async with scripted(edge) as server, proxied(server.url, schedule, text) as proxy:
        model = drafted_model(edge, DraftConfig(engine="voice", url=proxy.base_url, patience_ms=1000))
        model.health = Health(None)
        cloud = DraftedCloud(model)
        try:
            yield cloud, schedule, proxy
        finally:
            await cloud.aclose()


async def connected(cloud: DraftedCloud) -> None:
    async with asyncio.timeout(15):
        while cloud.forecast_ms is None:
            await asyncio.sleep(0.02)


async def ask(cloud: DraftedCloud) -> tuple[str, str, list[Usage]]:
    """What came, the error's code if it ended in one, and what it took."""
    usages: list[Usage] = []
    text, code = "", ""
    try:
        reply = cloud.reply(LONG, max_tokens=40, prefix="Once upon a time,", on_usage=usages.append, kind="long_form")
        async for token in reply:
            text += token.text
    except CloudError as error:
        code = error.error_code
    return text, code, usages


async def test_every_fault_is_noticed_and_the_verifier_used_again(edge: EdgeModel) -> None:
    async with drafting(edge) as (cloud, schedule, proxy):
        await connected(cloud)
        before = asyncio.all_tasks()
        for kind in MID_ANSWER:
            schedule.healthy, schedule.only = False, kind
            if kind is VerifierFault.SLOW:  # not wrong: whoever listens decides how long to wait
                continue
            async with asyncio.timeout(5):
                text, code, usages = await ask(cloud)
            assert code == "cloud_unreachable", kind
            assert WORDS.startswith(text), kind  # nothing was made up
            assert usages[0].draft["failure"], kind
            schedule.healthy = True
            await connected(cloud)
            text, code, usages = await ask(cloud)
            assert (text, code) == (WORDS, ""), kind
            draft = usages[0].draft
            assert (draft["kind"], draft["verifier"], draft["version"]) == ("long_form", "scripted", "v1")
            assert draft["by_edge"] == 0
            assert usages[0].tokens_out == draft["tokens"] + draft["rejected"]
        assert set(proxy.struck) == {*MID_ANSWER} - {VerifierFault.SLOW}
        assert b"lighthouse" in bytes(proxy.sent)
        await asyncio.sleep(0.3)
        ours = [task for task in asyncio.all_tasks() - before if not task.get_name().startswith(("Task-", "bench"))]
        assert len(ours) <= 1, ours  # the connection's own reader


async def test_a_slow_verifier_can_be_left_at_any_time(edge: EdgeModel) -> None:
    async with drafting(edge) as (cloud, schedule, _):
        await connected(cloud)
        schedule.healthy, schedule.only = False, VerifierFault.SLOW
        usages: list[Usage] = []
        reply = cloud.reply(LONG, max_tokens=40, prefix="", on_usage=usages.append)
        await anext(reply)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                async for _ in reply:
                    pass
        await reply.aclose()
        assert 1 <= usages[0].draft["tokens"] < 10
        schedule.healthy = True
        await asyncio.sleep(STUCK_S + 0.1)
        await connected(cloud)
        assert (await ask(cloud))[1] == ""


@pytest.mark.parametrize("kind", sorted(AT_THE_DOOR - {VerifierFault.HALF_OPEN}))
async def test_who_stands_at_the_door_is_not_asked(edge: EdgeModel, kind: VerifierFault) -> None:
    async with drafting(edge) as (cloud, schedule, proxy):
        schedule.healthy, schedule.only = False, kind
        for _ in range(10):
            assert cloud.forecast_ms is None
            await asyncio.sleep(0.02)
        assert not proxy.requests
        schedule.healthy = True
        await connected(cloud)
        assert (await ask(cloud))[:2] == (WORDS, "")


async def test_another_vocabulary_after_a_reconnect(edge: EdgeModel) -> None:
    async with drafting(edge) as (cloud, schedule, proxy):
        await connected(cloud)
        schedule.healthy, schedule.only = False, VerifierFault.OTHER_VOCABULARY
        assert (await ask(cloud))[1] == "cloud_unreachable"
        asked = proxy.requests
        for _ in range(10):
            assert cloud.forecast_ms is None
            await asyncio.sleep(0.02)
        assert (await ask(cloud))[1] == "cloud_unreachable"
        assert proxy.requests == asked  # its tokens were not sent to whoever is there now
        schedule.healthy = True
        await connected(cloud)
        assert (await ask(cloud))[:2] == (WORDS, "")
