"""Examples → what the encoder is trained and measured on: which texts, how they are roughened, how they become numbers."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from scripts.router import phrases, private, titles
from voice.bench.router import spoken, taxonomy
from voice.bench.router.examples import Example, LabelledSpan, labelled, pii_written, split, weak_strong
from voice.route.encoder import clip_ids
from voice.route.labels import TAGS, TASKS, Task

IGNORE = -100
LIMITS = {"clinc150": 70, "hwu64": 90, "slurp_devel": 90, "banking77": 1200, "nq_open_dev": 2200, "spec_bench": 80}
"""At most so many texts of one class and intent (banking77, nq_open_dev: in all), so that no source drowns the others."""

TYPICAL_TOKENS = {
    Task.DEVICE_COMMAND: 14, Task.TIMER_CALENDAR: 14, Task.SHORT_FACTUAL: 30, Task.CHIT_CHAT: 25, Task.EXTRACTION: 70,
    Task.REASONING: 220, Task.CODE: 350, Task.LONG_FORM: 800, Task.WORLD_KNOWLEDGE: 280, Task.OUT_OF_SCOPE: 45,
}  # fmt: skip
"""A prior, not a measurement: the data hold no answers of the length that people would have wanted."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is trained on, and the sets it is measured on."""

    train: list[Example]
    tests: dict[str, list[Example]]
    difficulty: list[Example]
    tags: list[Example]


def _limited(examples: list[Example], source: str, data: Path, rng: random.Random) -> list[Example]:
    from voice.bench.router.examples import rows

    if source not in LIMITS:
        return examples
    intents = {str(row.get("text") or row["turns"][0]): row.get("intent", "") for row in rows(data / f"{source}.jsonl")}
    by_intent: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        key = "" if source in {"banking77", "nq_open_dev"} else f"{intents[example.text]}/{example.task}"
        by_intent[key].append(example)
    kept = []
    for group in by_intent.values():
        rng.shuffle(group)
        kept += group[: LIMITS[source]]
    return kept


def key(text: str) -> str:
    """What makes two texts the same: their letters and digits."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def corpus(
    data: Path, seed: int, *, phrases_per_class: int = 1200, titles_count: int = 5000, private_count: int = 10_000
) -> Corpus:
    """Everything from the folder ``data`` and the generators."""
    rng = random.Random(seed)
    tests = {source: list(labelled(data, source)) for source in sorted(taxonomy.HELD_OUT)}
    held = {key(example.text) for examples in tests.values() for example in examples}
    train: list[Example] = []
    in_domain: list[Example] = []
    for source in ("clinc150", "hwu64", "slurp_devel", "banking77", "nq_open_dev", "spec_bench"):
        learn, test = split(list(labelled(data, source)))
        train += _limited(learn, source, data, rng)
        in_domain += test
    made = {text: Example(text=text, source="phrases", task=task) for text, task in phrases.generate(phrases_per_class, rng)}
    train += made.values()
    train += [Example(text=text, source="titles", task=task) for text, task in titles.generate(titles_count, rng)]
    learn_difficulty, test_difficulty = weak_strong(data)
    train += learn_difficulty
    learn_written, test_written = pii_written(data)
    train += private.presidio(learn_written)
    hidden = list(private.generate(private_count, rng))
    train += hidden[600:]
    train = [example for example in train if example.task is None or key(example.text) not in held]
    return Corpus(train, {"in_domain": in_domain, **tests}, test_difficulty, [*hidden[:600], *private.presidio(test_written)])


# --- roughening --------------------------------------------------------------------------------------------------------------

HOMOPHONES = {
    "to": "two", "for": "four", "two": "too", "there": "their", "weather": "whether", "your": "you're", "its": "it's",
    "by": "buy", "know": "no", "here": "hear", "write": "right", "mail": "male", "meet": "meat", "hour": "our", "new": "knew",
    "what's": "what", "would": "wood",
}  # fmt: skip


def _spoken_numbers(text: str) -> str:
    def say(match: re.Match[str]) -> str:
        return spoken.cardinal(int(match[0])) if len(match[0]) < 5 else match[0]

    return re.sub(r"(?<![\w.,$£#/-])\d{1,4}(?![\w,/-]|\.\d)", say, text)


def roughen(example: Example, rng: random.Random) -> Example:
    """The example as a recogniser may give it: without punctuation, numbers in words, a wrong, missing or doubled word."""
    draw = rng.random()
    if draw < 0.3:
        return example
    if example.spans:
        return _roughen_spans(example, rng) if draw < 0.7 else example
    text = spoken.plain(example.text)
    if rng.random() < 0.5 and example.source != "weak_strong":
        text = _spoken_numbers(text)
    if draw > 0.8:
        words = [HOMOPHONES.get(word, word) if rng.random() < 0.3 else word for word in text.split()]
        if len(words) > 4 and rng.random() < 0.3:
            words.pop(rng.randrange(len(words)))
        text = " ".join(words)
        if rng.random() < 0.3:
            text = spoken.hesitate(text, rng)
    return Example(text or example.text, example.source, example.task, example.weak_ok, example.strong_ok, example.spans)


def _roughen_spans(example: Example, rng: random.Random) -> Example:
    """Fillers and missing punctuation between the spans, which stay as they are."""
    text, spans, at = "", [], 0
    for span in example.spans or ():
        between = re.sub(r"[,;:!?\n]", " ", example.text[at : span.start])
        text += between.lower()
        value = example.text[span.start : span.end]
        if rng.random() < 0.6:
            value = value.lower()
        spans.append(LabelledSpan(len(text), len(text) + len(value), span.tag))
        text += value
        at = span.end
    text += re.sub(r"[.,;:!?\n]", " ", example.text[at:]).lower()
    return Example(text, example.source, example.task, spans=tuple(spans))


# --- numbers -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One example as numbers; NaN and ``IGNORE`` where there is no label."""

    ids: list[int]
    task: int
    difficulty: tuple[float, float]
    length: float
    tags: list[int]


def first_names(seed: int = 5) -> frozenset[str]:
    """Given names in lower case: where an unlabelled text holds one, it says nothing to the tag head."""
    values, rng = private.Values(seed), random.Random(seed)
    common = {
        "will",
        "may",
        "april",
        "june",
        "art",
        "mark",
        "joy",
        "grace",
        "hope",
        "rose",
        "dawn",
        "summer",
        "autumn",
        "sunny",
        "miles",
        "bill",
        "rich",
    }
    return frozenset(values.first(rng, False).lower() for _ in range(8000)) - common


def as_row(
    example: Example,
    tokenizer: Tokenizer,
    names: frozenset[str],
    places: int,
    rng: random.Random,
    *,
    untagged: frozenset[str] = frozenset({"weak_strong"}),
) -> Row:
    """``example`` for the encoder. The texts of the sources ``untagged`` say nothing to the tag head."""
    encoding = tokenizer.encode(example.text)
    tags = []
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        if word is None or example.source in untagged:
            tags.append(IGNORE)
            continue
        tag = next((s.tag for s in example.spans or () if s.start < end and start < s.end), "none")
        known = example.spans is not None or example.text[start:end].lower() not in names
        tags.append(TAGS.index(tag) if known else IGNORE)
    difficulty = (
        (float(example.weak_ok), float(example.strong_ok))
        if example.weak_ok is not None and example.strong_ok is not None
        else (np.nan, np.nan)
    )
    length = np.nan
    if example.task is not None:
        stated = re.search(r"\b(\d{2,4}) words", example.text)
        tokens = int(stated[1]) * 1.35 if stated else TYPICAL_TOKENS[example.task]
        length = float(np.log(tokens) + rng.gauss(0, 0.15 if stated else 0.5))
    task = TASKS.index(example.task) if example.task is not None else IGNORE
    return Row(clip_ids(encoding.ids, places), task, difficulty, length, clip_ids(tags, places))


def batches(rows: Sequence[Row], rng: random.Random, tokens: int = 2048) -> Iterator[list[int]]:
    """Indices of rows of like length, ``tokens`` a batch with padding, in random order."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids) + rng.random() * 4)
    made, batch = [], list[int]()
    for index in order:
        if batch and len(rows[index].ids) * (len(batch) + 1) > tokens:
            made.append(batch)
            batch = []
        batch.append(index)
    made += [batch] if batch else []
    rng.shuffle(made)
    yield from made


def padded(rows: Sequence[Row], indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(ids, task, difficulty, length, tags) of a batch."""
    width = max(len(rows[i].ids) for i in indices)
    ids = torch.tensor([rows[i].ids + [0] * (width - len(rows[i].ids)) for i in indices])
    tags = torch.tensor([rows[i].tags + [IGNORE] * (width - len(rows[i].tags)) for i in indices])
    task = torch.tensor([rows[i].task for i in indices])
    difficulty = torch.tensor([rows[i].difficulty for i in indices])
    length = torch.tensor([rows[i].length for i in indices])
    return ids, task, difficulty, length, tags
