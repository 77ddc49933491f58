"""What the commands share: the settings, a server to talk to, and how things are printed. Imports nothing heavy."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import typer

from voice.core import config as configuration
from voice.core.config import Config, ServerConfig

if TYPE_CHECKING:
    from rich.console import Console

    from voice.cost.ledger import Ledger
    from voice.engines import Engines
    from voice.models.background import SecondSpeed
    from voice.server.websocket import VoiceServer

T = TypeVar("T")
Progress = Callable[[str], None]
_LINES_AHEAD = 64
_OF_THE_CLIENT = ("server.", "cost.user", "cost.feature")


@dataclass(frozen=True, slots=True)
class Options:
    """The options before the command's name."""

    config_file: Path | None = None
    overrides: tuple[str, ...] = ()
    verbose: bool = False

    def arguments(self) -> list[str]:
        """The same options for another process."""
        config = ["--config", str(self.config_file)] if self.config_file is not None else []
        return [*config, *(word for override in self.overrides for word in ("--set", override))]


def options(context: typer.Context) -> Options:
    """The global options; the defaults where a command runs alone."""
    found = context.find_object(Options)
    return found if isinstance(found, Options) else Options()


def settings(context: typer.Context, *more_overrides: str) -> Config:
    """The effective settings; options of the command itself come last.

    Raises:
        ConfigError: the file or an override is wrong.
    """
    chosen = options(context)
    return configuration.load(chosen.config_file, (*chosen.overrides, *more_overrides))


def given(context: typer.Context) -> tuple[str, ...]:
    """The settings of the command line that a server which runs already cannot be expected to have, as they were written.

    Those of ``[server]`` say where it is and how to get in, ``cost.user`` and ``cost.feature`` travel with a conversation.
    """
    chosen = options(context)
    file = (f"--config {chosen.config_file}",) if chosen.config_file is not None else ()
    own = (name for name in chosen.overrides if not name.strip().startswith(_OF_THE_CLIENT))
    return (*file, *(f"--set {override}" for override in own))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine."""
    return asyncio.run(main)


def console() -> "Console":
    """For people: standard error, so that standard output stays for results."""
    from rich.console import Console  # costs start-up time

    return Console(stderr=True, highlight=False)


def results() -> "Console":
    """For what was asked for: standard output, so that it can be piped."""
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: object) -> None:
    """One JSON value on one line of standard output, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def hosted(
    config: Config, *, progress: Progress | None = None, fetching: Callable[[str], None] | None = None
) -> "AsyncIterator[VoiceServer]":
    """A server in this process, entered once its models are loaded. The address is taken first: that may fail, and quickly.

    Args:
        config: the settings.
        progress: called, from other threads, with the name of each stage that is ready.
        fetching: given where the process stays: the larger model is then fetched in the background, if it is missing, and this
            is told what a person may want to know of it, from another thread.

    Raises:
        VoiceError: the address cannot be used, or a model cannot be loaded.
    """
    from voice.core.trace import TraceLog
    from voice.engines import Engines  # imports every model's library
    from voice.server.websocket import VoiceServer
    from voice.session.conversation import Conversation

    async with AsyncExitStack() as after, VoiceServer(config.server) as server:
        engines = await asyncio.to_thread(Engines.load, config, progress=progress)
        after.push_async_callback(engines.aclose)
        if engines.cloud is not None and config.draft.engine != "off":
            await engines.cloud.warm()  # a verifier that does not match is told of now, not in the first turn
        if fetching is not None:
            after.callback(_second_speed(config, engines, fetching).close)
        trace = TraceLog(config.trace) if config.trace.enabled else None
        if trace is not None:
            after.callback(trace.close)
        ledger = _ledger(config)
        if ledger is not None:
            after.push_async_callback(asyncio.to_thread, ledger.close)
        server.open_with(lambda: Conversation(engines, config, trace=trace, ledger=ledger), problems=engines.problems)
        yield server


def _second_speed(config: Config, engines: "Engines", say: Callable[[str], None]) -> "SecondSpeed":
    """Who fetches the larger model, where it is missing, and has it used from then on."""
    from voice.commands.models import Bar
    from voice.models.background import SecondSpeed

    bar = Bar(config.llm.large) if sys.stderr.isatty() else None
    found = SecondSpeed(config.llm, say=say, on_ready=lambda _: engines.load_large(config), bar=bar)
    found.start()
    return found


def _ledger(config: Config) -> "Ledger | None":
    from voice.cost.ledger import OFF, Ledger, url_of

    url = url_of(config.cost)
    return None if url == OFF else Ledger(url)


@asynccontextmanager
async def reachable(
    config: Config, url: str | None, *, wanted: Sequence[str] = (), progress: Progress | None = None
) -> AsyncIterator[str]:
    """The address of a server: the one asked for, else the one that runs at the configured address, else one of our own.

    Args:
        config: the settings.
        url: asked for.
        wanted: settings that were given for this command (see :func:`given`). A server that runs has its own, so one of ours
            is started for them.
        progress: see :func:`hosted`.

    Raises:
        VoiceError: see :func:`hosted`.
    """
    from voice.client import health  # imports numpy

    usual = address_of(config.server)
    state = await health(usual) if url is None and config.server.port else None
    if url is not None:
        if wanted:
            _say(f"the settings of {url} hold, not {', '.join(wanted)}")
        yield url
    elif state is not None and state.get("ready") and not wanted:
        yield usual
    else:
        if state is not None and wanted:
            _say(f"a server runs at {usual}, with its own settings; another is started for {', '.join(wanted)}")
        elif state is not None:
            _say(f"the server at {usual} is not ready ({state.get('why') or 'no reason given'}); another is started")
        alone = msgspec.structs.replace(config.server, host="127.0.0.1", port=0, token="", max_sessions=1)
        async with hosted(msgspec.structs.replace(config, server=alone), progress=progress) as server:
            yield server.url


def address_of(server: ServerConfig) -> str:
    """Where a server with these settings is met on this machine."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104
    return f"ws://{f'[{host}]' if ':' in host else host}:{server.port}"


def _say(sentence: str) -> None:
    """To a person, whatever the output is for."""
    sys.stderr.write(f"{sentence}\n")


@asynccontextmanager
async def input_lines() -> AsyncIterator[AsyncIterator[str]]:
    """The lines of standard input, without their ends, as they come. Works for terminals, pipes and files.

    A thread reads them, because not every kind of standard input can be watched by an event loop; it is a daemon, because a
    blocked read cannot be cancelled.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue(_LINES_AHEAD + 1)  # and the end
    room = threading.Semaphore(_LINES_AHEAD)

    def read() -> None:
        for line in sys.stdin:
            room.acquire()
            loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\r\n"))
        loop.call_soon_threadsafe(lines.put_nowait, None)

    async def arrive() -> AsyncIterator[str]:
        while (line := await lines.get()) is not None:
            room.release()
            yield line

    threading.Thread(target=read, name="voice-stdin", daemon=True).start()
    yield arrive()


def is_terminal() -> bool:
    """Whether a person types."""
    return sys.stdin.isatty() and os.environ.get("TERM") != "dumb"
