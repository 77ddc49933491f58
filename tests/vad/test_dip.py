import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.interfaces import Samples
from voice.vad.dip import BLOCK_SAMPLES, DIP_BLOCKS, DipDetector


def quiet_by_percentiles(samples: Samples) -> list[bool]:
    """What the docstring says, computed anew for every block."""
    blocks = samples[: samples.size - samples.size % BLOCK_SAMPLES].reshape(-1, BLOCK_SAMPLES).astype(np.float64)
    levels_db = 10 * np.log10(np.square(blocks).mean(axis=1) + 1e-12)
    found, threshold_db = [], -np.inf
    for count in range(1, len(levels_db) + 1):
        if count % 5 == 0:
            known = levels_db[max(0, count - 300) : count]
            noise_db, speech_db = np.percentile(known, (10, 95))
            threshold_db = max(noise_db + 0.3 * (speech_db - noise_db), speech_db - 30)
            if count < 30 or speech_db - noise_db < 12:
                threshold_db = -np.inf
        found.append(bool(levels_db[count - 1] < threshold_db))
    return found


@given(st.lists(st.tuples(st.floats(-80, 0), st.integers(1, 60)), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_a_dip_is_what_it_is_said_to_be_however_the_audio_is_cut(steps: list[tuple[float, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = np.concatenate(
        [10 ** (level_db / 20) * rng.uniform(-1, 1, count * BLOCK_SAMPLES) for level_db, count in steps]
    ).astype(np.float32)
    quiet = quiet_by_percentiles(samples)
    detector = DipDetector()
    at = 0
    while at < samples.size:
        size = int(rng.integers(1, 3 * BLOCK_SAMPLES))
        found = detector.push(samples[at : at + size])
        before, at = at // BLOCK_SAMPLES, min(at + size, samples.size)
        done = at // BLOCK_SAMPLES
        runs = [run_length(quiet, block + 1) for block in range(before, done)]
        assert found is any(run == DIP_BLOCKS for run in runs)
        run = run_length(quiet, done)
        assert detector.quiet_since == ((done - run) * BLOCK_SAMPLES if run >= DIP_BLOCKS else None)


def run_length(quiet: list[bool], end: int) -> int:
    """How many quiet blocks in a row end before ``end``."""
    count = 0
    while count < end and quiet[end - 1 - count]:
        count += 1
    return count


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_audio_do_no_harm(bad: float) -> None:
    detector = DipDetector()
    for _ in range(400):
        detector.push(np.full(BLOCK_SAMPLES, bad, dtype=np.float32))
        detector.push(np.zeros(BLOCK_SAMPLES, dtype=np.float32))
    assert detector.quiet_since is None
