import random
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.bench.data.hesitation import PAUSE_S, hesitating
from voice.bench.data.recordings import recording, store_samples
from voice.bench.data.word_gaps import GapJudge, Place, Word, hesitates_after, places, quiet_points
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples


def words(text: str) -> list[Word]:
    return [Word(word, index * 0.3, index * 0.3 + 0.28) for index, word in enumerate(text.split())]


def tone(*spans: tuple[float, float], seconds: float = 3.0) -> Samples:
    """A voice between the given seconds, and a quiet room."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.0005, int(seconds * SAMPLE_RATE_HZ)).astype(np.float32)
    for start_s, end_s in spans:
        at = np.arange(int(start_s * SAMPLE_RATE_HZ), int(end_s * SAMPLE_RATE_HZ))
        samples[at] += 0.3 * np.sin(2 * np.pi * 200 * at / SAMPLE_RATE_HZ).astype(np.float32)
    return samples


@pytest.mark.parametrize(
    ("text", "behind"),
    [
        ("get me a latte with milk and sugar", ["a", "with", "and"]),
        ("call five five one", ["five", "five"]),
        ("play something from Queen Bee", ["from", "Queen"]),
        ("stop it. Now go", []),
        ("turn it on", []),
        ("yes I do", []),
    ],
)
def test_where_a_speaker_hesitates(text: str, behind: list[str]) -> None:
    found = words(text)
    assert [found[index].text for index in range(len(found)) if hesitates_after(found, index)] == behind


def test_the_gap_between_two_words_is_tried_first() -> None:
    samples = tone((0.5, 1.0), (1.1, 1.6))
    first, *_ = quiet_points(samples, Word("a", 0.6, 0.95), Word("b", 1.0, 1.6))
    assert 1.0 <= first / SAMPLE_RATE_HZ <= 1.1


@settings(deadline=None)  # a busy machine is no failure
@given(st.floats(0, 3), st.floats(0, 1), st.floats(0, 1))
def test_quiet_points_lie_in_the_recording(start_s: float, long_s: float, next_s: float) -> None:
    samples = tone((0.5, 1.0))
    end_s = start_s + long_s
    points = quiet_points(samples, Word("a", start_s, end_s), Word("b", end_s, end_s + next_s))
    assert [point for point in points if not 0 < point < samples.size] == []


class Scripted:
    """A judge for which the first words end where the recording is cut, if the cut is right."""

    name = "scripted"

    def __init__(self, right: tuple[float, float]) -> None:
        self.right = right
        self.asked = 0

    def words(self, samples: Samples) -> list[Word]:
        return [Word("get", 0.5, 0.75), Word("a", 0.75, 0.95), Word("latte", 0.95, 1.6)]

    def heard(self, samples: Samples) -> list[str]:
        self.asked += 1
        low, high = self.right
        return ["get", "a"] if low <= samples.size / SAMPLE_RATE_HZ <= high else ["get", "a", "la"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path)
    return tmp_path


def test_a_cut_in_a_word_is_no_place(cache: Path) -> None:
    samples = tone((0.5, 0.9), (1.0, 1.6))
    assert places(samples, Scripted((5.0, 6.0))) == []  # type: ignore[arg-type]


def test_a_proven_cut_is_remembered_by_content(cache: Path) -> None:
    samples = tone((0.5, 0.9), (1.0, 1.6))
    judge = Scripted((0.9, 1.0))
    (found,) = places(samples, judge)  # type: ignore[arg-type]
    assert found.after == "a"
    assert 0.9 <= found.sample / SAMPLE_RATE_HZ <= 1.0
    asked = judge.asked
    assert places(samples.copy(), judge) == [found]  # type: ignore[arg-type]
    assert judge.asked == asked
    places(samples * 0.5, judge)  # type: ignore[arg-type]
    assert judge.asked > asked


def test_a_damaged_cache_is_made_again(cache: Path) -> None:
    samples = tone((0.5, 0.9), (1.0, 1.6))
    judge = Scripted((0.9, 1.0))
    found = places(samples, judge)  # type: ignore[arg-type]
    (file,) = (cache / "hesitation").iterdir()
    file.write_text("[[1,")
    assert places(samples, judge) == found  # type: ignore[arg-type]


def test_the_pauses_are_where_they_are_said_to_be() -> None:
    original = recording("one", tone((0.5, 1.0), (1.1, 1.6), (1.7, 2.4)))
    assert original is not None
    cuts = [Place(int(1.05 * SAMPLE_RATE_HZ), "a"), Place(int(1.65 * SAMPLE_RATE_HZ), "with")]
    made = hesitating(original, cuts, random.Random(3))
    assert made is not None
    assert len(made.pauses) == 2
    added = 0
    for (start, end), cut in zip(made.pauses, cuts, strict=True):
        assert start == cut.sample + added
        assert PAUSE_S[0] <= (end - start) / SAMPLE_RATE_HZ <= PAUSE_S[1]
        assert np.abs(made.samples[start:end]).max() < 0.01
        added += end - start
    assert made.samples.size == original.samples.size + added
    again = hesitating(original, cuts, random.Random(3))
    assert again is not None
    assert np.array_equal(again.samples, made.samples)
    assert hesitating(original, [], random.Random(3)) is None


@pytest.mark.real
def test_real_cuts_end_with_the_word_they_name(cache: Path) -> None:
    judge = GapJudge()
    one = min(store_samples(), key=lambda sample: sample.samples.size)
    found = places(one.samples, judge)
    assert found
    for place in found:
        assert judge.heard(one.samples[: place.sample])[-1] == place.after
