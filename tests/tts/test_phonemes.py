from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice import models
from voice.core.errors import ModelError, ModelMissing
from voice.tts.phonemes import PASS_PHONEMES, Phonemizer


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    voice = models.locate("tts-joe-medium")
    return Phonemizer(voice.with_name(f"{voice.name}.json"))


def test_a_missing_description_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"missing\.json"):
        Phonemizer(tmp_path / "missing.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"num_symbols": 1}', "\x00"])
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "voice.onnx.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="does not describe a Piper voice"):
        Phonemizer(path)


@pytest.mark.real
@pytest.mark.parametrize(
    ("text", "ending"), [("Sure,", ","), ("Note:", ","), ("Yes.", "."), ("Is it?", "?"), ("of France", "")]
)
def test_a_clause_is_one_pass_with_its_ending(phonemizer: Phonemizer, text: str, ending: str) -> None:
    (only,) = phonemizer.passes(text)
    assert only.ending == ending
    assert 0 < only.sounding_ids < len(only.ids)


@pytest.mark.real
@pytest.mark.parametrize("text", ["", " ", "...", "\x00\x01", "()", "\n"])
def test_nothing_sayable_gives_no_pass(phonemizer: Phonemizer, text: str) -> None:
    assert phonemizer.passes(text) == []


@pytest.mark.real
def test_a_long_text_is_encoded_in_bounded_passes(phonemizer: Phonemizer) -> None:
    passes = phonemizer.passes("word and more words " * 500)
    assert len(passes) > 10
    assert max(len(piece.ids) for piece in passes) <= 2 * PASS_PHONEMES + 3


@pytest.mark.real
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_it(phonemizer: Phonemizer, text: str) -> None:
    for piece in phonemizer.passes(text):
        assert 0 < piece.sounding_ids <= len(piece.ids)
