"""Runs a VITS voice stretch by stretch: encode a text once, then take its audio in pieces of any length."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from voice.core.errors import ModelError, SynthesisError, first_line, mapped
from voice.core.interfaces import Samples
from voice.tts.split import Parts

_FAILED = "speech synthesis failed"
_Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a text is spoken.

    Attributes:
        length_scale: 2.0 speaks half as fast.
        noise_scale: how much the sound varies; 0 makes synthesis repeatable.
        noise_w_scale: how much the durations vary; 0 makes synthesis repeatable.
        speaker: of a voice that has several.
    """

    length_scale: float = 1.0
    noise_scale: float = 0.667
    noise_w_scale: float = 0.8
    speaker: int = 0


class Vits:
    """A loaded voice. Not thread-safe: use it from one thread at a time.

    Args:
        parts: as :func:`voice.tts.split.split` gives them.
        threads: 0 for one per core, 4 at most.

    Raises:
        ModelError: ONNX Runtime cannot load a part.
    """

    def __init__(self, parts: Parts, *, threads: int = 0) -> None:
        self.hop_samples = parts.hop_samples
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or min(os.cpu_count() or 1, 4)
        # Spinning threads would take the processor from the language model that writes the next clause.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._encoder = _session(parts.encoder, options)
        self._streamed = [(_session(part.model, options), part.context_frames) for part in parts.streamed]
        self._encoder_inputs = {value.name for value in self._encoder.get_inputs()}
        self._durations = parts.durations

    @mapped(SynthesisError, _FAILED)
    def encode(self, ids: Sequence[int], manner: Manner) -> "Latent":
        """The whole text's latent frames, from which audio can be taken.

        Raises:
            SynthesisError: the voice cannot take these phonemes.
        """
        feed: dict[str, _Array] = {
            "input": np.asarray([ids], dtype=np.int64),
            "input_lengths": np.asarray([len(ids)], dtype=np.int64),
            "scales": np.asarray([manner.noise_scale, manner.length_scale, manner.noise_w_scale], dtype=np.float32),
        }
        speaker = {"sid": np.asarray([manner.speaker], dtype=np.int64)}
        if "sid" in self._encoder_inputs:
            feed |= speaker
        outputs = dict(zip((value.name for value in self._encoder.get_outputs()), _run(self._encoder, feed), strict=True))
        durations = outputs.pop(self._durations).reshape(-1).astype(np.int64) if self._durations else None
        return Latent(self._streamed, outputs, speaker, self.hop_samples, durations)


class Latent:
    """One encoded text. Belongs to one utterance; use it from one thread at a time.

    Attributes:
        frames: how long it is.
        durations: frames of each phoneme id, int64; None when the voice does not say.
    """

    def __init__(
        self,
        streamed: Sequence[tuple[ort.InferenceSession, int]],
        encoded: dict[str, _Array],
        speaker: dict[str, _Array],
        hop_samples: int,
        durations: npt.NDArray[np.int64] | None,
    ) -> None:
        self.durations = durations
        self._streamed = streamed
        self._encoded = encoded
        self._speaker = speaker
        self._hop_samples = hop_samples
        first = next(iter(encoded.values()))
        self.frames: int = first.shape[-1] if streamed else -(-first.size // hop_samples)
        self._between: list[_Array | None] = [None] * len(streamed)  # what goes into each part but the first
        self._ready = [self.frames] + [0] * (len(streamed) - 1)  # frames of it that are computed

    def again(self) -> "Latent":
        """The same latent with nothing decoded yet."""
        return Latent(self._streamed, self._encoded, self._speaker, self._hop_samples, self.durations)

    @mapped(SynthesisError, _FAILED)
    def decode(self, start: int, stop: int) -> Samples:
        """The audio of frames ``start`` to ``stop``: the same, but for rounding, whatever the stretches.

        Stretches are to be taken in order; what lies between flow and decoder is computed only as far as it is needed.

        Raises:
            SynthesisError: ONNX Runtime failed.
        """
        hop = self._hop_samples
        if not self._streamed:
            audio: Samples = next(iter(self._encoded.values())).reshape(-1)
            return audio[start * hop : stop * hop]
        output, cropped = self._compute(len(self._streamed) - 1, start, stop)
        decoded: Samples = output.reshape(-1)
        return decoded[cropped * hop : (cropped + stop - start) * hop]

    def _compute(self, part: int, start: int, stop: int) -> tuple[_Array, int]:
        """One part's output over a little more than ``start`` to ``stop``, and how many frames too early it begins."""
        session, context = self._streamed[part]
        begin, end = max(0, start - context), min(self.frames, stop + context)
        known = self._provide(part, end)
        feed = {}
        for value in session.get_inputs():
            if value.name in self._speaker:
                feed[value.name] = self._speaker[value.name]
            else:
                feed[value.name] = (self._encoded[value.name] if known is None else known)[..., begin:end]
        return _run(session, feed)[0], start - begin

    def _provide(self, part: int, stop: int) -> _Array | None:
        """What goes into ``part``, computed up to frame ``stop`` at least; None for the first, which the encoder feeds."""
        known, ready = self._between[part], self._ready[part]
        if stop <= ready:
            return known
        output, cropped = self._compute(part - 1, ready, stop)
        if known is None:
            known = self._between[part] = np.empty((*output.shape[:-1], self.frames), dtype=output.dtype)
        known[..., ready:stop] = output[..., cropped : cropped + stop - ready]
        self._ready[part] = stop
        return known


def _session(model: Path | bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime raises its own kinds
        name = "the voice" if isinstance(model, bytes) else model
        raise ModelError(f"cannot load {name} ({first_line(error)}): fetch the voice again") from error


def _run(session: ort.InferenceSession, feed: dict[str, _Array]) -> list[_Array]:
    return session.run(None, feed)  # type: ignore[no-any-return]
