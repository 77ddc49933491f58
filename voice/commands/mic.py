"""``voice mic``."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from voice.commands.common import console, given, is_terminal, print_json, reachable, run, settings
from voice.core.config import Config

if TYPE_CHECKING:
    from rich.console import Console

    from voice.mic.daemon import Daemon
    from voice.mic.gate import Gate
    from voice.mic.sound import DeviceChoice


class Mode(StrEnum):
    """When the microphone is heard."""

    open = "open"
    push = "push"
    wake = "wake"


def mic(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="A running server; otherwise the local one, or one in this process.")] = None,
    microphone: Annotated[
        str | None, typer.Option("--in", metavar="NAME", help="Microphone: name, part of it, number.")
    ] = None,
    speaker: Annotated[str | None, typer.Option("--out", metavar="NAME", help="Loudspeaker: the same.")] = None,
    mode: Annotated[Mode, typer.Option(help="open: always; push: Space switches; wake: after the wake word.")] = Mode.open,
    wake_word: Annotated[str, typer.Option(help="okay_nabu, hey_jarvis, hey_mycroft or alexa.")] = "okay_nabu",
    latency: Annotated[str, typer.Option(help="Asked of the sound card: milliseconds, or low or high.")] = "20",
    echo: Annotated[bool, typer.Option("--echo-cancellation/--no-echo-cancellation", help="Off for headphones.")] = True,
    list_devices: Annotated[bool, typer.Option("--list", help="List the devices and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: one JSON array.")] = False,
    service: Annotated[bool, typer.Option("--service", help="As a service: no view, waits for devices.")] = False,
    unit: Annotated[bool, typer.Option("--unit", help="Print a systemd user unit for these options and stop.")] = False,
) -> None:
    """Talk to the assistant through this machine's microphone and loudspeaker."""
    if list_devices:
        _list(as_json=as_json)
        return
    if unit:
        _print_unit(url=url, microphone=microphone, speaker=speaker, mode=mode, wake_word=wake_word, latency=latency, echo=echo)
        return
    from voice.mic.sound import DeviceChoice

    choice = DeviceChoice(microphone, speaker, _latency(latency), cancel_echo=echo)
    with suppress(asyncio.CancelledError):
        run(_mic(settings(context), url, given(context), choice, mode.value, wake_word, service=service))


def _list(*, as_json: bool) -> None:
    import msgspec

    from voice.mic.devices import GET_PORTAUDIO, devices, portaudio

    known = devices(portaudio())
    if as_json:
        print_json([msgspec.to_builtins(device) for device in known])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "name", "system", "in", "out", "rate", box=None)
    for device in known:
        default = ("←" if device.is_default_input else "") + ("→" if device.is_default_output else "")
        counts = (str(device.inputs or "–"), str(device.outputs or "–"))
        table.add_row(f"{device.index}{default}", device.name, device.api, *counts, f"{device.rate_hz} Hz")
    if not known:
        console().print(f"There is no sound device: see whether the sound server runs (pactl info); or {GET_PORTAUDIO}")
        return
    Console(highlight=False).print(table)
    console().print("← default microphone   → default loudspeaker   choose: voice mic --in NAME --out NAME", style="dim")


def _print_unit(**options: object) -> None:
    from voice.mic.service import unit

    words: list[str] = []
    names = {"url": "--url", "microphone": "--in", "speaker": "--out", "wake_word": "--wake-word", "latency": "--latency"}
    for key, flag in names.items():
        if options[key] is not None:
            words += [flag, str(options[key])]
    words += ["--mode", str(options["mode"]), *([] if options["echo"] else ["--no-echo-cancellation"])]
    sys.stdout.write(unit(words))


def _latency(text: str) -> str | float:
    from voice.core.errors import ConfigError

    if text in {"low", "high"}:
        return text
    with suppress(ValueError):
        if 1 <= float(text) <= 2000:
            return float(text) / 1000
    raise ConfigError(f"--latency {text!r}: write low, high, or 1 to 2000 (milliseconds)")


async def _mic(
    config: Config,
    url: str | None,
    wanted: Sequence[str],
    choice: "DeviceChoice",
    mode: str,
    wake_word: str,
    *,
    service: bool,
) -> None:
    from voice.mic.connection import Address
    from voice.mic.daemon import Daemon
    from voice.mic.devices import choose, devices, portaudio
    from voice.mic.service import notify

    people = console()
    if not service:
        known = devices(portaudio())  # what is missing is told before the models are loaded
        choose(known, choice.microphone, "input")
        choose(known, choice.loudspeaker, "output")
    gate = _gate(mode, wake_word)
    with people.status("connecting …") as wait:
        async with AsyncExitStack() as stack:
            address = await stack.enter_async_context(
                reachable(config, url, wanted=wanted, progress=lambda name: people.print(f"[green]✓[/] {name}"))
            )
            wait.stop()
            server = Address(address, config.server.token, config.cost.user, config.cost.feature)
            daemon = Daemon(server, choice, gate, on_ready=lambda: _ready(address), patient=service)
            _on_signals(daemon)
            await stack.enter_async_context(_shown(daemon, config, service=service))
            try:
                await daemon.run()
            finally:
                notify("STOPPING=1")


def _gate(mode: str, wake_word: str) -> "Gate":
    from voice.mic.gate import Gate

    if mode == "wake":
        from voice.mic.wake import MicroWakeWord

        return Gate("wake", MicroWakeWord(wake_word))
    return Gate("push" if mode == "push" else "open")


def _ready(address: str) -> None:
    from voice.mic.service import notify

    notify("READY=1", f"STATUS=talking to {address}")


def _on_signals(daemon: "Daemon") -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None or sys.platform == "win32":
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    loop.add_signal_handler(signal.SIGUSR1, daemon.gate.press)


@asynccontextmanager
async def _shown(daemon: "Daemon", config: Config, *, service: bool) -> AsyncIterator[None]:
    """The view, the keys and the watchdog beside the daemon."""
    from voice.mic.service import notify, watchdog_s

    async def watchdog(every_s: float) -> None:
        while True:
            notify("WATCHDOG=1", f"STATUS={daemon.status.trouble or daemon.status.state}")
            await asyncio.sleep(every_s)

    tasks = []
    if (every_s := watchdog_s()) is not None:
        tasks.append(asyncio.create_task(watchdog(every_s), name="watchdog"))
    with _steady_console() as people:
        if service or not people.is_terminal or people.is_dumb_terminal:
            tasks.append(asyncio.create_task(_print_lines(daemon, people), name="lines"))
        else:
            tasks.append(asyncio.create_task(_show(daemon, people, config.budget.first_audio_ms), name="view"))
        try:
            with _keys(daemon, wanted=not service):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _steady_console() -> Iterator["Console"]:
    """Standard error by a descriptor of its own: the usual one is turned away while devices are opened."""
    from rich.console import Console

    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace") as file:
        yield Console(file=file, highlight=False)


async def _print_lines(daemon: "Daemon", people: "Console") -> None:
    """The transcript, line by line, for a log."""
    trouble, printed = "", 0
    while True:
        if daemon.status.trouble != trouble:
            trouble = daemon.status.trouble
            if not trouble:
                people.print("all is well again")  # what was wrong is in the log
        final = [line for line in daemon.status.lines if line.final]
        for line in final[len(final) - (daemon.status.said - printed) :]:
            people.print(f"{line.role}: {line.text}", markup=False)
        printed = daemon.status.said
        await asyncio.sleep(0.1)


async def _show(daemon: "Daemon", people: "Console", budget_ms: float) -> None:
    from rich.live import Live

    from voice.mic.view import View

    view = View(daemon.status, daemon.gate, budget_ms)
    with Live(view, console=people, auto_refresh=False, transient=True) as live, _logged_above():
        while True:
            live.refresh()
            await asyncio.sleep(0.1)


@contextmanager
def _logged_above() -> Iterator[None]:
    """The log goes above the view, not across it, without what the view itself shows."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler)]
    ours = logging.getLogger("voice.mic")
    before, level = [one.setStream(sys.stderr) for one in handlers], ours.level
    if not ours.isEnabledFor(logging.DEBUG):
        ours.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.setLevel(level)
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)


class _keys:  # noqa: N801 - used like a function
    """Space and Enter switch the microphone, where a person sits at a terminal."""

    def __init__(self, daemon: "Daemon", *, wanted: bool) -> None:
        self._daemon = daemon
        self._on = wanted and is_terminal() and sys.platform != "win32" and daemon.gate.mode == "push"
        self._before: list[object] = []

    def __enter__(self) -> None:
        if not self._on:
            return
        import termios
        import tty

        self._before = list(termios.tcgetattr(sys.stdin))
        tty.setcbreak(sys.stdin)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._pressed)

    def __exit__(self, *_: object) -> None:
        if not self._on:
            return
        import termios

        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]

    def _pressed(self) -> None:
        if sys.stdin.read(1) in {" ", "\n"}:
            self._daemon.gate.press()
