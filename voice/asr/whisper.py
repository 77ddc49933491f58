"""Speech recognition with Whisper (faster-whisper, CTranslate2) in a short audio context.

Strategy: the library pads every call to 30 s, and most of its time goes into hearing that silence. CTranslate2's encoder takes
fewer frames, so the audio is followed by only a few seconds of silence. How few is bound by the decoder: with less than about
3 s after the speech, or 10 s in all, it misses the end and loops. What loops all the same is caught by ``guard`` and heard
once more in a context twice as long.

The silence has to be as after a real recording: frames at the floor of the utterance's own dynamic range. They are constant,
so they are filled in and not computed. Encoder and decoder are two jobs: a final transcript passes between the halves of a
partial one, and a cancelled one stops at half-way.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from voice import models
from voice.asr import guard
from voice.asr.guard import Doubt, Hypothesis
from voice.audio import mel
from voice.core.config import AsrConfig
from voice.core.errors import AsrError, ConfigError, ModelError, ModelMissing, mapped
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples, Transcript
from voice.core.openmp import spin_briefly
from voice.core.worker import Priority, Worker

MAX_CONTEXT_S = 30.0
MAX_AUDIO_S = 28.0
MIN_AUDIO_S = 0.1
"""Less than a phoneme: nothing to recognise."""
LONGER_CONTEXT = 2.0
"""How much longer the context of the second hearing is."""

FAILED = "speech recognition failed"
_FRAMES_PER_S = SAMPLE_RATE_HZ // mel.HOP_SAMPLES
_FILES = ("model.bin", "config.json", "tokenizer.json")


class WhisperRecognizer:
    """A :class:`voice.core.interfaces.Recognizer`. Loads and warms up in the constructor, which blocks for about a second.

    Raises:
        ModelMissing: a file of the model is not there.
        ModelError: the model cannot be loaded on this device or with this compute type.
        ConfigError: the model does not know the language.
    """

    def __init__(self, config: AsrConfig) -> None:
        self._config = config
        self._whisper = _Whisper(config)
        self._whisper.warm_up(self._context_s(SAMPLE_RATE_HZ))
        self._worker = Worker("asr", fails_with=AsrError)

    async def transcribe(self, audio: Samples, *, priority: Priority = Priority.FINAL) -> Transcript:
        """See :meth:`voice.core.interfaces.Recognizer.transcribe`. A partial is heard once, and says when it is doubtful.

        Raises:
            AsrError: the audio is not one channel of finite numbers, or the model failed.
            Overloaded: too many transcripts wait, or the recogniser is closed.
        """
        audio = _checked(audio)
        if len(audio) < MIN_AUDIO_S * SAMPLE_RATE_HZ:
            return Transcript("", no_speech=1.0)
        context_s = self._context_s(len(audio))
        found = await self._hear(audio, context_s, priority)
        doubtful = guard.doubt(found) is not None and not guard.is_silence(found) and context_s < MAX_CONTEXT_S
        if doubtful and priority is Priority.FINAL:
            again = await self._hear(audio, min(MAX_CONTEXT_S, context_s * LONGER_CONTEXT), priority)
            found, doubtful = guard.better(found, again), False
        return replace(self._transcript(found), doubtful=doubtful)

    def close(self) -> None:
        """End the thread and free the model. May be called again."""
        self._worker.close()
        self._whisper.close()

    @property
    def busy(self) -> bool:
        """Whether something is computed or waits."""
        return self._worker.busy

    @property
    def problem(self) -> str:
        """Why it cannot serve now; empty while it can."""
        return self._worker.problem

    async def _hear(self, audio: Samples, context_s: float, priority: Priority) -> Hypothesis:
        encoded = await self._worker.run(lambda: self._whisper.encode(audio, context_s), priority=priority)
        seconds = len(audio) / SAMPLE_RATE_HZ
        return await self._worker.run(lambda: self._whisper.decode(encoded, seconds), priority=priority)

    def _context_s(self, samples: int) -> float:
        wanted_s = samples / SAMPLE_RATE_HZ + self._config.trailing_silence_s
        return min(MAX_CONTEXT_S, max(self._config.min_context_s, wanted_s))

    def _transcript(self, found: Hypothesis) -> Transcript:
        text = found.text
        if guard.is_silence(found):
            text = ""
        elif guard.doubt(found) is Doubt.LOOP and (repeated := guard.repeated_tail(found.tokens)):
            text = self._whisper.text(found.tokens[:-repeated])
        return Transcript(text, found.avg_logprob, found.no_speech, found.trails_off, found.breaks_off)


class _Whisper:
    """The model without threads or policy: audio to encoding, encoding to hypothesis."""

    @mapped(ModelError, "the speech recognition model cannot be used")
    def __init__(self, config: AsrConfig) -> None:
        spin_briefly()
        from ctranslate2 import StorageView  # heavy: only who recognises speech loads it
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        folder = _folder(config.model)
        try:
            loaded = WhisperModel(
                str(folder),
                device=config.device,
                compute_type=config.compute_type,
                cpu_threads=config.threads or max(1, min((os.cpu_count() or 1) // 2, 4)),
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(
                f"cannot load the speech recognition model in {folder}: {error}; see `voice models verify`"
            ) from error
        self._model: Any = loaded.model
        if not self._model.is_multilingual and config.language != "en":
            raise ConfigError(f"asr.language is {config.language!r}, but {config.model} knows English only")
        try:
            self._tokenizer: Any = Tokenizer(
                loaded.hf_tokenizer, self._model.is_multilingual, task="transcribe", language=config.language
            )
        except ValueError as error:
            raise ConfigError(
                f"asr.language: {config.language!r} is not a language of Whisper; use a code such as 'en'"
            ) from error
        self._view: Any = StorageView
        self._bands = int(self._model.n_mels)
        self._prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        self._suppressed = list(get_suppressed_tokens(self._tokenizer, [-1]))
        self._ellipses = [token for mark in ("...", "…") for token in self._tokenizer.encode(mark)]
        self._hyphens = list(self._tokenizer.encode("-"))

    def warm_up(self, context_s: float) -> None:
        """Touch every weight and buffer once, so that the first user does not wait for it."""
        noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE_HZ).astype(np.float32)
        self.decode(self.encode(noise, context_s), 1.0)

    @mapped(AsrError, FAILED)
    def encode(self, audio: Samples, context_s: float) -> Any:
        """The encoder's output for ``audio`` followed by silence, ``context_s`` in all."""
        frames = features(audio, round(context_s * _FRAMES_PER_S), bands=self._bands)
        return self._model.encode(self._view.from_array(frames[None]))

    @mapped(AsrError, FAILED)
    def decode(self, encoded: Any, seconds: float) -> Hypothesis:
        """Greedy decoding, bound by how much can be said in ``seconds``."""
        bound = guard.max_tokens(seconds)
        result = self._model.generate(
            encoded,
            [self._prompt],
            beam_size=1,
            # CTranslate2 takes the lesser of max_length - prompt and max_length / 2.
            max_length=2 * bound,
            return_scores=True,
            return_no_speech_prob=True,
            return_logits_vocab=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
        )[0]
        tokens = tuple(result.sequences_ids[0])
        # The score is per token; the end, which is not among them, had its share in the sum.
        avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        chances = self._after_last_word(tokens, result.logits[0])
        return Hypothesis(
            self.text(tokens),
            tokens,
            avg_logprob,
            result.no_speech_prob,
            complete=len(tokens) < bound,
            trails_off=None if chances is None else float(chances[self._ellipses].sum()),
            breaks_off=None if chances is None else float(chances[self._hyphens].sum()),
        )

    def _after_last_word(self, tokens: tuple[int, ...], logits: Sequence[Any]) -> np.ndarray[tuple[int], Any] | None:
        """The probability of every token right behind the last word; ``None`` when there is no word or nothing behind it."""
        count = len(tokens)
        while count and not any(map(str.isalnum, self._tokenizer.decode([tokens[count - 1]]))):
            count -= 1
        if not 0 < count < len(logits):
            return None
        scores = np.asarray(logits[count], dtype=np.float64).ravel()
        chances: np.ndarray[tuple[int], Any] = np.exp(scores - scores.max())
        chances /= chances.sum()
        return chances

    @mapped(AsrError, FAILED)
    def text(self, tokens: tuple[int, ...]) -> str:
        """The words of ``tokens``."""
        return str(self._tokenizer.decode(list(tokens))).strip()

    def close(self) -> None:
        """Free the weights."""
        self._model.unload_model()


def features(audio: Samples, frames: int, *, bands: int = 80) -> mel.Mel:
    """Whisper's input for ``audio`` (16 kHz, at least 201 samples) followed by silence: ``(bands, frames)``.

    Equal, to rounding, to the spectrogram of the audio with zeros appended.
    """
    half = mel.HALF_WINDOW_SAMPLES
    sounding = min(frames, -(-(len(audio) + half) // mel.HOP_SAMPLES))  # later windows hold no sound
    signal = np.zeros((sounding - 1) * mel.HOP_SAMPLES + mel.WINDOW_SAMPLES, np.float32)
    signal[:half] = audio[half:0:-1]
    kept = min(len(audio), len(signal) - half)
    signal[half : half + kept] = audio[:kept]
    spectrogram = np.full((bands, frames), mel.FLOOR, np.float32)
    spectrogram[:, :sounding] = mel.log_mel(signal, bands=bands)
    return mel.scale(spectrogram)


@mapped(AsrError, FAILED)
def _checked(audio: Samples) -> Samples:
    """The last 28 s as float32.

    Raises:
        AsrError: not one channel, or not finite.
    """
    if audio.ndim != 1:
        raise AsrError(f"speech recognition takes one channel of samples, not an array of shape {audio.shape}")
    audio = np.ascontiguousarray(audio[-int(MAX_AUDIO_S * SAMPLE_RATE_HZ) :], dtype=np.float32)
    if not np.isfinite(audio).all():
        raise AsrError("the audio holds values that are not numbers; check what recorded or resampled it")
    return audio


def _folder(model: str) -> Path:
    """Where the model's files lie.

    Raises:
        ModelMissing: one of them does not.
    """
    found = models.locate(model)
    folder = found if found.is_dir() else found.parent
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ModelMissing(
            f"the speech recognition model {model!r} lacks {', '.join(missing)} in {folder}: run `voice models fetch`, "
            "or set asr.model to a folder with a CTranslate2 Whisper model"
        )
    return folder
