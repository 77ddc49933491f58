import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice import models
from voice.core.config import TtsConfig
from voice.core.errors import ConfigError, ModelError, ModelMissing, Overloaded
from voice.core.interfaces import Samples, SpeechChunk
from voice.tts.piper import MOST_FRAMES, PiperSynthesizer, seam_error, stretches

LONG = "I would be happy to help you with that, but first I need to know a few more things about your plans for today."
CLAUSES = [
    "Sure,",
    "Yes.",
    "The capital of France,",
    "the capital of France",
    "Please stop talking!",
    "Take the first train.",
    LONG,
]


@given(st.integers(0, 3000), st.integers(8, 1000))
def test_stretches_cover_everything_once_and_stay_short(frames: int, first: int) -> None:
    cuts = list(stretches(frames, first))
    assert [start for start, _ in cuts] == [0, *(stop for _, stop in cuts[:-1])][: len(cuts)]
    assert sum(stop - start for start, stop in cuts) == frames
    assert all(0 < stop - start <= max(first, MOST_FRAMES) + 8 for start, stop in cuts)


@pytest.fixture(scope="module")
def piper() -> Iterator[PiperSynthesizer]:
    synthesizer = PiperSynthesizer(TtsConfig(remember_clauses=0))
    yield synthesizer
    synthesizer.close()


@pytest.fixture(scope="module")
def repeatable() -> Iterator[PiperSynthesizer]:
    synthesizer = PiperSynthesizer(TtsConfig(remember_clauses=0), repeatable=True)
    yield synthesizer
    synthesizer.close()


async def speak(piper: PiperSynthesizer, text: str) -> list[SpeechChunk]:
    return [chunk async for chunk in piper.stream(text)]


def audio(chunks: list[SpeechChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])


@pytest.mark.real
@pytest.mark.parametrize("text", CLAUSES)
async def test_the_total_is_known_with_the_first_chunk(piper: PiperSynthesizer, text: str) -> None:
    chunks = await speak(piper, text)
    spoken = audio(chunks)
    assert {chunk.total_samples for chunk in chunks} == {len(spoken)}
    assert spoken.dtype == np.float32
    assert np.abs(spoken).max() <= 1
    assert np.sqrt(np.mean(spoken**2)) > 0.01  # it is speech, not silence


@pytest.mark.real
@pytest.mark.parametrize("text", CLAUSES)
async def test_less_than_10_ms_of_silence_come_first(piper: PiperSynthesizer, text: str) -> None:
    spoken = audio(await speak(piper, text))
    window = piper.sample_rate_hz // 500
    assert any(np.sqrt(np.mean(spoken[at : at + window] ** 2)) > 0.004 for at in range(0, 5 * window, window))


@pytest.mark.real
async def test_the_pause_behind_a_clause_follows_its_punctuation(repeatable: PiperSynthesizer) -> None:
    lengths = {end: len(audio(await speak(repeatable, f"the capital of France{end}"))) for end in ("", ",")}
    (piece,) = repeatable.phonemizer.passes("the capital of France,")
    latent = repeatable.vits.encode(piece.ids, repeatable.manner)
    assert repeatable.spoken_frames(piece, latent) < latent.frames
    assert lengths[""] < lengths[","]


@pytest.mark.real
@pytest.mark.parametrize("text", [*CLAUSES, "a"])
def test_stretches_sound_like_the_whole(piper: PiperSynthesizer, text: str) -> None:
    passes = list(piper.phonemizer.passes(text))
    assert passes
    for piece in passes:
        latent = piper.vits.encode(piece.ids, piper.manner)
        for first in (8, 16, 24, 60):
            assert seam_error(latent, first) <= 1e-4


@pytest.mark.real
@pytest.mark.parametrize("text", ["Yes.", LONG])
def test_the_cut_voice_sounds_like_the_uncut_one(repeatable: PiperSynthesizer, text: str) -> None:
    whole_voice = ort.InferenceSession(str(models.locate("tts-joe-medium")), providers=["CPUExecutionProvider"])
    (piece,) = repeatable.phonemizer.passes(text)
    latent = repeatable.vits.encode(piece.ids, repeatable.manner)
    streamed = np.concatenate([latent.decode(start, stop) for start, stop in stretches(latent.frames, 24)])
    scales = np.asarray([0, repeatable.manner.length_scale, 0], np.float32)
    ids = np.asarray([piece.ids], np.int64)
    feed = {"input": ids, "input_lengths": np.asarray([ids.size], np.int64), "scales": scales}
    whole = whole_voice.run(None, feed)[0].reshape(-1)
    assert len(whole) == len(streamed)
    assert np.abs(whole - streamed).max() <= 1e-4


@pytest.mark.real
async def test_no_click_where_chunks_meet(repeatable: PiperSynthesizer) -> None:
    chunks = await speak(repeatable, LONG)
    assert len(chunks) >= 3
    steps = np.abs(np.diff(audio(chunks)))
    seams = np.cumsum([len(chunk.samples) for chunk in chunks])[:-1] - 1
    assert steps[seams].max() <= np.percentile(steps, 99.9)


@pytest.mark.real
async def test_the_first_chunk_comes_before_the_rest_is_computed(piper: PiperSynthesizer) -> None:
    async with aclosing(piper.stream(LONG)) as stream:
        first = await anext(stream)
        assert len(first.samples) < first.total_samples / 4
        assert len(first.samples) <= 24 * piper.vits.hop_samples


@pytest.mark.real
async def test_three_clauses_are_spoken_side_by_side(piper: PiperSynthesizer) -> None:
    order: list[int] = []

    async def one(number: int) -> list[SpeechChunk]:
        chunks = []
        async for chunk in piper.stream(LONG):
            order.append(number)
            chunks.append(chunk)
        return chunks

    spoken = await asyncio.gather(*(one(number) for number in range(3)))
    assert set(order[:3]) == {0, 1, 2}  # each has begun before one goes on
    for chunks in spoken:
        assert len(audio(chunks)) == chunks[0].total_samples


@pytest.mark.real
async def test_a_cancelled_clause_stops_after_the_step_at_hand(piper: PiperSynthesizer) -> None:
    begun = asyncio.Event()

    async def all_of_it(stream: AsyncIterator[SpeechChunk]) -> None:
        async for _ in stream:
            begun.set()

    task = asyncio.create_task(all_of_it(piper.stream(LONG * 20)))
    async with asyncio.timeout(60):
        await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        assert await speak(piper, "Yes.")  # the worker is free again


@pytest.mark.real
@pytest.mark.parametrize("text", ["", "   ", "\x00\x01\x02", "...", "()", "\ud800"])
async def test_nothing_sayable_yields_nothing(piper: PiperSynthesizer, text: str) -> None:
    assert await speak(piper, text) == []


@pytest.mark.real
@pytest.mark.parametrize("text", ["Привет, как дела?", "日本語", "😀😀", "a\x00b", "[[x", "[[ b ]]", "x" * 300])
async def test_odd_text_is_spoken_somehow(piper: PiperSynthesizer, text: str) -> None:
    chunks = await speak(piper, text)
    assert [chunk for chunk in chunks if not np.isfinite(chunk.samples).all()] == []
    assert chunks


@pytest.mark.real
async def test_a_very_long_text_begins_at_once(piper: PiperSynthesizer) -> None:
    async with aclosing(piper.stream("hello world and more " * 500)) as stream:
        first = await anext(stream)
    assert first.total_samples > 100 * piper.sample_rate_hz


@pytest.mark.real
async def test_short_clauses_are_remembered_and_forgotten() -> None:
    piper = PiperSynthesizer(TtsConfig(remember_clauses=1))
    try:
        first = audio(await speak(piper, "Sure,"))
        assert np.array_equal(first, audio(await speak(piper, "Sure,")))
        (again,) = await speak(piper, "Sure,")
        assert again.total_samples == len(first)
        await speak(piper, "Yes.")
        assert len(await speak(piper, "Sure,")) >= 1
        assert not np.array_equal(first, audio(await speak(piper, "Sure,")))
        assert len(await speak(piper, LONG)) == len(await speak(piper, LONG)) > 1  # too long to be kept
    finally:
        piper.close()
    with pytest.raises(Overloaded):
        await speak(piper, "closed")


@pytest.mark.real
async def test_speed_changes_the_length(repeatable: PiperSynthesizer) -> None:
    fast = PiperSynthesizer(TtsConfig(speed=2.0), repeatable=True)
    try:
        ratio = len(audio(await speak(fast, LONG))) / len(audio(await speak(repeatable, LONG)))
    finally:
        fast.close()
    assert 0.4 < ratio < 0.8  # every phoneme is rounded up to whole frames


@pytest.mark.real
def test_a_speaker_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tts\.speaker"):
        PiperSynthesizer(TtsConfig(speaker=3))


@pytest.mark.real
def test_a_missing_or_damaged_voice_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx"):
        PiperSynthesizer(TtsConfig(model=str(tmp_path / "none.onnx")))
    voice = tmp_path / "voice.onnx"
    voice.write_bytes(b"not an ONNX model")
    with pytest.raises(ModelMissing, match=r"voice\.onnx\.json"):
        PiperSynthesizer(TtsConfig(model=str(voice)))
    described = models.locate("tts-joe-medium")
    (tmp_path / "voice.onnx.json").write_bytes(described.with_name(f"{described.name}.json").read_bytes())
    voice.write_bytes(described.read_bytes()[:100_000])
    with pytest.raises(ModelError, match="fetch the voice again"):
        PiperSynthesizer(TtsConfig(model=str(voice)))
