import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.audio.formats import float_from_pcm16, pcm16_from_float


@given(st.binary(max_size=400).filter(lambda data: len(data) % 2 == 0))
def test_every_pcm_survives_the_round_trip(data: bytes) -> None:
    assert pcm16_from_float(float_from_pcm16(data)) == data


def test_the_scale_is_that_of_16_bit() -> None:
    samples = float_from_pcm16(np.array([-32768, -1, 0, 1, 32767], dtype="<i2").tobytes())
    assert samples.dtype == np.float32
    assert samples.tolist() == [-1.0, -1 / 32768, 0.0, 1 / 32768, 32767 / 32768]


def test_what_is_too_loud_is_clipped_and_does_not_wrap() -> None:
    data = pcm16_from_float(np.array([1.0, 1.5, 100.0, -1.0, -7.0], dtype=np.float32))
    assert np.frombuffer(data, "<i2").tolist() == [32767, 32767, 32767, -32768, -32768]


def test_converting_leaves_its_input_alone() -> None:
    samples = np.array([0.5, 2.0], dtype=np.float32)
    pcm16_from_float(samples)
    assert samples.tolist() == [0.5, 2.0]


def test_an_odd_number_of_bytes_is_refused() -> None:
    with pytest.raises(ValueError):
        float_from_pcm16(b"abc")
