import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import CONFIG, WEIGHTS, a_model
from tests.models.test_commands import run
from voice.models import child, manifest, propose
from voice.models.manifest import Manifest, Model
from voice.models.propose import Measured, faster
from voice.models.questions import QUESTIONS, Question, right


def a_measurement(name: str, *, prefill: float, decode: float, right: int) -> Measured:
    return Measured(name=name, size_bytes=1, prefill_ms=prefill, decode_ms=decode, right=right)


SMALL = a_measurement("small", prefill=77, decode=10.5, right=15)
MIDDLE = a_measurement("middle", prefill=150, decode=20, right=19)
LARGE = a_measurement("large", prefill=420, decode=40, right=22)
HUGE = a_measurement("huge", prefill=1600, decode=120, right=24)
BROKEN = Measured(name="broken", size_bytes=1, failure="crashed: Segmentation fault")


def test_the_first_opens_at_once_and_the_second_knows_the_most_of_those_that_keep_up() -> None:
    found = propose.propose([BROKEN, HUGE, LARGE, MIDDLE, SMALL])
    assert found is not None
    assert (found.opener, found.second) == ("small", "large")
    assert "15 of 24 right" in found.opener_because
    assert "25 tokens a second" in found.second_because


def test_a_faster_machine_gets_better_ones() -> None:
    everything = [SMALL, MIDDLE, LARGE, HUGE]
    places = [propose.propose(faster(everything, times)) for times in (2, 4, 20)]
    assert [(place.opener, place.second) for place in places if place is not None] == [
        ("middle", "large"),
        ("middle", "huge"),
        ("huge", ""),
    ]


def test_where_none_opens_in_time_the_fastest_does_and_it_is_said() -> None:
    found = propose.propose([MIDDLE, LARGE])
    assert found is not None
    assert (found.opener, found.second) == ("middle", "large")
    assert "none is within 180 ms" in found.opener_because


def test_a_second_that_cannot_keep_up_is_named_but_not_proposed() -> None:
    found = propose.propose([SMALL, HUGE])
    assert found is not None
    assert found.second == ""
    assert "huge answers more, but is too slow here" in found.second_because


def test_nothing_is_proposed_where_nothing_runs() -> None:
    assert propose.propose([]) is None
    assert propose.propose([BROKEN]) is None


def test_a_busy_machine_is_told_of() -> None:
    assert propose.disturbance(0.3, 2) == ""
    assert "load 10.4 on 2 cores" in propose.disturbance(10.4, 2)


measurements = st.builds(
    Measured,
    name=st.text(min_size=1, max_size=3),
    size_bytes=st.just(1),
    prefill_ms=st.floats(1, 5000),
    decode_ms=st.floats(1, 500),
    right=st.integers(0, 24),
)


@given(st.lists(measurements, min_size=1, max_size=6, unique_by=lambda one: one.name), st.floats(1, 16))
def test_a_faster_machine_never_answers_less(found: list[Measured], times: float) -> None:
    def most(measured: Sequence[Measured]) -> int:
        chosen = propose.propose(measured)
        assert chosen is not None
        return max(one.right for one in measured if one.name in {chosen.opener, chosen.second})

    in_time = [one for one in found if one.first_clause_ms <= propose.OPENER_MS]
    if in_time:  # else the opener is the fastest, whatever it knows
        assert most(faster(found, times)) >= most(found)


def test_a_measurement_is_what_the_children_say(home: Path, model: Model) -> None:
    folder = home / "models/tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_bytes(CONFIG)
    answers = ["Lisbon is the capital of Portugal."] + ["I don't know."] * (len(QUESTIONS) - 1)

    def play(module: str, arguments: Sequence[str]) -> str:
        if module == "voice.models.trial":
            assert arguments[:2] == ["time", str(folder / "model.bin")]
            return json.dumps({"prefill_ms": 80.0, "decode_ms": 10.0})
        assert (module, arguments) == ("voice.llm.interview", ["tiny"])
        return json.dumps({"answers": answers, "memory_bytes": 5})

    found = propose.measure(model, run=play)
    assert (found.right, found.memory_bytes, found.first_clause_ms, found.tokens_per_s) == (1, 5, 160, 100)


@pytest.mark.parametrize("said", ["{}", "no JSON", '{"prefill_ms": 1, "decode_ms": 1, "answers": [], "memory_bytes": 1}'])
def test_a_child_that_says_something_else_has_failed(said: str, home: Path, model: Model) -> None:
    folder = home / "models/tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_bytes(CONFIG)
    found = propose.measure(model, run=lambda module, arguments: said)
    assert found.failure
    assert math.isnan(found.prefill_ms)


def test_a_child_that_fails_says_why_and_one_that_hangs_is_ended() -> None:
    with pytest.raises(RuntimeError, match=r"No module named voice\.nowhere"):
        child.run("voice.nowhere", [], deadline_s=60)
    with pytest.raises(RuntimeError, match="took longer than 0 s"):
        child.run("this", [], deadline_s=0.0)


# --- questions ---------------------------------------------------------------------------------------------------------------


def test_there_are_24_questions_and_four_need_what_was_said_before() -> None:
    assert len(QUESTIONS) == 24
    assert sum(len(question.turns) == 2 for question in QUESTIONS) == 4
    assert len({question.turns for question in QUESTIONS}) == 24


@pytest.mark.parametrize(
    ("accept", "answer", "is_right"),
    [
        ("au", "The symbol is Au.", True),
        ("au", "Australia has gold.", False),
        ("8|eight", "It has 8 legs", True),
        ("8|eight", "It has 18 legs", False),
        ("8|eight", "It has eighteen", False),
        ("african?", "Kenya is an African country", True),
    ],
)
def test_an_answer_is_right_by_whole_words(accept: str, answer: str, is_right: bool) -> None:
    assert Question(("?",), accept).accepts(answer) == is_right


def test_a_parrot_and_a_mute_know_nothing() -> None:
    assert right(["" for _ in QUESTIONS]) == 0
    assert right([question.turns[-1] for question in QUESTIONS]) == 0


# --- the command -------------------------------------------------------------------------------------------------------------


def test_the_command_measures_what_is_here_and_says_what_suits(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    chats = [a_model(name, role="llm") for name in ("small", "large", "broken")]
    monkeypatch.setattr(manifest, "load", lambda: Manifest(schema=1, model=(*chats, a_model("ears"))))
    monkeypatch.setattr(propose, "present", lambda models: [model for model in models if model.role == "llm"])
    played = {one.name: one for one in (SMALL, LARGE, BROKEN)}
    monkeypatch.setattr(propose, "measure", lambda model: played[model.name])
    code, text = run("propose")
    assert code == 0
    assert "llm.model = 'small'" in text
    assert "llm.large = 'large'" in text
    assert "crashed" in text
    code, text = run("propose", "small", "large", "--json")
    found = json.loads(text)
    assert [one["name"] for one in found["measured"]] == ["small", "large"]
    assert found["proposal"]["second"] == "large"
    assert found["faster"]["8"]["opener"] == "large"
    assert run("propose", "ears")[0] == 2
    assert run("propose", "broken")[0] == 1
