"""A measurement in a process of its own: a build or a file that crashes takes only that process with it."""

import signal
import subprocess
import sys
from collections.abc import Sequence

from voice.core.openmp import spin_briefly


def run(module: str, arguments: Sequence[str], *, deadline_s: float) -> str:
    """What ``python -m module arguments`` writes to standard output.

    Raises:
        RuntimeError: it failed, crashed or took too long; the message says which.
    """
    spin_briefly()  # what is measured is what the assistant will do
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", module, *arguments], capture_output=True, text=True, timeout=deadline_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"took longer than {deadline_s:.0f} s") from error
    if done.returncode < 0:
        raise RuntimeError(f"crashed: {signal.strsignal(-done.returncode)}")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(lines[-1][:200])
    return done.stdout
