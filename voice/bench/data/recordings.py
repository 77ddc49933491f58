"""Recordings to measure with: a manifest, the data folder when it is there, or the model store's samples."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from voice.audio.files import read_audio
from voice.audio.voiced import voiced_spans
from voice.core.errors import AudioError, ConfigError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.models import locate

DATA = Path("../shared/data/speech")
"""Used when it is there: manifests of read sentences, spoken orders and home commands."""
SETS = ("home_commands", "read", "coffee_orders")
INNER_PAUSE_MS = 200
"""A silence of at least this between voiced parts is an inner pause: a place where a reply would cut the speaker off."""
_UTTERANCE_GAP_S = 0.45
_UTTERANCE_S = (1.0, 12.0)


@dataclass(frozen=True, slots=True)
class Recording:
    """One utterance.

    Attributes:
        samples: 16 kHz mono float32.
        speech_end: the index after the last voiced sample.
        pauses: the inner pauses as sample spans.
        text: what is said, where that is known.
        slots: values that a transcript must hold, where no verbatim text is known.
    """

    name: str
    samples: Samples = field(repr=False)
    speech_end: int
    pauses: tuple[tuple[int, int], ...]
    text: str | None = None
    slots: tuple[str, ...] = ()

    @property
    def speech_end_s(self) -> float:
        """When the last voiced sample is, in seconds from the start."""
        return self.speech_end / SAMPLE_RATE_HZ


def recording(name: str, samples: Samples, *, text: str | None = None, slots: Sequence[str] = ()) -> Recording | None:
    """A recording with its truth measured by energy; ``None`` when nobody speaks in it."""
    spans = voiced_spans(samples, SAMPLE_RATE_HZ)
    if not spans:
        return None
    least = INNER_PAUSE_MS * SAMPLE_RATE_HZ // 1000
    pauses = tuple((a_end, b) for (_, a_end), (b, _) in pairwise(spans) if b - a_end >= least)
    return Recording(name, samples, spans[-1][1], pauses, text, tuple(slots))


def from_manifest(path: Path, *, limit: int | None = None) -> list[Recording]:
    """The recordings of a JSON-lines manifest: ``audio`` (relative to it), optionally ``text`` and ``slots``.

    Raises:
        ConfigError: the manifest cannot be read or a line is not what it should be.
        AudioError: a recording cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read the manifest {path}: {error.strerror}") from error
    found: list[Recording] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            audio = path.parent / str(row["audio"])
            slots = [str(value) for value in (row.get("slots") or {}).values()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f'{path}, line {number}: write {{"audio": "file.wav", "text": "optional"}}') from error
        one = recording(f"{path.stem}/{audio.stem}", read_audio(audio), text=row.get("text"), slots=slots)
        if one is not None:
            found.append(one)
        if limit is not None and len(found) >= limit:
            break
    if not found:
        raise AudioError(f"no recording of {path} holds speech")
    return found


def default_recordings(*, limit: int | None = None) -> dict[str, list[Recording]]:
    """The sets that are there, by name: the data folder's, else utterances cut from the model store's samples.

    ``limit`` bounds each set, evenly spread over it.
    """
    sets: dict[str, list[Recording]] = {}
    for name in SETS:
        manifest = DATA / f"{name}.jsonl"
        if manifest.is_file():
            sets[name] = from_manifest(manifest)
    if not sets:
        sets["samples"] = store_samples()
    if limit is not None:
        sets = {name: spread(recordings, limit) for name, recordings in sets.items()}
    return sets


T = TypeVar("T")


def spread(recordings: list[T], limit: int) -> list[T]:
    """At most ``limit`` of them, evenly spaced."""
    if len(recordings) <= limit:
        return recordings
    return [recordings[index] for index in np.linspace(0, len(recordings) - 1, limit).round().astype(int)]


def store_samples() -> list[Recording]:
    """Utterances cut from the model store's recordings, at the readers' own pauses.

    Raises:
        ModelError: the samples are not there.
    """
    found: list[Recording] = []
    folder = locate("samples").parent
    for path in sorted(folder.glob("*.wav")):
        samples = read_audio(path)
        for number, (start, end) in enumerate(_utterances(samples)):
            one = recording(f"{path.stem}/{number:02d}", samples[start:end])
            if one is not None:
                found.append(one)
    return found


def _utterances(samples: Samples) -> list[tuple[int, int]]:
    margin = int(0.2 * SAMPLE_RATE_HZ)
    spans = voiced_spans(samples, SAMPLE_RATE_HZ, join_ms=int(_UTTERANCE_GAP_S * 1000))
    return [
        (max(0, start - margin), min(samples.size, end + margin))
        for start, end in spans
        if _UTTERANCE_S[0] <= (end - start) / SAMPLE_RATE_HZ <= _UTTERANCE_S[1]
    ]
