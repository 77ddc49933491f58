"""``voice bench endpoint``: every true end and every pause, and what the end-of-turn model makes of it.

Nothing runs in real time here: for each silence the evidence is computed on the audio as it was when the silence began, and
the silence needed before the turn would be committed follows from it. A pause is cut off when it lasts longer than that.
Sweeping the commit threshold gives the curve of latency against cut-offs.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from voice.bench.recordings import Recording
from voice.bench.report import summary
from voice.engines import Engines
from voice.stages import SAMPLE_RATE_HZ, Message
from voice.turn.endpoint import Evidence, silence_needed_ms

LOOK_MS = 100
"""The evidence is taken this long after the last voiced sample, about when the pipeline takes it."""
MELODY_S = 8
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence after speech: the true end of an utterance, or a pause inside it.

    Attributes:
        kind: ``end``, ``inner`` (the speaker's own pause) or ``hesitation`` (put in by the bench).
        length_ms: how long it lasts; ``None`` for an end.
    """

    name: str
    kind: str
    length_ms: float | None
    melody: float
    transcript: str
    lm_end: float | None

    @property
    def evidence(self) -> Evidence:
        """What the end-of-turn model is asked with."""
        return Evidence(melody=self.melody, transcript=self.transcript, lm_end=self.lm_end)


async def silences(
    engines: Engines,
    sets: dict[str, list[Recording]],
    hesitation: str,
    progress: Callable[[int, int], None],
    system_prompt: str,
) -> list[Silence]:
    """The evidence for every silence of every recording.

    Raises:
        VoiceError: a model failed.
    """
    found: list[Silence] = []
    total, done = sum(map(len, sets.values())), 0
    chat = engines.chat_model.open()
    try:
        for name, recordings in sets.items():
            for one in recordings:
                kind = "hesitation" if name == hesitation else "inner"
                places: list[tuple[str, int, float | None]] = [
                    (kind, start, (end - start) * 1000 / SAMPLE_RATE_HZ) for start, end in one.pauses
                ]
                if name != hesitation:
                    places.append(("end", one.speech_end, None))
                for what, at, length_ms in places:
                    audio = _until(one, at)
                    melody = await engines.turn_detector.completeness(audio[-MELODY_S * SAMPLE_RATE_HZ :])
                    transcript = (await engines.recognizer.transcribe(audio)).text
                    messages = [Message("system", system_prompt), Message("user", transcript)]
                    lm_end = await chat.end_of_turn_probability(messages) if transcript else None
                    found.append(Silence(one.name, what, length_ms, melody, transcript, lm_end))
                done += 1
                progress(done, total)
    finally:
        chat.close()
    return found


def _until(one: Recording, at: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The recording up to a little after ``at``; silence where it is shorter."""
    end = at + LOOK_MS * SAMPLE_RATE_HZ // 1000
    audio = one.samples[:end]
    return np.pad(audio, (0, end - audio.size)).astype(np.float32, copy=False)


def result(found: Sequence[Silence], commit_probability: float) -> dict[str, Any]:
    """The curve over all thresholds, and the point at the configured one."""
    return {
        "bench": "endpoint",
        "utterances": sum(one.kind == "end" for one in found),
        "commit_probability": commit_probability,
        **point(found, commit_probability),
        "curve": [{"commit_probability": threshold, **point(found, threshold)} for threshold in THRESHOLDS],
        "each": [asdict(one) for one in found],
    }


def point(found: Sequence[Silence], commit_probability: float) -> dict[str, Any]:
    """The silence needed at true ends, and the share of pauses that last longer than what would have been needed there."""

    def needed(one: Silence) -> float:
        return silence_needed_ms(one.evidence, commit_probability)

    ends = [one for one in found if one.kind == "end"]

    def cut(kind: str) -> float | None:
        pauses = [one for one in found if one.kind == kind]
        hits = [one.length_ms is not None and one.length_ms > needed(one) for one in pauses]
        return round(sum(hits) / len(hits), 4) if hits else None

    inner_cut = {one.name for one in found if one.kind == "inner" and one.length_ms is not None and one.length_ms > needed(one)}
    return {
        "silence_needed_ms": summary([needed(one) for one in ends]),
        "cut_off_rate": round(len(inner_cut) / len(ends), 4) if ends else None,
        "inner_pause_cut_off_rate": cut("inner"),
        "hesitation_cut_off_rate": cut("hesitation"),
    }
