"""Is this a whole thing to say? A model of words alone, in microseconds.

Strategy: logistic regression over hashed features of the transcript: its last one to four words, how it begins, how long it
is. It was trained on what people say to assistants, each once whole and cut at random words, in the form in which recognition
gives it: lower case, no punctuation (Whisper puts a full stop after almost anything), all numbers alike. The weights are one
signed byte for each of 65,536 hash buckets (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning");
``scripts/fit_endpoint text`` makes them.
"""

import json
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np
import numpy.typing as npt

BUCKETS: Final = 1 << 16
FEATURES: Final = 11
"""Of one transcript."""

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?", re.IGNORECASE)
_NUMBERS: Final = frozenset(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
    """.split()
)
_LONGEST, _LONG_START = 12, 8


def words_of(text: str) -> list[str]:
    """The lower-case words of a transcript."""
    return [word.lower() for word in _WORD.findall(text.replace("’", "'"))]


def buckets(words: list[str]) -> list[int]:
    """The hash buckets of some words' :data:`FEATURES` features."""
    words = ["#" if word[0].isdigit() or word in _NUMBERS else word for word in words]
    count = len(words)
    d, c, b, a = ["<", "<", "<", "<", *words][-4:]
    first = words[0] if words else ""
    features = (
        f"1{a}",
        f"2{b} {a}",
        f"3{c} {b} {a}",
        f"4{d} {c} {b} {a}",
        f"5{b}",
        f"6{a[-3:]}",
        f"7{b[-3:]} {a[-3:]}",
        f"8{min(count, _LONGEST)}",
        f"9{first} {min(count, _LONG_START)}",
        f"10{' '.join(words[:2])} {min(count, _LONG_START)}",
        f"11{first} {a}",
    )
    return [zlib.crc32(feature.encode()) % BUCKETS for feature in features]


def completeness(text: str) -> float:
    """The log-odds that these words are a whole thing to say, at even odds before them (about -8 to 8); 0 for no words."""
    words = words_of(text)
    if not words:
        return 0.0
    model = _model()
    return model.bias + model.scale * float(model.weights[buckets(words)].sum(dtype=np.int64))


@dataclass(frozen=True, slots=True)
class _Model:
    weights: npt.NDArray[np.int8]
    scale: float
    bias: float


@lru_cache(maxsize=1)
def _model() -> _Model:
    folder = resources.files("voice.turn") / "weights"
    described: dict[str, Any] = json.loads((folder / "completeness.json").read_text(encoding="utf-8"))
    weights = np.frombuffer((folder / "completeness.bin").read_bytes(), dtype=np.int8)
    if weights.size != BUCKETS:
        raise RuntimeError(f"voice/turn/weights/completeness.bin has {weights.size} weights instead of {BUCKETS}")
    return _Model(weights, float(described["scale"]), float(described["bias"]))
