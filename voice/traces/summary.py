"""What many turns have in common (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any

from voice.traces.spans import STAGE_ENDS

Record = Mapping[str, Any]
PERCENTILES = (50, 90, 95, 99)


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """Percentiles of the latency, by tier and task, and of each stage; what happened; what made turns late."""
    late = [one for one in records if (one.get("late_ms") or 0) > 0]
    eaten: dict[str, int] = {}
    for one in late:
        worst = (one.get("late_stages") or ["none: the user's end was seen late"])[0]
        eaten[worst] = eaten.get(worst, 0) + 1
    made = sum(_count(one, "reply_tokens") for one in records)
    wasted = sum(_count(one, "wasted_tokens") for one in records)
    return {
        "turns": len(records),
        "conversations": len({one.get("conversation") for one in records}),
        "first_audio_ms": percentiles([one.get("ttfa_ms") for one in records]),
        "by_tier": _grouped(records, lambda one: one.get("tier")),
        "by_task": _grouped(records, lambda one: (one.get("route") or {}).get("task")),
        "stages": {stage: _stage(records, stage) for stage in STAGE_ENDS},
        "late": len(late),
        "late_because_of": dict(sorted(eaten.items(), key=lambda item: -item[1])),
        "end_reasons": _counts(str(one.get("end_reason")) for one in records),
        "takebacks": sum(_count(one, "takebacks") for one in records),
        "reopenings": sum(_count(one, "reopenings") for one in records),
        "barge_ins": sum("barge_in" in one["offsets_ms"] for one in records),
        "fallbacks": _counts(str(code) for one in records if (code := (one.get("cloud") or {}).get("fallback")) is not None),
        "wasted_share": round(wasted / (made + wasted), 4) if made + wasted else None,
    }


def percentiles(values: Sequence[Any]) -> dict[str, float | int]:
    """Of the numbers among ``values``, by nearest rank."""
    known = sorted(float(value) for value in values if isinstance(value, int | float))
    if not known:
        return {"n": 0}
    return {"n": len(known)} | {f"p{p}": round(known[min(len(known) - 1, p * len(known) // 100)], 1) for p in PERCENTILES}


def _stage(records: Sequence[Record], stage: str) -> dict[str, Any]:
    took = [one["stages_ms"].get(stage) for one in records]
    errors = [
        one["stages_ms"][stage] - one["forecast_ms"][stage]
        for one in records
        if isinstance(one["stages_ms"].get(stage), int | float) and isinstance(one["forecast_ms"].get(stage), int | float)
    ]
    exceeded = round(sum(error > 0 for error in errors) / len(errors), 3) if errors else None
    return {**percentiles(took), "forecast_error_p50": percentiles(errors).get("p50"), "forecast_exceeded": exceeded}


def _grouped(records: Sequence[Record], key: Any) -> dict[str, dict[str, float | int]]:
    groups: dict[str, list[Any]] = {}
    for one in records:
        if (name := key(one)) is not None:
            groups.setdefault(str(name), []).append(one.get("ttfa_ms"))
    return {name: percentiles(groups[name]) for name in sorted(groups)}


def _counts(names: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _count(record: Record, key: str) -> int:
    value = record.get(key, 0)
    return value if isinstance(value, int) else 0
