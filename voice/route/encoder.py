"""The encoder at run time: an utterance in, the word of each head out.

One ONNX session with one thread; a call costs some hundred microseconds. What is shipped beside the weights (``router.json``)
says what the heads mean and which file belongs to it by its SHA-256; anything that does not agree is refused when it is loaded,
not when a turn depends on it. What the pair of models here will make of the utterance is read from ``pair.json``.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from voice.core.errors import ModelError, ModelMissing, RouteError, mapped
from voice.privacy.findings import TaggedSpan
from voice.route.difficulty import UNLABELLED, Odds, Pair
from voice.route.labels import HARD_TASKS, QUIET_TASKS, TAGS, TASKS, Task

T = TypeVar("T")

HIDDEN = 256
HEADS = {"task": (len(TASKS),), "difficulty": (2,), "length": (2,), "tags": (None, len(TAGS)), "pooled": (HIDDEN,)}
"""Output → shape; None is the number of tokens."""
EASY = np.array([index <= TASKS.index(Task.EXTRACTION) for index in range(len(TASKS))])
HARD = np.array([task in HARD_TASKS for task in TASKS])
QUIET = np.array([task in QUIET_TASKS for task in TASKS])
REMEMBERED_TEXTS = 16
MAX_CHARACTERS = 2000
"""More of a text is not read by the encoder: 96 tokens fit into it."""


LEAST_HIDDEN = 0.25
"""A piece of a word that is private with less probability than this has no tag."""


def clip_ids(ids: Sequence[T], places: int) -> list[T]:
    """At most ``places`` of ``ids``: the first two thirds and the last third."""
    if len(ids) <= places:
        return list(ids)
    tail = places // 3
    return [*ids[: places - tail], *ids[-tail:]]


@dataclass(frozen=True, slots=True)
class Heads:
    """What the encoder says of one utterance.

    Attributes:
        task: the likeliest class, and ``task_probability``; ``second`` is the next.
        weak_ok, strong_ok: probabilities that Mixtral and that GPT-4 passes it as an exam; no decision is made on it.
        tokens, tokens_p90: the expected length of the answer: median and 90 % quantile.
        tags: private matter, span by span.
        odds: what the pair of models here will make of it.
        hard, quiet: probabilities that its class is one of ``HARD_TASKS``, or of ``QUIET_TASKS``.
    """

    task: Task
    task_probability: float
    second: Task
    edge_probability: float
    weak_ok: float
    strong_ok: float
    tokens: int
    tokens_p90: int
    tags: tuple[TaggedSpan, ...]
    odds: Odds = UNLABELLED
    hard: float = 0.0
    quiet: float = 0.0

    @property
    def gain(self) -> float:
        """How much likelier GPT-4 passes than Mixtral; -1 to 1."""
        return self.strong_ok - self.weak_ok


class Encoder:
    """The shipped weights, loaded. Thread-safe. The last few texts are not read again: a turn is placed more than once."""

    @mapped(ModelError, "the router's model cannot be used")
    def __init__(self, folder: Path, pair: Path | None = None) -> None:
        """Load and check the model in ``folder``, and what was learnt of a pair of models: of ``pair``, or the shipped one.

        Raises:
            ModelMissing: a file is not there.
            ModelError: a file is not what ``router.json`` says, or its heads are not the ones this program knows.
        """
        import onnxruntime  # half a second that a command without a router need not spend
        from tokenizers import Tokenizer

        self.card = _card(folder)
        model = _checked(folder, "router.onnx", self.card)
        tokenizer = _checked(folder, "tokenizer.json", self.card)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer.decode("utf-8"))
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(
                f"{folder}: the router's model cannot be loaded ({error}). Train it again with scripts/train_router."
            ) from error
        self._places = int(self.card["places"])
        _check_heads(folder, self._session, self.card)
        self.pair = Pair(pair or folder / "pair.json", self.card["files"]["router.onnx"], HIDDEN)
        self._words = [str(output.name) for output in self._session.get_outputs()]
        self._remembered = lru_cache(REMEMBERED_TEXTS)(self._look)

    @mapped(RouteError, "the router's model failed")
    def read(self, text: str) -> Heads:
        """What the heads say of ``text`` (any string; only what fits is read). Some hundred microseconds; never blocks long.

        Raises:
            RouteError: the model or its tokenizer failed.
        """
        return self._remembered(text[:MAX_CHARACTERS])

    def _look(self, text: str) -> Heads:
        encoding = self._tokenizer.encode(text)
        ids = np.array(clip_ids(encoding.ids, self._places), dtype=np.int64)
        out = dict(zip(self._words, self._session.run(self._words, {"ids": ids}), strict=True))
        task = _softmax(out["task"])
        first, second = np.argsort(task)[::-1][:2]
        tokens, upper = (math.exp(min(9.0, max(0.0, float(x)))) for x in out["length"])
        places = clip_ids(list(zip(encoding.word_ids, encoding.offsets, strict=True)), self._places)
        return Heads(
            task=TASKS[first],
            task_probability=float(task[first]),
            second=TASKS[second],
            edge_probability=float(task[EASY].sum()),
            weak_ok=_sigmoid(float(out["difficulty"][0])),
            strong_ok=_sigmoid(float(out["difficulty"][1])),
            tokens=round(tokens),
            tokens_p90=round(max(upper, tokens)),
            tags=_spans(out["tags"], places),
            odds=self.pair.odds(out["pooled"]),
            hard=float(task[HARD].sum()),
            quiet=float(task[QUIET].sum()),
        )


def _spans(logits: npt.NDArray[np.float32], places: list[tuple[int | None, tuple[int, int]]]) -> tuple[TaggedSpan, ...]:
    """Runs of whole words with the same tag. A word has the tag of its surest piece."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    hidden = 1.0 - probability[:, 0]
    if hidden.max(initial=0.0) < LEAST_HIDDEN:
        return ()
    words: dict[int, list[Any]] = {}  # word → [tag, start, end, probability]
    for at, (word, (start, end)) in enumerate(places):
        if word is None:
            continue
        sure = float(hidden[at])
        found = words.setdefault(word, [0, start, end, 0.0])
        found[1], found[2] = min(found[1], start), max(found[2], end)
        if sure >= LEAST_HIDDEN and sure > found[3]:
            found[0], found[3] = int(probability[at, 1:].argmax()) + 1, sure
    spans: list[list[Any]] = []  # [tag, start, end, probability, last word]
    for word, (tag, start, end, sure) in words.items():
        if not tag:
            continue
        if spans and spans[-1][0] == tag and spans[-1][4] == word - 1:
            spans[-1][2:] = [end, max(spans[-1][3], sure), word]
        else:
            spans.append([tag, start, end, sure, word])
    return tuple(TaggedSpan(TAGS[tag], start, end, sure) for tag, start, end, sure, _ in spans)


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    shifted = np.exp(logits - logits.max())
    return np.asarray(shifted / shifted.sum(), dtype=np.float32)


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


def _card(folder: Path) -> dict[str, Any]:
    path = folder / "router.json"
    if not path.is_file():
        raise ModelMissing(f"{path} is missing: it comes with the source, or from scripts/train_router.")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}). Take it from the source again.") from error
    if not isinstance(card, dict) or not {"files", "tasks", "tags", "places"} <= card.keys():
        raise ModelError(f"{path} does not describe a router. Take it from the source again.")
    return card


def _checked(folder: Path, name: str, card: dict[str, Any]) -> bytes:
    path = folder / name
    if not path.is_file():
        raise ModelMissing(f"{path} is missing: it comes with the source, or from scripts/train_router.")
    content = path.read_bytes()
    wanted = card["files"].get(name)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise ModelError(
            f"{path} is damaged: its SHA-256 is {found[:12]}…, router.json says {str(wanted)[:12]}…. "
            "Take it from the source again."
        )
    return content


def _check_heads(folder: Path, session: Any, card: dict[str, Any]) -> None:
    if card["tasks"] != [str(task) for task in TASKS] or card["tags"] != list(TAGS):
        raise ModelError(
            f"{folder}: the model was trained for other classes than this program knows. Use the weights of this version."
        )
    found = {output.name: output.shape for output in session.get_outputs()}
    for name, shape in HEADS.items():
        if name not in found or [n for n in found[name] if isinstance(n, int)] != [n for n in shape if n is not None]:
            raise ModelError(
                f"{folder}: the model's head {name!r} is {found.get(name, 'missing')}, {shape} is needed. "
                "Use the weights of this version."
            )
