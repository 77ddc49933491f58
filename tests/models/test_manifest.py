import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.config import Config
from voice.core.errors import ModelError
from voice.models import manifest

GOOD = f"""
schema = 1
[[model]]
name = "m"
role = "llm"
description = "d"
licence = "MIT"
[[model.wheels]]
package = "p"
version = "1"
download_bytes = 1
[[model.files]]
path = "a.gguf"
primary = true
size_bytes = 3
sha256 = "{"0" * 64}"
registry = ["p:a"]
"""


def test_a_good_manifest_is_read() -> None:
    model = manifest.parse(GOOD).get("m")
    assert model.primary.path == "a.gguf"
    assert list(model.primary.members()) == [("p", "a")]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "a.gguf"', 'path = "../a.gguf"', "must stay inside"),
        ('path = "a.gguf"', 'path = "/a.gguf"', "must stay inside"),
        ('path = "a.gguf"', 'path = ".verified"', "hidden"),
        ('path = "a.gguf"', 'path = ""', "must stay inside"),
        ('"0', '"X', "64 lower-case"),
        ("size_bytes = 3", "size_bytes = 0", "above 0"),
        ("size_bytes = 3", 'size_bytes = "3"', "size_bytes"),
        ("primary = true", "primary = false", "exactly one file must be primary"),
        ('registry = ["p:a"]', 'registry = ["q:a"]', "not among its wheels"),
        ('registry = ["p:a"]', 'registry = ["p"]', "package:member"),
        ('registry = ["p:a"]', "registry = []", "no source"),
        ('registry = ["p:a"]', 'upstream = "x"', "no upstream repository"),
        ('role = "llm"', 'role = "stt"', "role"),
        ('name = "m"', 'name = "../m"', "folder's name"),
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", "schema = ", "not valid TOML"),
        ('licence = "MIT"', 'license = "MIT"', "license"),
        ('role = "llm"', 'role = "tts"\nchat = {}', "for the role llm alone"),
        ('role = "llm"', 'role = "llm"\nchat = { temperature = 2.1 }', "chat.temperature must be 0 to 2"),
        ('role = "llm"', 'role = "llm"\nchat = { top_p = 0.0 }', "chat.top_p must be above 0"),
        ('role = "llm"', 'role = "llm"\nchat = { repeat_penalty = 0.9 }', "chat.repeat_penalty must be 1 to 2"),
        ('role = "llm"', 'role = "llm"\nchat = { top_k = 20 }', "top_k"),
    ],
)
def test_a_bad_manifest_names_what_is_wrong(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ModelError, match=re.escape(said)) as caught:
        manifest.parse(GOOD.replace(old, new), origin="here.toml")
    assert "here.toml" in str(caught.value)


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ModelError, match="two models are called 'm'"):
        manifest.parse(GOOD + GOOD.partition("schema = 1")[2])


@given(st.text(max_size=200))
def test_any_text_is_a_manifest_or_a_model_error(text: str) -> None:
    try:
        manifest.parse(text)
    except ModelError:
        pass
    else:
        pytest.fail("no such text is a manifest")


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ModelError, match=r"did you mean 'asr-tiny\.en'"):
        manifest.load().get("asr-tiny-en")


def test_the_default_configuration_needs_only_default_models() -> None:
    config, known = Config(), manifest.load()
    for name, role in (
        (config.asr.model, "asr"),
        (config.turn.detector, "turn"),
        (config.llm.model, "llm"),
        (config.tts.model, "tts"),
    ):
        assert known.get(name).default
        assert known.get(name).role == role


def test_every_chat_model_says_how_it_is_spoken_with_and_where_it_is_had() -> None:
    chats = [model for model in manifest.load().model if model.role == "llm"]
    assert len(chats) > 3
    for model in chats[:]:
        assert model.chat is not None, model.name
        assert model.chat.note, model.name
        assert model.upstream is not None, model.name
        assert all(file.upstream for file in model.files), model.name


def test_a_first_set_up_downloads_little() -> None:
    sizes = [wheel.download_bytes for model in manifest.load().model if model.default for wheel in model.wheels]
    assert 200e6 < sum(sizes) < 450e6


def test_no_package_of_the_manifest_is_a_dependency_but_faster_whisper() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    dependencies = {re.split("[><=]", text)[0] for text in project["dependencies"]}
    packages = {wheel.package for model in manifest.load().model for wheel in model.wheels}
    assert packages & dependencies == {"faster-whisper"}
