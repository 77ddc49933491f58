"""Where in a recording a speaker might hesitate: the sample between two words, found by energy and proven by recognition.

Strategy: the recogniser's word times are only good to about 150 ms, and the quietest point nearby is as often the closure of a
plosive ("cap|puccino") as the gap between two words. So the quiet points around each boundary are tried in turn: the recording
up to there is recognised by itself, and the point is taken when the last word heard is the word before the boundary. Where no
point passes there is no place. It costs about 3 s a recording, so what was found is kept, by content, in the user's cache
folder.

What it biases: places where recognition mishears a cut-off word are left out, so the judge should be a larger model than the
one that is measured (``asr-base`` when the model store has it, else ``asr-tiny.en``; the benchmark's result says which).
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from voice.asr.whisper import features
from voice.core.errors import ModelMissing
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.models import locate

JUDGES = ("asr-base", "asr-tiny.en")
"""The best that the model store has is used."""
_METHOD = "2"
"""Part of the cache's key: what another version found is not taken."""

_BEFORE_MORE = frozenset("a an the with and or of to in on at for my your is are some from by as i'd".split())
_NUMBERS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple point".split()
)
_NO_NAMES = frozenset({"I", "I'm", "I'd", "I'll", "I've"})

_REACH_S = 0.2
"""How far from the boundary, as the recogniser gives it, a cut may be."""
_CANDIDATES = 4
_DB_PER_S = 50.0
"""A candidate this much further away has to be this much quieter."""
_CONTEXT_S, _SILENCE_S = 10.0, 3.0
_FRAMES_PER_S = 100


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word and its place in seconds."""

    text: str
    start_s: float
    end_s: float

    @property
    def plain(self) -> str:
        """Lower case, without the punctuation around it."""
        return plain(self.text)


@dataclass(frozen=True, slots=True)
class Place:
    """A cut between two words: ``sample`` is the first of the second one; ``after`` is the first one."""

    sample: int
    after: str


class GapJudge:
    """Whisper, to find words and to say what is heard up to a cut. Deterministic. Blocks; for benches only.

    Raises:
        ModelMissing: the model store has none of :data:`JUDGES`.
    """

    def __init__(self) -> None:
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        self.name = next(filter(_is_there, JUDGES), JUDGES[-1])
        self._whisper = WhisperModel(str(locate(self.name).parent), device="cpu", compute_type="int8")
        multilingual = self._whisper.model.is_multilingual
        self._tokenizer = Tokenizer(self._whisper.hf_tokenizer, multilingual, task="transcribe", language="en")

    def words(self, samples: Samples) -> list[Word]:
        """The words of a 16 kHz recording with their times, by cross-attention alignment."""
        segments, _ = self._whisper.transcribe(samples, language="en", word_timestamps=True, beam_size=1)
        return [Word(word.word.strip(), word.start, word.end) for segment in segments for word in segment.words or ()]

    def heard(self, samples: Samples) -> list[str]:
        """The plain words of a 16 kHz recording that may end anywhere."""
        from ctranslate2 import StorageView

        seconds = max(_CONTEXT_S, samples.size / SAMPLE_RATE_HZ + _SILENCE_S)
        encoded = self._whisper.model.encode(StorageView.from_array(features(samples, round(seconds * _FRAMES_PER_S))[None]))
        prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        result: Any = self._whisper.model.generate(encoded, [prompt], beam_size=1, max_length=200)[0]
        return [word for word in map(plain, str(self._tokenizer.decode(result.sequences_ids[0])).split()) if word]


def _is_there(model: str) -> bool:
    try:
        return locate(model).is_file()
    except ModelMissing:
        return False


def plain(word: str) -> str:
    """Lower case, without the punctuation around it."""
    return word.strip().strip(".,?!…-—\"'").lower()


def places(samples: Samples, judge: GapJudge) -> list[Place]:
    """Every place of a 16 kHz recording at which a speaker might hesitate, in order; from the cache when it is there."""
    cached = _cache_file(samples, judge.name)
    try:
        return [Place(int(sample), str(after)) for sample, after in json.loads(cached.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        pass  # not there, or damaged: found again
    words = judge.words(samples)
    cuts = ((word, _proven_cut(samples, words, i, judge)) for i, word in enumerate(words) if hesitates_after(words, i))
    found = [Place(cut, word.plain) for word, cut in cuts if cut is not None]
    _write(cached, json.dumps([[place.sample, place.after] for place in found]))
    return found


def hesitates_after(words: Sequence[Word], index: int) -> bool:
    """Whether a speaker may well hesitate behind this word: it asks for more, or a number or a name goes on or comes."""
    if index + 1 >= len(words) or words[index].text.endswith((".", "?", "!")):
        return False
    word, following = words[index], words[index + 1]
    if word.plain in _BEFORE_MORE:
        return True
    if _is_number(word.plain) and _is_number(following.plain):
        return True
    return index > 0 and following.text[:1].isupper() and following.text.strip(".,?!") not in _NO_NAMES


def _is_number(word: str) -> bool:
    return word in _NUMBERS or word[:1].isdigit()


def _proven_cut(samples: Samples, words: Sequence[Word], index: int, judge: GapJudge) -> int | None:
    for cut in quiet_points(samples, words[index], words[index + 1]):
        heard = judge.heard(samples[:cut])
        if heard and heard[-1] == words[index].plain and abs(len(heard) - (index + 1)) <= 1:
            return cut
    return None


def quiet_points(samples: Samples, word: Word, following: Word) -> list[int]:
    """The local minima of energy around the boundary of two words, the likeliest cut first."""
    boundary_s = (word.end_s + following.start_s) / 2
    low_s = max((word.start_s + word.end_s) / 2, boundary_s - _REACH_S, 0.05)
    high_s = min((following.start_s + following.end_s) / 2, boundary_s + _REACH_S)
    step = SAMPLE_RATE_HZ // 200
    starts = np.arange(int(low_s * SAMPLE_RATE_HZ), min(int(high_s * SAMPLE_RATE_HZ), samples.size - 2 * step), step)
    if starts.size < 3:
        return []
    level_db = np.array([10 * np.log10(np.square(samples[at : at + 2 * step]).mean() + 1e-10) for at in starts])
    lowest = [
        i
        for i in range(starts.size)
        if level_db[i] <= level_db[max(0, i - 1)] and level_db[i] <= level_db[min(starts.size - 1, i + 1)]
    ]
    cost = {i: float(level_db[i]) + _DB_PER_S * abs(starts[i] / SAMPLE_RATE_HZ - boundary_s) for i in lowest}
    return [int(starts[i]) + step for i in sorted(lowest, key=cost.__getitem__)[:_CANDIDATES]]


def _cache_file(samples: Samples, model: str) -> Path:
    key = hashlib.sha256(f"{_METHOD} {model} ".encode() + np.ascontiguousarray(samples, np.float32).tobytes())
    return platformdirs.user_cache_path("voice") / "hesitation" / f"{key.hexdigest()[:32]}.json"


def _write(path: Path, text: str) -> None:
    """Write as a whole or not at all; a cache that cannot be written is no failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        return
