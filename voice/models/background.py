"""The second speed: a larger model that is fetched in the background while the assistant already talks.

Strategy: what is allowed is decided by a pure function from sizes alone. The fetch is a child process at low priority
(``python -m voice.models.background NAME``), so that it takes the processor from nobody who speaks and can be ended at any
time; it tells its progress in lines of JSON. An interrupted fetch begins again at the next start.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voice.core.config import LlmConfig
from voice.core.errors import ModelError, VoiceError
from voice.models import files, manifest, store
from voice.models.fetch import Reporter, fetch, lock_of
from voice.models.manifest import Model

DISK_MARGIN_BYTES = 1_000_000_000
"""Left free: nobody asked for this download, so it must not be what fills the disk."""
LEAST_MEMORY_BYTES = 4_000_000_000
MEMORY_FACTOR = 1.5
"""A loaded model takes its file's size, and half as much again for its conversations and what it computes."""
MEMORY_MARGIN_BYTES = 700_000_000

NICE = 15
END_WITHIN_S = 5.0
"""A child that was asked to end gets so long to end its own download."""

Command = Callable[[str], Sequence[str]]
"""The command line that fetches the model with this name."""


def may_fetch(size_bytes: int, disk_free: int | None, memory_total: int | None, memory_available: int | None) -> str:
    """Why a model of this size is not to be fetched unasked; empty when it may be. What is not known (None) forbids nothing."""
    if disk_free is not None and disk_free < size_bytes + DISK_MARGIN_BYTES:
        return f"{(size_bytes + DISK_MARGIN_BYTES) / 1e9:.1f} GB of free disk are needed, {disk_free / 1e9:.1f} GB are there"
    if memory_total is not None and memory_total < LEAST_MEMORY_BYTES:
        return f"{LEAST_MEMORY_BYTES / 1e9:.0f} GB of memory are needed, the machine has {memory_total / 1e9:.1f} GB"
    needed = MEMORY_FACTOR * size_bytes + MEMORY_MARGIN_BYTES
    if memory_available is not None and memory_available < needed:
        return f"{needed / 1e9:.1f} GB of free memory are needed, {memory_available / 1e9:.1f} GB are there"
    return ""


def parse_meminfo(text: str) -> tuple[int | None, int | None]:
    """``(total, available)`` bytes from the text of ``/proc/meminfo``; None for what it does not say."""
    found = dict[str, int]()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        number, _, unit = value.strip().partition(" ")
        if number.isdigit() and unit == "kB":
            found[key] = int(number) * 1024
    return found.get("MemTotal"), found.get("MemAvailable")


def memory() -> tuple[int | None, int | None]:
    """``(total, available)`` bytes of this machine's memory; None for what cannot be known."""
    try:
        return parse_meminfo(Path("/proc/meminfo").read_text(encoding="utf-8"))
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    except (AttributeError, OSError, ValueError):
        return None, None


def disk_free() -> int | None:
    """Bytes free where models are kept; None when it cannot be known."""
    home = store.home()
    try:
        return shutil.disk_usage(next(path for path in (home, *home.parents) if path.exists())).free
    except (OSError, StopIteration):
        return None


@dataclass(frozen=True, slots=True)
class SecondState:
    """How it stands with the larger model, and a sentence about it."""

    state: Literal["off", "ready", "fetching", "wanted", "declined", "refused", "unknown"]
    says: str


def available(config: LlmConfig) -> Path | None:
    """The larger model's file, tuned for this machine if it was; None when there is none, or it is not here or not right.

    A file that was never hashed here is hashed first: seconds. Call it in a thread.
    """
    if not config.large:
        return None
    try:
        return store.locate(config.large)
    except ModelError:
        return None


def state(config: LlmConfig) -> SecondState:
    """How it stands now. May hash the file, as :func:`available` does. Never raises."""
    name = config.large
    if not name:
        return SecondState("off", "none is wanted (llm.large is empty)")
    try:
        path = store.locate(name)
    except ModelError as error:
        model = _known(name)
        if model is None:
            return SecondState("unknown", str(error))
    else:
        return SecondState("ready", f"{name} is ready ({path.name})")
    if files.is_locked(lock_of(model)):
        return SecondState("fetching", f"{name} is being fetched")
    if not config.large_fetch:
        return SecondState("declined", f"{name} is not here, and llm.large_fetch is false")
    if why := may_fetch(model.size_bytes, disk_free(), *memory()):
        return SecondState("refused", f"{name} is not fetched: {why}")
    return SecondState("wanted", f"{name} is not here yet; the assistant fetches it in the background while it runs")


def _known(name: str) -> Model | None:
    try:
        return manifest.load().find(name)
    except ModelError:
        return None


def _own_command(name: str) -> Sequence[str]:
    return (sys.executable, "-m", "voice.models.background", name)


class SecondSpeed:
    """Fetches the larger model while a process runs, if that is wanted, possible and not yet done.

    One owner, who starts it once and closes it. Its work is on a thread of its own; nothing of it raises.

    Args:
        config: which model, and whether it may be fetched.
        say: told, on that thread, what a person may want to know: a line each, a few in all.
        on_ready: called once, on that thread, with the file, when a fetch has ended well. Not called when the file was here at
            the start: see :func:`available`.
        bar: shows the progress; without one ``say`` is told every tenth.
        command: see :data:`Command`.
    """

    def __init__(
        self,
        config: LlmConfig,
        *,
        say: Callable[[str], None],
        on_ready: Callable[[Path], None],
        bar: AbstractContextManager[Reporter] | None = None,
        command: Command = _own_command,
    ) -> None:
        self._config = config
        self._say = say
        self._on_ready = on_ready
        self._bar = bar
        self._command = command
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="voice-second-speed", daemon=True)

    def start(self) -> None:
        """Begin. Returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End the fetch, if one runs, and wait for the thread. May be called again, and without a start."""
        with self._lock:
            self._closed.set()
            child = self._child
        if child is not None:
            _end(child)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            found = state(self._config)
            if found.state in {"refused", "unknown"}:
                self._say(f"the larger model: {found.says}")
            elif found.state in {"wanted", "fetching"} and self._config.large_fetch:
                self._fetch(manifest.load().get(self._config.large))
        except Exception as error:  # what is only an improvement must not harm what runs
            with contextlib.suppress(Exception):
                self._say(f"the larger model {self._config.large} cannot be used: {error}")

    def _fetch(self, model: Model) -> None:
        self._say(
            f"fetching the larger model {model.name} ({model.size_bytes / 1e9:.1f} GB) in the background; "
            "answers get better when it is here. To refuse: llm.large_fetch=false"
        )
        with self._lock:
            if self._closed.is_set():
                return
            self._child = child = subprocess.Popen(  # noqa: S603 - our own interpreter
                self._command(model.name),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the assistant, which ends it
            )
        failure = ""
        with self._bar or contextlib.nullcontext(_Tenths(model.name, self._say)) as reporter:
            assert child.stdout is not None  # noqa: S101 - it was asked for
            with child.stdout:
                for line in child.stdout:
                    failure = _tell(line, reporter) or failure
        code = child.wait()
        if self._closed.is_set():
            return
        if code or failure:
            why = failure or f"its process ended with code {code}"
            self._say(f"the larger model {model.name} was not fetched: {why}")
            return
        path = store.locate(model.name)
        self._say(f"the larger model {model.name} is here")
        self._on_ready(path)


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()  # it ends its own downloads
    try:
        child.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _tell(line: str, reporter: Reporter) -> str:
    """Pass one line of the child on; returns the reason when it says that it failed."""
    try:
        kind, value = json.loads(line)
    except ValueError:
        return ""
    if kind == "failed":
        return str(value)
    if kind == "total":
        reporter.total(int(value))
    elif kind == "advance":
        reporter.advance(int(value))
    return ""


class _Tenths:
    """A reporter that says every tenth of the way."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self._name = name
        self._say = say
        self._total = 0
        self._done = 0
        self._tenths = 0

    def total(self, size_bytes: int) -> None:
        """Begin again, with so much to come."""
        self._total, self._done, self._tenths = size_bytes, 0, 0

    def advance(self, size_bytes: int) -> None:
        """So much more has come."""
        self._done += size_bytes
        tenths = min(9, self._done * 10 // self._total) if self._total else 0
        if tenths > self._tenths:
            self._tenths = tenths
            self._say(f"fetching {self._name}: {tenths * 10} %")

    def say(self, text: str) -> None:
        """Not of interest here: the reason of a failure comes last."""


class _Lines:
    """A reporter that writes lines of JSON."""

    def total(self, size_bytes: int) -> None:
        self._write("total", size_bytes)

    def advance(self, size_bytes: int) -> None:
        self._write("advance", size_bytes)

    def say(self, text: str) -> None:
        self._write("say", text)

    @staticmethod
    def _write(kind: str, value: object) -> None:
        sys.stdout.write(json.dumps([kind, value]) + "\n")
        sys.stdout.flush()  # whose reader is gone, ends here


def main(name: str) -> int:
    """The child: fetch one model at low priority. Returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of an exception, so that downloads are ended
    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        fetch(manifest.load().get(name), reporter=_Lines())
    except VoiceError as error:
        sys.stdout.write(json.dumps(["failed", str(error)]) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
