import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from voice.bench.conversation.barge_in import Noted, judge, result, show
from voice.bench.data.clips import Clip, choose, loudest, other_clips, speech_onset
from voice.core.errors import ConfigError
from voice.core.interfaces import SAMPLE_RATE_HZ

SPEECH = Clip("speech", "read", np.zeros(10, np.float32), onset_s=0.2)
NOISE = Clip("dog", "noise", np.zeros(10, np.float32))


def notes(*said: tuple[float, str]) -> list[Noted]:
    return [Noted(at_s, what) for at_s, what in said]


def test_speech_that_is_held_and_then_confirmed_stopped_at_the_first_clear() -> None:
    found = judge(SPEECH, notes((0.3, "clear"), (0.3, "pause"), (0.8, "clear"), (0.8, "interrupted")))
    assert found.stop_ms == pytest.approx(100)
    assert found.end_ms == pytest.approx(600)
    assert found.interrupted
    assert (found.holds, found.held_ms) == (0, 0)


def test_speech_over_a_reply_that_is_held_already_stops_it_at_once() -> None:
    found = judge(SPEECH, notes((0.1, "clear"), (0.1, "pause"), (0.8, "clear"), (0.8, "interrupted")))
    assert found.stop_ms == 0


def test_a_clear_before_the_onset_does_not_count_once_the_reply_went_on() -> None:
    said = notes((0.05, "clear"), (0.05, "pause"), (0.1, "resume"), (0.5, "clear"), (0.5, "pause"), (0.9, "interrupted"))
    found = judge(SPEECH, said)
    assert found.stop_ms == pytest.approx(300)
    assert found.holds == 1
    assert found.held_ms == pytest.approx(50)


def test_speech_that_is_taken_for_nothing_is_missed() -> None:
    found = judge(SPEECH, notes((0.3, "clear"), (0.3, "pause"), (1.0, "resume"), (6.0, "listened")))
    assert not found.interrupted
    assert found.end_ms is None
    assert found.holds == 1
    assert found.held_ms == pytest.approx(700)


def test_speech_that_nobody_noticed_has_no_stop() -> None:
    assert judge(SPEECH, notes((6.0, "listened"))).stop_ms is None


@pytest.mark.parametrize("end", ["interrupted", "turn_reopened"])
def test_a_noise_that_ends_the_reply_is_a_false_barge_in(end: str) -> None:
    found = judge(NOISE, notes((0.3, "clear"), (0.3, "pause"), (0.9, "clear"), (0.9, end)))
    assert found.interrupted
    assert found.stop_ms is None


def test_a_hold_that_nothing_follows_lasts_to_the_end() -> None:
    found = judge(NOISE, notes((4.0, "clear"), (4.0, "pause"), (6.0, "listened")))
    assert (found.interrupted, found.holds, found.held_ms) == (False, 1, 2000)


def test_the_result_counts_speech_and_noise_apart() -> None:
    stopped = judge(SPEECH, notes((0.3, "clear"), (0.8, "interrupted")))
    missed = judge(SPEECH, notes((6.0, "listened")))
    held = judge(NOISE, notes((1.0, "clear"), (1.0, "pause"), (1.5, "resume"), (6.0, "listened")))
    false = judge(NOISE, notes((1.0, "clear"), (1.5, "interrupted")))
    found = result([stopped, missed, held, false], without_reply=1)
    assert (found["clips"], found["missed"], found["false_barge_in_rate"], found["held_rate"]) == (4, 0.5, 0.5, 0.5)
    assert found["stop_ms"]["p50"] == pytest.approx(100)
    assert found["sets"]["noise"]["missed"] is None
    assert found["note"] is None
    json.dumps(found)


@pytest.mark.parametrize("outcomes", [[], [judge(SPEECH, notes((0.3, "clear"), (0.8, "interrupted")))]])
def test_without_noise_there_is_no_rate_but_a_note(outcomes: list[object]) -> None:
    found = result(outcomes, without_reply=0)  # type: ignore[arg-type]
    assert found["false_barge_in_rate"] is None
    people = Console(record=True, width=120)
    show(found, people)
    assert "no false barge-in rate" in people.export_text()


def seconds(*spans: tuple[float, float]) -> list[tuple[int, int]]:
    return [(int(begin * SAMPLE_RATE_HZ), int(end * SAMPLE_RATE_HZ)) for begin, end in spans]


@pytest.mark.parametrize(
    ("spans", "onset_s"),
    [
        (seconds((0.5, 2.0)), 0.5),
        (seconds((0.0, 0.25), (0.5, 1.1)), 0.5),  # a chime
        (seconds((0.5, 0.75), (0.85, 1.4)), 0.5),  # "oh Emil": one phrase
        (seconds((0.5, 0.7)), 0.5),  # "yes": all there is
        (seconds((0.0, 0.1), (0.4, 0.6)), 0.0),
    ],
)
def test_the_onset_of_speech_is_past_chimes(spans: list[tuple[int, int]], onset_s: float) -> None:
    assert speech_onset(spans) == onset_s * SAMPLE_RATE_HZ


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(0, 5), st.integers(1, 12))
def test_every_label_comes_once_before_any_comes_twice(labels: list[str], seed: int, limit: int) -> None:
    rows = [(Path(f"{index}.wav"), label) for index, label in enumerate(labels)]
    found = choose(rows, limit=limit, seed=seed)
    assert len(set(found)) == len(found) == min(limit, len(rows))
    assert len({label for _, label in found}) == min(limit, len(set(labels)))
    assert choose(rows, limit=limit, seed=seed) == found


def test_the_loudest_part_holds_the_bark() -> None:
    samples = np.full(10 * SAMPLE_RATE_HZ, 0.001, np.float32)
    samples[7 * SAMPLE_RATE_HZ : 8 * SAMPLE_RATE_HZ] = 0.5
    part = loudest(samples, 4.0)
    assert part.size == 4 * SAMPLE_RATE_HZ
    assert (part == 0.5).sum() == SAMPLE_RATE_HZ
    assert loudest(samples[:100], 4.0).size == 100


def test_without_the_data_folder_there_is_only_speech(tmp_path: Path) -> None:
    assert other_clips(tmp_path, limit=None, seed=1) == []


def test_a_broken_line_of_the_noise_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "noise.jsonl").write_text('{"audio": "a.wav"}\n')
    with pytest.raises(ConfigError, match="line 1"):
        other_clips(tmp_path, limit=None, seed=1)
