"""What many turns have in common (pure)."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from voice.traces.record import Record
from voice.traces.spans import STAGE_ENDS, STEPS, path

PERCENTILES = (50, 90, 95, 99)
_LARGEST = 1e15
USUAL_BUDGET_MS = 300.0
"""Where the log names no deadline."""


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """The three columns of the latency, by tier and task; each stage; what happened; what made turns late; what it cost."""
    late = [one for one in records if one.is_late]
    made = sum(one.reply_tokens for one in records)
    wasted = sum(one.wasted_tokens for one in records)
    return {
        "turns": len(records),
        "conversations": len({one.conversation for one in records}),
        "budget_ms": budget_ms(records),
        **latency(records),
        "by_tier": by(records, lambda one: one.tier),
        "by_task": by(records, lambda one: one.task),
        "stages": {stage: _stage(records, stage) for stage in STAGE_ENDS},
        "late": len(late),
        "late_because_of": late_because_of(records),
        "steps_ms": {
            "in time": typical_path(_in_time(records)),
            "late": typical_path(late),
            "behind a filler": typical_path(one for one in records if one.is_filled),
        },
        "end_reasons": _counts(one.end_reason for one in records),
        "takebacks": sum(one.takebacks for one in records),
        "reopenings": sum(one.reopenings for one in records),
        "reopened_turns": sum(one.reopenings > 0 for one in records),
        "barge_ins": sum(one.is_barge_in for one in records),
        "excuses": sum(one.is_bridged for one in records),
        "fallbacks": _counts(one.fallback for one in records),
        "doubts": _counts(one.doubt for one in records),
        "drafted": sum(bool(one.draft) for one in records),
        "draft": typical_draft(records),
        "wasted_tokens": wasted,
        "wasted_share": round(wasted / (made + wasted), 4) if made + wasted else None,
        "cost": costs(records),
    }


def budget_ms(records: Iterable[Record]) -> float:
    """The budget that most turns had."""
    known = [round(one.budget_ms, 1) for one in records if one.budget_ms is not None]
    return Counter(known).most_common(1)[0][0] if known else USUAL_BUDGET_MS


def latency(records: Sequence[Record]) -> dict[str, Any]:
    """From the end of speech to the first sound of any kind, to the reply's own words, and what came between the two.

    ``fillers`` counts the turns in which something that is not the reply came before its own words; ``filler_share`` is of
    those that were heard, and ``filler_ms`` by how much the own words came behind it.
    """
    heard = sum(one.first_sound_ms is not None for one in records)
    fillers = sum(one.is_filled for one in records)
    return {
        "first_sound_ms": percentiles(one.first_sound_ms for one in records),
        "own_words_ms": percentiles(one.own_ms for one in records),
        "fillers": fillers,
        "filler_share": round(min(1.0, fillers / heard), 4) if heard else None,
        "filler_ms": percentiles(one.filler_ms for one in records),
    }


def percentiles(values: Iterable[float | None]) -> dict[str, float | int]:
    """Of those that are known, by nearest rank."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {"n": 0}
    return {"n": len(known)} | {f"p{p}": round(known[-(-p * len(known) // 100) - 1], 1) for p in PERCENTILES}


def by(records: Iterable[Record], key: Callable[[Record], str | None]) -> dict[str, dict[str, Any]]:
    """The three columns of the latency, by what ``key`` says of each turn; without those of which it says nothing."""
    groups: dict[str, list[Record]] = {}
    for one in records:
        if name := key(one):
            groups.setdefault(name, []).append(one)
    return {name: latency(groups[name]) for name in sorted(groups)}


def forecast_errors(records: Iterable[Record], stage: str) -> list[float]:
    """By how many ms the stage took longer than was forecast, for each turn where both are known."""
    pairs = ((one.stages_ms.get(stage), one.forecast_ms.get(stage)) for one in records)
    return [took - forecast for took, forecast in pairs if took is not None and forecast is not None]


def typical_path(records: Iterable[Record]) -> dict[str, float]:
    """The median of each step to the first words, in ms; empty without turns."""
    paths = [steps for one in records if (steps := path(one))]
    return {name: round(median(steps[name] for steps in paths), 1) for name in STEPS} if paths else {}


def late_because_of(records: Sequence[Record]) -> dict[str, int]:
    """For how many turns each step ate the budget: the one that took most beyond its median in the turns in time."""
    usual = typical_path(_in_time(records)) or dict.fromkeys(STEPS, 0.0)
    worst = (max(steps, key=lambda name: steps[name] - usual[name]) for one in records if one.is_late and (steps := path(one)))
    return _counts(worst)


def typical_draft(records: Iterable[Record]) -> dict[str, float]:
    """The median of each figure that turns with a speculative draft have of it."""
    figures: dict[str, list[float]] = {}
    for one in records:
        for name, value in (one.draft or {}).items():
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST:
                figures.setdefault(name, []).append(value)
    return {name: round(median(values), 4) for name, values in figures.items()}


def costs(records: Iterable[Record]) -> list[dict[str, Any]]:
    """What the turns cost and would have cost elsewhere: one row a currency."""
    groups: dict[str, list[Any]] = {}
    for one in records:
        if one.cost is not None:
            groups.setdefault(one.cost.currency, []).append(one.cost)
    return [{"currency": name, **_sum_of_costs(groups[name])} for name in sorted(groups)]


def _sum_of_costs(rows: "list[Any]") -> dict[str, Any]:
    spent = sum(row.spent for row in rows)
    all_edge = [row.all_edge for row in rows if row.all_edge is not None]
    all_cloud = sum(row.all_cloud for row in rows)
    return {
        "turns": len(rows),
        "edge": round(sum(row.edge for row in rows), 9),
        "cloud": round(sum(row.cloud for row in rows), 9),
        "all_cloud": round(all_cloud, 9),
        "all_edge": round(sum(all_edge), 9) if len(all_edge) == len(rows) else None,
        "saved_against_all_cloud": round(all_cloud - spent, 9),
        "tokens_in": sum(row.tokens_in for row in rows),
        "tokens_out": sum(row.tokens_out for row in rows),
        "tokens_cached": sum(row.tokens_cached for row in rows),
        "tokens_edge": sum(row.tokens_edge for row in rows),
    }


def _in_time(records: Iterable[Record]) -> list[Record]:
    """Those whose own words were in time."""
    return [one for one in records if not one.is_late and one.own_ms is not None]


def _stage(records: Sequence[Record], stage: str) -> Mapping[str, Any]:
    errors = forecast_errors(records, stage)
    exceeded = round(sum(error > 0 for error in errors) / len(errors), 3) if errors else None
    return {
        **percentiles(one.stages_ms.get(stage) for one in records),
        "forecast_error_p50": percentiles(errors).get("p50"),
        "forecast_miss_p90": percentiles(map(abs, errors)).get("p90"),
        "forecast_exceeded": exceeded,
    }


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name is not None).most_common())
