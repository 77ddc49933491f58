"""Questions said aloud by our own voice, at the recogniser's rate: always the same sound for the same words."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np

from voice.audio.resample import resample
from voice.audio.voiced import speech_end
from voice.bench.answers.cases import AnswerCase
from voice.core.config import TtsConfig
from voice.core.errors import AudioError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.tts.clauses import ClauseSplitter
from voice.tts.piper import PiperSynthesizer
from voice.tts.speakable import Speakable

LEAD_S = 0.3
"""Silence before the first word: a listener needs a moment."""


@dataclass(frozen=True, slots=True)
class SpokenQuestion:
    """Samples at 16 kHz, mono float32, and where the last voiced one ends, in seconds."""

    samples: Samples = field(repr=False)
    speech_end_s: float


async def spoken_questions(cases: Sequence[AnswerCase], config: TtsConfig) -> dict[str, SpokenQuestion]:
    """Everything that is said in the conversations, by its text.

    Raises:
        VoiceError: the voice cannot be loaded, or a text cannot be said.
    """
    voice = await asyncio.to_thread(PiperSynthesizer, config, repeatable=True)
    try:
        return {text: await _spoken(text, voice) for case in cases for text in case.turns}
    finally:
        voice.close()


async def _spoken(text: str, voice: PiperSynthesizer) -> SpokenQuestion:
    splitter, speakable = ClauseSplitter(len(text.split())), Speakable()
    pieces: list[Samples] = [np.zeros(int(LEAD_S * voice.sample_rate_hz), dtype=np.float32)]
    for clause in [*splitter.feed(text), *splitter.finish()]:
        if words := speakable(clause):
            async with aclosing(voice.stream(words)) as chunks:
                pieces += [chunk.samples async for chunk in chunks]
    samples = resample(np.concatenate(pieces), voice.sample_rate_hz, SAMPLE_RATE_HZ)
    end = speech_end(samples, SAMPLE_RATE_HZ)
    if end is None:
        raise AudioError(f"{text!r} has no sound")
    return SpokenQuestion(samples, end / SAMPLE_RATE_HZ)
