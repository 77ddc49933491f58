"""Which server a command talks to, and what it says of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from tests.fakes.conversation import House
from voice.commands import common
from voice.commands.common import Options, given, reachable
from voice.core.config import Config, LlmConfig, ServerConfig
from voice.server.websocket import VoiceServer

OWN = "ws://127.0.0.1:1"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The settings of the servers that a command starts for itself; none is started."""
    started: list[Config] = []

    @asynccontextmanager
    async def hosted(config: Config, **_: Any) -> AsyncIterator[Any]:
        started.append(config)
        yield SimpleNamespace(url=OWN)

    monkeypatch.setattr(common, "hosted", hosted)
    return started


def chosen(**options: Any) -> typer.Context:
    return cast(typer.Context, SimpleNamespace(find_object=lambda _: Options(**options)))


def test_what_a_running_server_cannot_be_expected_to_have() -> None:
    assert given(chosen()) == ()
    assert given(chosen(overrides=("server.port=9000", 'server.token="x"', 'cost.user="anna"'))) == ()
    assert given(chosen(overrides=("server.port=9000", "llm.temperature=0"))) == ("--set llm.temperature=0",)
    assert given(chosen(config_file=Path("my.toml"))) == ("--config my.toml",)


async def test_a_server_that_runs_is_used_in_silence(own: list[Config], capsys: pytest.CaptureFixture[str]) -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(House())
        async with reachable(Config(server=ServerConfig(port=server.port)), None) as address:
            assert address == server.url
    assert own == []
    assert capsys.readouterr() == ("", "")


async def test_settings_that_were_given_start_a_server_that_has_them(
    own: list[Config], capsys: pytest.CaptureFixture[str]
) -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(House())
        config = Config(server=ServerConfig(port=server.port), llm=LlmConfig(temperature=0.5))
        async with reachable(config, None, wanted=("--set llm.temperature=0.5",)) as address:
            assert address == OWN
    assert [one.llm.temperature for one in own] == [0.5]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"a server runs at {server.url}, with its own settings; another is started for --set llm.temperature=0.5\n"
    )


async def test_a_server_that_is_asked_for_by_name_keeps_its_settings_and_that_is_said(
    own: list[Config], capsys: pytest.CaptureFixture[str]
) -> None:
    async with reachable(Config(), "ws://elsewhere:8765", wanted=("--set llm.temperature=0.5",)) as address:
        assert address == "ws://elsewhere:8765"
    assert own == []
    assert capsys.readouterr().err == "the settings of ws://elsewhere:8765 hold, not --set llm.temperature=0.5\n"


async def test_a_server_that_does_not_serve_is_passed_by(own: list[Config], capsys: pytest.CaptureFixture[str]) -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(House(), problems=lambda: ["no wits"])
        async with reachable(Config(server=ServerConfig(port=server.port)), None) as address:
            assert address == OWN
    assert len(own) == 1
    assert capsys.readouterr().err == f"the server at {server.url} is not ready (no wits); another is started\n"
