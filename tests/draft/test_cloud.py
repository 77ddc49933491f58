"""The verifier as the pipeline's cloud: real models, a real WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from voice.core.config import DraftConfig, LlmConfig, VerifierConfig
from voice.core.errors import CloudError, ConfigError
from voice.core.interfaces import Message, Usage
from voice.draft.cloud import DraftedCloud
from voice.draft.connect import connector, drafted_model
from voice.draft.health import Health
from voice.llm.edge import EdgeModel
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

pytestmark = pytest.mark.real
FRANCE = [Message("user", "What is the capital of France?")]


@pytest.fixture(scope="module")
def edge() -> Iterator[EdgeModel]:
    found = EdgeModel(LlmConfig(conversations=2, context_tokens=512, threads=1))
    yield found
    found.close()


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    found = Target(VerifierConfig(clients=3, context_tokens=512, threads=1))
    yield found
    found.close()


@pytest.fixture
async def server(target: Target) -> AsyncIterator[VerifierServer]:
    async with VerifierServer(msgspec.structs.replace(target.config, port=0), target, token_ms=30.0) as found:
        yield found


def cloud_at(edge: EdgeModel, url: str) -> DraftedCloud:
    model = drafted_model(edge, DraftConfig(engine="voice", url=url, patience_ms=20_000))
    model.health = Health(None)
    return DraftedCloud(model)


async def connected(cloud: DraftedCloud) -> None:
    async with asyncio.timeout(5):
        while cloud.forecast_ms is None:
            await asyncio.sleep(0.01)


async def test_it_answers_goes_on_from_a_prefix_and_counts(edge: EdgeModel, server: VerifierServer) -> None:
    cloud, usages = cloud_at(edge, server.url), list[Usage]()
    try:
        assert cloud.forecast_ms is None
        await connected(cloud)
        assert 100 < (cloud.forecast_ms or 0) < 2000
        for prefix in ("", "The capital of France is"):
            reply = cloud.reply(FRANCE, max_tokens=24, prefix=prefix, on_usage=usages.append)
            text = "".join([token.text async for token in reply])
            assert "Paris" in text
            assert not prefix or not text.startswith("The capital")
        assert len(usages) == 2
        assert all(usage.tokens_in > 20 and 0 < usage.tokens_out <= 24 for usage in usages)
    finally:
        await cloud.aclose()
        await cloud.aclose()
    assert edge.free_slots == 2


async def test_a_verifier_that_is_gone_is_a_cloud_that_is_gone(edge: EdgeModel, target: Target) -> None:
    cloud = cloud_at(edge, "ws://127.0.0.1:9")
    with pytest.raises(CloudError):
        await anext(cloud.reply(FRANCE, max_tokens=8, prefix="", on_usage=lambda _: None))
    assert cloud.forecast_ms is None
    await cloud.aclose()
    async with VerifierServer(msgspec.structs.replace(target.config, port=0), target) as server:
        cloud = cloud_at(edge, server.url)
        await connected(cloud)
        reply = cloud.reply([Message("user", "Tell me a long story.")], max_tokens=200, prefix="", on_usage=lambda _: None)
        for _ in range(3):
            await anext(reply)
    with pytest.raises(CloudError):
        async for _ in reply:
            pass
    await cloud.aclose()
    assert edge.free_slots == 2


async def test_more_replies_than_conversations_are_refused_not_queued(edge: EdgeModel, server: VerifierServer) -> None:
    cloud = cloud_at(edge, server.url)
    await connected(cloud)
    replies = [cloud.reply(FRANCE, max_tokens=50, prefix="", on_usage=lambda _: None) for _ in range(3)]
    found = await asyncio.gather(*(anext(reply) for reply in replies), return_exceptions=True)
    assert sum(isinstance(result, CloudError) for result in found) >= 1
    for reply in replies:
        await reply.aclose()
    await cloud.aclose()


def test_settings_that_cannot_be(edge: EdgeModel) -> None:
    with pytest.raises(ConfigError, match="off"):
        drafted_model(edge, DraftConfig())
    with pytest.raises(ConfigError, match="ws://"):
        connector(DraftConfig(engine="voice", url="http://localhost"))
    with pytest.raises(ConfigError, match="http://"):
        connector(DraftConfig(engine="vllm"))
