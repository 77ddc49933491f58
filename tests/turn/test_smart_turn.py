from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from voice.audio.files import read_audio
from voice.audio.mel import log_mel, scale
from voice.core.config import TurnConfig
from voice.core.errors import ModelError, Overloaded
from voice.core.interfaces import Samples
from voice.models import locate
from voice.turn.smart_turn import SmartTurn, features

N = 8 * 16_000


def plainly(audio: Samples) -> Samples:
    """The features by the book: pad, normalise, transform all of it."""
    padded = np.pad(audio[-N:].astype(np.float64), (N - len(audio[-N:]), 0))
    normal = (padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)
    mel: Samples = scale(log_mel(np.pad(normal, 200, mode="reflect").astype(np.float32))[:, :800])
    return mel


@pytest.mark.parametrize("samples", [0, 1, 150, 201, 300, 16_000, N - 400, N - 100, N - 1, N, N + 1, N + 5000])
def test_features_are_those_of_the_padded_and_normalised_window(samples: int) -> None:
    audio = np.random.default_rng(samples).normal(0.01, 0.1, samples).astype(np.float32)
    found = features(audio)
    assert found.shape == (80, 800)
    assert found.dtype == np.float32
    assert np.abs(found - plainly(audio)).max() < 1e-4


def test_what_is_not_a_number_is_taken_as_silence() -> None:
    audio = np.zeros(16_000, np.float32)
    audio[5] = np.nan
    assert np.isfinite(features(audio)).all()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad.onnx"
    file.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="end-of-turn model"):
        SmartTurn(TurnConfig(detector=str(file)))


@pytest.fixture(scope="module")
def detector() -> Iterator[SmartTurn]:
    made = SmartTurn(TurnConfig())
    yield made
    made.close()


@pytest.mark.real
async def test_a_finished_sentence_is_told_from_one_cut_in_a_phrase(detector: SmartTurn) -> None:
    audio = read_audio(locate("samples").parent / "two_cities.wav")
    silence = np.zeros(3200, np.float32)
    whole = await detector.completeness(np.concatenate([audio, silence]))
    cut = [await detector.completeness(audio[: int(s * 16_000)]) for s in (1.0, 20.3, 41.0)]
    assert whole > 0.8
    assert min(cut) < 0.2
    assert np.median(cut) < whole


@pytest.mark.real
@pytest.mark.parametrize("samples", [0, 1, 500, 40 * 16_000])
async def test_any_length_gives_a_probability(detector: SmartTurn, samples: int) -> None:
    assert 0 <= await detector.completeness(np.zeros(samples, np.float32)) <= 1


@pytest.mark.real
async def test_a_closed_one_says_so() -> None:
    made = SmartTurn(TurnConfig())
    made.close()
    made.close()
    with pytest.raises(Overloaded, match="closed"):
        await made.completeness(np.zeros(16_000, np.float32))
