"""The hesitation set: recordings with pauses put where a speaker hesitates and nobody should answer.

Into each recording, its own room tone is put inside a phrase: behind "a", "the", "with", "and" and their like, inside numbers,
and before names (:mod:`voice.bench.data.word_gaps` finds where). Everything follows from the seed.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voice.bench.data.recordings import Recording, recording
from voice.bench.data.word_gaps import GapJudge, Place, places
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

HESITATION = "hesitation"
"""The set's name."""
PAUSE_S = (0.3, 1.5)
_FADE_S = 0.005
_TONE_S = 0.2


@dataclass(frozen=True, slots=True)
class HesitationSet:
    """Recordings with hesitations, and the model that said where the words are."""

    recordings: list[Recording]
    judge: str


def hesitation_set(
    originals: Sequence[Recording], *, seed: int, most: int = 2, progress: Callable[[int, int], None] | None = None
) -> HesitationSet:
    """Each recording that has a place for it, with up to ``most`` hesitations.

    Raises:
        ModelMissing: there is no recogniser to find the words with.
    """
    judge = GapJudge()
    found: list[Recording] = []
    for index, one in enumerate(originals):
        rng = random.Random(f"{seed} {one.name}")  # noqa: S311 - a recording's pauses do not depend on the others
        made = hesitating(one, places(one.samples, judge), rng, most=most)
        if made is not None:
            found.append(made)
        if progress is not None:
            progress(index + 1, len(originals))
    return HesitationSet(found, judge.name)


def hesitating(original: Recording, at: Sequence[Place], rng: random.Random, *, most: int = 2) -> Recording | None:
    """The recording with up to ``most`` hesitations at some of the places, or ``None`` when there are none."""
    if not at:
        return None
    chosen = sorted(rng.sample([place.sample for place in at], min(most, len(at))))
    tone = _room_tone(original.samples)
    parts: list[Samples] = []
    pauses: list[tuple[int, int]] = []
    done = length = 0
    for cut in chosen:
        if cut <= done:
            continue
        pause = _fill(tone, int(rng.uniform(*PAUSE_S) * SAMPLE_RATE_HZ), rng)
        parts += [original.samples[done:cut], pause]
        length += cut - done
        pauses.append((length, length + pause.size))
        length += pause.size
        done = cut
    parts.append(original.samples[done:])
    made = recording(f"{original.name}+{HESITATION}", np.concatenate(parts), text=original.text, slots=original.slots)
    return None if made is None else replace(made, pauses=tuple(pauses))


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
