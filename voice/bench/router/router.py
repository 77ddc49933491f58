"""How fast and how right the router is: ``voice bench router``.

Latency needs nothing but the shipped model; the rest needs the text sets (``../shared/data/text``, or ``--data``). What is
measured on was not trained on: whole sources for the classes, the other half of weak_strong for the curve, other templates
for private matter.
"""

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from voice.bench.router import private
from voice.bench.router.examples import Example, labelled, split, weak_strong
from voice.bench.router.taxonomy import HELD_OUT
from voice.core.cpu import cores
from voice.core.errors import ConfigError
from voice.route.encoder import Encoder, Heads
from voice.route.labels import EDGE_TASKS, TASKS
from voice.route.policy import Forecast
from voice.route.router import BUDGET_MS, Router, locate

DATA = Path("../shared/data/text")
FORECAST = Forecast(cloud_first_ms=220.0)
SHARES = tuple(round(0.05 * step, 2) for step in range(21))
KEYWORDS = re.compile(
    r"\b(why|explain|prove|calculate|how many|how much|solve|compare|analy[sz]e|derive|percent|equation|probability|"
    r"which of the following|total|average)\b",
    re.IGNORECASE,
)


def bench_router(data: Path | None = None, *, decisions: int = 4000) -> dict[str, Any]:
    """Everything that can be measured here; keys as the table of docs/router.md names them.

    Raises:
        ConfigError: ``data`` was given and is not there.
        ModelError: the shipped model is missing or damaged.
    """
    folder = data or DATA
    if data is not None and not data.is_dir():
        raise ConfigError(f"{data} is not a folder; --data takes the folder of the text sets")
    began = time.perf_counter()
    router = Router(locate())
    load_ms = (time.perf_counter() - began) * 1e3
    steps = Encoder(locate()).card.get("steps", [])
    found: dict[str, Any] = {
        "steps": steps,
        "decision_ms": {"load": round(load_ms, 1), **latency(router, _texts(folder), decisions)},
    }
    if not folder.is_dir():
        return {
            **found,
            "skipped": f"accuracy, curve and written private matter need {folder}",
            "pii": {"spoken": _by_hand(router)},
        }
    return {**found, **accuracy(folder), "pii": private_matter(router, folder), **difficulty(folder)}


# --- latency -----------------------------------------------------------------------------------------------------------------


def _texts(folder: Path) -> list[str]:
    """What people say to assistants, up to 60 words; some of it made up where the sets are not there."""
    texts = [case.text for case in (*private.by_hand(), *private.fresh())]
    for source in ("clinc150", "hwu64", "nq_open_dev", "snips"):
        texts += [example.text for example in labelled(folder, source)]
    return [text for text in texts if 0 < len(text.split()) <= 60]


def latency(router: Router, texts: Sequence[str], decisions: int) -> dict[str, Any]:
    """Milliseconds of whole decisions on one thread: over all texts, cold (first ever, and after a pause), and by length."""
    rng = random.Random(1)  # noqa: S311
    fresh = Encoder(locate())
    began = time.perf_counter()
    fresh.read("turn on the light in the kitchen")
    first_ms = (time.perf_counter() - began) * 1e3
    chosen = [rng.choice(texts) for _ in range(decisions)]
    warm = _times(router, chosen)
    words = " ".join(rng.choice(texts) for _ in range(3000)).split()
    by_words = {str(n): _times(router, [" ".join(words[i : i + n]) for i in range(0, 200 * 5, 5)]) for n in (5, 10, 20, 40, 60)}
    rested = []
    for text in chosen[:40]:
        time.sleep(0.05)
        rested += _times(router, [text])
    return {
        **_quantiles(warm),
        "max": round(max(warm), 3),
        "n": len(warm),
        "over_budget": sum(took > BUDGET_MS for took in warm),
        "first": round(first_ms, 3),
        "after_a_pause": _quantiles(rested),
        "under_load": under_load(router, chosen[:400]),
        "by_words": {n: _quantiles(times) for n, times in by_words.items()},
    }


def under_load(router: Router, texts: Sequence[str]) -> dict[str, Any]:
    """Decisions beside as many processes that never rest as there are cores, each after a pause, as turns come.

    ``own_mean`` is the thread's own time: the rest of the clock's went to the others.
    """
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores())]
    try:
        wall, began_s = [], time.thread_time()
        for text in texts:
            time.sleep(0.02)
            wall += _times(router, [text])
        own_ms = (time.thread_time() - began_s) * 1e3 / len(texts)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return {**_quantiles(wall), "own_mean": round(own_ms, 3), "over_budget": sum(took > BUDGET_MS for took in wall)}


def _times(router: Router, texts: Sequence[str]) -> list[float]:
    return [router.decide(text, forecast=FORECAST).took_ms for text in texts]


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    p50, p99, p999 = (round(float(x), 3) for x in np.percentile(times, (50, 99, 99.9)))
    return {"p50": p50, "p99": p99, "p999": p999}


# --- accuracy ----------------------------------------------------------------------------------------------------------------


def accuracy(folder: Path) -> dict[str, Any]:
    """Task and edge/cloud accuracy on whole sources that were not trained on, and on the held-out tenth of those that were."""
    encoder = Encoder(locate())
    tests = {source: list(labelled(folder, source)) for source in sorted(HELD_OUT)}
    sources = {source: task_scores(examples, encoder.read) for source, examples in tests.items() if examples}
    known = [
        e
        for s in ("clinc150", "hwu64", "slurp_devel", "banking77", "nq_open_dev", "spec_bench")
        for e in split(list(labelled(folder, s)))[1]
    ]
    total = sum(scores["n"] for scores in sources.values())

    def mean(key: str) -> float | None:
        return round(sum(scores[key] * scores["n"] for scores in sources.values()) / total, 4) if total else None

    return {
        "task_accuracy": mean("task"),
        "edge_cloud_accuracy": mean("edge_cloud"),
        "by_source": sources,
        "in_domain": task_scores(known, encoder.read) if known else None,
    }


def task_scores(examples: Sequence[Example], read: Callable[[str], Heads]) -> dict[str, Any]:
    """Accuracy of the task head and of edge-able against cloud-worthy, recall by class, and what was mixed up most."""
    right, sides, mixed = 0, 0, dict[str, int]()
    by_class: dict[str, list[bool]] = {}
    for example in examples:
        if example.task is None:
            raise ValueError(f"{example.text!r} has no class")
        heads = read(example.text)
        right += heads.task is example.task
        sides += (heads.edge_probability >= 0.5) == (example.task in EDGE_TASKS)
        by_class.setdefault(example.task, []).append(heads.task is example.task)
        if heads.task is not example.task:
            pair = f"{example.task} as {heads.task}"
            mixed[pair] = mixed.get(pair, 0) + 1
    return {
        "n": len(examples),
        "task": round(right / len(examples), 4),
        "edge_cloud": round(sides / len(examples), 4),
        "recall": {str(task): round(sum(by_class[task]) / len(by_class[task]), 4) for task in TASKS if task in by_class},
        "mixed_up": dict(sorted(mixed.items(), key=lambda item: -item[1])[:8]),
    }


# --- difficulty --------------------------------------------------------------------------------------------------------------


def difficulty(folder: Path) -> dict[str, Any]:
    """Quality against cloud share on the held-out half of weak_strong, beside the simple rules."""
    held = weak_strong(folder)[1]
    if not held:
        return {"curve": None}
    encoder = Encoder(locate())
    return {"curve": curve(held, [encoder.read(example.text).gain for example in held])}


def curve(examples: Sequence[Example], scores: Sequence[float]) -> dict[str, Any]:
    """The share of right answers when the highest scores go to the strong model, for each share, and the areas between.

    Rules with ties draw them in a fixed random order. ``area_over``: the mean difference to each rule over all shares.
    """
    rng = random.Random(7)  # noqa: S311
    tie = [rng.random() for _ in examples]
    rules: dict[str, list[float]] = {
        "router": list(scores),
        "length": [float(len(example.text)) for example in examples],
        "short": [-float(len(example.text)) for example in examples],
        "keyword": [float(len(KEYWORDS.findall(example.text))) for example in examples],
        "oracle": [float(bool(e.strong_ok)) - float(bool(e.weak_ok)) for e in examples],
    }
    weak = np.array([bool(e.weak_ok) for e in examples], dtype=float)
    strong = np.array([bool(e.strong_ok) for e in examples], dtype=float)
    lines: dict[str, list[float]] = {"random": [float(weak.mean() + s * (strong.mean() - weak.mean())) for s in SHARES]}
    for name, rule in rules.items():
        order = sorted(range(len(examples)), key=lambda i: (-rule[i], tie[i]))
        gained = np.concatenate([[0.0], np.cumsum((strong - weak)[order])])
        lines[name] = [float((weak.sum() + gained[round(s * len(examples))]) / len(examples)) for s in SHARES]
    ours = np.array(lines["router"])
    inner = slice(1, -1)
    return {
        "n": len(examples),
        "share": list(SHARES),
        **{name: [round(value, 4) for value in line] for name, line in lines.items()},
        "always_edge": round(float(weak.mean()), 4),
        "always_cloud": round(float(strong.mean()), 4),
        "area_over": {
            name: round(float(np.mean(ours - np.array(lines[name]))), 4) for name in ("random", "length", "short", "keyword")
        },
        "least_over": {
            name: round(float(np.min((ours - np.array(lines[name]))[inner])), 4)
            for name in ("random", "length", "short", "keyword")
        },
        "share_of_oracle": round(
            float(np.sum(ours - np.array(lines["random"])) / np.sum(np.array(lines["oracle"]) - np.array(lines["random"]))), 4
        ),
    }


# --- private matter ----------------------------------------------------------------------------------------------------------


def private_matter(router: Router, folder: Path) -> dict[str, Any]:
    """Recall and precision of the whole gate by utterance, on written and spoken text."""

    def flagged(text: str) -> bool:
        return bool(router.decide(text).verdict.findings)

    aloud = private.spoken_records(folder)
    return {
        "spoken": private.score([*private.by_hand(), *private.fresh()], flagged),
        "spoken_records": private.score(aloud, flagged),
        "written": private.score(private.written(folder), flagged),
    }


def _by_hand(router: Router) -> dict[str, Any]:
    cases = [*private.by_hand(), *private.fresh()]
    return private.score(cases, lambda text: bool(router.decide(text).verdict.findings))


def show(found: dict[str, Any], console: Console) -> None:
    """The figures as a table."""
    table = Table("figure", "value", "target", title="voice bench router")
    ms = found["decision_ms"]
    table.add_row("decision, p50 / p99 / p99.9", f"{ms['p50']:.2f} / {ms['p99']:.2f} / {ms['p999']:.2f} ms", "1.5 / 5 ms")
    table.add_row(
        "decision of 60 words, p50 / p99", f"{ms['by_words']['60']['p50']:.2f} / {ms['by_words']['60']['p99']:.2f} ms", ""
    )
    loaded = ms["under_load"]
    table.add_row("the same, all cores busy", f"{loaded['p50']:.2f} / {loaded['p99']:.2f} / {loaded['p999']:.2f} ms", "5 ms")
    _show_steps(found["steps"], console)
    if "skipped" in found:
        console.print(table)
        console.print(found["skipped"])
        return
    table.add_row("task class, unseen sources", f"{found['task_accuracy']:.1%}", "90 %")
    table.add_row("edge-able or cloud-worthy", f"{found['edge_cloud_accuracy']:.1%}", "95 %")
    for name, aims in (("spoken", "98 % / 95 %"), ("spoken_records", ""), ("written", "97 %")):
        scores = found["pii"][name]
        table.add_row(f"private, {name}: recall / precision", f"{scores['recall']:.1%} / {scores['precision']:.1%}", aims)
    line = found["curve"]
    if line is not None:
        for name, area in line["area_over"].items():
            table.add_row(f"curve over {name}: mean / least", f"{area:+.4f} / {line['least_over'][name]:+.4f}", "> 0")
    console.print(table)


def _show_steps(steps: Sequence[dict[str, Any]], console: Console) -> None:
    """How the shipped encoder came to be: what each step of the compression cost and saved, as measured when it was trained."""
    table = Table(
        "step", "MB", "14 tokens", "75 tokens", "task, same kind", "unseen sources", "edge/cloud", title="compression"
    )
    for step in steps:
        ms, unseen = step["latency_ms"], step["held_out"]
        table.add_row(
            f"{step['step']}, {step['layers']} × {step['hidden']}",
            f"{step['megabytes']:.1f}",
            f"{ms['14']:.2f} ms",
            f"{ms['75']:.2f} ms",
            f"{step['in_domain']['task']:.1%}",
            f"{unseen['task']:.1%}",
            f"{unseen['edge_cloud']:.1%}",
        )
    console.print(table)


def plot(found: dict[str, Any], path: Path) -> None:
    """Quality against cloud share, the router beside the simple rules; nothing where there is no curve or no matplotlib."""
    if not (line := found.get("curve")):
        return
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for name in ("oracle", "router", "length", "short", "keyword", "random"):
        axes.plot(line["share"], line[name], linewidth=2.2 if name == "router" else 1.1, label=name)
    axes.set_xlabel("share of requests to the strong model")
    axes.set_ylabel("answered right")
    axes.legend(title="who chooses")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
