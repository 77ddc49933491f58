"""Quality against the share that goes to the larger model: as a frontier, and where the policy's settings come to lie on it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voice.route.policy import LEAST_GAIN, Policy

Floats = npt.NDArray[np.float64]
SHARES = tuple(round(0.1 * step, 1) for step in range(11))
WAITS_S = (0.0, 0.5, 1.0, 2.0, 4.0)
ENOUGH = 0.95


def quality(gain: Floats, small: Floats, large: Floats) -> Floats:
    """The share of right answers when the n questions with the highest gain go to the larger model, for n = 0 to all."""
    order = np.argsort(-gain, kind="stable")
    return np.concatenate([[small.sum()], small.sum() + np.cumsum((large - small)[order])]) / len(small)


def frontier(gains: Mapping[str, Floats], small: Floats, large: Floats) -> dict[str, list[float]]:
    """Right answers by share (0, 10 … 100 %), for each way to tell the gain, by chance, and for who knows it."""
    at = [round(share * len(small)) for share in SHARES]
    lines = {name: quality(gain, small, large)[at] for name, gain in gains.items()}
    lines["oracle"] = quality(large - small, small, large)[at]
    lines["chance"] = np.array([small.mean() + share * (large.mean() - small.mean()) for share in SHARES])
    return {name: np.round(line, 3).tolist() for name, line in lines.items()}


def share_for_quality(gain: Floats, small: Floats, large: Floats) -> float:
    """The least share from which on 95 % of the larger model's quality is reached, and kept with every larger share."""
    below = np.flatnonzero(quality(gain, small, large) < ENOUGH * large.mean())
    return round(float(below[-1] + 1) / len(small), 3) if len(below) else 0.0


def policies(gain: Floats, small: Floats, large: Floats) -> dict[str, dict[str, float]]:
    """What the default settings make of it, by how many seconds the cloud takes longer than the edge, without a price."""
    policy, found = Policy(), {}
    for wait_s in WAITS_S:
        sent = (gain >= LEAST_GAIN) & (gain * policy.right_answer_worth > policy.second_costs * wait_s)
        right = float(np.where(sent, large, small).mean())
        of_large = round(right / max(float(large.mean()), 1e-9), 3)
        found[f"{wait_s} s"] = {"share": round(float(sent.mean()), 3), "right": round(right, 3), "of_large": of_large}
    return found


def picture(reliability: Mapping[str, Sequence[tuple[float, float, int]]], figures: dict[str, Any], path: Path) -> None:
    """Three panels: said against happened, what more labels bring, quality against share."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(13, 4.2))
    left.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, points in reliability.items():
        left.plot([said for said, _, _ in points], [was for _, was, _ in points], marker="o", markersize=3, label=name)
    left.set_xlabel("probability said")
    left.set_ylabel("share that happened")
    curve = figures["learning_curve"]
    counts = [int(n) for n in curve]
    for key, label in (("small_right", "the small model is right"), ("only_large", "only the larger is right")):
        middle.plot(counts, [curve[str(n)][key] for n in counts], marker="o", label=label)
    middle.set_xlabel("labels")
    middle.set_ylabel("area under the ROC curve, held out")
    for name, line in figures["easy"]["frontier"].items():
        right.plot(SHARES, line, linewidth=1 if name in {"oracle", "chance"} else 2.2, label=name)
    right.axhline(ENOUGH * figures["easy"]["large_right"]["base"], color="grey", linewidth=0.8, linestyle=":")
    right.set_xlabel("share of easy questions to the larger model")
    right.set_ylabel("answered right (dotted: 95 % of the larger's)")
    for axes in (left, middle, right):
        axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
