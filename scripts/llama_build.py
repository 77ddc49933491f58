"""Build llama-cpp-python for this machine. Standard library only.

Strategy: the fastest code is compiled for the very processor it runs on, and some such builds crash (AMX kernels, on some
machines). So there is a ladder of builds from the fastest to the safest; each is proven by one real decode in a child process,
and when it fails the next rung is tried. A proven wheel is kept in the user's cache, and proven again before it is used again.
"""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

AMX_FLAGS = frozenset({"amx_tile", "amx_int8", "amx_bf16"})
NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
NO_INSTRUCTION_SETS = [f"-DGGML_{name}=OFF" for name in ("SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C")]


@dataclass(frozen=True)
class Rung:
    """One way to build: a name, what to say about it, and its CMake arguments."""

    name: str
    meaning: str
    arguments: tuple[str, ...]


NATIVE = Rung("native", "everything this processor can do", ("-DGGML_NATIVE=ON",))
NATIVE_NO_AMX = Rung(
    "native-no-amx",
    "everything this processor can do but AMX, whose kernels in llama.cpp crash on some machines",
    ("-DGGML_NATIVE=ON", f"-DCMAKE_C_FLAGS={NO_AMX}", f"-DCMAKE_CXX_FLAGS={NO_AMX}"),
)
AVX2 = Rung(
    "avx2",
    "AVX2 only",
    (
        "-DGGML_NATIVE=OFF",
        "-DGGML_SSE42=ON",
        "-DGGML_AVX=ON",
        "-DGGML_AVX2=ON",
        "-DGGML_FMA=ON",
        "-DGGML_F16C=ON",
        "-DGGML_BMI2=ON",
    ),
)
BASELINE = Rung("baseline", "no special instructions: slow, but runs everywhere", ("-DGGML_NATIVE=OFF", *NO_INSTRUCTION_SETS))


def ladder(flags: frozenset[str], *, machine: str, compiler_has_amx: bool) -> list[Rung]:
    """The builds to try, best first.

    Args:
        flags: the processor's, from ``/proc/cpuinfo``; empty when unknown.
        machine: as ``platform.machine()`` says.
        compiler_has_amx: whether the compiler would use AMX when told to compile for this processor.
    """
    if machine.lower() not in {"x86_64", "amd64"}:
        return [NATIVE, Rung("baseline", "no special instructions", ("-DGGML_NATIVE=OFF",))]
    first = NATIVE_NO_AMX if flags & AMX_FLAGS or compiler_has_amx else NATIVE
    middle = [AVX2] if {"avx2", "fma", "f16c", "bmi2"} <= flags else []
    return [first, *middle, BASELINE]


def compiler() -> str | None:
    """The C++ compiler's command, if there is one that can compile a program with the standard library."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and (path := shutil.which(name)):
            probe = [path, "-x", "c++", "-std=c++17", "-fsyntax-only", "-"]
            if subprocess.run(probe, input=b"#include <vector>\n", capture_output=True, check=False).returncode == 0:
                return path
    return None


NO_COMPILER = """\
No working C++ compiler was found; llama.cpp is compiled for your machine. Install one:
  Debian, Ubuntu   sudo apt install build-essential
  Fedora           sudo dnf install gcc-c++
  Arch             sudo pacman -S base-devel
  Alpine           sudo apk add build-base linux-headers
  macOS            xcode-select --install"""


def compiler_uses_amx(command: str) -> bool:
    """Whether code compiled for this processor would use AMX (the kernel may hide it from ``/proc/cpuinfo``)."""
    probe = [command, "-march=native", "-dM", "-E", "-x", "c++", os.devnull]
    return "__AMX_" in subprocess.run(probe, capture_output=True, text=True, check=False).stdout


def cmake_arguments(rung: Rung, root: Path) -> list[str]:
    """All CMake arguments of a build: the rung's, and without what the Python package does not need."""
    slim = f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={root / 'scripts' / 'llama_only.cmake'}"
    return [*rung.arguments, "-DLLAVA_BUILD=OFF", "-DGGML_CCACHE=OFF", slim]


def cache_folder() -> Path:
    """Where proven wheels are kept."""
    if sys.platform == "darwin":
        default = Path.home() / "Library" / "Caches"
    else:
        default = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "voice" / "wheels"


def wheel_key(lock: str, rung: Rung, cpu_identity: str) -> str:
    """What a wheel is known by: the pinned version, how it was built, for which processor, system and Python."""
    system = f"{platform.system()} {platform.machine()} {platform.libc_ver()} {sys.version_info[:2]}"
    digest = hashlib.sha256("\n".join([lock, *rung.arguments, cpu_identity, system]).encode()).hexdigest()
    return f"{rung.name}-{digest[:16]}"


def build_jobs(cores: int, memory_bytes: int) -> int:
    """How many files to compile at the same time: one for each core, and about 1 GB of memory for each."""
    return max(1, min(cores, memory_bytes >> 30))


def memory_bytes() -> int:
    """Of the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 4 << 30


def build_environment(rung: Rung, root: Path, scratch: Path) -> dict[str, str]:
    """The environment of the compile. Its temporary files go to ``scratch``."""
    arguments = " ".join(f'"{argument}"' for argument in cmake_arguments(rung, root))
    jobs = build_jobs(os.cpu_count() or 1, memory_bytes())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    excluded = "lib/**;lib64/**;include/**;bin/**"  # a second copy that llama.cpp's own install rules leave
    return {
        **os.environ,
        "CMAKE_ARGS": arguments,
        "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs),
        "SKBUILD_WHEEL_EXCLUDE": excluded,
        "PATH": path,
        "TMPDIR": str(scratch),
    }


def percent(line: str) -> int | None:
    """The progress in a line of ninja's output, ``[12/83] Building ...``: 14. None for other lines."""
    head, bracket, _ = line.strip().partition("]")
    done, slash, total = head.removeprefix("[").partition("/")
    if not (bracket and slash and head.startswith("[") and done.isdigit() and total.isdigit()) or int(total) < 10:
        return None
    return 100 * int(done) // int(total)


def prove(gguf: Path, root: Path, *, run: Callable[..., "subprocess.CompletedProcess[str]"] = subprocess.run) -> str:
    """Decode with the installed build in a child process; why it failed, or an empty string."""
    command = [sys.executable, str(root / "scripts" / "prove_llama.py"), str(gguf)]
    try:
        done = run(command, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        return "it did not finish one decode in 180 s"
    if done.returncode < 0:
        return f"it crashed ({signal.strsignal(-done.returncode)})"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed without saying why"])[-1][:200]
    return ""
