"""Piper, streamed: the first sound of a clause leaves while the rest is still being computed.

Strategy: phonemes → encoder (the whole clause, the only part that must be) → flow and decoder over a short first stretch of
frames, then over longer ones. Each step is a job of its own on the worker, so conversations take turns, a cancelled clause
stops after the step at hand, and whoever waits for a first sound goes before those who already have some.
"""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from voice import models
from voice.core.config import TtsConfig
from voice.core.errors import ConfigError, ModelError, ModelMissing, SynthesisError, mapped
from voice.core.interfaces import Samples, SpeechChunk
from voice.core.worker import Priority, Worker
from voice.tts.pauses import OnsetTrimmer, fade_out, pause_ms
from voice.tts.phonemes import Pass, Phonemizer
from voice.tts.split import Parts, split
from voice.tts.vits import Latent, Manner, Vits

log = logging.getLogger(__name__)
R = TypeVar("R")

MOST_FRAMES = 96
"""The longest stretch decoded at once, about a second: what another conversation may have to wait for."""
EXACT = 1e-4
"""Stretches may differ from the whole by this much."""
_REMEMBERED_S = 2.0  # longer clauses hardly ever come again
_WARM_UP = ("Sure,", "I would be happy to help you with that, but first tell me what you need to know.")


class PiperSynthesizer:
    """Speech synthesis with a Piper voice. Implements :class:`voice.core.interfaces.Synthesizer`; one per process.

    Loading cuts the voice for streaming (about a second, once; kept in the store), checks that streamed audio equals the
    whole, and warms up. Short clauses ("Sure,") are remembered with their audio: up to ``config.remember_clauses`` of them.

    Args:
        config: the settings.
        repeatable: speak without random variation, so that a text always sounds the same.

    Raises:
        ModelMissing: the voice or its description is not there.
        ModelError: one of them is damaged.
        ConfigError: there is no such speaker.
    """

    @mapped(ModelError, "the voice cannot be used")
    def __init__(self, config: TtsConfig, *, repeatable: bool = False) -> None:
        voice = _voice_file(models.locate(config.model))
        self.phonemizer = Phonemizer(voice.with_name(f"{voice.name}.json"))
        described = self.phonemizer.config
        if config.speaker >= max(1, described.num_speakers):
            raise ConfigError(
                f"tts.speaker is {config.speaker}, but {voice.name} has {described.num_speakers} speaker(s), from 0"
            )
        self.manner = Manner(
            length_scale=described.length_scale / config.speed,
            noise_scale=0.0 if repeatable else described.noise_scale,
            noise_w_scale=0.0 if repeatable else described.noise_w_scale,
            speaker=config.speaker,
        )
        self.vits = self._load(voice, threads=config.threads)
        self._first_frames = config.first_chunk_frames
        self._remember = config.remember_clauses
        self._remembered: OrderedDict[str, Samples] = OrderedDict()
        self._worker = Worker("synthesis", fails_with=SynthesisError)

    @property
    def sample_rate_hz(self) -> int:
        """The voice's own rate."""
        return self.phonemizer.config.sample_rate

    async def stream(self, clause: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak one clause of speakable text, in chunks, without its leading silence. Nothing sayable yields nothing.

        ``total_samples`` is exact for anything that the clause splitter gives. A text of more than 240 phonemes is encoded in
        several passes, and until the last has begun the total is an estimate by the number of phonemes.

        Closing the iterator stops after the chunk at hand.

        Raises:
            SynthesisError: the text could not be spoken.
            Overloaded: too many clauses wait.
        """
        if (known := self._remembered.get(clause)) is not None:
            self._remembered.move_to_end(clause)
            yield SpeechChunk(known.copy(), len(known))
            return
        spoken: list[Samples] = []
        with mapped(SynthesisError, "speech synthesis failed"):
            passes = await self._worker.run(partial(self.phonemizer.passes, clause))
            async with aclosing(self._speak(passes)) as chunks:
                async for chunk in chunks:
                    if chunk.total_samples <= _REMEMBERED_S * self.sample_rate_hz and self._remember:
                        spoken.append(chunk.samples)
                    yield chunk
            if spoken:
                self._remembered[clause] = np.concatenate(spoken)
                while len(self._remembered) > self._remember:
                    self._remembered.popitem(last=False)

    @property
    def busy(self) -> bool:
        """Whether something is computed or waits."""
        return self._worker.busy

    @property
    def problem(self) -> str:
        """Why it cannot serve now; empty while it can."""
        return self._worker.problem

    def close(self) -> None:
        """Stop the worker after the job at hand. May be called again."""
        self._worker.close()

    async def _speak(self, passes: list[Pass]) -> AsyncGenerator[SpeechChunk, None]:
        onset = OnsetTrimmer(self.sample_rate_hz)
        priority = Priority.FINAL
        before = 0  # samples of earlier passes, less what was trimmed
        for index, piece in enumerate(passes):
            latent = await self._run(partial(self.vits.encode, piece.ids, self.manner), priority)
            frames = self.spoken_frames(piece, latent)
            trimmed_before = onset.trimmed_samples
            for start, stop in stretches(frames, self._first_frames if index == 0 else MOST_FRAMES):
                raw = await self._run(partial(latent.decode, start, stop), priority)
                samples = onset.trim(raw)
                if stop == frames < latent.frames:
                    samples = fade_out(samples, self.sample_rate_hz)
                if len(samples):
                    length = before + frames * self.vits.hop_samples - (onset.trimmed_samples - trimmed_before)
                    yield SpeechChunk(samples, length + _estimate(passes, index, length))
                    priority = Priority.PARTIAL
            before += frames * self.vits.hop_samples - (onset.trimmed_samples - trimmed_before)

    async def _run(self, work: Callable[[], R], priority: Priority) -> R:
        return await self._worker.run(work, priority=priority)

    def spoken_frames(self, piece: Pass, latent: Latent) -> int:
        """The frames to be spoken: up to the last sound and the pause that its punctuation wants."""
        pause = pause_ms(piece.ending)
        if pause is None or latent.durations is None or len(latent.durations) != len(piece.ids):
            return latent.frames
        pause_frames = -(-pause * self.sample_rate_hz // (1000 * self.vits.hop_samples))
        return min(latent.frames, int(latent.durations[: piece.sounding_ids].sum() + pause_frames))

    def _load(self, voice: Path, *, threads: int) -> Vits:
        """The voice cut for streaming, or whole if streaming it would not sound the same."""
        parts = split(voice, models.home() / "derived")
        vits = Vits(parts, threads=threads)
        for text in _WARM_UP:
            for piece in self.phonemizer.passes(text):
                latent = vits.encode(piece.ids, self.manner)
                difference = seam_error(latent)
                if difference > EXACT:
                    log.warning("%s: streamed audio differs by %.1g; its clauses are synthesised whole", voice.name, difference)
                    return Vits(Parts(voice, (), parts.hop_samples, ""), threads=threads)
        return vits


def stretches(frames: int, first: int) -> Iterator[tuple[int, int]]:
    """Where to cut so many frames: a first stretch, then twice as long each time, ``MOST_FRAMES`` at most."""
    start, length = 0, first
    while start < frames:
        stop = min(frames, start + length)
        if frames - stop < 8:  # too short to be worth its context
            stop = frames
        yield start, stop
        start, length = stop, min(2 * length, max(first, MOST_FRAMES))


def seam_error(latent: Latent, first: int = 16) -> float:
    """The greatest difference of a sample between audio decoded in stretches and at once."""
    pieces = latent.again()
    streamed = np.concatenate([pieces.decode(start, stop) for start, stop in stretches(latent.frames, first)])
    whole = latent.again().decode(0, latent.frames)
    return float(np.max(np.abs(streamed - whole))) if len(whole) == len(streamed) else 2.0


def _estimate(passes: list[Pass], index: int, length: int) -> int:
    """Samples of the passes after ``index``, by the pace so far."""
    done = sum(len(piece.ids) for piece in passes[: index + 1])
    left = sum(len(piece.ids) for piece in passes[index + 1 :])
    return length * left // done


def _voice_file(path: Path) -> Path:
    if not path.is_file():
        raise ModelMissing(f"there is no voice at {path}: name a Piper voice (.onnx with its .onnx.json beside it)")
    if path.suffix != ".onnx":
        raise ModelError(f"{path} is not a Piper voice: that is an .onnx file with its .onnx.json beside it")
    return path
