import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from voice.bench.conversation.endpointing import Silence, area_under_curve, calibration, plot, point, result, show
from voice.core.config import Config, TurnConfig
from voice.turn.endpoint import silence_needed_ms

END = Silence("a", "orders", "end", None, 0.9, "Turn off the lights in the office.", 0.001, 0.0001)
DANGLING = Silence("a", "orders", "hesitation", 800.0, 0.9, "Turn off the", 0.3, 0.1)
WHOLE = Silence("a", "orders", "inner", 300.0, 0.9, "Turn off the lights.", 0.001, 0.0001)


def test_a_pause_is_cut_off_when_it_outlasts_what_is_needed() -> None:
    found = point([END, DANGLING, WHOLE], 0.5, TurnConfig(max_silence_ms=2000))
    assert found["silence_needed_ms"]["p50"] == pytest.approx(TurnConfig().least_silence_ms)
    assert silence_needed_ms(END.evidence, 0.5) < TurnConfig().least_silence_ms
    assert found["cut_off_rate"] == found["inner_pause_cut_off_rate"] == 1
    assert found["hesitation_cut_off_rate"] == 0
    assert (
        point([END, DANGLING], 0.5, TurnConfig(max_silence_ms=500))["hesitation_cut_off_rate"] == 1
    )  # the most that is ever waited


def test_without_words_nothing_is_answered() -> None:
    assert point([END, Silence("a", "x", "inner", 3000.0, 0.9, "")], 0.5, TurnConfig(max_silence_ms=2000))["cut_off_rate"] == 0


def test_the_curve_trades_latency_for_cut_offs() -> None:
    curve = result([END, DANGLING, WHOLE], Config())["curve"]
    needed = [row["silence_needed_ms"]["p50"] for row in curve]
    cut = [row["inner_pause_cut_off_rate"] for row in curve]
    assert needed == sorted(needed)
    assert cut == sorted(cut, reverse=True)


def test_area_under_the_curve() -> None:
    positive = np.array([True, True, False, False])
    assert area_under_curve(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 1
    assert area_under_curve(np.array([1.0, 2.0, 3.0, 4.0]), positive) == 0
    assert area_under_curve(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5


def test_a_calibrated_model_is_told_so() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 20_000)
    rows = calibration(said, rng.uniform(0, 1, said.size) < said)
    assert len(rows) == 8
    assert sum(row["silences"] for row in rows) == said.size
    assert all(row["was"] == pytest.approx(row["said"], abs=0.03) for row in rows)
    assert calibration(said, np.ones(said.size, dtype=bool)) == []


@pytest.mark.parametrize("found", [[END, DANGLING, WHOLE], [END], []])
def test_tables_and_picture_of_any_result(found: list[Silence], tmp_path: Path) -> None:
    figures = result(found, Config())
    page = io.StringIO()
    show(figures, Console(file=page, width=160))
    assert "0.5 (set)" in page.getvalue()
    plot(figures, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000
