"""``voice doctor``: what it makes of this machine and of machines that are not well."""

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.conversation import House
from voice.cli import app
from voice.commands.doctor import larger, library, model, models, python
from voice.core.config import Config, LlmConfig, ServerConfig
from voice.models import manifest
from voice.server.websocket import VoiceServer

RUN = CliRunner()


def findings(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit code, and what was found, by name."""
    result = RUN.invoke(app, [*arguments, "doctor", "--json"])
    found: dict[str, list[dict[str, str]]] = {}
    for line in result.stdout.splitlines():
        one = json.loads(line)
        found.setdefault(one["name"], []).append(one)
    return result.exit_code, found


@pytest.mark.parametrize(("version", "state"), [((3, 10), "warning"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warning")])
def test_which_python_suits(version: tuple[int, int], state: str) -> None:
    assert python(version).state == state


def test_a_library_that_crashes_is_named_and_cured() -> None:
    found = library((sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"))
    assert found.state == "error"
    assert "-4" in found.says
    assert "scripts/start" in found.cure


def test_a_library_that_is_not_there_is_named() -> None:
    found = library((sys.executable, "-c", "import no_such_library"))
    assert (found.state, "no_such_library" in found.says) == ("error", True)


@pytest.mark.real
def test_the_real_library_loads() -> None:
    assert library().says.startswith("llama-cpp-python ")


def test_the_models_of_the_settings_are_looked_at_not_those_of_the_defaults(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    named = models(Config(llm=LlmConfig(model=str(own))))
    assert str(own) in named
    assert Config().llm.model not in named
    assert "neither a model's name nor a file" in model(str(own)).says
    own.write_bytes(b"GGUF and so on")
    assert model(str(own)).state == "ok"
    own.write_bytes(b"<html>")
    assert "not a GGUF" in model(str(own)).says


def test_a_damaged_model_is_found_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    known = manifest.load().get("vad-silero-v6")
    assert "is not on this machine" in model(known.name).says
    folder = tmp_path / "models" / known.name
    folder.mkdir(parents=True)
    for file in known.files:
        (folder / file.path).write_bytes(bytes(file.size_bytes))  # as long as the right one
    found = model(known.name)
    assert "was changed" in found.says
    assert (found.state, found.cure) == ("error", "voice models fetch vad-silero-v6")


def test_the_larger_model_is_told_of_and_is_never_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    monkeypatch.setattr("voice.models.background.memory", lambda: (16 * 10**9, 8 * 10**9))
    monkeypatch.setattr("voice.models.background.disk_free", lambda: 10**10)
    assert larger(LlmConfig(large="")).state == "ok"
    assert "fetches it in the background" in larger(LlmConfig()).says
    declined = larger(LlmConfig(large_fetch=False))
    assert (declined.state, declined.cure) == ("warning", "voice models fetch llm-qwen2.5-coder-1.5b")
    monkeypatch.setattr("voice.models.background.memory", lambda: (2 * 10**9, 10**9))
    assert "4 GB of memory are needed" in larger(LlmConfig()).says
    assert larger(LlmConfig(large="no/such.gguf")).cure == "check llm.large in the settings"


def test_wrong_settings_are_a_finding_and_the_rest_is_checked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    code, found = findings("--set", "llm.modle=x")
    assert code == 1
    assert "did you mean 'model'?" in found["settings"][0]["says"]
    assert {one["state"] for one in found["model"]} == {"error"}
    assert found["cloud"][0]["state"] == "ok"


def test_a_taken_port_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        _, found = findings("--set", f"server.port={other.getsockname()[1]}")
    assert found["port"][0]["state"] == "warning"


@pytest.mark.parametrize(
    "url",
    ["http://", "http://host:99999/v1", "http://a..b/v1", f"http://{'x' * 80}/v1", "http://[::1", "https://127.0.0.1:1/v1"],
)
def test_no_address_is_a_traceback(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    changes = ("cloud.enabled=true", "cloud.model=m", f'cloud.base_url="{url}"')
    code, found = findings(*(word for change in changes for word in ("--set", change)))
    assert code == 1
    assert [(one["state"], bool(one["cure"])) for one in found["address"]] == [("error", True)]


def test_a_port_that_a_voice_server_has_taken_says_how_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    problems: list[str] = []
    with running_server(problems) as port:
        _, found = findings("--set", f"server.port={port}")
        assert (found["server"][0]["state"], found["server"][0]["says"]) == (
            "ok",
            f"a voice server runs at 127.0.0.1:{port}, ready",
        )
        problems.append("no wits")
        _, found = findings("--set", f"server.port={port}")
        assert found["server"][0]["state"] == "warning"
        assert found["server"][0]["says"].endswith("is not ready: no wits")
    assert "port" not in found


@contextmanager
def running_server(problems: list[str]) -> Iterator[int]:
    """On a loop of its own."""
    started, ports = threading.Event(), list[int]()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with VoiceServer(ServerConfig(port=0)) as server:
            server.open_with(House(), problems=lambda: problems)
            ports.append(server.port)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(5)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
