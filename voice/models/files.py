"""Files on disk: hashing, stamps, locks and atomic writes.

Strategy: hashing 250 MB at every start would cost a second, so a file that was hashed is remembered in a stamp with its size
and its times. As long as those have not moved it is taken for what it was; when they have, it is hashed again. ``ctime`` is
among them because a program can set ``mtime`` back but not ``ctime``.
"""

import contextlib
import hashlib
import importlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

CHUNK_BYTES = 1 << 20

STAMP = ".verified"
"""The file in a model's folder that remembers what was hashed."""


class Seen(msgspec.Struct, frozen=True):
    """A file as it was when it was hashed."""

    sha256: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


def sha256(path: Path, *, on_bytes: Callable[[int], None] = lambda _: None) -> str:
    """The SHA-256 of a file, as lower-case hexadecimal digits. ``on_bytes`` hears of every chunk read."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()


def look(path: Path, digest: str) -> Seen:
    """What the stamp says of ``path`` whose hash was just found to be ``digest``."""
    stat = path.stat()
    return Seen(digest, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def read_stamp(folder: Path) -> dict[str, Seen]:
    """What was hashed in ``folder``; empty when nothing was, or the stamp cannot be read."""
    try:
        return msgspec.json.decode((folder / STAMP).read_bytes(), type=dict[str, Seen])
    except (OSError, msgspec.MsgspecError):
        return {}  # then everything is hashed again: slower, never wrong


def remember(folder: Path, path: str, seen: Seen) -> None:
    """Add to the stamp. A folder that cannot be written is hashed again next time."""
    with contextlib.suppress(OSError):
        write_atomically(folder / STAMP, msgspec.json.encode({**read_stamp(folder), path: seen}))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that a reader sees the old one or the new one, whole."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def move_into_place(source: Path, target: Path) -> None:
    """Rename a written and synced file onto ``target`` (same file system) and sync the folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    try:
        descriptor = os.open(target.parent, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders, and writes their entries down by itself
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, *, on_wait: Callable[[], None] = lambda: None, timeout_s: float = 3600.0) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path`` among processes. The system frees it when the process ends, however it ends.

    ``on_wait`` is called once when another process holds it. Raises ``TimeoutError`` after ``timeout_s``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        give_up_at_s = time.monotonic() + timeout_s
        waited = False
        while not _take_lock(file):
            if not waited:
                on_wait()
                waited = True
            if time.monotonic() > give_up_at_s:
                raise TimeoutError(f"another process has held {path} for {timeout_s:.0f} s")
            time.sleep(0.1)
        yield


def is_locked(path: Path) -> bool:
    """Whether another process, or another part of this one, holds the lock on ``path`` now."""
    if not path.exists():
        return False
    try:
        with path.open("a") as file:
            return not _take_lock(file)
    except OSError:
        return False


def _take_lock(file: IO[str]) -> bool:
    """Lock an open file against other processes, by what this system has for it; False while another one holds it."""
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:  # Windows, which locks bytes
        msvcrt: Any = importlib.import_module("msvcrt")
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
