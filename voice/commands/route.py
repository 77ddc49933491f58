"""``voice route``: where an utterance would be answered, and why."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from voice.core.errors import ConfigError

if TYPE_CHECKING:
    from voice.route.policy import Forecast, Mode, Policy
    from voice.route.router import Decision, Router

MODES = ("edge", "cloud", "hybrid")


def route(
    text: Annotated[str | None, typer.Argument(help="What somebody said.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table.")] = False,
    jsonl: Annotated[
        Path | None, typer.Option(metavar="FILE", help='Decide for every line {"text": …} of a file; - is standard input.')
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The text is not finished: say how much of it is settled.")
    ] = False,
    mode: Annotated[str, typer.Option(help="edge, cloud or hybrid.")] = "hybrid",
    worth: Annotated[float, typer.Option(help="What one right answer more is worth, in money.", min=0.0)] = 0.01,
    second_costs: Annotated[float, typer.Option(help="What a second of waiting is worth.", min=0.0)] = 0.001,
    redact: Annotated[str, typer.Option(help="Kinds that may leave as placeholders, with commas: name,phone.")] = "",
    allow: Annotated[str, typer.Option(help="Kinds that may leave as they are.")] = "",
    cloud_ms: Annotated[
        float, typer.Option(help="The cloud's forecast to its first clause; negative: it cannot be reached.")
    ] = 220.0,
) -> None:
    """Explain where an utterance is answered: private matter, task, difficulty, length, policy, milliseconds."""
    from voice.route.policy import Forecast
    from voice.route.router import Router, locate

    rules = _policy(mode, worth, second_costs, redact, allow)
    forecast = Forecast(cloud_first_ms=cloud_ms if cloud_ms >= 0 else None)
    if jsonl is not None and text is None:
        router = Router(locate(), rules)
        for line in _lines(jsonl):
            print(json.dumps(_explain(router, line, forecast, final=not partial), ensure_ascii=False))  # noqa: T201
    elif text is not None and jsonl is None:
        decision = Router(locate(), rules).decide(text, final=not partial, forecast=forecast)
        if as_json:
            print(json.dumps({"text": text, **decision.record(text)}, indent=2, ensure_ascii=False))  # noqa: T201
        else:
            _show(text, decision)
    else:
        raise typer.BadParameter('give a text or --jsonl FILE: voice route "what time is it"')


def _policy(mode: str, worth: float, second_costs: float, redact: str, allow: str) -> "Policy":
    from voice.core.config import RouteConfig
    from voice.route.router import policy_of

    if mode not in MODES:
        raise typer.BadParameter(f"{mode!r} is not one of {', '.join(MODES)}", param_hint="--mode")
    out, kept = (tuple(part.strip() for part in names.split(",") if part.strip()) for names in (redact, allow))
    try:
        config = RouteConfig(
            mode=cast("Mode", mode), right_answer_worth=worth, second_costs=second_costs, redact=out, allow=kept
        )
        return policy_of(config)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error


def _lines(path: Path) -> Iterator[str]:
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(content.decode("utf-8", errors="replace").split("\n"), 1):
        if line.strip():
            yield _text_of(line, f"{path}:{number}")


def _text_of(line: str, where: str) -> str:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise ConfigError(f'{where} is not JSON ({error}); each line is {{"text": "…"}}') from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ConfigError(f'{where} has no "text"; each line is {{"text": "…"}}')
    return cast(str, row["text"])


def _explain(router: "Router", text: str, forecast: "Forecast", *, final: bool) -> dict[str, object]:
    return {"text": text, **router.decide(text, final=final, forecast=forecast).record(text)}


def _show(text: str, decision: "Decision") -> None:
    choice, verdict, heads = decision.choice, decision.verdict, decision.heads
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("[bold]route[/]", f"[bold]{choice.route}[/]" + (f", then {choice.runner_up}" if choice.runner_up else ""))
    for index, reason in enumerate(choice.reasons):
        table.add_row("" if index else "because", escape(reason))
    table.add_row("privacy", verdict.treatment)
    for found in verdict.findings:
        where = f"{found.kind} {found.start}-{found.end} ({found.confidence:.2f}, {found.rule})"
        table.add_row("", escape(f"{where}: {text[found.start : found.end]}"))
    if heads is not None:
        table.add_row("task", f"{heads.task} {heads.task_probability:.2f}, then {heads.second}")
        odds = heads.odds
        right = f"small model right {odds.small_right:.2f}, larger {odds.large_right:.2f}"
        table.add_row("difficulty", f"{right}; only the larger {odds.only_large:.2f}, only the small {odds.only_small:.2f}")
        table.add_row("length", f"{heads.tokens} tokens, 90 % under {heads.tokens_p90}")
    table.add_row("took", f"{decision.took_ms:.2f} ms (gate {decision.gate_ms:.2f}, encoder {decision.encoder_ms:.2f})")
    Console().print(table)
