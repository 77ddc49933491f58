"""An arm's figures, its table and its picture."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from voice.bench.answers.figures import arm_figures, cost, finish, title
from voice.bench.answers.turns import AnsweredTurn


def turn(conversation: int, right: bool | None, *, kind: str = "fact", repeat: int = 0, **more: Any) -> AnsweredTurn:
    made = AnsweredTurn(conversation=conversation, kind=kind, repeat=repeat, turn=0, said="Well?", right=right)
    for name, value in {"no_answer": False, "tier": "small", **more}.items():
        setattr(made, name, value)
    return made


def figures(turns: list[AnsweredTurn], *, repeat: int = 1, first_ms: int | None = None) -> dict[str, Any]:
    return arm_figures("cloud", turns, first_ms, repeat=repeat, currency="USD")


def test_right_is_counted_by_conversation_and_kind() -> None:
    turns = [turn(0, True), turn(1, False), turn(2, None, kind="context"), turn(2, True, kind="context")]
    found = figures(turns)
    assert found["all"] == [2, 3]
    assert found["kinds"] == {"fact": [1, 2], "cannot": [0, 0], "skill": [0, 0], "context": [1, 1]}
    assert found["kinds_all_of_k"]["all"] == [2, 3]


def test_of_repeats_the_mean_counts_and_who_is_always_right() -> None:
    rounds = [(0, True), (1, False)], [(0, True), (1, True)], [(0, True), (1, False)]
    turns = [turn(number, right, repeat=repeat) for repeat, had in enumerate(rounds) for number, right in had]
    found = figures(turns, repeat=3)
    assert found["all"] == [1.33, 2]
    assert found["kinds_all_of_k"]["fact"] == [1, 2]


def test_times_are_those_that_there_are() -> None:
    turns = [turn(number, True, own_words_ms=float(ms), first_sound_ms=float(ms)) for number, ms in enumerate((100, 300))]
    turns.append(turn(2, False, no_answer=True, tier=None, first_sound_ms=900.0, longest_silence_ms=50.0))
    found = figures(turns)
    assert found["own_words_ms"]["p50"] == 200.0
    assert found["own_words_ms"]["n"] == 2
    assert found["longest_silence_ms"]["before"]["max"] == 900.0
    assert found["longest_silence_ms"]["inside"] == {
        "n": 1,
        "mean": 50.0,
        "p50": 50.0,
        "p90": 50.0,
        "p95": 50.0,
        "p99": 50.0,
        "max": 50.0,
    }
    assert found["first_news_ms"] == {"n": 0}
    assert found["no_answer"] == 1
    assert found["by_tier"] == {"small": 2, "large": 0, "cloud": 0, "skill": 0}


def test_what_is_counted() -> None:
    turns = [
        turn(0, True, tier="cloud", words={"small": 2, "cloud": 5}, fallback="cloud_late", unpaced=2, attempt=1),
        turn(1, True, tier="skill", words={"skill": 3}, repeats=True, error="it broke off"),
    ]
    found = figures(turns, first_ms=600)
    assert found["words_by_tier"] == {"small": 2, "large": 0, "cloud": 5, "skill": 3}
    assert found["unpaced"] == {"requests": 2, "turns": 1, "conversations_tried_again": 1}
    assert (found["fallbacks"], found["repeats"], found["errors"]) == (1, 1, 1)
    assert title(found) == "cloud, 600 ms"
    assert len(found["turns"]) == 2


def test_costs_are_those_of_a_thousand_turns() -> None:
    turns = [turn(0, True, cost={"edge": 0.001, "cloud": 0.002}), turn(1, True, cost={"edge": 0.001}), turn(2, True)]
    assert cost(turns[:2], "EUR") == {"currency": "EUR", "edge": 0.002, "cloud": 0.002, "thousand_turns": 2.0}
    assert cost(turns[2:], "EUR")["thousand_turns"] == 0.0
    assert cost([], "EUR")["thousand_turns"] == 0.0


@pytest.mark.parametrize("arms", [[], ["cloud"]])
def test_the_table_and_the_files(arms: list[str], tmp_path: Path) -> None:
    turns = [turn(0, True, own_words_ms=300.0, unpaced=1), turn(1, None, no_answer=True)]
    found = {"spoken": False, "conversations": 2, "turns": 2, "repeat": 1, "arms": [figures(turns, first_ms=150) for _ in arms]}
    said = io.StringIO()
    finish(found, tmp_path / "folder" / "answers.json", Console(file=said, width=120))
    assert "right, of 2 conversations" in said.getvalue()
    assert ("1 requests in 1 turns" in said.getvalue()) == bool(arms)
    assert "machine" in (tmp_path / "folder" / "answers.json").read_text()
    assert (tmp_path / "folder" / "answers.png").is_file() or "matplotlib is not installed" in said.getvalue()
