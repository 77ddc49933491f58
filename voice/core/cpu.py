"""Which processor this is, and how much of it may be used: what was compiled or measured on one is not trusted on another.

Standard library only.
"""

import contextlib
import hashlib
import os
import platform
import subprocess
import threading
from pathlib import Path


def flags(cpuinfo: str) -> frozenset[str]:
    """The instruction sets named in the text of ``/proc/cpuinfo``."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:  # x86, ARM
            return frozenset(value.split())
    return frozenset()


def read_cpuinfo() -> str:
    """The text of ``/proc/cpuinfo``; empty where there is none (macOS)."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def identity(cpuinfo: str | None = None) -> str:
    """A line that names the processor and changes when what it can do changes: ``Intel(R) Xeon(R) Processor, 3fe08a31``."""
    text = read_cpuinfo() if cpuinfo is None else cpuinfo
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    name = names[0] if names else _brand()
    digest = hashlib.sha256(" ".join(sorted(flags(text))).encode()).hexdigest()[:8]
    return f"{name}, {digest}"


def _brand() -> str:
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


NICE = 5
"""Of a thread that steps back: a quarter of the processor where somebody else wants it, all of it where nobody does."""


def step_back() -> None:
    """Let this thread, and those that it starts from now on, give way to all others. Without effect where that cannot be."""
    if platform.system() == "Linux":  # elsewhere the priority is the whole process's
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
