"""The fusion: a small logistic regression on silences whose nature is known.

The bench makes hesitations by cutting fluent speech, so the last word often breaks off in the sound of the next one, and
recognition hears that: `breaks_off` alone tells such cuts from ends almost perfectly. A speaker who hesitates draws the word
out instead. So each hesitation is counted a second time, *soft*: with the `breaks_off` of some true end. The fit cannot lean on
that one feature then, and the figures are printed for both kinds.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voice.bench.conversation.endpointing import area_under_curve, calibration
from voice.turn.endpoint import Evidence, Features, Weights, features, log_odds

LOOKS_MS = (100, 140, 180, 220, 260, 300, 400, 500, 700, 900, 1200, 1500)
"""A silence is asked about at each of these moments, as long as it lasts."""
CALIBRATED_AT_MS = 200
L2 = 1.0
FOLDS = 5
SOFT = "soft"

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Data:
    """Silences: ``known`` has the features, one row each."""

    known: Floats
    length_ms: Floats
    is_end: Bools
    kinds: npt.NDArray[np.str_]
    sets: npt.NDArray[np.str_]
    recordings: npt.NDArray[np.str_]
    unknown: Features

    def __len__(self) -> int:
        return len(self.length_ms)


def fit(path: Path, into: Path | None) -> None:
    """Print the cross-validated figures and write the weights."""
    data = _read(path)
    counts = {kind: int((data.kinds == kind).sum()) for kind in ("end", "inner", "hesitation", SOFT)}
    print(f"{counts}; features {Features._fields}")
    for name, groups in (("by recording", data.recordings), ("by set", data.sets)):
        held_out, silence = _cross_validate(data, groups)
        _show(name, data, held_out, silence)
    weights = _solve(data, np.ones(len(data), dtype=bool))
    if weights.silence <= 0:
        raise SystemExit("more silence would make an end less likely: this data cannot be right")
    print(json.dumps(_described(weights, counts), indent=2))
    if into is not None:
        (into / "endpoint.json").write_text(json.dumps(_described(weights, counts), indent=2) + "\n", encoding="utf-8")


def _read(path: Path) -> Data:
    rows = [row for row in json.loads(path.read_text(encoding="utf-8"))["each"] if row["transcript"]]
    rows += _soft(rows)
    evidence = [Evidence(row["prosody"], row["transcript"], row["trails_off"], row["breaks_off"]) for row in rows]
    zero = Features(0, 0, 0, 0)
    known = np.array([features(one, zero) for one in evidence])
    kinds = np.array([row["kind"] for row in rows])
    return Data(
        known,
        np.array([np.inf if row["length_ms"] is None else row["length_ms"] for row in rows]),
        kinds == "end",
        kinds,
        np.array([row["set"] for row in rows]),
        np.array([row["recording"] for row in rows]),
        Features(*np.median(known[kinds != "end"], axis=0).round(2).tolist()),
    )


def _soft(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rng = random.Random(0)
    ends = [row["breaks_off"] for row in rows if row["kind"] == "end"]
    return [{**row, "kind": SOFT, "breaks_off": rng.choice(ends)} for row in rows if row["kind"] == "hesitation"]


def _solve(data: Data, chosen: Bools) -> Weights:
    """Newton's method on the penalised likelihood; ends and pauses of the same weight in all."""
    mean, spread = data.known[chosen].mean(axis=0), data.known[chosen].std(axis=0) + 1e-9
    pauses, ends = int((chosen & ~data.is_end).sum()), int((chosen & data.is_end).sum())
    columns: list[Floats] = []
    labels: list[Bools] = []
    for look_ms in LOOKS_MS:
        there = chosen & (data.length_ms > look_ms)
        silence = np.full((int(there.sum()), 1), np.log(look_ms / 100))
        columns.append(np.hstack((np.ones_like(silence), silence, (data.known[there] - mean) / spread)))
        labels.append(data.is_end[there])
    rows, truth = np.vstack(columns), np.concatenate(labels)
    importance = np.where(truth, 0.5 / ends, 0.5 / pauses) * (ends + pauses)
    solution = np.zeros(rows.shape[1])
    penalty = L2 * np.eye(rows.shape[1])
    penalty[0, 0] = 0
    for _ in range(30):
        chance = 1 / (1 + np.exp(-rows @ solution))
        slope = rows.T @ (importance * (truth - chance)) - penalty @ solution
        bend = (rows.T * (importance * chance * (1 - chance))) @ rows + penalty
        solution = solution + np.linalg.solve(bend, slope)
    each = solution[2:] / spread
    return Weights(
        round(float(solution[0] - each @ mean), 4),
        round(float(solution[1]), 4),
        Features(*each.round(4).tolist()),
        data.unknown,
    )


def _cross_validate(data: Data, groups: npt.NDArray[np.str_]) -> tuple[Floats, Floats]:
    """Each silence's log-odds without its length, and the weight of that, from a fit that saw none of its group."""
    without, silence = np.zeros(len(data)), np.zeros(len(data))
    for test in _folds(groups):
        weights = _solve(data, ~test)
        without[test] = weights.bias + data.known[test] @ np.array(weights.features)
        silence[test] = weights.silence
    return without, silence


def _folds(groups: npt.NDArray[np.str_]) -> Iterator[Bools]:
    names = np.unique(groups)
    np.random.default_rng(0).shuffle(names)
    for fold in range(min(FOLDS, len(names))):
        yield np.isin(groups, names[fold::FOLDS])


def _show(name: str, data: Data, without: Floats, silence: Floats) -> None:
    hesitation, inner, soft = (data.kinds == kind for kind in ("hesitation", "inner", SOFT))
    asked = data.is_end | hesitation
    print(f"cross-validated {name}: AUC of ends against hesitations {area_under_curve(without[asked], data.is_end[asked]):.4f}")
    for commit in (0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        needed_ms = 100 * np.exp(np.minimum((log_odds(commit) - without) / silence, 10))
        ends_ms = np.percentile(needed_ms[data.is_end], (50, 90, 95))
        cut = data.length_ms > needed_ms
        utterances = len(set(data.recordings[inner & cut])) / data.is_end.sum()
        own = f"{cut[inner].mean():6.1%} of own pauses ({utterances:.1%} of utterances)"
        print(
            f"  commit at {commit:.2f}: silence needed p50 {ends_ms[0]:5.0f}  p90 {ends_ms[1]:5.0f}  p95 {ends_ms[2]:5.0f} ms; "
            f"cut off {cut[hesitation].mean():6.1%} of hesitations, {cut[soft].mean():6.1%} of soft ones, {own}"
        )
    chance = 1 / (1 + np.exp(-(without + silence * np.log(CALIBRATED_AT_MS / 100))))
    for row in calibration(chance, data.is_end):
        print(f"  said {row['said']:.2f}, was {row['was']:.2f} ({row['silences']} silences)")


def _described(weights: Weights, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "bias": weights.bias,
        "silence": weights.silence,
        "features": weights.features._asdict(),
        "unknown": weights.unknown._asdict(),
        "fitted_on": counts,
    }
