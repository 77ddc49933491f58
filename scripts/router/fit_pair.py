"""Fit what the router knows of a pair of models to their labelled answers: ``models/router/pair.json``, or your own file.

    scripts/fit_pair pair.jsonl                             # the shipped file, its picture beside it
    scripts/fit_pair mine.jsonl --out ~/voice/pair.json     # then: route.pair = "~/voice/pair.json"
    scripts/fit_pair pair.jsonl --test facts.jsonl          # measured on other questions, too (scripts/label_pair --test)

Two fits. The head: a softmax over what the two models make of a question, on the encoder's pooled representation; its decay is
chosen by cross-validation, and it sees every question with and without its marks. The confidence: a logistic function of the small model's first tokens, and of what the head says.
All figures are of answers that were not fitted on: five folds, with all ways to ask the same thing in one of them.
"""

import argparse
import hashlib
import json
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from scripts.router.frontier import frontier, picture, policies, share_for_quality
from voice.bench.router.examples import rows
from voice.route.confidence import MIN_TOKENS, log_odds
from voice.route.difficulty import OUTCOMES
from voice.route.encoder import clip_ids

FOLDS = 5
DECAYS = (0.03, 0.1, 0.3, 1.0)
CURVE = (100, 200, 400, 800)
ACCEPTED_RIGHT = 0.95
FOUND = ("mean", "lowest", "first", "question")

Floats = npt.NDArray[np.float64]


def pooled(folder: Path, texts: Sequence[str]) -> Floats:
    """The encoder's pooled representation of each text."""
    card = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / "router.onnx"), providers=["CPUExecutionProvider"])
    ids = [np.array(clip_ids(tokenizer.encode(text).ids, card["places"]), np.int64) for text in texts]
    return np.array([session.run(["pooled"], {"ids": each})[0] for each in ids], dtype=np.float64)


def outcomes(labels: Sequence[dict[str, Any]]) -> npt.NDArray[np.int64]:
    """Which of :data:`OUTCOMES` each label is."""
    which = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
    return np.array([which[row["small"]["right"], row["large"]["right"]] for row in labels])


def folds(labels: Sequence[dict[str, Any]]) -> npt.NDArray[np.int64]:
    """The fold of each label; two questions with the same answer in the same table are in the same."""
    return np.array([zlib.crc32(f"{row['source']} {row['accept']}".encode()) % FOLDS for row in labels])


def without_marks(text: str) -> str:
    """A question as a recogniser may write it that knows no punctuation; case means nothing to the encoder."""
    return text.rstrip("?.! ")


def fit_softmax(x: Floats, y: npt.NDArray[np.int64], decay: float, steps: int = 200) -> tuple[Floats, Floats]:
    """Weights [outcomes, width] and biases of a softmax regression, by accelerated gradient descent on scaled features."""
    centre, scale = x.mean(0), x.std(0) + 1e-6
    z = (x - centre) / scale / np.sqrt(x.shape[1])
    target = np.eye(len(OUTCOMES))[y]
    w, b = np.zeros((x.shape[1], len(OUTCOMES))), np.log(target.mean(0) + 1e-3)
    ahead_w, ahead_b = w, b
    for step in range(steps):
        wrong = _softmax(z @ ahead_w + ahead_b) - target
        new_w = ahead_w - 2.0 * (z.T @ wrong / len(x) + decay / x.shape[1] * ahead_w)
        new_b = ahead_b - 2.0 * wrong.mean(0)
        push = step / (step + 3)
        ahead_w, ahead_b = new_w + push * (new_w - w), new_b + push * (new_b - b)
        w, b = new_w, new_b
    weights = (w / np.sqrt(x.shape[1])) / scale[:, None]
    return weights.T, b - centre @ weights


def fit_logistic(x: Floats, wrong: Floats, steps: int = 3000) -> Floats:
    """Weights (bias first) of a logistic regression, by gradient descent on scaled features, with a little decay."""
    centre, scale = x.mean(0), x.std(0) + 1e-6
    z = np.concatenate([np.ones((len(x), 1)), (x - centre) / scale], 1)
    w = np.zeros(z.shape[1])
    for _ in range(steps):
        w -= 0.3 * (z.T @ (_sigmoid(z @ w) - wrong) / len(z) + 1e-3 * np.r_[0.0, w[1:]])
    slopes = w[1:] / scale
    return np.r_[w[0] - slopes @ centre, slopes]


def held_out_odds(
    x: Floats, bare: Floats, y: npt.NDArray[np.int64], fold: npt.NDArray[np.int64], decay: float, most: int = 0
) -> Floats:
    """The odds of every label, from a fit to the other folds (to at most ``most`` labels of them; 0: to all)."""
    found = np.zeros((len(x), len(OUTCOMES)))
    for number in range(FOLDS):
        others = np.flatnonzero(fold != number)[: most or None]
        weights, bias = fit_softmax(np.concatenate([x[others], bare[others]]), np.tile(y[others], 2), decay)
        found[fold == number] = _softmax(x[fold == number] @ weights.T + bias)
    return found


def log_loss(odds: Floats, y: npt.NDArray[np.int64]) -> float:
    """The mean negative log probability of what happened."""
    return float(-np.log(odds[np.arange(len(y)), y] + 1e-9).mean())


def area(scores: Floats, positive: Floats) -> float:
    """The area under the ROC curve: how often a positive scores above a negative."""
    order = scores.argsort().argsort() + 1
    count = int(positive.sum())
    return float((order[positive == 1].sum() - count * (count + 1) / 2) / max(count * (len(positive) - count), 1))


def bins(probability: Floats, happened: Floats, count: int = 10) -> list[tuple[float, float, int]]:
    """(what was said, what happened, how many) for ``count`` equally large groups, the least likely first."""
    parts = np.array_split(probability.argsort(kind="stable"), count)
    return [(float(probability[p].mean()), float(happened[p].mean()), len(p)) for p in parts if len(p)]


def calibration_error(probability: Floats, happened: Floats) -> float:
    """The mean distance between what was said and what happened, over ten groups."""
    return sum(abs(said - was) * n for said, was, n in bins(probability, happened)) / len(probability)


def scores(probability: Floats, happened: Floats) -> dict[str, float]:
    """How well a probability tells apart, and how honest it is."""
    error = calibration_error(probability, happened)
    return {"auc": round(area(probability, happened), 3), "ece": round(error, 3), "base": round(float(happened.mean()), 3)}


def told(labels: Sequence[dict[str, Any]], small_right: Floats) -> Floats:
    """What the confidence looks at, for each label: mean, lowest and first log probability, and the question's log odds."""
    first = [row["small"]["logprobs"] for row in labels]
    question = [log_odds(p) for p in small_right]
    return np.array([[np.mean(f), min(f), f[0], q] for f, q in zip(first, question, strict=True)])


def accepted(right: Floats, happened: Floats) -> dict[str, float]:
    """From which probability of being right on 95 % of the answers are, and what share of all that is (0: there is none)."""
    order = np.argsort(-right, kind="stable")
    rate = np.cumsum(happened[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(rate >= ACCEPTED_RIGHT)
    if not len(good):
        return {"from": 1.0, "share": 0.0}
    return {"from": round(float(right[order[good[-1]]]), 3), "share": round(float(good[-1] + 1) / len(order), 3)}


def fit(labels: list[dict[str, Any]], tests: list[dict[str, Any]], folder: Path, out: Path) -> None:
    """Fit, measure, write the file and its picture, print the report."""
    y, fold = outcomes(labels), folds(labels)
    x = pooled(folder, [row["question"] for row in labels])
    bare = pooled(folder, [without_marks(row["question"]) for row in labels])
    small, large = np.isin(y, (0, 1)).astype(float), np.isin(y, (0, 2)).astype(float)
    losses = {decay: log_loss(held_out_odds(x, bare, y, fold, decay), y) for decay in DECAYS}
    decay = min(losses, key=lambda key: losses[key])
    odds = held_out_odds(x, bare, y, fold, decay)
    easy = np.array([row["source"] != "nq_open" for row in labels])
    curve = {n: held_out_odds(x, bare, y, fold, decay, n) for n in CURVE if n < len(labels) * (1 - 1 / FOLDS)}
    curve[int(len(labels) * (1 - 1 / FOLDS))] = odds
    weights, bias = fit_softmax(np.concatenate([x, bare]), np.tile(y, 2), decay)

    said, base = told(labels, odds[:, 0] + odds[:, 1]), float(small.mean())
    unknown = np.zeros(len(labels))
    for number in range(FOLDS):
        unknown[fold == number] = _logistic(fit_logistic(said[fold != number], 1 - small[fold != number]), said[fold == number])
    doubt = fit_logistic(said, 1 - small)
    alone = {name: round(area(said[:, i], small), 3) for i, name in enumerate(FOUND)}

    moved = after_tokens(odds, unknown)
    figures: dict[str, Any] = {
        "decay": decay,
        "log_loss": {
            "head": round(losses[decay], 3),
            "base": round(log_loss(np.tile(np.bincount(y, minlength=4) / len(y), (len(y), 1)), y), 3),
        },
    }
    for name, these in (("all", easy | ~easy), ("easy", easy), ("open", ~easy)):
        if not these.any():
            continue
        o, s, lg = odds[these], small[these], large[these]
        figures[name] = {
            "n": int(these.sum()),
            "small_right": scores(o[:, 0] + o[:, 1], s),
            "large_right": scores(o[:, 0] + o[:, 2], lg),
            "only_large": scores(o[:, 2], (1 - s) * lg),
            "confidence": scores(1 - unknown[these], s) | {"accepted": accepted(1 - unknown[these], s)},
            "share_for_95_percent": {
                "question": share_for_quality(o[:, 2] - o[:, 1], s, lg),
                "first_tokens": share_for_quality(moved[these], s, lg),
            },
            "frontier": frontier({"question": o[:, 2] - o[:, 1], "first tokens": moved[these]}, s, lg),
        }
    figures["confidence_alone"] = alone
    figures["learning_curve"] = {
        str(n): {
            "log_loss": round(log_loss(o, y), 3),
            "small_right": round(area(o[:, 0] + o[:, 1], small), 3),
            "only_large": round(area(o[:, 2], (1 - small) * large), 3),
        }
        for n, o in curve.items()
    }
    if tests:
        figures["test"] = on_test(tests, folder, (weights, bias), doubt)
    card = {
        "small": labels[0]["models"][0],
        "large": labels[0]["models"][1],
        "encoder": hashlib.sha256((folder / "router.onnx").read_bytes()).hexdigest(),
        "date": time.strftime("%Y-%m-%d"),
        "labels": {
            "n": len(labels),
            "outcomes": dict(zip(OUTCOMES, np.bincount(y, minlength=4).tolist(), strict=True)),
            "sources": dict(sorted(Counter(row["source"] for row in labels).items())),
        },
        "head": {"weights": np.round(weights, 4).tolist(), "bias": np.round(bias, 4).tolist()},
        "confidence": dict(zip(("bias", *FOUND), np.round(doubt, 4).tolist(), strict=True)) | {"base": round(base, 4)},
        "figures": figures,
    }
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in card.items())
    out.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    reliability = {
        "the small model is right": bins(odds[:, 0] + odds[:, 1], small),
        "the larger is right": bins(odds[:, 0] + odds[:, 2], large),
        "only the larger is right": bins(odds[:, 2], (1 - small) * large),
        "the small one, after its first tokens": bins(1 - unknown, small),
    }
    picture(reliability, figures, out.with_suffix(".png"))
    print(json.dumps({key: card[key] for key in ("small", "large", "labels", "figures")}, indent=1))


def after_tokens(odds: Floats, unknown: Floats) -> Floats:
    """The gain of the larger model, once the small one's first tokens have told how likely it is wrong."""
    mends = odds[:, 2] / (odds[:, 2] + odds[:, 3])
    spoils = odds[:, 1] / (odds[:, 0] + odds[:, 1])
    return unknown * mends - (1 - unknown) * spoils


def on_test(tests: list[dict[str, Any]], folder: Path, head: tuple[Floats, Floats], doubt: Floats) -> dict[str, Any]:
    """The shipped fit on questions that it has not seen."""
    odds = _softmax(pooled(folder, [row["question"] for row in tests]) @ head[0].T + head[1])
    y = outcomes(tests)
    small, large = np.isin(y, (0, 1)).astype(float), np.isin(y, (0, 2)).astype(float)
    unknown = _logistic(doubt, told(tests, odds[:, 0] + odds[:, 1]))
    gain, moved = odds[:, 2] - odds[:, 1], after_tokens(odds, unknown)
    return {
        "n": len(tests),
        "small_right": scores(odds[:, 0] + odds[:, 1], small),
        "large_right": scores(odds[:, 0] + odds[:, 2], large),
        "confidence": scores(1 - unknown, small) | {"accepted": accepted(1 - unknown, small)},
        "share_for_95_percent": {
            "question": share_for_quality(gain, small, large), "first_tokens": share_for_quality(moved, small, large),
        },
        "frontier": frontier({"question": gain, "first tokens": moved}, small, large),
        "policy": policies(gain, small, large),
    }  # fmt: skip


def main() -> None:
    """Parse the arguments; fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, help="the JSON lines of scripts/label_pair")
    parser.add_argument("--test", type=Path, help="other labels, to measure on alone")
    parser.add_argument("--encoder", type=Path, default=Path("models/router"), help="folder of router.onnx")
    parser.add_argument("--out", type=Path, default=Path("models/router/pair.json"))
    given = parser.parse_args()
    labels = [row for row in rows(given.labels) if len(row["small"]["logprobs"]) >= MIN_TOKENS]
    if len(labels) < 2 * CURVE[0]:
        parser.error(f"{given.labels} has {len(labels)} labels; {2 * CURVE[0]} are the least to learn from")
    if len({tuple(row["models"]) for row in labels}) > 1:
        parser.error(f"{given.labels} holds the answers of more than one pair")
    fit(labels, rows(given.test) if given.test else [], given.encoder, given.out.expanduser())


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _logistic(weights: Floats, x: Floats) -> Floats:
    return _sigmoid(weights[0] + x @ weights[1:])


if __name__ == "__main__":
    main()
