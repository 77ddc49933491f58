"""Pictures of what the time of turns was made of, as SVG (pure)."""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from voice.traces.charts import WIDTH, ticks
from voice.traces.markup import make, picture
from voice.traces.record import Record
from voice.traces.spans import STEPS, spans

_NAMES = 116.0
"""The width of the column of names."""
_NUMBERS = 58.0
_ROW = 24.0
_LONGEST_MS = 60_000.0


def stacked(rows: Mapping[str, Mapping[str, float]], budget_ms: float) -> Element:
    """What the first words waited for: a bar a row, made of the steps of :data:`~voice.traces.spans.STEPS`."""
    totals = {name: sum(steps.values()) for name, steps in rows.items()}
    high = max([budget_ms, *totals.values()]) * 1.05
    scale = (WIDTH - 16 - 8) / high
    parts: list[Element] = []
    y = 20.0
    for name, steps in rows.items():
        parts.append(make("text", make("tspan", name, class_="strong"), f" {totals[name]:.0f} ms", x=8.0, y=y))
        x = 8.0
        for number, step in enumerate(STEPS):
            width = steps.get(step, 0.0) * scale
            if width > 0.05:
                title = make("title", f"{step}: {steps[step]:.0f} ms")
                parts.append(
                    make("rect", title, x=x, y=y + 7, width=max(0.5, width - 0.8), height=22.0, class_=f"step step-{number}")
                )
                if width > 32:
                    parts.append(make("text", f"{steps[step]:.0f}", x=x + width / 2, y=y + 22, class_="middle on-step"))
            x += width
        y += 56
    line = 8 + budget_ms * scale
    parts.append(make("line", x1=line, x2=line, y1=14.0, y2=y - 22, class_="budget"))
    parts.append(make("text", f"{budget_ms:g} ms", x=min(line, WIDTH - 30), y=y - 6, class_="middle late"))
    sentence = "What the first words waited for: " + "; ".join(
        f"{name}: " + ", ".join(f"{step} {ms:.0f} ms" for step, ms in steps.items() if ms >= 1) for name, steps in rows.items()
    )
    return picture(WIDTH, y + 2, sentence, *parts)


def forecasts(rows: Mapping[str, tuple[float, float, float, float]]) -> Element:
    """By how much the stages missed their forecasts: a bar from the 10th to the 90th percentile, a dot at the median.

    ``rows``: by stage (p10, p50, p90, the share of turns that took longer).
    """
    low = min([0.0, *(row[0] for row in rows.values())])
    high = max([1.0, *(row[2] for row in rows.values())])
    pad = (high - low) * 0.06
    low, high = low - pad, high + pad
    scale = (WIDTH - _NAMES - _NUMBERS) / (high - low)

    def place(ms: float) -> float:
        return _NAMES + (ms - low) * scale

    floor = 20 + _ROW * len(rows)
    parts = [make("line", x1=place(0), x2=place(0), y1=14.0, y2=floor + 2, class_="axis")]
    parts += [
        make("text", f"{value:+,.0f}" if value else "as forecast", x=place(value), y=floor + 16, class_="middle")
        for value in ticks(low, high, 4)
    ]
    for number, (name, (p10, p50, p90, over)) in enumerate(rows.items()):
        y = 20 + _ROW * number + 8
        title = make("title", f"{name}: 10th percentile {p10:+.0f} ms, median {p50:+.0f}, 90th {p90:+.0f}")
        parts += [
            make("text", name, x=_NAMES - 8, y=y + 4, class_="end"),
            make("rect", title, x=place(p10), y=y - 5, width=max(1.0, (p90 - p10) * scale), height=10.0, rx=5.0, class_="tint"),
            make("circle", cx=place(p50), cy=y, r=4.0, class_="dot"),
            make("text", f"{over:.0%} over", x=WIDTH - 2, y=y + 4, class_="end soft"),
        ]
    sentence = "Forecast error by stage: " + "; ".join(
        f"{name}: median {p50:+.0f} ms, {over:.0%} took longer" for name, (_, p50, _, over) in rows.items()
    )
    return picture(WIDTH, floor + 22, sentence, *parts)


def counted(rows: Mapping[str, int], what: str) -> Element:
    """Bars with their counts, the longest first."""
    most = max(rows.values())
    parts: list[Element] = []
    for number, (name, count) in enumerate(rows.items()):
        y = 6 + _ROW * number
        width = max(1.0, (WIDTH - _NAMES - _NUMBERS) * count / most)
        parts += [
            make("text", _short(name, 17), x=_NAMES - 8, y=y + 15, class_="end"),
            make("rect", x=_NAMES, y=y + 3, width=width, height=16.0, rx=2.0, class_="fill-late"),
            make("text", str(count), x=_NAMES + width + 6, y=y + 15),
        ]
    sentence = f"{what}: " + ", ".join(f"{name} {count}" for name, count in rows.items())
    return picture(WIDTH, 8 + _ROW * len(rows), sentence, *parts)


def waterfall(record: Record, budget_ms: float) -> Element:
    """One turn: each span as a bar; 0 is the user's last sound, the dashed line the budget."""
    shown = [span for span in spans(record) if span.name != "speech"]
    if not shown:
        return make("p", "The log holds no times of this turn.")
    ends = [span.end_ms for span in shown if span.name != "reply"] or [span.start_ms for span in shown]
    high = min(_LONGEST_MS, max([budget_ms, *ends])) * 1.1
    low = max(-800.0, min([0.0, *(span.start_ms for span in shown)]))
    scale = (WIDTH - _NAMES - _NUMBERS) / (high - low)

    def place(ms: float) -> float:
        return _NAMES + (min(high, max(low, ms)) - low) * scale

    floor = 22 + 20.0 * len(shown)
    parts = [
        make("line", x1=place(0), x2=place(0), y1=16.0, y2=floor, class_="grid"),
        make("text", "0", x=place(0), y=12.0, class_="middle soft"),
        make("line", x1=place(budget_ms), x2=place(budget_ms), y1=16.0, y2=floor, class_="budget"),
        make("text", f"{budget_ms:g}", x=place(budget_ms), y=12.0, class_="middle late"),
    ]
    for number, span in enumerate(shown):
        y = 20 + 20.0 * number
        kind = (
            "wait"
            if span.name in {"pause noticed", "held behind the gate", "filler"}
            else "reply"
            if span.name == "reply"
            else "fill"
        )
        if kind == "fill" and span.end_ms > budget_ms:
            kind = "fill-late"
        start, end = place(span.start_ms), place(span.end_ms)
        expected = "" if span.forecast_ms is None else f", forecast {span.forecast_ms:.0f}"
        title = make("title", f"{span.name}: {span.start_ms:.0f} to {span.end_ms:.0f} ms{expected}")
        parts += [
            make("text", _stage_name(span.name), x=_NAMES - 8, y=y + 11, class_="end"),
            make("rect", title, x=start, y=y + 1, width=max(1.5, end - start), height=13.0, rx=2.0, class_=kind),
            make("text", f"{span.ms:,.0f}", x=WIDTH - 2, y=y + 11, class_="end soft"),
        ]
    sentence = "Waterfall: " + ", ".join(f"{span.name} {span.start_ms:.0f} to {span.end_ms:.0f} ms" for span in shown)
    return picture(WIDTH, floor + 4, sentence, *parts)


def spread(row: Mapping[str, float], high: float, budget_ms: float) -> Element:
    """A row of a table at a glance: from the median to the 95th percentile, against the budget."""
    width = 120.0

    def place(ms: float) -> float:
        return 4 + min(1.0, max(0.0, ms / high)) * (width - 8)

    parts = [make("line", x1=place(budget_ms), x2=place(budget_ms), y1=0.0, y2=16.0, class_="budget")]
    if "p50" in row:
        parts += [
            make("line", x1=place(row["p50"]), x2=place(row["p95"]), y1=8.0, y2=8.0, class_="spread"),
            make("circle", cx=place(row["p50"]), cy=8.0, r=3.6, class_="dot"),
        ]
    return make("svg", *parts, viewBox=f"0 0 {width:g} 16", class_="mini", aria_hidden="true")


def legend(names: Sequence[str], classes: Sequence[str]) -> Element:
    """What the colours mean."""
    items = [make("li", make("span", class_=f"swatch {kind}"), name) for name, kind in zip(names, classes, strict=True)]
    return make("ul", *items, class_="legend")


STAGE_NAMES = {
    "asr": "recognition",
    "route": "routing",
    "llm_first_token": "first token",
    "llm_clause": "first clause",
    "tts_first_audio": "synthesis",
    "held behind the gate": "held at the gate",
}


def _stage_name(name: str) -> str:
    return STAGE_NAMES.get(name, name)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
