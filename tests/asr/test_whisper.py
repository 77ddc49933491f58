import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from voice.asr.whisper import WhisperRecognizer, features
from voice.audio import mel
from voice.audio.files import read_audio
from voice.bench.data.recordings import store_samples
from voice.core.config import AsrConfig
from voice.core.errors import AsrError, ConfigError, ModelMissing, Overloaded
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.core.worker import Priority
from voice.models import locate


def test_a_missing_model_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ModelMissing, match=r"lacks config.json, tokenizer.json .*voice models fetch"):
        WhisperRecognizer(AsrConfig(model=str(tmp_path)))


@pytest.mark.parametrize("seconds", [0.1, 0.99, 3.0, 9.9, 12.0])
def test_filled_in_silence_equals_zeros_that_are_transformed(seconds: float) -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, int(seconds * 16_000)).astype(np.float32)
    frames = 1000
    half = mel.HALF_WINDOW_SAMPLES
    whole = np.zeros((frames - 1) * mel.HOP_SAMPLES + mel.WINDOW_SAMPLES, np.float32)
    padded = np.pad(audio, (half, 0), mode="reflect")[: len(whole)]
    whole[: len(padded)] = padded
    assert np.allclose(features(audio, frames), mel.scale(mel.log_mel(whole)), atol=1e-5)


@pytest.fixture(scope="module")
def recognizer() -> Iterator[WhisperRecognizer]:
    made = WhisperRecognizer(AsrConfig())
    yield made
    made.close()


@pytest.fixture(scope="module")
def dickens() -> Samples:
    return read_audio(locate("samples").parent / "two_cities.wav")


def words(text: str) -> list[str]:
    return "".join(c if c.isalpha() or c.isspace() else " " for c in text.lower()).split()


@pytest.mark.real
async def test_dickens_is_recognised(recognizer: WhisperRecognizer, dickens: Samples) -> None:
    found = await recognizer.transcribe(dickens[: 15 * 16_000])
    said = words(
        "It was the best of times, it was the worst of times. It was the age of wisdom, it was the age of foolishness. "
        "It was the epoch of belief, it was the epoch of incredulity. It was the season of light,"
    )
    assert len(set(words(found.text)) ^ set(said)) <= 3
    assert abs(len(words(found.text)) - len(said)) <= 2
    assert -0.5 < found.avg_logprob < 0
    assert found.no_speech < 0.4


@pytest.mark.real
async def test_short_context_is_the_librarys_spectrogram(dickens: Samples) -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    audio = dickens[: 4 * 16_000 + 37]
    expected = FeatureExtractor()(np.pad(audio, (0, 10 * 16_000 - len(audio))))[:, :1000]
    assert np.abs(features(audio, 1000) - expected).max() < 1e-5


@pytest.mark.real
@pytest.mark.parametrize("level", [0.0, 1e-4, 0.1])
async def test_noise_and_silence_have_no_words(recognizer: WhisperRecognizer, level: float) -> None:
    noise = np.random.default_rng(2).normal(0, level, 32_000).astype(np.float32)
    assert (await recognizer.transcribe(noise)).text == ""


@pytest.mark.real
@pytest.mark.parametrize("samples", [0, 1, 1599, 1600, 16_000 * 40])
async def test_any_length_is_taken(recognizer: WhisperRecognizer, samples: int) -> None:
    found = await recognizer.transcribe(np.zeros(samples, np.float32))
    assert found.text == ""


@pytest.mark.real
async def test_what_is_not_audio_is_refused(recognizer: WhisperRecognizer) -> None:
    with pytest.raises(AsrError, match="not numbers"):
        await recognizer.transcribe(np.full(16_000, np.nan, np.float32))
    with pytest.raises(AsrError, match="one channel"):
        await recognizer.transcribe(np.zeros((2, 16_000), np.float32))


@pytest.mark.real
async def test_a_final_overtakes_partials_and_a_cancelled_one_leaves_nothing(
    recognizer: WhisperRecognizer, dickens: Samples
) -> None:
    ended: list[str] = []

    async def hear(name: str, priority: Priority) -> None:
        await recognizer.transcribe(dickens[: 4 * 16_000], priority=priority)
        ended.append(name)

    partials = [asyncio.create_task(hear(f"partial {n}", Priority.PARTIAL)) for n in range(4)]
    await asyncio.sleep(0)
    final = asyncio.create_task(hear("final", Priority.FINAL))
    partials[3].cancel()
    await asyncio.gather(final, *partials[:3])
    assert ended[0] == "final"
    assert sorted(ended[1:]) == ["partial 0", "partial 1", "partial 2"]
    assert recognizer._worker.depth == 0


@pytest.mark.real
async def test_a_longer_audio_than_the_model_takes_is_cut_in_front(recognizer: WhisperRecognizer, dickens: Samples) -> None:
    found = await recognizer.transcribe(dickens)
    assert found.text.rstrip(".").endswith("superlative degree of comparison only")
    assert "best of times" not in found.text


@pytest.mark.real
async def test_a_closed_one_says_so() -> None:
    made = WhisperRecognizer(AsrConfig())
    made.close()
    made.close()
    with pytest.raises(Overloaded, match="closed"):
        await made.transcribe(np.zeros(16_000, np.float32))


@pytest.mark.real
def test_an_english_model_refuses_another_language() -> None:
    with pytest.raises(ConfigError, match="English only"):
        WhisperRecognizer(AsrConfig(language="de"))


@pytest.mark.real
async def test_short_context_is_faster_than_padding(recognizer: WhisperRecognizer, dickens: Samples) -> None:
    padded = WhisperRecognizer(AsrConfig(min_context_s=30))
    audio = dickens[: 4 * 16_000]
    ratios = []
    for _ in range(5):
        began = time.perf_counter()
        await recognizer.transcribe(audio)
        between = time.perf_counter()
        await padded.transcribe(audio)
        ratios.append((time.perf_counter() - between) / (between - began))
    padded.close()
    assert sorted(ratios)[2] > 1.5


@pytest.mark.real
async def test_speech_that_is_cut_is_heard_to_break_off(recognizer: WhisperRecognizer) -> None:
    ended: list[float] = []
    cut: list[float] = []
    for one in store_samples()[:6]:
        for chances, end in ((ended, one.speech_end + SAMPLE_RATE_HZ // 12), (cut, one.speech_end // 2)):
            heard = await recognizer.transcribe(one.samples[:end])
            assert heard.trails_off is not None
            assert heard.breaks_off is not None
            assert 0 <= heard.trails_off + heard.breaks_off <= 1
            chances.append(heard.breaks_off)
    assert np.median(cut) > 5 * np.median(ended)


@pytest.mark.real
async def test_without_words_nothing_is_said_of_the_last_one(recognizer: WhisperRecognizer) -> None:
    silent = await recognizer.transcribe(np.zeros(0, np.float32))
    assert silent.trails_off is None
    assert silent.breaks_off is None
