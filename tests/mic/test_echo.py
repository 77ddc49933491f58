"""Echo cancellation with a room made of numbers: what was played goes, what is said stays."""

import numpy as np
import pytest

from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.mic.echo import FRAME, EchoCanceller


def voice(seconds: float, pitch_hz: float, seed: int) -> Samples:
    """Something like a voice: a buzz with formants that come and go."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = pitch_hz * (1 + 0.1 * np.sin(2 * np.pi * 2.3 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    buzz = sum(np.sin(k * phase) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * (3 + rng.random()) * t + rng.random()), 0, 1)
    return (0.2 * buzz * syllables + 0.01 * syllables * rng.standard_normal(t.size)).astype(np.float32)


def db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def run(far: Samples, near: Samples, *, block: int = FRAME, ahead: int = 0) -> Samples:
    """Hear ``near`` while ``far`` is played, block by block, with the loudspeaker some blocks ahead at first."""
    canceller = EchoCanceller(40)
    canceller.played(np.zeros(ahead, dtype=np.float32))
    cleaned = []
    for at in range(0, far.size - block, block):
        canceller.played(far[at : at + block])
        cleaned.append(canceller.clean(near[at : at + block]))
    return np.concatenate(cleaned)


def echo_of(far: Samples, delay_ms: float) -> Samples:
    """The same at -10 dB after a delay, from a small room."""
    rng = np.random.default_rng(1)
    room = np.concatenate([[1.0], 0.2 * rng.standard_normal(600) * np.exp(-np.arange(600) / 120)])
    wet = np.convolve(far, room / np.sqrt(np.square(room).sum()))[: far.size] * 10 ** (-10 / 20)
    delay = int(delay_ms * SAMPLE_RATE_HZ / 1000)
    return np.concatenate([np.zeros(delay), wet])[: far.size].astype(np.float32)


@pytest.mark.parametrize("delay_ms", [15, 60, 150])
@pytest.mark.parametrize("block", [FRAME, 441, 64])
def test_its_own_voice_is_taken_out(delay_ms: float, block: int) -> None:
    far = voice(8.0, 120, 0)
    near = echo_of(far, delay_ms)
    cleaned = run(far, near, block=block)
    last = slice(-4 * SAMPLE_RATE_HZ, None)
    assert db(near[: cleaned.size][last]) - db(cleaned[last]) > 25


def test_somebody_who_speaks_over_it_stays() -> None:
    far = voice(10.0, 120, 0)
    near = echo_of(far, 60)
    said = voice(2.0, 210, 5)
    at = 7 * SAMPLE_RATE_HZ
    near[at : at + said.size] += said
    cleaned = run(far, near)[at : at + said.size]
    assert db(cleaned) - db(said) > -6


def test_without_a_reply_the_sound_is_only_a_little_later() -> None:
    said = voice(3.0, 150, 2)
    cleaned = run(np.zeros_like(said), said)
    spectrum = np.fft.rfft(cleaned, 2 * said.size) * np.conj(np.fft.rfft(said, 2 * said.size))
    lag = int(np.argmax(np.fft.irfft(spectrum)[:1600]))
    assert 0 <= lag <= 0.015 * SAMPLE_RATE_HZ
    assert abs(db(cleaned) - db(said)) < 3


def test_what_was_played_before_the_microphone_ran_delays_nothing() -> None:
    far = voice(6.0, 120, 0)
    near = echo_of(far, 60)
    cleaned = run(far, near, ahead=SAMPLE_RATE_HZ)
    last = slice(-3 * SAMPLE_RATE_HZ, None)
    assert db(near[: cleaned.size][last]) - db(cleaned[last]) > 25


def test_clocks_that_drift_apart_do_not_fill_the_queue() -> None:
    canceller = EchoCanceller()
    rng = np.random.default_rng(0)
    for number in range(4000):
        extra = 1 if number % 2 else 0  # 0.3 % fast: ten times as bad as any sound card
        canceller.played(rng.standard_normal(FRAME + extra).astype(np.float32) * 0.01)
        canceller.clean(np.zeros(FRAME, dtype=np.float32))
    assert canceller.dropped > 0
    assert canceller._queue.size < SAMPLE_RATE_HZ // 10
