"""What the microphone benchmark makes of what it saw."""

import numpy as np
import pytest
from rich.console import Console

from voice.bench.data.recordings import Recording
from voice.bench.mic.echo import Over
from voice.bench.mic.mic import result, show
from voice.bench.mic.path import AudioPath, chirp
from voice.bench.mic.recorder import Timeline, find, laid_over, lost_at_start_ms
from voice.core.interfaces import SAMPLE_RATE_HZ

OWN = {
    "minutes": 10.0, "replies": 20, "false_interruptions": 1, "replies_cut": 1, "believed": ["hello"], "holds": 2,
    "underruns": 3, "overruns": 0, "lost_devices": 0,
}  # fmt: skip


def way(mode: str, in_ms: float, out_ms: float, lost_ms: float = 0.0) -> AudioPath:
    return AudioPath("one", mode, in_ms, out_ms, lost_ms, 0.97)


def test_the_figures_are_differences_to_the_plain_client() -> None:
    said = [Recording("one", chirp(), chirp().size, ())]
    plain = [way("plain client", 1.0, 1.0)]
    daemon = [way("open", 20.0, 30.0), way("push", 400.0, 30.0, lost_ms=40.0)]
    overs = [Over("a", True, 200.0), Over("b", False, None)]
    found = result(said, (plain, daemon), {"loudspeaker": [0.5, None], "microphone": [1.5]}, (overs, OWN))
    assert found["added_latency_ms"]["p95"] == 48.0
    assert found["lost_at_start_ms"]["max"] == 40.0
    assert found["lost_at_start"] == 1
    assert found["not_arrived"] == 0
    assert (found["missed_interruptions"], found["stop_ms"]["p50"]) == (1, 200.0)
    assert found["recovery_s"]["loudspeaker"] == {**found["recovery_s"]["loudspeaker"], "n": 1, "max": 0.5, "not": 1}
    people = Console(record=True, width=120)
    show(found, people)
    told = people.export_text()
    assert "1 false interruptions in 10.0 minutes" in told
    assert "1 of 2 real ones missed" in told


@pytest.mark.parametrize("lag", [0, 700, 5000, -300])
def test_a_sound_is_found_where_it_lies(lag: int) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(8000)
    haystack = laid_over(chirp(), -lag, 8000) + noise.astype(np.float32)
    at, alike = find(chirp(), haystack)
    assert abs(at - lag) <= 1
    assert alike > 0.8


def test_what_is_not_there_is_not_found() -> None:
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    assert find(chirp(), noise)[1] < 0.3
    assert find(chirp(), np.zeros(8000, dtype=np.float32))[1] == 0.0


@pytest.mark.parametrize("lost_ms", [0, 20, 60])
def test_what_is_lost_at_the_start_is_measured(lost_ms: int) -> None:
    heard = chirp()
    heard[: lost_ms * SAMPLE_RATE_HZ // 1000] = 0
    assert abs(lost_at_start_ms(chirp(), heard, 0) - lost_ms) <= 10


def test_a_sample_has_a_moment_and_an_arrival() -> None:
    line = Timeline()
    line.write(np.zeros(160, dtype=np.float32), 10.012)
    line.write(np.zeros(160, dtype=np.float32), 10.021)  # the least late
    line.write(np.zeros(160, dtype=np.float32), 10.040)
    assert line.moment_s(160) == pytest.approx(10.011)
    assert line.index(10.011) == 160
    assert line.arrival_s(320) == 10.040
    for number in range(300):
        line.write(np.zeros(160, dtype=np.float32), 12.0 + number / 100)  # two seconds were left out
    assert line.moment_s(40_000) == pytest.approx(12.0 + (40_000 - 640) / SAMPLE_RATE_HZ)
    assert line.index(line.moment_s(40_000)) == pytest.approx(40_000, abs=1)
    assert line.arrival_s(999_999) == float("inf")
