"""The command line: options in, a table and a JSON file out."""

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scripts.peer import environment
from scripts.peer.measure import compare
from scripts.peer.servers import OURS, PEERS, running
from voice.bench.columns import CAPTION, HEADINGS, cells
from voice.bench.conversation.latency import recording_sets
from voice.bench.conversation.streaming import HeardReply
from voice.bench.data.recordings import Recording
from voice.bench.report import write_json
from voice.core import config as configuration
from voice.core.config import Config
from voice.core.errors import ConfigError, VoiceError
from voice.models import locate

SAME = (
    "the client, the recordings and the clock",
    "the weights of Whisper, Smart Turn, Piper and the language model; its prompt, temperature and token limit",
    "llama.cpp: the same compiled library, behind llama-cpp-python's server for Pipecat",
    "the machine and the run; only one system works at a time, in rotating order",
)
DIFFERENT = (
    "Silero VAD: each system uses the file that it ships",
    "pipecat-default leaves everything at Pipecat's defaults; pipecat-tuned has VAD stop 0.1 s, Smart Turn's silence limit 1 s "
    "and 2 threads, output chunks of 20 ms, and the OpenMP setting that voice gives itself (GOMP_SPINCOUNT)",
    "Pipecat's eager end of turn needs a recogniser that predicts it, and its Whisper service does not",
    "Pipecat gets a new pipeline for each client, with weights that stay loaded; making it is not in its times",
    "CPU time is counted while a client is connected",
)
TABLE_COLUMNS = 120
BUSY_LOAD = 0.5
"""A load of the machine, before the servers are started, that disturbs the measurement."""
PACKAGES = {"voice": ("voice",), "peer": ("pipecat-ai", "openai")}
SHARED_PACKAGES = ("faster-whisper", "ctranslate2", "onnxruntime", "piper-tts", "numpy", "websockets")


def main() -> None:
    """Run the command line; an error of ours is one line."""
    try:
        typer.run(bench)
    except VoiceError as error:
        Console(stderr=True).print(f"[bold red]error[/] {error}", soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


def bench(
    *,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every figure there.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Other recordings: lines with audio, optionally text.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Recordings of each set; the hesitation set is made of them.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the hesitation set.")] = 1,
    system: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"Only these: {', '.join((OURS, *PEERS))}. May be repeated.")
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of voice; models and prompt hold for all.")
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Make Pipecat's environment, .venv-peer (about 1 GB).")] = False,
) -> None:
    """Voice-to-voice latency and cut-offs of voice and Pipecat on the same recordings, in the same run."""
    if install:
        environment.install()
        return
    names = chosen(system)
    if names != [OURS]:
        environment.check()
    config = configuration.load(None, override or ())
    console = Console(stderr=True)
    load = load_1min()
    if load is not None and load > BUSY_LOAD:
        console.print(f"[yellow]other programs keep this machine busy (load {load}): expect worse times of every system[/]")
    with console.status("making the sets of recordings …"):
        sets = recording_sets(manifest, limit=limit, seed=seed)
    result = {
        "bench": "peer",
        "limit": limit,
        "seed": seed,
        "load_1min_before": load,
        "recordings": {name: len(recordings) for name, recordings in sets.items()},
        **asyncio.run(_measure(names, config, override or (), sets, console)),
        "same_for_all": SAME,
        "different": DIFFERENT,
        "versions": versions(names),
        "models": models(config),
    }
    wide = Console(width=max(console.width, TABLE_COLUMNS))
    wide.print(table(result))
    wide.print(resources(result))
    if json is not None:
        write_json(json, result)


def load_1min() -> float | None:
    """The load average of the last minute, where the system has one."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def chosen(names: Sequence[str] | None) -> list[str]:
    """The systems to measure, each once.

    Raises:
        ConfigError: there is none of that name.
    """
    known = (OURS, *PEERS)
    for name in names or ():
        if name not in known:
            raise ConfigError(f"no system is called {name!r}; there are {', '.join(known)}")
    return [name for name in known if not names or name in names]


async def _measure(
    names: Sequence[str], config: Config, overrides: Sequence[str], sets: Mapping[str, Sequence[Recording]], console: Console
) -> dict[str, Any]:
    total = len(names) * sum(map(len, sets.values()))
    with tempfile.TemporaryDirectory() as logs, Progress(console=console) as progress:
        task = progress.add_task("starting the servers", total=total)

        def done(system: str, outcome: HeardReply) -> None:
            ms = outcome.own_words_ms
            took = "no answer" if ms is None else f"{ms:.0f} ms"
            progress.console.print(f"{outcome.name:44} {system:16} {took:>10} {'cut off' if outcome.cut_off else ''}")
            progress.update(task, advance=1, description="measuring")

        async with running(names, config, overrides, Path(logs)) as systems:
            return await compare(systems, sets, done)


def versions(names: Sequence[str]) -> dict[str, Any]:
    """Of what was measured, in each environment."""
    found: dict[str, Any] = {"voice": environment.versions((*PACKAGES["voice"], *SHARED_PACKAGES, "llama_cpp_python"))}
    if any(name in PEERS for name in names):
        found["peer"] = environment.versions((*PACKAGES["peer"], *SHARED_PACKAGES), environment.FOLDER)
    return found


def models(config: Config) -> dict[str, dict[str, str]]:
    """The weights that all systems use: file and SHA-256."""
    found = {}
    for role, name in (
        ("asr", config.asr.model),
        ("turn", config.turn.detector),
        ("llm", config.llm.model),
        ("tts", config.tts.model),
    ):
        path = locate(name)
        if path.is_file():
            found[role] = {"model": name, "file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return found


def table(result: Mapping[str, Any]) -> Table:
    """A section for each set of recordings, a row for each system; latency never without cut-offs."""
    made = Table(title="set by set", caption=f"{CAPTION}; × ours: of own p50")
    for heading in ("set", "system"):
        made.add_column(heading, no_wrap=True)
    for heading in (*HEADINGS, "× ours", "not\nanswered", "cut off", "pauses\ncut"):
        made.add_column(heading, justify="right", no_wrap=True)
    for name in result["recordings"]:
        times = result["against_voice_by_set"].get(name, {})
        for number, (system, all_sets) in enumerate(result["systems"].items()):
            one = all_sets["sets"][name]
            made.add_row(
                "" if number else name,
                system,
                *cells(one),
                _number(times.get(system, {}).get("p50"), digits=1),
                f"{one['utterances'] - one['answered']}/{one['utterances']}",
                _share(one["cut_off_rate"]),
                _share(one["pause_cut_off_rate"]),
            )
        made.add_section()
    return made


def resources(result: Mapping[str, Any]) -> Table:
    """What each system takes of the machine."""
    made = Table("system", title="of the machine")
    for heading in ("CPU s a minute of speech", "MiB"):
        made.add_column(heading, justify="right")
    for name, one in result["systems"].items():
        made.add_row(name, _number(one["cpu_seconds_per_spoken_minute"], digits=1), _number(one["rss_mib"]))
    return made


def _number(value: float | None, *, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
