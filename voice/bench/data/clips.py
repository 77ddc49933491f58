"""Short recordings to talk over a reply with: speech, and what is none."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from voice.audio.files import read_audio
from voice.audio.voiced import voiced_spans
from voice.bench.data.recordings import DATA, default_recordings
from voice.core.errors import ConfigError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

CLIP_S: Final = 4.0
LEAD_S: Final = 0.2
"""So much of a speech recording is kept before its first voiced sample."""
CHIME_S: Final = 0.3
"""A shorter sound that begins a recording, with a gap of more than the lead after it, is a click or an assistant's chime."""
_SPEECH_LABELS: Final = ("speech", "talk", "voice", "babble", "conversation")


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound to make over a reply.

    Attributes:
        group: the set it belongs to.
        samples: 16 kHz mono float32, at most :data:`CLIP_S`.
        onset_s: the first voiced sample of speech; ``None`` for a sound that must not stop the reply.
    """

    name: str
    group: str
    samples: Samples = field(repr=False)
    onset_s: float | None = None


def clips(*, limit: int | None, seed: int, data: Path = DATA) -> list[Clip]:
    """Speech, then what is not speech; ``limit`` of each set.

    Raises:
        ConfigError, AudioError, ModelError: of a manifest, a recording, or the model store.
    """
    return speech_clips(limit) + other_clips(data, limit=limit, seed=seed)


def speech_clips(limit: int | None) -> list[Clip]:
    """Real speech, from just before its first voiced sample."""
    found = []
    for group, recordings in default_recordings(limit=limit).items():
        for one in recordings:
            onset = speech_onset(voiced_spans(one.samples, SAMPLE_RATE_HZ))
            begin = max(0, onset - int(LEAD_S * SAMPLE_RATE_HZ))
            cut = one.samples[begin : begin + int(CLIP_S * SAMPLE_RATE_HZ)]
            found.append(Clip(one.name, group, cut, (onset - begin) / SAMPLE_RATE_HZ))
    return found


def speech_onset(spans: Sequence[tuple[int, int]]) -> int:
    """The first voiced sample of speech, given the voiced stretches (at least one), past clicks and chimes at the beginning."""
    for (begin, end), (following, _) in pairwise(spans):
        if end - begin >= CHIME_S * SAMPLE_RATE_HZ or following - end < LEAD_S * SAMPLE_RATE_HZ:
            return begin
    return spans[-1][0] if spans[-1][1] - spans[-1][0] >= CHIME_S * SAMPLE_RATE_HZ else spans[0][0]


def other_clips(data: Path, *, limit: int | None, seed: int) -> list[Clip]:
    """Far-end-only echo and noises, the loudest :data:`CLIP_S` of each; none where the data folder is not there.

    Raises:
        ConfigError: a line of ``noise.jsonl`` is not what it should be.
        AudioError: a recording cannot be read.
    """
    echoes = [(path, "echo") for path in sorted((data / "echo").glob("farend_singletalk*"))]
    sets = {"echo": echoes, "noise": _noises(data / "noise.jsonl")}
    return [
        Clip(f"{group}/{path.stem}", group, loudest(read_audio(path), CLIP_S))
        for group, rows in sets.items()
        for path, _ in choose(rows, limit=limit, seed=seed)
    ]


def _noises(manifest: Path) -> list[tuple[Path, str]]:
    if not manifest.is_file():
        return []
    found = []
    for number, line in enumerate(manifest.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            path, label = manifest.parent / str(row["audio"]), str(row["label"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f'{manifest}, line {number}: write {{"audio": "file.wav", "label": "dog"}}') from error
        if not any(word in label.lower() for word in _SPEECH_LABELS):
            found.append((path, label))
    return found


def choose(rows: Sequence[tuple[Path, str]], *, limit: int | None, seed: int) -> list[tuple[Path, str]]:
    """At most ``limit`` rows, at random, every label once before any comes twice."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  a sample, not a secret
    seen: Counter[str] = Counter()
    rounds = []
    for row in shuffled:
        rounds.append(seen[row[1]])
        seen[row[1]] += 1
    order = sorted(range(len(shuffled)), key=rounds.__getitem__)
    return [shuffled[index] for index in order[:limit]]


def loudest(samples: Samples, seconds: float) -> Samples:
    """The ``seconds`` with the most energy; everything of a shorter recording."""
    size = int(seconds * SAMPLE_RATE_HZ)
    if samples.size <= size:
        return samples
    energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    begin = int((energy[size:] - energy[:-size]).argmax())
    return samples[begin : begin + size]
