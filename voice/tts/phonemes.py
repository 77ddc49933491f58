"""From text to the phoneme ids of a Piper voice, by Piper's own phonemizer (espeak-ng for most voices)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from piper.config import PiperConfig
from piper.voice import PiperVoice

from voice.core.errors import ModelError, ModelMissing, SynthesisError

PASS_PHONEMES = 240
"""Phonemes that are encoded together; a clause of 25 words has about 140."""

_PUNCTUATION = frozenset(" ,;:.!?…-—()\"'«»“”¿¡。、，！？")
_COMMAS = frozenset(",;:")


@dataclass(frozen=True, slots=True)
class Pass:
    """What is encoded in one go.

    Attributes:
        ids: phoneme ids with begin, end and padding.
        sounding_ids: how many of them there are up to the end of the last sound; behind it is the pause.
        ending: the punctuation mark behind the last sound, or nothing.
    """

    ids: tuple[int, ...]
    sounding_ids: int
    ending: str


class Phonemizer:
    """Turns text into phoneme ids. Thread-safe (espeak-ng is behind a lock).

    Args:
        config_path: the voice's ``.onnx.json``.

    Raises:
        ModelMissing: there is no such file.
        ModelError: it is not the description of a Piper voice.
    """

    def __init__(self, config_path: Path) -> None:
        try:
            self.config = PiperConfig.from_dict(json.loads(config_path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise ModelMissing(f"the voice's description {config_path} is missing: it belongs beside the .onnx file") from error
        except OSError as error:
            raise ModelError(f"cannot read {config_path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{config_path} does not describe a Piper voice ({error!r}): fetch the voice again") from error
        # Only its text side is used: the audio comes from Vits.
        self._voice = PiperVoice(session=cast(Any, None), config=self.config)

    def passes(self, text: str) -> list[Pass]:
        """``text`` in passes; none when there is nothing to say. Sentences share a pass while they fit.

        Raises:
            SynthesisError: the phonemizer cannot take the text.
        """
        clean = "".join(char if char.isprintable() else " " for char in text).replace("[[", "[")
        try:
            sentences = self._voice.phonemize(clean)
        except Exception as error:  # each language's phonemizer raises its own kinds
            raise SynthesisError(f"cannot turn the text into phonemes: {error}") from error
        known = self.config.phoneme_id_map
        kept = ([phoneme for phoneme in sentence if phoneme in known] for sentence in sentences)
        return [self._pass(group) for group in _groups(kept) if not _PUNCTUATION.issuperset(group)]

    def _pass(self, phonemes: list[str]) -> Pass:
        last = max(index for index, phoneme in enumerate(phonemes) if phoneme not in _PUNCTUATION)
        sounding = len(self._voice.phonemes_to_ids(phonemes[: last + 1])) - 1  # without the end mark
        ending = "".join(phonemes[last + 1 :]).strip()[:1]
        return Pass(tuple(self._voice.phonemes_to_ids(phonemes)), sounding, "," if ending in _COMMAS and ending else ending)


def _groups(sentences: Iterable[list[str]]) -> Iterator[list[str]]:
    """Sentences joined while they fit into a pass, and cut at spaces when one does not."""
    group: list[str] = []
    for sentence in sentences:
        for piece in _cut(sentence):
            if group and len(group) + 1 + len(piece) > PASS_PHONEMES:
                yield group
                group = []
            group = [*group, " ", *piece] if group else piece
    if group:
        yield group


def _cut(sentence: list[str]) -> Iterator[list[str]]:
    while len(sentence) > PASS_PHONEMES:
        spaces = (index for index in range(PASS_PHONEMES, 0, -1) if sentence[index] == " ")
        at = next(spaces, PASS_PHONEMES)
        yield sentence[:at]
        sentence = sentence[at:]
    if sentence:
        yield sentence
