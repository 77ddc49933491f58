from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voice.audio.files import read_audio, write_wav
from voice.core.errors import AudioError

RATE = 16000
TONE = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_wav_format(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, RATE, subtype=subtype)
    samples = read_audio(tmp_path / "a.wav")
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, TONE, atol=0.02)


@pytest.mark.parametrize(("name", "rate_hz"), [("a.flac", 16000), ("a.wav", 44100), ("a.flac", 48000), ("a.wav", 8000)])
def test_any_rate_and_flac(tmp_path: Path, name: str, rate_hz: int) -> None:
    tone = (0.4 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)).astype(np.float32)
    soundfile.write(tmp_path / name, tone, rate_hz)
    samples = read_audio(tmp_path / name)
    assert samples.size == RATE
    np.testing.assert_allclose(samples[1000:-1000], TONE[1000:-1000], atol=0.01)


def test_stereo_is_mixed_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([TONE, np.zeros_like(TONE)], axis=1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), TONE / 2, atol=1e-6)


def test_write_and_read_back(tmp_path: Path) -> None:
    write_wav(tmp_path / "out.wav", np.array([0.0, 0.5, 2.0, -2.0], dtype=np.float32), RATE)
    np.testing.assert_allclose(read_audio(tmp_path / "out.wav"), [0.0, 0.5, 1.0, -1.0], atol=1e-4)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot write .*no/such"):
        write_wav(tmp_path / "no/such/out.wav", TONE, RATE)


def wav(tmp_path: Path) -> bytes:
    soundfile.write(tmp_path / "good.wav", TONE, RATE)
    return (tmp_path / "good.wav").read_bytes()


def refuse(path: Path, match: str) -> None:
    with pytest.raises(AudioError, match=match) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)


def test_bad_files_name_the_cause(tmp_path: Path) -> None:
    good = wav(tmp_path)
    bad = tmp_path / "bad.wav"
    refuse(bad, "No such file")
    refuse(tmp_path, "is a folder")
    bad.write_bytes(b"")
    refuse(bad, "is empty")
    bad.write_bytes(good[:20])
    refuse(bad, "cannot be read as audio")
    bad.write_bytes(good[:44])
    refuse(bad, "header but no audio|cut off")
    bad.write_bytes(good[: len(good) // 2])
    refuse(bad, r"cut off: 0\.50 s of the 1\.00 s")
    bad.write_bytes(b"this is not a recording at all, it is a letter\n" * 50)
    refuse(bad, "cannot be read as audio")


def test_a_flac_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32), RATE)
    path.write_bytes(path.read_bytes()[:12000])
    refuse(path, "cut off|cannot be read")


def test_numbers_that_are_none(tmp_path: Path) -> None:
    for value in (np.nan, np.inf):
        soundfile.write(tmp_path / "a.wav", np.array([0, value, 0], dtype=np.float32), RATE, subtype="FLOAT")
        refuse(tmp_path / "a.wav", "not numbers")


def test_hours_of_audio_are_refused_before_they_are_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(601 * 4000, dtype=np.float32), 4000)
    refuse(tmp_path / "a.flac", r"lasts 10\.0 min; at most 10 min")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_audio_or_an_audio_error(tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(wav(tmp_path)[: data.draw(st.integers(0, 400))])
    for at in data.draw(st.lists(st.integers(0, 60), max_size=8)):
        if at < len(damaged):
            damaged[at] = data.draw(st.integers(0, 255))
    (tmp_path / "damaged.wav").write_bytes(damaged)
    try:
        samples = read_audio(tmp_path / "damaged.wav")
    except AudioError:
        return
    assert samples.ndim == 1
