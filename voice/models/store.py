"""The store: what is on this machine, and whether it is what the manifest says.

Layout: ``<home>/models/<name>/<file>``, with a stamp of what was hashed and, for a tuned language model, ``tuned.toml``.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from voice.core.errors import ModelError, ModelMissing
from voice.models import files, manifest, tuned
from voice.models.manifest import ChatSettings, Model, ModelFile

State = Literal["ready", "tuned", "missing", "damaged"]


def home() -> Path:
    """Where models and what is derived from them are kept: ``$VOICE_HOME``, or the user's data folder."""
    return Path(os.environ.get("VOICE_HOME") or platformdirs.user_data_dir("voice")).expanduser()


def folder_of(name: str) -> Path:
    """The folder of a model of the manifest."""
    return home() / "models" / name


def as_shipped(model: Model) -> Path:
    """Where the primary file of a model is, or will be, as the manifest describes it. Nothing is checked."""
    return folder_of(model.name) / model.primary.path


def locate(name_or_path: str) -> Path:
    """The primary file of a model of the manifest (tuned for this machine, if it was), or the user's own file or folder.

    All files of a named model are checked: cheaply when nothing moved since they were last hashed, by hashing otherwise. The
    other files lie beside the one that is given.

    Raises:
        ModelMissing: a file is not there.
        ModelError: a file is truncated or was changed, or nothing is called so.
    """
    model = manifest.load().find(name_or_path)
    if model is None:
        return _users_own(name_or_path)
    folder = folder_of(model.name)
    for file in model.files:
        check(model, file)
    choice = tuned.read(folder)
    if choice is None or choice.source_sha256 != model.primary.sha256 or choice.file == model.primary.path:
        return folder / model.primary.path
    _check_one(
        folder, choice.file, choice.size_bytes, choice.sha256, what=model.name, cure=f"voice models tune {model.name} --force"
    )
    return folder / choice.file


def named(name_or_path: str) -> Model | None:
    """The model of the manifest that is called so, or in whose folder such a file lies; None for the user's own."""
    known = manifest.load()
    if (model := known.find(name_or_path)) is not None:
        return model
    folder = Path(name_or_path).parent
    return known.find(folder.name) if folder == folder_of(folder.name) else None


def chat_settings(name_or_path: str) -> ChatSettings | None:
    """How a language model chooses its words best, by its name or its file; None where the manifest does not say."""
    model = named(name_or_path)
    return None if model is None else model.chat


def check(model: Model, file: ModelFile, *, hash_again: bool = False) -> None:
    """Make sure that one file of a model is what the manifest says.

    Raises:
        ModelMissing: it is not there.
        ModelError: it is truncated, was changed, or cannot be read.
    """
    cure = f"voice models fetch {model.name}"
    folder = folder_of(model.name)
    _check_one(folder, file.path, file.size_bytes, file.sha256, what=model.name, cure=cure, hash_again=hash_again)


def _check_one(
    folder: Path, path: str, size_bytes: int, sha256: str, *, what: str, cure: str, hash_again: bool = False
) -> None:
    full = folder / path
    try:
        stat = full.stat()
        if not full.is_file():
            raise ModelError(f"{what}: {full} is not a file; move it away, then run: {cure}")
        if stat.st_size != size_bytes:
            raise ModelError(f"{what}: {full} has {stat.st_size:,} bytes instead of {size_bytes:,}; run: {cure}")
        seen = files.read_stamp(folder).get(path)
        if not hash_again and seen == files.Seen(sha256, size_bytes, stat.st_mtime_ns, stat.st_ctime_ns):
            return
        if files.sha256(full) != sha256:
            raise ModelError(f"{what}: {full} was changed: its SHA-256 is not the one that is known; run: {cure}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelMissing(f"{what}: {path} is not on this machine ({folder}); run: {cure}") from error
    except OSError as error:
        raise ModelError(f"{what}: cannot read {full}: {error.strerror}; make it readable, or run: {cure}") from error
    files.remember(folder, path, files.look(full, sha256))


@dataclass(frozen=True, slots=True)
class Report:
    """One model as it is on this machine; ``problem`` is empty when it can be used."""

    model: Model
    state: State
    problem: str = ""


def report(model: Model, *, hash_again: bool = False) -> Report:
    """Check all files of a model. With ``hash_again`` what the stamp remembers does not count."""
    folder = folder_of(model.name)
    try:
        for file in model.files:
            check(model, file, hash_again=hash_again)
        choice = tuned.read(folder)
        if choice is None or choice.source_sha256 != model.primary.sha256:
            return Report(model, "ready")
        if choice.file != model.primary.path:
            cure = f"voice models tune {model.name} --force"
            _check_one(folder, choice.file, choice.size_bytes, choice.sha256, what=model.name, cure=cure, hash_again=hash_again)
    except ModelMissing as error:
        return Report(model, "missing", str(error))
    except ModelError as error:
        return Report(model, "damaged", str(error))
    return Report(model, "tuned")


_GIT_LFS_POINTER = b"version https://git-lfs"


def _users_own(text: str) -> Path:
    """A file or folder of the user's own, looked at just enough to refuse what no loader could explain."""
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ModelMissing(f"{text!r} names the home of a user that does not exist") from error
    if path.is_dir():
        return path
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        known = manifest.load().suggest(text)
        raise ModelMissing(f"{text!r} is neither a model's name nor a file or folder; {known}") from error
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    if not head:
        raise ModelError(f"the model {path} is empty; copy it again")
    if head.startswith(_GIT_LFS_POINTER):
        raise ModelError(f"{path} is a Git LFS pointer, not the model itself; get the real file with: git lfs pull")
    if path.suffix.lower() == ".gguf" and not head.startswith(b"GGUF"):
        raise ModelError(f"{path} is called .gguf but is not a GGUF file; copy it again")
    return path
