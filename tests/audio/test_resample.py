import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.audio.resample import StreamResampler, resample
from voice.core.interfaces import Samples

PAIRS = [(22050, 8000), (22050, 16000), (22050, 24000), (22050, 48000), (8000, 16000), (24000, 16000), (48000, 16000)]


def sine(frequency_hz: float, rate_hz: int, seconds: float = 0.5) -> Samples:
    wave: Samples = (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.float32)
    return wave


def stream(samples: Samples, in_hz: int, out_hz: int, sizes: list[int]) -> Samples:
    resampler = StreamResampler(in_hz, out_hz)
    pieces, at, turn = [], 0, 0
    while at < samples.size:
        size = sizes[turn % len(sizes)]
        pieces.append(resampler.push(samples[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
def test_a_tone_comes_out_where_it_was(in_hz: int, out_hz: int) -> None:
    out = stream(sine(1000, in_hz), in_hz, out_hz, [in_hz // 50])
    expected = sine(1000, out_hz)
    assert abs(out.size - expected.size) <= 1
    middle = slice(out.size // 8, -out.size // 8)
    size = min(out.size, expected.size)
    error = out[:size][middle] - expected[:size][middle]
    assert np.abs(error).max() < 1e-3  # -54 dB, so neither late nor early by a thousandth of a period


@pytest.mark.parametrize(("in_hz", "out_hz"), [(22050, 8000), (22050, 16000), (24000, 16000), (48000, 16000)])
def test_what_the_new_rate_cannot_hold_is_taken_out(in_hz: int, out_hz: int) -> None:
    out = stream(sine(out_hz / 2 * 1.1, in_hz), in_hz, out_hz, [in_hz // 50])
    middle = out[out.size // 4 : -out.size // 4]
    assert 20 * np.log10(np.abs(middle).max() / 0.5) < -60


@pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
def test_little_is_held_back(in_hz: int, out_hz: int) -> None:
    resampler = StreamResampler(in_hz, out_hz)
    assert resampler.delay_ms < 3.0
    frame = in_hz // 50
    given = 0
    for frames in range(1, 20):
        given += resampler.push(np.zeros(frame, dtype=np.float32)).size
        held_ms = (frames * frame / in_hz - given / out_hz) * 1000
        assert held_ms <= resampler.delay_ms + 1000 / out_hz


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(PAIRS), st.lists(st.integers(1, 700), min_size=1, max_size=5), st.integers(0, 3000))
def test_the_pieces_do_not_matter(pair: tuple[int, int], sizes: list[int], count: int) -> None:
    samples = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    whole = stream(samples, *pair, [max(1, count)])
    pieces = stream(samples, *pair, sizes)
    assert whole.size == pieces.size == -(-count * pair[1] // pair[0])
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_after_clear_nothing_of_the_old_stream_is_left() -> None:
    resampler = StreamResampler(22050, 16000)
    resampler.push(np.ones(1000, dtype=np.float32))
    resampler.clear()
    assert not resampler.push(np.zeros(1000, dtype=np.float32)).any()


def test_equal_rates_pass_untouched() -> None:
    samples = sine(440, 16000)
    resampler = StreamResampler(16000, 16000)
    assert resampler.push(samples) is samples
    assert resampler.flush().size == 0
    assert resampler.delay_ms == 0


def test_a_whole_recording() -> None:
    assert resample(sine(440, 44100, 1.0), 44100, 16000).size == 16000
    assert resample(np.zeros(0, dtype=np.float32), 44100, 16000).size == 0
