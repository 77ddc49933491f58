"""The completeness of words: whole utterances against the same cut at random words."""

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voice.bench.conversation.endpointing import area_under_curve
from voice.turn.completeness import BUCKETS, FEATURES, buckets, words_of

# CC BY 3.0, CC BY 4.0, CC BY 4.0, CC0, CC BY 4.0, CC BY 4.0, Apache-2.0. SLURP and HWU64 share utterances.
SOURCES = ("clinc150", "hwu64", "slurp_devel", "snips", "banking77", "home_assistant", "nq_open_dev")
CUTS = 2
"""Of one utterance."""
LONGEST_WORDS = 25
SHORT = """
yes|yeah|yep|no|nope|no thanks|no thank you|yes please|stop|stop it|cancel|cancel that|next|previous|back|go back|okay|ok|sure
thanks|thank you|continue|go on|pause|resume|repeat|repeat that|say that again|louder|quieter|softer|help|hello|hi|hey|bye
goodbye|please|wait|skip|skip it|play|mute|unmute|never mind|that's all|that's it|i don't know|right|exactly|correct|maybe
good morning|good night|7|7|7|7|7 8|20 5|5 minutes|1 hour|today|tomorrow|tonight|now|later|monday|friday|morning|off|on
both|neither|none|all|again|more|less|up|down|left|right|home|me too|of course|not now|not really|i do|i did|it is|do it
turn it on|turn it off
"""
"""Whole short answers, which the sources lack."""
SHORT_WEIGHT = 12

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Model = tuple[Floats, float]


def fit(folder: Path, into: Path | None) -> None:
    """Print the held-out figures and write the weights."""
    said = {name: _utterances(folder / f"{name}.jsonl") for name in SOURCES if (folder / f"{name}.jsonl").is_file()}
    if not said:
        raise SystemExit(f"{folder} has none of {', '.join(SOURCES)} (.jsonl)")
    held_out: dict[str, float] = {}
    for name, own in said.items():
        model = _train(*_rows([words for other in said if other != name for words in said[other]]))
        rows, whole = _rows(own, with_short=False)
        held_out[name] = round(area_under_curve(_log_odds(model, rows), whole), 4)
        print(f"{name:16} {len(own):6} utterances, left out of training: AUC {held_out[name]:.4f}")
    weights, bias = _train(*_rows([words for some in said.values() for words in some]))
    scale = float(np.abs(weights).max() / 127)
    if into is None:
        return
    into.mkdir(parents=True, exist_ok=True)
    (into / "completeness.bin").write_bytes(np.round(weights / scale).astype(np.int8).tobytes())
    described = {
        "scale": round(scale, 8),
        "bias": round(bias, 6),
        "utterances": {name: len(some) for name, some in said.items()},
        "auc_with_this_source_left_out": held_out,
    }
    (into / "completeness.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _utterances(path: Path) -> list[list[str]]:
    texts = [str(json.loads(line)["text"]).split("\n")[0] for line in path.read_text(encoding="utf-8").splitlines() if line]
    unique = sorted({" ".join(words_of(text)) for text in texts})
    return [words for words in map(str.split, unique) if 1 <= len(words) <= LONGEST_WORDS]


def _rows(said: Sequence[list[str]], *, with_short: bool = True) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The features of each utterance and of its cuts. A cut that somebody said as a whole is none."""
    rng = random.Random(1)
    whole = {" ".join(words) for words in said}
    rows: list[list[int]] = []
    labels: list[bool] = []
    for words in said:
        rows.append(buckets(words))
        labels.append(True)
        cuts = [cut for cut in range(1, len(words)) if " ".join(words[:cut]) not in whole]
        for cut in rng.sample(cuts, min(CUTS, len(cuts))):
            rows.append(buckets(words[:cut]))
            labels.append(False)
    if with_short:
        short = [buckets(words_of(text)) for line in SHORT.split("\n") for text in line.split("|") if text]
        rows += short * SHORT_WEIGHT
        labels += [True] * (len(short) * SHORT_WEIGHT)
    return np.array(rows), np.array(labels)


def _train(rows: Ints, whole: npt.NDArray[np.bool_], *, epochs: int = 4, l2: float = 1e-6, rate: float = 0.15) -> Model:
    """Adagrad on the logistic loss, both classes of the same weight."""
    rng = np.random.default_rng(0)
    weights, squares, bias = np.zeros(BUCKETS), np.full(BUCKETS, 0.01), 0.0
    importance = np.where(whole, 0.5 / whole.mean(), 0.5 / (1 - whole.mean()))
    for _ in range(epochs):
        order = rng.permutation(len(rows))
        for batch in _batches(order, 256):
            some = rows[batch]
            error = (_sigmoid(weights[some].sum(axis=1) + bias) - whole[batch]) * importance[batch]
            gradient = np.bincount(some.ravel(), np.repeat(error, FEATURES), BUCKETS)
            touched = np.flatnonzero(gradient)
            step = gradient[touched] + l2 * weights[touched] * len(batch) ** 2
            squares[touched] += np.square(step) / len(batch)
            weights[touched] -= rate * step / np.sqrt(len(batch) * squares[touched])
            bias -= 0.1 * rate * float(error.mean())
    return weights, bias


def _batches(order: Ints, size: int) -> Iterable[Ints]:
    return (order[start : start + size] for start in range(0, len(order), size))


def _log_odds(model: Model, rows: Ints) -> Floats:
    weights, bias = model
    total: Floats = weights[rows].sum(axis=1) + bias
    return total


def _sigmoid(x: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-x))
    return chance
