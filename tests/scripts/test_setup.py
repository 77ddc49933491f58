import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import llama_build, setup
from voice.core import cpu

ROOT = Path(__file__).parents[2]

CPUINFO = "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu avx2 fma f16c bmi2 {more}\n\nprocessor\t: 1\n"


def names(flags: frozenset[str], *, machine: str = "x86_64", compiler_has_amx: bool = False) -> list[str]:
    return [rung.name for rung in llama_build.ladder(flags, machine=machine, compiler_has_amx=compiler_has_amx)]


def test_the_processors_flags_are_read() -> None:
    assert cpu.flags(CPUINFO.format(more="amx_int8")) == {"fpu", "avx2", "fma", "f16c", "bmi2", "amx_int8"}
    assert cpu.flags("Features\t: asimd crc32\n") == {"asimd", "crc32"}
    assert cpu.flags("") == frozenset()


def test_a_processor_is_another_one_when_its_flags_change() -> None:
    one, other = cpu.identity(CPUINFO.format(more="")), cpu.identity(CPUINFO.format(more="avx512f"))
    assert one.startswith("Fast CPU, ")
    assert one != other


def test_the_ladder_begins_with_the_fastest_build_that_may_work() -> None:
    plain, amx = cpu.flags(CPUINFO.format(more="")), cpu.flags(CPUINFO.format(more="amx_tile amx_int8"))
    assert names(plain) == ["native", "avx2", "baseline"]
    assert names(amx) == ["native-no-amx", "avx2", "baseline"]
    assert names(plain, compiler_has_amx=True) == ["native-no-amx", "avx2", "baseline"]
    assert names(frozenset()) == ["native", "baseline"]
    assert names(frozenset(), machine="arm64") == ["native", "baseline"]


def test_every_build_has_a_key_of_its_own() -> None:
    rungs = [llama_build.NATIVE, llama_build.NATIVE_NO_AMX, llama_build.AVX2, llama_build.BASELINE]
    keys = {llama_build.wheel_key(lock, rung, who) for rung in rungs for lock in ("1", "2") for who in ("a", "b")}
    assert len(keys) == 16


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("[12/83] Building CXX object x.o\n", 14),
        ("  [83/83] Linking", 100),
        ("[1/2] Generating", None),
        ("Collecting x", None),
        ("[x/9]", None),
    ],
)
def test_the_compilers_progress_is_read(line: str, percent: int | None) -> None:
    assert llama_build.percent(line) == percent


def test_a_small_machine_compiles_fewer_files_at_once() -> None:
    assert llama_build.build_jobs(8, 64 << 30) == 8
    assert llama_build.build_jobs(8, 2 << 30) == 2
    assert llama_build.build_jobs(8, 1 << 29) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", "it crashed (Segmentation fault)"),
        ("import os; os.kill(os.getpid(), 4)", "it crashed (Illegal instruction)"),
        ("raise SystemExit('no such model')", "no such model"),
        ("raise SystemExit(3)", "it failed without saying why"),
        ("", ""),
    ],
)
def test_a_build_that_crashes_is_told_from_one_that_works(code: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/prove_llama.py").write_text(code)
    assert llama_build.prove(tmp_path / "model.gguf", tmp_path) == said


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_an_unsupported_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(setup.SetupError, match=r"Python \d\.\d+ is not supported; 3\.11 to 3\.13 are"):
        setup.check_python(version)


def test_only_three_pythons_are_taken() -> None:
    taken = []
    for minor in range(5, 20):
        with contextlib.suppress(setup.SetupError):
            setup.check_python((3, minor))
            taken.append(minor)
    assert taken == [11, 12, 13]


def test_the_stamp_changes_with_every_part_and_knows_its_profile() -> None:
    assert len({setup.stamp_key(parts) for parts in (["a", "b"], ["ab", ""], ["b", "a"], ["a", "b", ""])}) == 4
    assert setup.is_set_up("k start\n", "k", "start")
    assert setup.is_set_up("k test\n", "k", "start")
    assert setup.is_set_up("k test\n", "k", "quick")
    assert not setup.is_set_up("k start\n", "k", "quick")
    assert not setup.is_set_up("k quick\n", "k", "test")
    assert not setup.is_set_up("k quick\n", "k", "start")
    assert not setup.is_set_up("k start\n", "k", "test")
    assert not setup.is_set_up("other test\n", "k", "test")
    assert not setup.is_set_up("", "k", "start")


def test_missing_space_adds_up_on_each_disk() -> None:
    needs = {Path("/a/x"): 3_000_000_000, Path("/a/y"): 2_000_000_000}
    assert setup.shortfalls(needs, lambda path: 5_000_000_000, lambda path: "one") == []
    (line,) = setup.shortfalls(needs, lambda path: 4_000_000_000, lambda path: "one")
    assert line.startswith("1.0 GB more disk space are needed at /")
    assert "(5.0 GB in all)" in line


class FakeLlama(setup.Llama):
    """Compiles nothing: a wheel appears at once."""

    def __init__(self, folder: Path, compiles: set[str]) -> None:
        self._screen = setup.Screen()
        self._lock = ROOT / "requirements" / "llama.lock"
        self._cache = folder
        self._scratch = folder / "build"
        self._rungs = [llama_build.NATIVE, llama_build.AVX2, llama_build.BASELINE]
        self._job = None
        self._compiles = compiles
        self.compiled: list[str] = []

    def _wait_for(self, rung: llama_build.Rung) -> Path | None:
        self.compiled.append(rung.name)
        if rung.name not in self._compiles:
            return None
        self._scratch.mkdir(exist_ok=True)
        wheel = self._scratch / "llama.whl"
        wheel.write_text(rung.name)
        return wheel


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The wheels installed, by their content."""
    found: list[str] = []
    monkeypatch.setattr(setup, "run", lambda command, progress, what: found.append(Path(command[-1]).read_text()))
    return found


def test_a_build_that_crashes_gives_way_to_a_safer_one_that_is_kept(
    tmp_path: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(llama_build, "prove", lambda gguf, root: "it crashed" if installed[-1] == "native" else "")
    llama = FakeLlama(tmp_path, {"native", "avx2", "baseline"})
    assert llama.finish(tmp_path) == "avx2"
    assert installed == ["native", "avx2"]
    assert "the native build does not work on this machine: it crashed" in capsys.readouterr().err
    again = FakeLlama(tmp_path, {"native"})
    assert again.finish(tmp_path) == "avx2"
    assert again.compiled == ["native"]  # the build that crashed was not kept, the one that worked was


def test_a_kept_build_that_crashes_is_thrown_away(
    tmp_path: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_build, "prove", lambda gguf, root: "")
    assert FakeLlama(tmp_path, {"native"}).finish(tmp_path) == "native"
    monkeypatch.setattr(llama_build, "prove", lambda gguf, root: "it crashed" if installed[-1] == "native" else "")
    assert FakeLlama(tmp_path, {"native", "baseline"}).finish(tmp_path) == "baseline"
    assert [path.read_text() for path in tmp_path.rglob("*/*.whl") if path.parent.name != "build"] == ["baseline"]


def test_when_no_build_works_set_up_fails(tmp_path: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_build, "prove", lambda gguf, root: "it crashed")
    with pytest.raises(setup.SetupError, match=r"no build of llama\.cpp works"):
        FakeLlama(tmp_path, {"native", "baseline"}).finish(tmp_path)


def test_a_job_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = "import time; time.sleep(60)"
    code = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}]); print(p.pid, flush=True); p.wait()"
    )
    job = setup.Job([sys.executable, "-c", code], tmp_path / "log")
    while not job.line:
        pass
    job.stop()
    assert not job._reader.is_alive()  # the pipe has ended: nobody is left who could write to it


def test_a_command_that_fails_shows_the_end_of_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "LOG", tmp_path / "log")
    (tmp_path / "log").write_text("of an earlier command\n")
    seen: list[str] = []
    setup.run([sys.executable, "-c", "print('fine')"], seen.append, "it")
    with pytest.raises(setup.SetupError, match=r"(?s)it failed.*no such package") as caught:
        setup.run([sys.executable, "-c", "raise SystemExit('no such package')"], seen.append, "it")
    assert "earlier" not in str(caught.value)


def test_no_working_compiler_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert llama_build.compiler() is None
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert llama_build.compiler() is None


def test_without_a_python_the_script_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("start", "env.sh"):
        (tmp_path / "scripts" / name).write_bytes((ROOT / "scripts" / name).read_bytes())
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "cat"):
        found = next(Path(folder) / tool for folder in os.environ["PATH"].split(os.pathsep) if (Path(folder) / tool).exists())
        (tools / tool).symlink_to(found)
    done = subprocess.run(
        ["bash", str(tmp_path / "scripts/start")],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "voice needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr


def test_no_dependency_file_names_a_registry() -> None:
    paths = sorted((ROOT / "requirements").iterdir())
    assert len(paths) > 5
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"://|--?(index-url|extra-index-url|find-links|trusted-host)\b|^\s*-[if]\b", line), (
                f"{path.name}:{number}"
            )


def test_the_lock_files_agree_so_that_no_step_undoes_another() -> None:
    pinned: dict[str, str] = {}
    for name in ("build.lock", "runtime.lock", "dev.lock", "quick.lock"):
        for line in (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines():
            if (found := re.match(r"([a-z0-9_.-]+)==([^ ;]+) *(;[^\\]*)?", line)) is not None:
                key = f"{found[1]} {(found[3] or '').strip()}"
                assert pinned.setdefault(key, found[2]) == found[2], f"{name}: {key}"
    assert len(pinned) > 20
