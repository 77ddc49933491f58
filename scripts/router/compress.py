"""From the teacher to what is shipped, and what each step costs and saves."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from scripts.router.dataset import Corpus
from scripts.router.encoder import HEADS, Encoder
from scripts.router.graph import build
from voice.bench.router.examples import Example
from voice.bench.router.router import curve
from voice.route.encoder import clip_ids
from voice.route.labels import EDGE_TASKS, TAGS, TASKS

LATENCY_TOKENS = (14, 40, 75)
STEP_LIMIT = 1500
"""Texts of each test set that a step is measured on; the shipped model is measured on all of them by ``voice bench router``."""


class Step:
    """One model of the chain as an ONNX session on one thread."""

    def __init__(self, name: str, model: Encoder, tokenizer: Tokenizer, *, quantised: bool = False) -> None:
        weights = {key: value.detach().numpy().astype(np.float32) for key, value in model.state_dict().items()}
        graph = build(
            weights, layers=model.size.layers, attention_heads=model.size.hidden // 32, heads=HEADS, quantised=quantised
        )
        self.name, self.size, self.tokenizer = name, model.size, tokenizer
        self.content = graph.SerializeToString()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.content, options)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, text: str) -> dict[str, np.ndarray]:
        """Every head's logits for ``text``."""
        ids = clip_ids(self.tokenizer.encode(text).ids, self.size.places)
        return dict(zip(self._outputs, self._session.run(self._outputs, {"ids": np.array(ids, np.int64)}), strict=True))

    def latency_ms(self, rounds: int = 80) -> dict[int, list[float]]:
        """Times of ``rounds`` runs by number of tokens."""
        times: dict[int, list[float]] = {}
        for count in LATENCY_TOKENS:
            ids = np.random.default_rng(1).integers(1000, 8000, count)
            times[count] = []
            for _ in range(rounds):
                began = time.perf_counter()
                self._session.run(self._outputs, {"ids": ids})
                times[count].append((time.perf_counter() - began) * 1e3)
        return times


def measure(step: Step, corpus: Corpus) -> dict[str, Any]:
    """Accuracy by test set, the curve's area, the tag head's token scores, size and latency."""
    found: dict[str, Any] = {"step": step.name, "megabytes": round(len(step.content) / 1e6, 2)}
    found |= {"layers": step.size.layers, "hidden": step.size.hidden, "vocabulary": step.size.vocabulary}
    for name, examples in corpus.tests.items():
        found[name] = (
            _task(step, examples[:STEP_LIMIT])
            if len(examples) <= STEP_LIMIT
            else _task(step, examples[:: len(examples) // STEP_LIMIT])
        )
    held = [found[name] for name in corpus.tests if name != "in_domain" and found[name]["n"]]
    total = sum(scores["n"] for scores in held)
    found["held_out"] = {
        key: round(sum(s[key] * s["n"] for s in held) / max(total, 1), 4) for key in ("task", "edge_cloud")
    } | {"n": total}
    examples = corpus.difficulty[:STEP_LIMIT]
    if examples:
        line = curve(examples, _gains(step, examples))
        found["curve_area_over_random"] = line["area_over"]["random"]
    found["tags"] = _tags(step, corpus.tags)
    found["latency_ms"] = {str(count): round(float(np.median(times)), 3) for count, times in step.latency_ms().items()}
    return found


def _task(step: Step, examples: Sequence[Example]) -> dict[str, Any]:
    if not examples:
        return {"n": 0, "task": 0.0, "edge_cloud": 0.0}
    edge = np.array([task in EDGE_TASKS for task in TASKS])
    right = sides = 0
    for example in examples:
        logits = step.run(example.text)["task"]
        share = np.exp(logits - logits.max())
        right += TASKS[int(logits.argmax())] is example.task
        sides += (share[edge].sum() >= share.sum() / 2) == (example.task in EDGE_TASKS)
    return {"n": len(examples), "task": round(right / len(examples), 4), "edge_cloud": round(int(sides) / len(examples), 4)}


def _gains(step: Step, examples: Sequence[Example]) -> list[float]:
    def gain(text: str) -> float:
        weak, strong = 1 / (1 + np.exp(-step.run(text)["difficulty"]))
        return float(strong - weak)

    return [gain(example.text) for example in examples]


def _tags(step: Step, examples: Sequence[Example]) -> dict[str, float]:
    """By utterance: is there any tag where there should be, and none where there should not?"""
    hits = flagged = private = 0
    for example in examples:
        logits = step.run(example.text)["tags"][1:-1]
        found = bool(len(logits)) and bool((logits.argmax(axis=1) != 0).any())
        hits += found and bool(example.spans)
        flagged += found
        private += bool(example.spans)
    return {"recall": round(hits / max(private, 1), 4), "precision": round(hits / max(flagged, 1), 4)}


def ship(step: Step, tokenizer_json: str, steps: Sequence[dict[str, Any]], out: Path, seed: int) -> None:
    """Write weights, tokenizer and ``router.json`` (hashes, heads, the table of steps) to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    contents = {"router.onnx": step.content, "tokenizer.json": tokenizer_json.encode("utf-8")}
    for name, content in contents.items():
        (out / name).write_bytes(content)
    card = {
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "tasks": [str(task) for task in TASKS],
        "tags": list(TAGS),
        "places": step.size.places,
        "seed": seed,
        "steps": list(steps),
    }
    (out / "router.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def table(steps: Sequence[dict[str, Any]]) -> str:
    """The steps as a Markdown table."""
    columns = (
        "step", "layers × width, words", "MB", "14 tokens", "75 tokens", "task, same kind", "task, unseen sources",
        "edge/cloud, unseen", "tags recall / precision", "curve over random",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for s in steps:
        ms, tags = s["latency_ms"], s["tags"]
        cells = (
            s["step"],
            f"{s['layers']} × {s['hidden']}, {s['vocabulary']:,}",
            f"{s['megabytes']:.1f}",
            f"{ms['14']:.2f} ms",
            f"{ms['75']:.2f} ms",
            f"{s['in_domain']['task']:.1%}",
            f"{s['held_out']['task']:.1%}",
            f"{s['held_out']['edge_cloud']:.1%}",
            f"{tags['recall']:.1%} / {tags['precision']:.1%}",
            f"{s.get('curve_area_over_random', 0):+.4f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(steps: Sequence[dict[str, Any]], path: Path) -> None:
    """Accuracy against latency, one dot a step, its area the size."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    value: Callable[[dict[str, Any], str], float] = lambda s, kind: float(s[kind]["task"]) * 100  # noqa: E731
    for kind, colour, label in (("in_domain", "tab:blue", "same kind of text"), ("held_out", "tab:orange", "unseen sources")):
        x = [s["latency_ms"]["14"] for s in steps]
        axes.plot(x, [value(s, kind) for s in steps], color=colour, alpha=0.4)
        axes.scatter(
            x, [value(s, kind) for s in steps], s=[12 * s["megabytes"] for s in steps], color=colour, alpha=0.7, label=label
        )
    for s in steps:
        axes.annotate(
            s["step"], (s["latency_ms"]["14"], value(s, "in_domain")), textcoords="offset points", xytext=(4, 6), fontsize=8
        )
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds an utterance (14 tokens, one thread)")
    axes.set_ylabel("task accuracy, %")
    axes.legend(title="area: megabytes", loc="lower left")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
