"""One training example, and what the folder given with ``--data`` holds of them.

The folder's format (every file may be missing): JSON lines with ``text`` and, by file, ``intent`` (clinc150, hwu64,
slurp_devel, snips, banking77), ``category`` and ``turns`` (spec_bench), ``weak_ok`` and ``strong_ok`` as "True" or "False"
(weak_strong); nothing more in nq_open_dev, seed_tasks and home_assistant; and pii_written.json, a list of Presidio Research's
records.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voice.bench.router import taxonomy
from voice.route.labels import Task

SPLIT_SEED = 20


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Characters ``start`` to ``end`` carry a tag."""

    start: int
    end: int
    tag: str


@dataclass(frozen=True, slots=True)
class Example:
    """A text and whatever is known about it; a head without a label learns nothing from it."""

    text: str
    source: str
    task: Task | None = None
    weak_ok: bool | None = None
    strong_ok: bool | None = None
    spans: tuple[LabelledSpan, ...] | None = None


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON lines file; none when it is not there."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def labelled(data: Path, source: str) -> Iterator[Example]:
    """The texts of a source that have a task class."""
    for index, row in enumerate(rows(data / f"{source}.jsonl")):
        text = row["text"] if "text" in row else row["turns"][0]
        if source == "seed_tasks":
            task = taxonomy.SEED_TASKS[index] if index < len(taxonomy.SEED_TASKS) else None
        elif source == "home_assistant":
            task = taxonomy.home_assistant_task(text)
        elif source in taxonomy.WHOLE_SOURCE:
            task = taxonomy.WHOLE_SOURCE[source]
        else:
            task = taxonomy.INTENTS[source].get(str(row.get("intent", row.get("category"))))
        if task is not None:
            yield Example(text=text, source=source, task=task)


def weak_strong(data: Path) -> tuple[list[Example], list[Example]]:
    """The two halves of weak_strong: to learn from, and to measure on. The split is fixed."""
    found = [
        Example(
            text=row["text"].removesuffix("Answer:").strip(),
            source="weak_strong",
            task=Task.REASONING if row["set"] == "gsm8k" else None,
            weak_ok=row["weak_ok"] == "True",
            strong_ok=row["strong_ok"] == "True",
        )
        for row in rows(data / "weak_strong.jsonl")
    ]
    random.Random(SPLIT_SEED).shuffle(found)  # noqa: S311
    half = len(found) // 2
    return found[:half], found[half:]


def pii_written(data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The records of pii_written.json: to learn from, and to measure on. No template is in both (one in four is held out)."""
    path = data / "pii_written.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    held = [row for row in found if row["template_id"] % 4 == 3]
    return [row for row in found if row["template_id"] % 4 != 3], held


def split(examples: list[Example], share: float = 0.1) -> tuple[list[Example], list[Example]]:
    """(training, test) of one source, at random with the fixed seed."""
    shuffled = sorted(examples, key=lambda example: example.text)
    random.Random(SPLIT_SEED).shuffle(shuffled)  # noqa: S311
    cut = int(len(shuffled) * share)
    return shuffled[cut:], shuffled[:cut]
