"""Turns of the log for the terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voice.traces.charts import money
from voice.traces.record import Record
from voice.traces.spans import spans
from voice.traces.summary import PERCENTILES, USUAL_BUDGET_MS

_LABELS = 50
_SPEAKERS = {"edge": "the small model", "large": "the larger one", "cloud": "the cloud"}
"""Columns beside the bars."""


def show_summary(people: Console, found: Mapping[str, Any]) -> None:
    """What :func:`voice.traces.summary.summarise` found."""
    title = f"{found['turns']} turns of {found['conversations']} conversations: ms from the end of speech"
    headings = ["", "turns", *(f"own p{p}" for p in PERCENTILES), "first p50", "first p95", "fillers"]
    table = _table(title, headings)
    for rows in ({"all": found}, found["by_tier"], found["by_task"]):
        for name, row in rows.items():
            own, first = row["own_words_ms"], row["first_sound_ms"]
            figures = [*(own.get(f"p{p}") for p in PERCENTILES), first.get("p50"), first.get("p95")]
            table.add_row(Text(name), str(first["n"]), *map(_figure, figures), str(row["fillers"]))
        table.add_section()
    table.caption = "own: to the reply's own words; first: to the first sound of any kind; fillers come before the own words"
    people.print(table)
    stages = _table(
        "the stages, in ms; error is against the forecast",
        ["", "turns", *(f"p{p}" for p in PERCENTILES), "longer", "error", "p90 miss"],
    )
    for name, row in found["stages"].items():
        exceeded = "-" if row["forecast_exceeded"] is None else f"{row['forecast_exceeded']:.0%}"
        errors = (row["forecast_error_p50"], row["forecast_miss_p90"])
        stages.add_row(name, str(row["n"]), *(_figure(row.get(f"p{p}")) for p in PERCENTILES), exceeded, *map(_figure, errors))
    people.print(stages)
    if any(found["steps_ms"].values()):
        people.print(_steps(found))
    for line in _sentences(found):
        people.print(line, markup=False, highlight=False)


def _steps(found: Mapping[str, Any]) -> Table:
    """What the first words waited for."""
    columns = {name: steps for name, steps in found["steps_ms"].items() if steps}
    table = _table("what the first words waited for: medians in ms", ["", *columns, "ate the budget"])
    eaten = found["late_because_of"]
    for step in next(iter(columns.values())):
        table.add_row(step, *(f"{steps[step]:.0f}" for steps in columns.values()), _times(eaten.get(step)))
    return table


def _sentences(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"late: {found['late']} turns; what ate the budget of {found['budget_ms']:g} ms: {_counts(found['late_because_of'])}"
    if found["fillers"]:
        behind = ", ".join(f"p{p} {_figure(found['filler_ms'].get(f'p{p}'))}" for p in (50, 95))
        yield f"opened by a filler: {found['fillers']} turns, their own words behind it by ms {behind}"
    yield f"ended: {_counts(found['end_reasons'])}"
    yield (
        f"cut off: {found['reopened_turns']} turns reopened because the user went on; {found['takebacks']} replies taken back "
        f"unheard; barge-ins: {found['barge_ins']}"
    )
    yield f"cloud fallbacks: {_counts(found['fallbacks'])}; bridged: {found['excuses']}"
    if found["drafted"]:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in found["draft"].items())
        yield f"drafted for the cloud: {found['drafted']} turns; medians: {figures}"
    if found["wasted_share"] is not None:
        yield f"thrown away: {found['wasted_share']:.0%} of the edge's tokens ({found['wasted_tokens']:,})"
    for row in found["cost"]:
        saved = row["saved_against_all_cloud"]
        parts = f"edge {money(row['edge'])}, cloud {money(row['cloud'])}"
        side = f"{money(abs(saved))} {'less' if saved >= 0 else 'more'} than all in the cloud"
        yield f"cost: {money(row['edge'] + row['cloud'])} {row['currency']} ({parts}); {side}"


def show_turn(people: Console, record: Record) -> None:
    """A turn as a waterfall, who answered it, and what it cost."""
    known = record.budget_ms
    budget_ms = known if known is not None and known > 0 else USUAL_BUDGET_MS
    lateness = "" if record.late_by_ms is None else f" ({record.late_by_ms:.0f} late)" if record.is_late else " (in time)"
    people.print(
        Text.assemble(
            (f"turn {record.turn}", "bold"),
            f" of {record.conversation}: {record.tier}, {record.end_reason}, own words {_ms(record.own_ms)}{lateness}, ",
            f"first sound {_ms(record.first_sound_ms)}, filler {_filler(record)}",
        )
        + Text(f"; │ is the budget of {budget_ms:.0f} ms")
    )
    people.print(_waterfall(record, budget_ms, max(20, people.width - _LABELS)))
    for name, said in (("you", record.user_text), ("voice", record.reply_text)):
        if isinstance(said, str) and said:
            people.print(Text(f"{name}: {said}"))
    for line in _details(record):
        people.print(Text(line, "dim"))


def _filler(record: Record) -> str:
    """What came before the own words, as far as the log says it."""
    if not record.is_filled:
        return "none"
    said = f" {record.filler_text!r}" if isinstance(record.filler_text, str) and record.filler_text else ""
    return f"{_ms(record.filler_ms)}{said}"


def _waterfall(record: Record, budget_ms: float, width: int) -> Table:
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
    return table


def _details(record: Record) -> Iterable[str]:
    if record.route is not None and record.route.reasons:
        yield f"placed: {'; '.join(record.route.reasons)}"
    if record.skill or record.alert:
        yield f"skill: {record.skill or record.alert}"
    if (answer := record.answer) is not None:
        said = ", then ".join(f"{_SPEAKERS.get(who, who)} {count} words" for who, count in answer.words) or "nobody spoke"
        bridged = f"; bridged {_times(answer.bridges)}" if answer.bridges else ""
        yield f"answer: {said}{bridged}{f'; told: {answer.notice}' if answer.notice else ''}"
    if record.cloud is not None:
        cloud = record.cloud
        words = ", ".join(f"{tier} {count} words" for tier, count in cloud.words) or "nobody spoke"
        stepped_in = "" if cloud.fallback is None else f"; the edge stepped in: {cloud.fallback}"
        asked = f"asked {_times(cloud.requests)}" + (f", read along {_times(cloud.warmed)}" if cloud.warmed else "")
        yield f"cloud: {asked}, first token {_ms(cloud.first_token_ms)}, {cloud.tokens} tokens; in order: {words}{stepped_in}"
    if record.draft:
        yield f"draft: {', '.join(f'{key} {_value(value)}' for key, value in record.draft.items())}"
    if record.reply_tokens or record.wasted_tokens:
        yield f"edge tokens: {record.reply_tokens} of the reply, {record.wasted_tokens} thrown away"
    if record.takebacks or record.reopenings:
        yield f"taken back {record.takebacks} times, reopened {record.reopenings} times"
    if record.cost is not None:
        cost = record.cost
        labels = "".join(f", {what} {name}" for what, name in (("user", record.user), ("feature", record.feature)) if name)
        yield (
            f"cost: {money(cost.spent)} {cost.currency} (edge {money(cost.edge)}, cloud {money(cost.cloud)}); "
            f"all in the cloud {money(cost.all_cloud)}{labels}"
        )
    if record.error:
        yield f"error: {record.error}"


def _table(title: str, headings: Iterable[str]) -> Table:
    table = Table(title=title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _times(count: int | None) -> str:
    return "-" if not count else "once" if count == 1 else f"{count} times"


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"
