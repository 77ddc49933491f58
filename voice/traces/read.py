"""The log's lines, as far as they can be read.

A log may have been cut off by a full disk or a power cut, or have been edited: a line that is no record is counted and passed
over. Rotated files (``turns.jsonl.5`` … ``turns.jsonl.1``) come before the newest.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from voice.core.errors import ConfigError
from voice.traces.record import Record, parse

_NUMBERED = re.compile(r"\.(\d+)$")


@dataclass(slots=True)
class Log:
    """What was read.

    Attributes:
        records: in the order in which the turns ended.
        bad_lines: how many lines were none.
    """

    records: list[Record] = field(default_factory=list)
    bad_lines: int = 0

    def take(self, line: bytes) -> Record | None:
        """One more line; the record in it, if there is one."""
        if not line.strip():
            return None
        record = parse(line)
        if record is None:
            self.bad_lines += 1
        else:
            self.records.append(record)
        return record


def files(path: Path) -> list[Path]:
    """The log's files, the oldest first.

    Raises:
        ConfigError: there are none.
    """
    rotated = [other for other in path.parent.glob(f"{path.name}.*") if _NUMBERED.search(other.name)]
    rotated.sort(key=lambda other: -int(_NUMBERED.search(other.name)[1]))  # type: ignore[index]
    found = [*rotated, *([path] if path.is_file() else [])]
    if not found:
        raise ConfigError(f"there is no log at {path}: talk to the assistant first (voice ask), or name one with --log FILE")
    return found


def read(path: Path) -> Log:
    """Everything in the log at ``path``, rotated files included.

    Raises:
        ConfigError: there is no such log, or it cannot be read.
    """
    log = Log()
    for file in files(path):
        try:
            for line in file.read_bytes().split(b"\n"):
                log.take(line)
        except OSError as error:
            raise ConfigError(f"cannot read the log {file}: {error.strerror}") from error
    return log


def follow(path: Path, *, sleep: Callable[[float], None] = time.sleep, every_s: float = 0.25) -> Iterator[Record]:
    """Each turn as it is written from now on, for ever; a rotated or emptied file is followed into its successor."""
    log, rest, inode = Log(), b"", None
    at = path.stat().st_size if path.is_file() else 0
    while True:
        if path.is_file():
            now = path.stat()
            if (inode is not None and now.st_ino != inode) or now.st_size < at:
                at, rest = 0, b""
            inode = now.st_ino
            with path.open("rb") as file:
                file.seek(at)
                *lines, rest = (rest + file.read()).split(b"\n")
                at = file.tell()
            for line in lines:
                if (record := log.take(line)) is not None:
                    yield record
        sleep(every_s)
