"""A store in a temporary home, and a registry that is a folder of tiny wheels."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from voice.models import manifest
from voice.models.manifest import Manifest, Model, ModelFile, Wheel

WEIGHTS = b"weights " * 1000
CONFIG = b'{"layers": 2}'


def a_file(
    path: str, content: bytes, *, primary: bool = False, parts: tuple[str, ...] = (), upstream: str | None = None
) -> ModelFile:
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile(path=path, size_bytes=len(content), sha256=digest, primary=primary, registry=parts, upstream=upstream)


def a_model(name: str = "tiny", *, role: manifest.Role = "asr", default: bool = True) -> Model:
    weights = a_file("model.bin", WEIGHTS, primary=True, parts=("voice-tiny:tiny/a.part1", "voice-tiny-2:tiny/a.part2"))
    config = a_file("config.json", CONFIG, parts=("voice-tiny:tiny/config.json",))
    wheels = tuple(Wheel(package=package, version="1.0", download_bytes=5000) for package in ("voice-tiny", "voice-tiny-2"))
    return Model(name=name, role=role, description="", licence="MIT", files=(weights, config), wheels=wheels, default=default)


def write_wheel(folder: Path, package: str, members: Mapping[str, bytes]) -> Path:
    """A wheel good enough for pip to download."""
    name = package.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def fill_registry(folder: Path) -> None:
    half = len(WEIGHTS) // 2
    write_wheel(
        folder, "voice-tiny", {"tiny/a.part1": WEIGHTS[:half], "tiny/config.json": CONFIG, "../../evil": b"!", "/evil": b"!"}
    )
    write_wheel(folder, "voice-tiny-2", {"tiny/a.part2": WEIGHTS[half:]})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("VOICE_HOME", str(folder))
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    folder.mkdir()
    fill_registry(folder)
    return folder


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """The only model of the manifest."""
    only = a_model()
    monkeypatch.setattr(manifest, "load", lambda: Manifest(schema=1, model=(only,)))
    return only
