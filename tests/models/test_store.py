import contextlib
import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import CONFIG, WEIGHTS, a_model
from voice.core.errors import ModelError, ModelMissing
from voice.models import chat_settings, files, home, locate, manifest, store, tuned
from voice.models.manifest import Model
from voice.models.tuned import Trial, Tuned


@pytest.fixture
def folder(home: Path, model: Model) -> Path:
    """The model's folder, with the right files in it."""
    path = home / "models/tiny"
    path.mkdir(parents=True)
    (path / "model.bin").write_bytes(WEIGHTS)
    (path / "config.json").write_bytes(CONFIG)
    return path


def test_the_home_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_HOME", "/somewhere")
    assert home() == Path("/somewhere")
    monkeypatch.delenv("VOICE_HOME")
    assert home().name == "voice"


def test_a_good_model_is_hashed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate("tiny") == folder / "model.bin"
    monkeypatch.setattr(files, "sha256", lambda path: pytest.fail(f"{path} was hashed again"))
    assert locate("tiny") == folder / "model.bin"


def test_missing_truncated_and_tampered_files_are_refused_by_name_with_the_cure(folder: Path) -> None:
    locate("tiny")
    cure = r"run: voice models fetch tiny$"
    (folder / "config.json").write_bytes(CONFIG[:-1])
    with pytest.raises(ModelError, match=r"tiny: .*config\.json has 12 bytes instead of 13; " + cure):
        locate("tiny")
    (folder / "config.json").write_bytes(CONFIG.replace(b"2", b"3"))
    with pytest.raises(ModelError, match=r"tiny: .*config\.json was changed: .*; " + cure):
        locate("tiny")
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissing, match=r"tiny: config\.json is not on this machine .*; " + cure):
        locate("tiny")


def test_setting_the_time_back_does_not_hide_a_change(folder: Path) -> None:
    locate("tiny")
    path = folder / "config.json"
    before = path.stat()
    path.write_bytes(CONFIG.replace(b"2", b"3"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelError, match="was changed"):
        locate("tiny")


def test_a_stamp_of_another_file_or_a_broken_one_does_not_count(folder: Path) -> None:
    (folder / files.STAMP).write_text("{")
    (folder / "config.json").write_bytes(CONFIG.replace(b"2", b"3"))
    files.remember(folder, "config.json", files.look(folder / "config.json", "0" * 64))
    with pytest.raises(ModelError, match="was changed"):
        locate("tiny")


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    with pytest.raises(ModelError, match="is not a file"):
        locate("tiny")


def test_a_path_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "my.onnx").write_bytes(b"onnx")
    assert locate(str(tmp_path / "my.onnx")) == tmp_path / "my.onnx"
    assert locate(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1", "Git LFS"), (b"ONNX....", "not a GGUF")],
)
def test_a_users_file_that_cannot_be_a_model_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "my.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        locate(str(tmp_path / "my.gguf"))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ModelMissing, match=r"neither a model's name nor a file or folder; did you mean 'tts-joe-medium'"):
        locate("tts-joe-medum")


@given(st.text(max_size=40))
def test_any_name_gives_a_path_or_a_model_error(text: str) -> None:
    with contextlib.suppress(ModelError):
        assert locate(text).exists()


def a_choice(model: Model, content: bytes, *, file: str = "tuned-q8_0.gguf", source: str | None = None) -> Tuned:
    trial = Trial(quantisation="q8_0", failure='said "no"\n\x7f é 😀')
    return Tuned(
        file=file,
        quantisation="q8_0",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        source_sha256=source or model.primary.sha256,
        cpu="a processor",
        llama_cpp="1",
        threads=2,
        trials=(trial,),
    )


def test_a_tuned_file_takes_the_place_of_the_shipped_one(folder: Path, model: Model) -> None:
    (folder / "tuned-q8_0.gguf").write_bytes(b"faster")
    tuned.write(folder, a_choice(model, b"faster"))
    assert locate("tiny") == folder / "tuned-q8_0.gguf"
    assert store.report(model).state == "tuned"
    (folder / "tuned-q8_0.gguf").write_bytes(b"fastex")
    with pytest.raises(ModelError, match="voice models tune tiny --force"):
        locate("tiny")
    assert store.report(model).state == "damaged"
    (folder / "tuned-q8_0.gguf").unlink()
    with pytest.raises(ModelMissing, match="voice models tune tiny --force"):
        locate("tiny")


def test_a_choice_for_another_file_or_outside_the_folder_does_not_count(folder: Path, model: Model) -> None:
    tuned.write(folder, a_choice(model, b"x", source="0" * 64))
    assert locate("tiny") == folder / "model.bin"
    tuned.write(folder, a_choice(model, b"x", file="../../escape"))
    assert locate("tiny") == folder / "model.bin"
    (folder / tuned.FILE).write_text("not = [toml")
    assert locate("tiny") == folder / "model.bin"


def test_a_choice_reads_back_as_it_was_written(folder: Path, model: Model) -> None:
    tuned.write(folder, a_choice(model, b"x"))
    found = tuned.read(folder)
    assert found is not None
    assert found.trials[0].failure == 'said "no"   é 😀'
    assert found.trials[0].prefill_ms != found.trials[0].prefill_ms  # not a number stays not a number


def test_verify_hashes_again_what_the_stamp_would_let_pass(folder: Path, model: Model) -> None:
    locate("tiny")
    (folder / "config.json").write_bytes(CONFIG.replace(b"2", b"3"))
    files.remember(folder, "config.json", files.look(folder / "config.json", model.files[1].sha256))  # a forged stamp
    assert store.report(model).state == "ready"
    assert store.report(model, hash_again=True).state == "damaged"


def test_chat_settings_are_found_by_the_name_and_by_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = manifest.ChatSettings(temperature=0.7)
    only = msgspec.structs.replace(a_model(role="llm"), chat=told)
    monkeypatch.setattr(manifest, "load", lambda: manifest.Manifest(schema=1, model=(only,)))
    assert chat_settings("tiny") == told
    assert chat_settings(str(home / "models/tiny/tuned-q8_0.gguf")) == told
    assert chat_settings(str(home / "elsewhere/tiny/model.bin")) is None
    assert chat_settings("/my/own.gguf") is None
