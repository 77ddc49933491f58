import numpy as np
import pytest

from voice.audio.voiced import first_audible, speech_end, voiced_spans
from voice.core.interfaces import Samples

RATE = 16000
NOISE = np.random.default_rng(3)


def tone(ms: int, level: float = 0.3) -> Samples:
    return (level * np.sin(2 * np.pi * 220 * np.arange(RATE * ms // 1000) / RATE)).astype(np.float32)


def hush(ms: int, level: float = 0.0) -> Samples:
    return (level * NOISE.standard_normal(RATE * ms // 1000)).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01])
def test_the_end_is_found_to_a_frame(noise: float) -> None:
    recording = np.concatenate([hush(300, noise), tone(500), hush(200, noise), tone(400), hush(600, noise)])
    end = speech_end(recording, RATE)
    assert end is not None
    assert abs(end - RATE * 1400 // 1000) <= RATE // 100
    assert [(a * 1000 // RATE, b * 1000 // RATE) for a, b in voiced_spans(recording, RATE)] == [(300, 800), (1000, 1400)]


def test_a_click_after_the_speech_does_not_count() -> None:
    recording = np.concatenate([hush(300), tone(500), hush(500), tone(10), hush(300)])
    assert speech_end(recording, RATE) == RATE * 800 // 1000


def test_a_short_gap_is_part_of_the_word() -> None:
    recording = np.concatenate([hush(100), tone(200), hush(60), tone(200), hush(100)])
    assert len(voiced_spans(recording, RATE)) == 1
    assert len(voiced_spans(recording, RATE, join_ms=40)) == 2


def test_silence_and_nothing() -> None:
    assert speech_end(hush(1000), RATE) is None
    assert speech_end(np.zeros(0, dtype=np.float32), RATE) is None
    assert first_audible(np.zeros(0, dtype=np.float32)) is None
    assert first_audible(hush(100)) is None


def test_the_first_sample_that_can_be_heard() -> None:
    samples = np.concatenate([hush(50), np.array([0.001, -0.2], dtype=np.float32)])
    assert first_audible(samples) == 801
