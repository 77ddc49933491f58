"""What ``voice doctor`` says of drafting."""

import pytest

from tests.draft.scripted import scripted
from voice.core.config import CloudConfig, Config, DraftConfig, LlmConfig
from voice.draft.check import check
from voice.draft.connect import plain
from voice.llm.edge import EdgeModel


def test_who_answers_where_nothing_can_be_drafted() -> None:
    assert plain(Config(draft=DraftConfig(engine="voice"))) is None
    assert plain(Config(draft=DraftConfig(engine="vllm", url="http://h:8000"))) is None  # it has no name to ask for
    endpoint = plain(Config(draft=DraftConfig(engine="vllm", url="http://h:8000/", model="m", token_env="K")))
    assert endpoint is not None
    assert (endpoint.base_url, endpoint.model, endpoint.api_key_env) == ("http://h:8000/v1", "m", "K")
    cloud = CloudConfig(enabled=True, model="c")
    assert plain(Config(draft=DraftConfig(engine="vllm", url="http://h:8000", model="m"), cloud=cloud)) is cloud


async def test_nobody_there() -> None:
    (found,) = await check(Config(draft=DraftConfig(engine="voice", url="ws://127.0.0.1:9")))
    assert found.state == "error"
    assert "voice verifier" in found.says
    (found,) = await check(Config(draft=DraftConfig(engine="vllm")))
    assert "http://" in found.says


@pytest.mark.real
async def test_the_same_model_and_another_one() -> None:
    edge = EdgeModel(LlmConfig(conversations=1, context_tokens=512, threads=1))
    try:
        async with scripted(edge) as server:
            found = await check(Config(draft=DraftConfig(engine="voice", url=server.url)))
            assert [one.state for one in found] == ["ok", "ok"]
            assert "the same vocabulary" in found[1].says
        edge.runtime.ending_tokens()
        edge.runtime._endings = frozenset({7})  # another vocabulary, as the fingerprint sees it
        async with scripted(edge) as server:
            found = await check(Config(draft=DraftConfig(engine="voice", url=server.url)))
            assert [one.state for one in found] == ["ok", "error"]
            assert "another vocabulary" in found[1].says
    finally:
        edge.close()
