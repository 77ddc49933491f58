"""``voice trace``: the latency-budget log, readable."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from voice.commands.common import console, print_json, settings
from voice.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Where the milliseconds went: the log of turns, summed up, one by one, live.")

LogFile = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Another log than the one in the settings (trace.path).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
_LABELS = 50
"""Columns beside the bars."""


def _path(context: typer.Context, log: Path | None) -> Path:
    from voice.trace import TraceLog

    if log is not None:
        return log
    config = settings(context)
    found = TraceLog(config.trace)
    found.close()
    return Path(found.path)


def _read(context: typer.Context, log: Path | None) -> "list[Mapping[str, Any]]":
    from voice.traces.read import read

    path = _path(context, log)
    found = read(path)
    if found.bad_lines:
        console().print(f"[yellow]{found.bad_lines} lines of {path} could not be read and are left out[/]")
    if not found.records:
        raise ConfigError(f"no turn is in {path} yet: talk to the assistant first (voice ask)")
    return found.records


@app.command(epilog="voice trace summary    voice trace summary --json | jq .late_because_of")
def summary(context: typer.Context, *, log: LogFile = None, as_json: AsJson = False) -> None:
    """Percentiles by stage, tier and task; what made turns late; how good the forecasts were."""
    from voice.traces.summary import summarise

    found = summarise(_read(context, log))
    if as_json:
        print_json(found)
    else:
        _show_summary(found)


@app.command(epilog="voice trace show    voice trace show 3    voice trace show 2 --conversation 1f2e3d4c")
def show(
    context: typer.Context,
    turn: Annotated[int, typer.Argument(help="Counted from the newest: 1 is the newest turn.", min=1)] = 1,
    *,
    conversation: Annotated[str, typer.Option(help="Only of this conversation.")] = "",
    log: LogFile = None,
    as_json: AsJson = False,
) -> None:
    """One turn as a waterfall against the budget."""
    records = [one for one in _read(context, log) if not conversation or one.get("conversation") == conversation]
    if turn > len(records):
        raise ConfigError(f"there are only {len(records)} turns" + (f" in conversation {conversation}" if conversation else ""))
    if as_json:
        print_json(records[-turn])
    else:
        _waterfall(records[-turn])


@app.command(epilog="voice trace watch    (in another terminal: voice chat)")
def watch(context: typer.Context, *, log: LogFile = None) -> None:
    """Each turn as it ends, until Ctrl-C."""
    from voice.traces.read import follow

    path = _path(context, log)
    console().print(f"waiting for turns in {path}; Ctrl-C ends it", style="dim")
    for record in follow(path):
        _waterfall(record)


@app.command(epilog="voice trace export turns.json    (open it at ui.perfetto.dev or chrome://tracing)")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    *,
    log: LogFile = None,
) -> None:
    """All turns as Chrome Trace JSON, which Perfetto opens."""
    from voice.traces.spans import chrome_trace

    records = _read(context, log)
    try:
        file.write_text(json.dumps(chrome_trace(records)), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
    console().print(f"{len(records)} turns in {file}")


def _show_summary(found: Mapping[str, Any]) -> None:
    from rich.table import Table

    people = console()
    table = Table(
        title=f"{found['turns']} turns of {found['conversations']} conversations: ms from the last sound to the first"
    )
    for heading in ("", "turns", "p50", "p90", "p95", "p99"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = {"all": found["first_audio_ms"], **found["by_tier"], **found["by_task"]}
    for name, row in rows.items():
        table.add_row(
            name, str(row["n"]), *(str(row.get(p, "-")) for p in ("p50", "p90", "p95", "p99")), end_section=name == "all"
        )
    people.print(table)
    stages = Table(title="the stages, in ms")
    for heading in ("", "p50", "p95", "took longer than forecast", "median error"):
        stages.add_column(heading, justify="left" if not heading else "right")
    for name, row in found["stages"].items():
        exceeded = "-" if row["forecast_exceeded"] is None else f"{row['forecast_exceeded']:.0%} of turns"
        stages.add_row(name, *(str(row.get(p, "-")) for p in ("p50", "p95")), exceeded, str(row["forecast_error_p50"]))
    people.print(stages)
    people.print(f"late: {found['late']} turns; what ate the budget: {found['late_because_of'] or 'nothing'}")
    people.print(
        f"ended: {found['end_reasons']}; taken back {found['takebacks']}, reopened {found['reopenings']}, "
        f"interrupted {found['barge_ins']}; cloud fallbacks: {found['fallbacks'] or 'none'}"
    )
    if found["wasted_share"] is not None:
        people.print(f"thrown away: {found['wasted_share']:.0%} of the tokens")


def _waterfall(record: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from voice.traces.spans import spans

    people = console()
    width = max(20, people.width - _LABELS)
    budget_ms = 300.0
    if isinstance(record.get("deadline"), int | float) and "speech_end" in record["marks"]:
        budget_ms = record["deadline"] - record["marks"]["speech_end"]
    shown = [span for span in spans(record) if span.name != "speech"]
    last_ms = max([budget_ms, *(span.end_ms for span in shown if span.name != "reply")]) * 1.1
    first_ms = min([0.0, *(span.start_ms for span in shown)])
    scale = width / max(1.0, last_ms - first_ms)
    line = round((budget_ms - first_ms) * scale)
    table = Table(show_header=False, box=None, padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for span in shown:
        start = min(width - 1, max(0, round((span.start_ms - first_ms) * scale)))
        end = min(width, max(start + 1, round((span.end_ms - first_ms) * scale)))
        bar = Text(" " * start + "█" * (end - start) + " " * (width - end))
        bar.stylize("red" if span.end_ms > budget_ms and span.name != "reply" else "green", start, end)
        if start > line or end <= line < width:
            bar.plain = bar.plain[:line] + "│" + bar.plain[line + 1 :]
        expected = "" if span.forecast_ms is None else f"forecast {span.forecast_ms:.0f}"
        table.add_row(span.name, bar, f"{span.ms:.0f} ms", expected)
    ttfa = record.get("ttfa_ms")
    people.print(
        f"[bold]turn {record['turn']}[/] of {record.get('conversation')}: {record.get('tier')}, {record.get('end_reason')}, "
        f"first audio {'-' if ttfa is None else f'{ttfa:.0f} ms'}; │ is the budget of {budget_ms:.0f} ms"
    )
    people.print(table)
    reasons = (record.get("route") or {}).get("reasons")
    if reasons:
        people.print(f"placed: {'; '.join(map(str, reasons))}", style="dim", markup=False)
