import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.interfaces import Samples
from voice.tts.pauses import OnsetTrimmer, fade_out, pause_ms

RATE_HZ = 22_050


def tone(length_ms: float, level: float = 0.1) -> Samples:
    times = np.arange(int(length_ms * RATE_HZ / 1000)) / RATE_HZ
    return (level * np.sin(2 * np.pi * 300 * times)).astype(np.float32)


def silence(length_ms: float) -> Samples:
    return np.zeros(int(length_ms * RATE_HZ / 1000), dtype=np.float32)


@given(st.floats(0, 250), st.integers(20, 3000))
def test_the_silence_before_the_sound_goes_and_the_sound_stays(silence_ms: float, chunk: int) -> None:
    sound = tone(100)
    audio = np.concatenate([silence(silence_ms), sound])
    onset = OnsetTrimmer(RATE_HZ)
    heard = np.concatenate([onset.trim(audio[at : at + chunk]) for at in range(0, len(audio), chunk)])
    assert onset.found
    assert onset.trimmed_samples == len(audio) - len(heard)
    assert len(heard) <= len(sound) + RATE_HZ // 100  # less than 10 ms are left
    assert len(heard) >= len(sound)


def test_a_few_milliseconds_before_a_plosive_are_kept() -> None:
    onset = OnsetTrimmer(RATE_HZ)
    heard = onset.trim(np.concatenate([silence(50), tone(100)]))
    assert 2 <= (len(heard) - len(tone(100))) / RATE_HZ * 1000 <= 8


def test_a_long_silence_is_meant() -> None:
    onset = OnsetTrimmer(RATE_HZ)
    heard = onset.trim(silence(1000))
    assert onset.found
    assert len(heard) == pytest.approx(0.7 * RATE_HZ, abs=50)


def test_punctuation_decides_the_pause() -> None:
    comma, running = pause_ms(","), pause_ms("")
    assert pause_ms(".") is None
    assert pause_ms("?") is None
    assert comma is not None
    assert running is not None
    assert 80 <= comma <= 200
    assert running < comma


def test_a_cut_fades() -> None:
    audio = np.ones(1000, dtype=np.float32)
    faded = fade_out(audio, RATE_HZ)
    assert faded[-1] == 0
    assert (faded[:800] == 1).all()
    assert audio[-1] == 1
    assert len(fade_out(audio[:0], RATE_HZ)) == 0
