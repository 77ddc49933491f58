"""``voice doctor``."""

import socket
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer

from voice.commands.common import console, print_json, run, settings
from voice.config import Config

if TYPE_CHECKING:
    from voice.cloud.check import Finding

_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "error": "[red]✗[/]"}


def doctor(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False,
) -> None:
    """Check this machine, the models and, where it is enabled, the cloud; say what is wrong and what would cure it.

    The exit code is 1 when something is.
    """
    from dataclasses import asdict

    config, people = settings(context), console()
    found: list[Finding] = []
    for finding in (*_machine(config), *_cloud(config)):
        found.append(finding)
        if as_json:
            print_json(asdict(finding))
        else:
            people.print(f"{_MARKS[finding.state]} [bold]{finding.name}[/] ", end="")
            people.print(finding.says, markup=False)
            if finding.cure:
                people.print(f"   → {finding.cure}", markup=False)
    if any(finding.state == "error" for finding in found):
        raise typer.Exit(1)


def _cloud(config: Config) -> "list[Finding]":
    from voice.cloud.check import Finding, check

    if not config.cloud.enabled:
        return [Finding("cloud", "ok", "not enabled: nothing leaves this machine", "to try one: voice cloud")]
    findings = run(check(config.cloud))
    if config.route.mode == "edge":
        findings.append(
            Finding("route", "warning", 'route.mode is "edge": the cloud is never asked', 'set route.mode to "hybrid"')
        )
    return findings


def _machine(config: Config) -> "Iterator[Finding]":
    from voice.cloud.check import Finding
    from voice.cpu import cores, identity
    from voice.models import manifest, store

    yield Finding("machine", "ok", f"{cores()} cores, {identity()}, Python {sys.version.split()[0]}")
    try:
        yield Finding("llama.cpp", "ok", f"llama-cpp-python {metadata.version('llama-cpp-python')}, compiled for this machine")
    except metadata.PackageNotFoundError:
        yield Finding("llama.cpp", "error", "llama-cpp-python is not installed", "run scripts/start again")
    for model in manifest.load().model:
        if model.default:
            report = store.report(model)
            state = "ok" if report.state in {"ready", "tuned"} else "error"
            cure = "" if state == "ok" else "voice models fetch"
            yield Finding("model", "ok" if state == "ok" else "error", f"{model.name}: {report.state}", cure)
    yield _microphone()
    yield _port(config)


def _microphone() -> "Finding":
    from voice.cloud.check import Finding

    try:
        import sounddevice
    except OSError:
        return Finding(
            "sound",
            "warning",
            "the PortAudio library is not there; only a microphone needs it",
            "sudo apt install libportaudio2",
        )
    count = sum(device["max_input_channels"] > 0 for device in sounddevice.query_devices())
    return Finding("sound", "ok" if count else "warning", f"{count} microphone(s)")


def _port(config: Config) -> "Finding":
    from voice.cloud.check import Finding

    address = (config.server.host, config.server.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            return Finding(
                "port",
                "warning",
                f"{address[0]}:{address[1]} cannot be listened on: {error.strerror}",
                "voice serve --port 9000",
            )
    return Finding("port", "ok", f"{address[0]}:{address[1]} is free")
