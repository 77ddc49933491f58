"""Acceptance as a health signal."""

import random
from pathlib import Path

import pytest

from voice.draft.health import Health


def reply(rng: random.Random, rate: float) -> tuple[int, int]:
    accepted = sum(rng.random() < rate for _ in range(20))
    return accepted, 20 - accepted


def feed(health: Health, rate: float, replies: int, rng: random.Random, version: str = "a") -> list[str]:
    notices = []
    for _ in range(replies):
        accepted, rejected = reply(rng, rate)
        notice = health.add("edge → cloud", "chit_chat", version=version, accepted=accepted, rejected=rejected)
        notices += [notice] if notice else []
    return notices


def test_a_drop_is_noticed_once_and_chance_is_not() -> None:
    health, rng = Health(None), random.Random(1)
    assert feed(health, 0.8, 500, rng) == []
    notices = feed(health, 0.55, 100, rng)
    assert len(notices) == 1
    assert "edge → cloud" in notices[0]
    assert "a model has changed" in notices[0]
    assert feed(health, 0.9, 100, rng) == []


def test_the_notice_names_the_version_that_changed() -> None:
    health, rng = Health(None), random.Random(2)
    feed(health, 0.8, 100, rng)
    (notice,) = feed(health, 0.5, 20, rng, version="b")
    assert "from a to b" in notice


def test_it_survives_the_process(tmp_path: Path) -> None:
    path, rng = tmp_path / "deep" / "acceptance.json", random.Random(3)
    health = Health(path)
    feed(health, 0.8, 100, rng)
    health.save()
    again = Health(path)
    rate, judged = again.rates("edge → cloud")["chit_chat"]
    assert rate == pytest.approx(0.8, abs=0.03)
    assert judged == 2000
    assert len(feed(again, 0.5, 20, rng)) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"x": 3}', '{"x | y": {"accepted": 5, "judged": 1}}', '{"x | y": {"judged": null}}', "\x00"]
)
def test_a_damaged_file_counts_as_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acceptance.json"
    path.write_text(text)
    health = Health(path)
    assert health.rates("x") == {}
    health.add("x", "y", version="", accepted=1, rejected=1)
    health.save()
    assert Health(path).rates("x") == {"y": (0.5, 2.0)}


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    health = Health(blocked / "acceptance.json")
    health.add("x", "y", version="", accepted=1, rejected=1)
    health.save()
    health.save()
    assert health.path is None
