"""The hesitation set: recordings with pauses put where a speaker hesitates and nobody should answer.

Into each recording, its own room tone is put inside a phrase: behind "a", "the", "with", "and" and their like, inside numbers,
and before names. Where the words are is learnt from the recogniser's own word times. Everything follows from the seed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from voice.bench.recordings import Recording, recording
from voice.stages import SAMPLE_RATE_HZ, Samples

PAUSE_S = (0.3, 1.5)
_BEFORE_MORE = frozenset("a an the with and of to in on at for my your is are or some from i'd".split())
_DIGITS = frozenset(
    "one two three four five six seven eight nine ten twenty thirty forty fifty hundred thousand double triple".split()
)
_SEARCH_S = 0.06
_FADE_S = 0.005
_TONE_S = 0.2


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word and its place in seconds."""

    text: str
    start_s: float
    end_s: float


def hesitating(original: Recording, words: Sequence[Word], rng: random.Random, *, most: int = 2) -> Recording | None:
    """The recording with up to ``most`` hesitations, or ``None`` when there is no place for one."""
    places = [index for index in range(len(words) - 1) if _hesitates_after(words, index)]
    if not places:
        return None
    chosen = sorted(rng.sample(places, min(most, len(places))))
    tone = _room_tone(original.samples)
    parts: list[Samples] = []
    pauses: list[tuple[int, int]] = []
    at = length = 0
    for index in chosen:
        cut = _quietest(original.samples, (words[index].end_s + words[index + 1].start_s) / 2)
        if cut <= at:
            continue
        pause = _fill(tone, int(rng.uniform(*PAUSE_S) * SAMPLE_RATE_HZ), rng)
        parts += [original.samples[at:cut], pause]
        length += cut - at
        pauses.append((length, length + pause.size))
        length += pause.size
        at = cut
    parts.append(original.samples[at:])
    made = recording(f"{original.name}+hesitation", np.concatenate(parts), text=original.text, slots=original.slots)
    return None if made is None else replace(made, pauses=tuple(pauses))


def _hesitates_after(words: Sequence[Word], index: int) -> bool:
    word, following = _plain(words[index].text), words[index + 1].text.strip()
    if word in _BEFORE_MORE:
        return True
    if (word in _DIGITS or word.isdigit()) and (_plain(following) in _DIGITS or following[:1].isdigit()):
        return True
    return (
        index > 0
        and following[:1].isupper()
        and following not in {"I", "I'm", "I'd"}
        and not words[index].text.endswith((".", "?"))
    )


def _plain(word: str) -> str:
    return word.strip().strip(".,?!").lower()


def _quietest(samples: Samples, near_s: float) -> int:
    """The middle of the quietest 10 ms around ``near_s``: a cut there is not heard."""
    step = SAMPLE_RATE_HZ // 100
    low = max(0, int((near_s - _SEARCH_S) * SAMPLE_RATE_HZ))
    high = min(samples.size - step, int((near_s + _SEARCH_S) * SAMPLE_RATE_HZ))
    starts = range(low, max(high, low + 1), step // 2)
    return min(starts, key=lambda start: float(np.square(samples[start : start + step]).sum())) + step // 2


def _room_tone(samples: Samples) -> Samples:
    """The quietest stretch of the recording."""
    size = int(_TONE_S * SAMPLE_RATE_HZ)
    starts = range(0, max(1, samples.size - size), size // 8)
    start = min(starts, key=lambda at: float(np.square(samples[at : at + size]).sum()))
    return samples[start : start + size]


def _fill(tone: Samples, size: int, rng: random.Random) -> Samples:
    """Room tone of any length: pieces from random places and directions, cross-faded."""
    fade = int(_FADE_S * SAMPLE_RATE_HZ)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    result = np.zeros(size + tone.size, dtype=np.float32)
    at = 0
    while at < size:
        piece = np.roll(tone, rng.randrange(tone.size))[:: rng.choice((1, -1))].copy()
        piece[:fade] *= ramp
        piece[-fade:] *= ramp[::-1]
        result[at : at + piece.size] += piece
        at += piece.size - fade
    return result[:size]


def recognised_words(samples: Samples, model: object) -> list[Word]:
    """The words of a recording with their times, by faster-whisper's cross-attention alignment.

    Args:
        samples: 16 kHz mono.
        model: a ``faster_whisper.WhisperModel``.
    """
    segments, _ = model.transcribe(samples, language="en", word_timestamps=True, beam_size=1)  # type: ignore[attr-defined]
    return [Word(word.word, word.start, word.end) for segment in segments for word in segment.words or ()]
