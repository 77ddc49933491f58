"""``voice doctor``."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from voice.commands.common import address_of, console, print_json, run, settings
from voice.core.config import Config, LlmConfig
from voice.core.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from voice.cloud.check import CheckResult

_LLAMA = """
import llama_cpp
llama_cpp.llama_backend_init()
said = llama_cpp.llama_print_system_info().decode()
does = [part.split("=")[0].split(":")[-1].strip() for part in said.split("|") if part.strip().endswith("= 1")]
print("llama-cpp-python", llama_cpp.__version__ + ",", ", ".join(does))
"""
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

    people = console()
    found: list[CheckResult] = []
    for finding in _everything(context):
        found.append(finding)
        if as_json:
            print_json(asdict(finding))
        else:
            people.print(f"{_MARKS[finding.state]} [bold]{finding.name}[/] ", end="")
            people.print(finding.says, markup=False, soft_wrap=True)
            if finding.cure:
                people.print(f"   → {finding.cure}", markup=False, soft_wrap=True)
    if any(finding.state == "error" for finding in found):
        raise typer.Exit(1)


def _everything(context: typer.Context) -> "Iterator[CheckResult]":
    from voice.cloud.check import CheckResult

    try:
        config = settings(context)
    except ConfigError as error:
        yield CheckResult("settings", "error", str(error), "voice config prints every setting; what follows uses the defaults")
        config = Config()
    else:
        yield CheckResult("settings", "ok", "can be read")
    yield from _machine(config)
    yield from _cloud(config)


def _cloud(config: Config) -> "list[CheckResult]":
    from voice.cloud.check import CheckResult, check

    findings: list[CheckResult] = []
    if config.draft.engine != "off":
        from voice.draft.check import check as check_drafting

        findings += run(check_drafting(config))
    if config.cloud.enabled:
        findings += run(check(config.cloud))
    if not findings:
        return [CheckResult("cloud", "ok", "not enabled: nothing leaves this machine", "to try one: voice cloud")]
    if config.route.mode == "edge":
        findings.append(
            CheckResult("route", "warning", 'route.mode is "edge": the cloud is never asked', 'set route.mode to "hybrid"')
        )
    return findings


def _machine(config: Config) -> "Iterator[CheckResult]":
    from voice.cloud.check import CheckResult
    from voice.core.cpu import cores, identity

    yield python(sys.version_info[:2])
    yield CheckResult("machine", "ok", f"{cores()} cores, {identity()}")
    yield library()
    for name in models(config):
        yield model(name)
    yield larger(config.llm)
    yield _microphone()
    yield _port(config)


def python(version: tuple[int, int]) -> "CheckResult":
    """Whether this Python suits (pure)."""
    from voice.cloud.check import CheckResult

    said = f"Python {version[0]}.{version[1]}"
    if (3, 11) <= version < (3, 14):
        return CheckResult("python", "ok", said)
    return CheckResult(
        "python", "warning", f"{said}: nobody has tried it", "VOICE_PYTHON=/path/to/python3.13 scripts/start, after rm -r .venv"
    )


def library(command: Sequence[str] = (sys.executable, "-c", _LLAMA)) -> "CheckResult":
    """Load llama.cpp in a process of its own: a build for another processor does not raise, it crashes."""
    from voice.cloud.check import CheckResult

    cure = "rm -r .venv ~/.cache/voice/wheels && scripts/start"
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command, capture_output=True, text=True, errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return CheckResult("llama.cpp", "error", f"the library does not load: {error}", cure)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it crashed without a word"])[-1]
        return CheckResult("llama.cpp", "error", f"the library does not load (code {done.returncode}): {last}", cure)
    return CheckResult("llama.cpp", "ok", done.stdout.strip())


def models(config: Config) -> list[str]:
    """The models that these settings use: those that they name, and those that every configuration needs."""
    from voice.models import manifest

    chosen = {"asr": config.asr.model, "turn": config.turn.detector, "llm": config.llm.model, "tts": config.tts.model}
    needed = [known.name for known in manifest.load().model if known.default and known.role not in chosen]
    return list(dict.fromkeys([*needed, *chosen.values()]))


def model(name: str) -> "CheckResult":
    """Whether a model of the settings is there: one of the manifest is hashed anew, one's own is only looked at."""
    from voice.cloud.check import CheckResult
    from voice.models import locate, manifest, store

    known = manifest.load().find(name)
    try:
        if known is None:
            return CheckResult("model", "ok", f"{locate(name)} is there")
    except ModelError as error:
        return CheckResult("model", "error", str(error), "check the path in the settings")
    report = store.report(known, hash_again=True)
    if report.problem:
        return CheckResult("model", "error", report.problem, f"voice models fetch {name}")
    return CheckResult("model", "ok", f"{name}: {report.state}")


def larger(config: LlmConfig) -> "CheckResult":
    """How it stands with the larger model: without it everything works, but answers know less."""
    from voice.cloud.check import CheckResult
    from voice.models.background import state

    found = state(config)
    if found.state in {"off", "ready", "fetching", "wanted"}:
        return CheckResult("larger model", "ok", found.says)
    cure = "check llm.large in the settings" if found.state == "unknown" else f"voice models fetch {config.large}"
    return CheckResult("larger model", "warning", found.says, cure)


def _microphone() -> "CheckResult":
    from voice.cloud.check import CheckResult

    try:
        import sounddevice
    except OSError:
        return CheckResult(
            "sound",
            "warning",
            "the PortAudio library is not there; only a microphone needs it",
            "sudo apt install libportaudio2",
        )
    count = sum(device["max_input_channels"] > 0 for device in sounddevice.query_devices())
    if not count:
        return CheckResult(
            "sound", "warning", "no microphone is there", "plug one in, or speak through a client: docs/protocol.md"
        )
    return CheckResult("sound", "ok", f"{count} microphone(s)")


def _port(config: Config) -> "CheckResult":
    from voice.cloud.check import CheckResult

    address = (config.server.host, config.server.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except (OSError, UnicodeError) as error:
            if (running := _server(config)) is not None:
                return running
            said = getattr(error, "strerror", None) or error
            return CheckResult(
                "port",
                "warning",
                f"{address[0]}:{address[1]} cannot be listened on: {said}",
                "voice serve --port 9000",
            )
    return CheckResult("port", "ok", f"{address[0]}:{address[1]} is free")


def _server(config: Config) -> "CheckResult | None":
    """What the server says that listens at the address of the settings; ``None`` where that is another program."""
    from voice.client import health
    from voice.cloud.check import CheckResult

    state = run(health(address_of(config.server)))
    if state is None:
        return None
    said = f"a voice server runs at {config.server.host}:{config.server.port}"
    if state.get("ready"):
        return CheckResult("server", "ok", f"{said}, ready")
    why = state.get("why") or "it does not say why"
    return CheckResult("server", "warning", f"{said} and is not ready: {why}", "see its log; if this lasts, start it again")
