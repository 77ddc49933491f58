from pathlib import Path

import numpy as np
import pytest

from voice.audio.files import read_audio
from voice.audio.voiced import voiced_spans
from voice.core.config import VadConfig
from voice.core.errors import ModelError, ModelMissing
from voice.core.interfaces import Samples
from voice.models import locate
from voice.vad.detect import SilenceBegan, SpeechTracker
from voice.vad.silero import SileroDetector, SileroModel


def test_a_missing_file_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"gone\.onnx is missing: run `voice models fetch`"):
        SileroModel(tmp_path / "gone.onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad.onnx"
    file.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot load the voice activity model"):
        SileroModel(file)


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


@pytest.fixture(scope="module")
def beckett() -> Samples:
    return read_audio(locate("samples").parent / "beckett.wav")


def probabilities(detector: SileroDetector, audio: Samples) -> Samples:
    windows = audio[: len(audio) // 512 * 512].reshape(-1, 512)
    return np.array([detector.probability(window) for window in windows], np.float32)


@pytest.mark.real
def test_speech_stands_out_from_silence_and_noise(model: SileroModel, beckett: Samples) -> None:
    speech = probabilities(model.detector(), beckett)
    assert speech.max() > 0.95
    assert 0.3 < (speech > 0.5).mean() < 1.0
    noise = np.random.default_rng(3).normal(0, 0.05, 64_000).astype(np.float32)
    for other in (np.zeros(64_000, np.float32), noise):
        assert (probabilities(model.detector(), other)[4:] < 0.5).all()


@pytest.mark.real
def test_agrees_with_the_librarys_run_of_the_same_model(model: SileroModel, beckett: Samples) -> None:
    from faster_whisper.vad import get_vad_model

    audio = beckett[: 100 * 512]
    expected = np.ravel(get_vad_model()(audio.copy()))
    found = probabilities(model.detector(), audio)
    assert np.abs(found[:-1] - expected[:-1]).max() < 1e-3  # the library drops the context of the last window


@pytest.mark.real
def test_streams_do_not_touch_each_other_and_reset_forgets(model: SileroModel, beckett: Samples) -> None:
    audio = beckett[: 60 * 512]
    alone = probabilities(model.detector(), audio)
    one, other = model.detector(), model.detector()
    mixed = []
    for window in audio.reshape(-1, 512):
        mixed.append(one.probability(window))
        other.probability(window[::-1].copy())
    assert np.array_equal(np.array(mixed, np.float32), alone)
    one.reset()
    assert np.array_equal(probabilities(one, audio), alone)


@pytest.mark.real
def test_a_window_of_another_size_is_refused(model: SileroModel) -> None:
    with pytest.raises(ValueError, match="512 samples"):
        model.detector().probability(np.zeros(480, np.float32))


@pytest.mark.real
def test_the_end_of_speech_is_near_the_last_voiced_sample(model: SileroModel) -> None:
    """Each sentence of a recording, by energy, against the pause that the tracker hears after it."""
    audio = np.concatenate([read_audio(locate("samples").parent / "two_cities.wav"), np.zeros(16_000, np.float32)])
    tracker = SpeechTracker(VadConfig())
    found = [event for p in probabilities(model.detector(), audio) if (event := tracker.push(float(p))) is not None]
    ends = np.array([event.speech_end_sample for event in found if isinstance(event, SilenceBegan)])
    truths = [end for _, end in voiced_spans(audio, 16_000, join_ms=400)]
    errors_ms = [np.abs(ends - truth).min() / 16 for truth in truths]
    assert len(errors_ms) >= 8
    assert np.median(errors_ms) <= 64  # two windows
