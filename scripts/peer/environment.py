"""The peer's environment: ``.venv-peer``, from ``requirements/peer.lock``, apart from the project's own.

llama-cpp-python is not installed there a second time: it is compiled for this machine, so the peer's environment links to the
very package that voice uses. Both systems run the same machine code on the same weights.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from voice.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-peer"
LOCK = ROOT / "requirements" / "peer.lock"
PYTHON = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
STAMP = "peer.lock.sha256"
INSTALL = "scripts/bench_peer --install"


def check(folder: Path = FOLDER, lock: Path = LOCK) -> None:
    """Make sure that the environment is there and is the one that the lock describes.

    Raises:
        ConfigError: it is missing, unfinished or outdated; the message says how to make it.
    """
    stamp = folder / STAMP
    if not stamp.is_file():
        raise ConfigError(f"Pipecat is not installed in {folder}; it is optional, and takes about 1 GB: {INSTALL}")
    if stamp.read_text(encoding="utf-8") != _digest(lock):
        raise ConfigError(f"{folder} was made from another {lock.name}; make it again: {INSTALL}")


def install() -> None:
    """Make the environment anew.

    Raises:
        ConfigError: a package could not be installed, or llama-cpp-python is not set up in this one.
    """
    compiled = importlib.util.find_spec("llama_cpp")
    if compiled is None or compiled.origin is None:
        raise ConfigError("llama-cpp-python is not set up; run scripts/start first")
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv.create(FOLDER, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    if subprocess.run(pip, check=False).returncode:
        raise ConfigError("Pipecat could not be installed; pip's own words are above")
    (site_packages() / "llama_cpp").symlink_to(Path(compiled.origin).parent, target_is_directory=True)
    (FOLDER / STAMP).write_text(_digest(LOCK), encoding="utf-8")


def site_packages(folder: Path = FOLDER) -> Path:
    """Where the environment's packages are."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return folder / ("Lib" if sys.platform == "win32" else f"lib/{version}") / "site-packages"


def versions(names: Iterable[str], folder: Path | None = None) -> dict[str, str]:
    """The versions of packages, in the environment at ``folder`` or in this one."""
    wanted = set(names)
    found = distributions() if folder is None else distributions(path=[str(site_packages(folder))])
    return dict(sorted((one.name, one.version) for one in found if one.name in wanted))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
