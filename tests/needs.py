"""What the tests need beyond the packages. What is missing fails the test, unless ``VOICE_TESTS_WITHOUT`` names it.

``@pytest.mark.needs("chromium")`` says it for a test or a file; ``@pytest.mark.real`` needs the models.
``python -m tests.needs`` prints a line for each thing that is missing and not excused; its exit code is then 1.
"""

import functools
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

SETTING = "VOICE_TESTS_WITHOUT"
HEAVY = ("llama_cpp", "faster_whisper", "ctranslate2", "piper", "onnx", "playwright")
"""Packages that ``scripts/test quick`` does without."""
DEBIAN = "chromium pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium, if one is on the PATH."""
    return next((path for name in _BROWSERS if (path := shutil.which(name)) is not None), None)


def _no_chromium() -> str:
    return "" if chromium() else "there is no Chromium on the PATH: sudo apt install chromium"


def _no_pulseaudio() -> str:
    from voice.bench.mic.pulse import require
    from voice.core.errors import DeviceError

    try:
        require()
    except DeviceError as error:
        return str(error)
    return ""


def _no_models() -> str:
    from voice.models import manifest, store

    lacking = [one.name for one in manifest.load().model if one.default and store.report(one).problem]
    return f"models are not in the store ({', '.join(lacking)}): voice models fetch" if lacking else ""


def _no_packages() -> str:
    lacking = [name for name in HEAVY if importlib.util.find_spec(name) is None]
    return f"packages are not installed ({', '.join(lacking)}): scripts/test" if lacking else ""


def _no_full_device() -> str:
    return "" if Path("/dev/full").exists() else "this system has no /dev/full"


LOOKUPS: Mapping[str, Callable[[], str]] = {
    "chromium": _no_chromium,
    "pulseaudio": _no_pulseaudio,
    "models": _no_models,
    "packages": _no_packages,
    "full-device": _no_full_device,
}
"""Name → a function that says what is missing and how to get it; empty when all is there."""


def excused(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """What may be missing.

    Raises:
        ValueError: the setting names something that no test asks for.
    """
    names = frozenset(environment.get(SETTING, "").split())
    if unknown := names - LOOKUPS.keys():
        raise ValueError(f"{SETTING} names {', '.join(sorted(unknown))}; it may name {', '.join(LOOKUPS)}")
    return names


@functools.cache
def missing(name: str) -> str:
    """Why ``name`` cannot be used here and how to get it; empty when it can."""
    return LOOKUPS[name]()


class NotTested:
    """Counts what was skipped, for one line at the end of the run."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, why: str) -> None:
        """A test, or a file of tests, was skipped."""
        self._counts[why] = self._counts.get(why, 0) + 1

    def line(self) -> str:
        """What was not tested, and why; empty when nothing was skipped."""
        return "; ".join(f"{why} ({count} skipped)" for why, count in self._counts.items())


def require(name: str, not_tested: NotTested, allowed: frozenset[str]) -> None:
    """Go on when ``name`` is there; skip when it is missing and excused, fail otherwise."""
    if not (why := missing(name)):
        return
    if name in allowed:
        not_tested.add(f"{name}: {why}")
        pytest.skip(f"{SETTING}: {why}")
    pytest.fail(f"{why} (or say that tests may go without: {SETTING}={name})", pytrace=False)


class PackageExcuse:
    """An import finder behind all others: a heavy package that is not installed skips the file of tests that imports it."""

    def __init__(self, not_tested: NotTested) -> None:
        self._not_tested = not_tested

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Finds nothing.

        Raises:
            pytest.skip.Exception: nobody found one of :data:`HEAVY`.
        """
        if name in HEAVY:
            self._not_tested.add(f"{name} is not installed")
            pytest.skip(f"{SETTING}: {name} is not installed", allow_module_level=True)
        return None


def main() -> int:
    """Print what is missing."""
    lacking = [why for name in LOOKUPS if name not in excused() and (why := missing(name))]
    for why in lacking:
        sys.stderr.write(f"  {why}\n")
    if lacking:
        sys.stderr.write(
            f"The tests need this. On Debian and Ubuntu: sudo apt install {DEBIAN}\n"
            f"To test without it: {SETTING}='{' '.join(LOOKUPS)}' scripts/test (name what may be missing)\n"
        )
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
