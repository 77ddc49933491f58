import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.models.conftest import CONFIG, WEIGHTS
from voice.commands.models import app
from voice.core.errors import ModelError
from voice.models import tune
from voice.models.manifest import Model
from voice.models.tuned import Trial, Tuned


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.fixture
def folder(home: Path, model: Model) -> Path:
    path = home / "models/tiny"
    path.mkdir(parents=True)
    (path / "model.bin").write_bytes(WEIGHTS)
    (path / "config.json").write_bytes(CONFIG)
    return path


def test_list_and_verify_tell_the_state(folder: Path) -> None:
    code, text = run("list", "--json")
    (entry,) = json.loads(text)
    assert (code, entry["name"], entry["state"], entry["size_bytes"]) == (0, "tiny", "ready", len(WEIGHTS + CONFIG))
    assert run("verify")[0] == 0
    (folder / "model.bin").write_bytes(b"x" + WEIGHTS[1:])
    code, text = run("verify", "--json")
    assert code == 1
    assert json.loads(text)[0]["state"] == "damaged"
    assert "voice models fetch tiny" in json.loads(text)[0]["problem"]
    (folder / "model.bin").unlink()
    assert "missing" in run("list")[1]
    assert run("verify")[0] == 1


def test_fetch_with_nothing_to_do(folder: Path) -> None:
    code, text = run("fetch", "--json")
    assert (code, json.loads(text)) == (0, {"tiny": []})
    assert run("fetch", "--source", "elsewhere")[0] == 2


def test_an_unknown_model_is_an_error_with_a_suggestion(folder: Path) -> None:
    with pytest.raises(ModelError, match="did you mean 'tiny'"):
        run("fetch", "tin")


def test_only_language_models_are_tuned(folder: Path) -> None:
    assert run("tune", "tiny")[0] == 2
    assert json.loads(run("tune", "--json")[1]) == []


def test_a_figure_that_does_not_exist_is_null_in_json(folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "voice.commands.models._choose", lambda names, every: [type("M", (), {"role": "llm", "name": "tiny"})()]
    )
    failed = Trial(quantisation="q4_0", failure="crashed")
    choice = Tuned(
        file="model.bin",
        quantisation="x",
        size_bytes=1,
        sha256="",
        source_sha256="",
        cpu="",
        llama_cpp="",
        threads=1,
        trials=(failed,),
    )
    monkeypatch.setattr(tune, "remembered", lambda model: None)
    monkeypatch.setattr(tune, "tune", lambda model, say: choice)
    assert json.loads(run("tune", "--json")[1])[0]["trials"][0]["prefill_ms"] is None
