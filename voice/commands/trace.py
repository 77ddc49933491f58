"""``voice trace``: the latency-budget log, readable."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voice.commands.common import console, print_json, results, settings
from voice.core.errors import ConfigError

if TYPE_CHECKING:
    from voice.traces.read import Log

app = typer.Typer(no_args_is_help=True, help="Where the milliseconds went: the log of turns, summed up, one by one, live.")

LogFile = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Another log than the one in the settings (trace.path).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


def _path(context: typer.Context, log: Path | None) -> Path:
    from voice.core.trace import TraceLog

    if log is not None:
        return log
    config = settings(context)
    found = TraceLog(config.trace)
    found.close()
    return Path(found.path)


def _read(context: typer.Context, log: Path | None) -> "Log":
    from voice.traces.read import read

    path = _path(context, log)
    found = read(path)
    if found.bad_lines:
        console().print(f"{found.bad_lines} lines of {path} could not be read and are left out", style="yellow", markup=False)
    if not found.records:
        raise ConfigError(
            f"no turn can be read from {path}"
            + (": is it a log of voice's?" if found.bad_lines else " yet: talk to the assistant first (voice ask)")
        )
    return found


@app.command(epilog="voice trace summary    voice trace summary --json | jq .late_because_of")
def summary(context: typer.Context, *, log: LogFile = None, as_json: AsJson = False) -> None:
    """Percentiles by stage, tier and task; what made turns late; how good the forecasts were."""
    from voice.commands.trace_view import show_summary
    from voice.traces.summary import summarise

    found = _read(context, log)
    sums = summarise(found.records) | {"bad_lines": found.bad_lines}
    if as_json:
        print_json(sums)
    else:
        show_summary(results(), sums)


@app.command(epilog="voice trace show    voice trace show 3    voice trace show 2 --conversation 1f2e3d4c")
def show(
    context: typer.Context,
    turn: Annotated[int, typer.Argument(help="Counted from the newest: 1 is the newest turn.", min=1)] = 1,
    *,
    conversation: Annotated[str, typer.Option(help="Only of this conversation.")] = "",
    log: LogFile = None,
    as_json: AsJson = False,
) -> None:
    """One turn as a waterfall against the budget, with who answered it and what it cost."""
    from voice.commands.trace_view import show_turn

    records = [one for one in _read(context, log).records if conversation in {"", one.conversation}]
    if turn > len(records):
        raise ConfigError(f"there are only {len(records)} turns" + (f" in conversation {conversation}" if conversation else ""))
    if as_json:
        print_json(json.loads(records[-turn].line))
    else:
        show_turn(results(), records[-turn])


@app.command(epilog="voice trace watch    (in another terminal: voice chat)")
def watch(context: typer.Context, *, log: LogFile = None) -> None:
    """Each turn as it ends, until Ctrl-C."""
    from voice.commands.trace_view import show_turn
    from voice.traces.read import follow

    path = _path(context, log)
    console().print(f"waiting for turns in {path}; Ctrl-C ends it", style="dim")
    for record in follow(path):
        show_turn(results(), record)


@app.command(epilog="voice trace report report.html    (then open report.html in a browser)")
def report(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    *,
    log: LogFile = None,
) -> None:
    """All turns as one HTML page with plots and the slowest turns; it needs no network and no other file."""
    from voice.traces.report import report as page

    found = _read(context, log)
    source = str(_path(context, log))
    _write(file, page(found.records, source=source, bad_lines=found.bad_lines, made_at_ms=time.time() * 1000))
    console().print(f"{len(found.records)} turns in {file}", markup=False)


@app.command(epilog="voice trace export turns.json    (open it at ui.perfetto.dev or chrome://tracing)")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    *,
    log: LogFile = None,
) -> None:
    """All turns as Chrome Trace JSON, which Perfetto opens."""
    from voice.traces.spans import chrome_trace

    records = _read(context, log).records
    _write(file, json.dumps(chrome_trace(records)))
    console().print(f"{len(records)} turns in {file}", markup=False)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
