import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import CONFIG, WEIGHTS
from voice.core.config import LlmConfig
from voice.models import background, files
from voice.models.background import SecondSpeed, available, may_fetch, parse_meminfo, state
from voice.models.fetch import Silent, lock_of
from voice.models.manifest import Model

TINY = LlmConfig(large="tiny")
GB = 10**9


# --- what is allowed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disk", "total", "free", "says"),
    [
        (10 * GB, 8 * GB, 6 * GB, ""),
        (None, None, None, ""),
        (10 * GB, 8 * GB, None, ""),
        (2 * GB, 8 * GB, 6 * GB, "2.1 GB of free disk are needed, 2.0 GB are there"),
        (10 * GB, 2 * GB, 2 * GB, "4 GB of memory are needed, the machine has 2.0 GB"),
        (10 * GB, 8 * GB, 2 * GB, "2.4 GB of free memory are needed, 2.0 GB are there"),
    ],
)
def test_a_larger_model_is_fetched_where_there_is_room(
    disk: int | None, total: int | None, free: int | None, says: str
) -> None:
    assert may_fetch(1_117_320_768, disk, total, free) == says


@given(st.integers(1, 10 * GB), st.integers(0, 20 * GB), st.integers(0, 20 * GB), st.integers(0, 20 * GB))
def test_more_room_never_forbids(size: int, disk: int, total: int, free: int) -> None:
    if not may_fetch(size, disk, total, free):
        assert not may_fetch(size, disk + GB, total + GB, free + GB)
        assert not may_fetch(size, None, None, None)
    else:
        assert may_fetch(size + GB, disk, total, free)


def test_the_memory_is_read_where_the_system_tells_it() -> None:
    text = "MemTotal:       16316412 kB\nMemFree:  1 kB\nMemAvailable:    9876543 kB\nHugePages_Total:       0\n"
    assert parse_meminfo(text) == (16316412 * 1024, 9876543 * 1024)
    assert parse_meminfo("nonsense\n") == (None, None)
    total, _ = background.memory()
    assert total is None or total > 2**27


# --- how it stands -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "memory", lambda: (16 * GB, 8 * GB))


def put_in_place(home: Path) -> Path:
    folder = home / "models/tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_bytes(CONFIG)
    (folder / "model.bin").write_bytes(WEIGHTS)
    return folder / "model.bin"


def test_the_state_says_how_it_stands(home: Path, model: Model, roomy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state(LlmConfig(large="")).state == "off"
    assert state(TINY).state == "wanted"
    assert state(LlmConfig(large="tiny", large_fetch=False)).state == "declined"
    assert state(LlmConfig(large="/no/such.gguf")).state == "unknown"
    with files.locked(lock_of(model)):
        assert state(TINY).state == "fetching"
    assert state(TINY).state == "wanted"
    with monkeypatch.context() as patch:
        patch.setattr(background, "memory", lambda: (2 * GB, GB))
        assert "4 GB of memory are needed" in state(TINY).says
        assert state(TINY).state == "refused"
    assert available(TINY) is None
    path = put_in_place(home)
    assert (state(TINY).state, available(TINY)) == ("ready", path)
    assert available(LlmConfig(large="")) is None


# --- in the background -------------------------------------------------------------------------------------------------------


class Listener:
    """What the owner of a second speed is told, and when."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ready: list[Path] = []
        self.begun = threading.Event()

    def say(self, text: str) -> None:
        self.said.append(text)
        if "%" in text:
            self.begun.set()

    def on_ready(self, path: Path) -> None:
        self.ready.append(path)


def child(source: str) -> Callable[[str], Sequence[str]]:
    return lambda name: (sys.executable, "-c", source, name)


def lines(*said: str) -> str:
    return "".join(f"print({line!r}, flush=True);" for line in said)


def run(told: Listener, command: Callable[[str], Sequence[str]], config: LlmConfig = TINY) -> None:
    """Start, wait for the end, close."""
    second = SecondSpeed(config, say=told.say, on_ready=told.on_ready, command=command)
    second.start()
    second._thread.join(60)
    second.close()


def test_a_model_that_came_is_handed_over_and_its_way_is_told(home: Path, model: Model, roomy: None) -> None:
    put = f"import pathlib; folder = pathlib.Path({str(home / 'models/tiny')!r}); folder.mkdir(parents=True);"
    put += f"(folder / 'model.bin').write_bytes({WEIGHTS[:8]!r} * 1000); (folder / 'config.json').write_bytes({CONFIG!r});"
    told = Listener()
    run(told, child(put + lines('["total", 100]', '["advance", 5]', '["advance", 30]', '["say", "x"]', "x", '["advance", 65]')))
    assert told.ready == [home / "models/tiny/model.bin"]
    assert "fetching the larger model tiny (0.0 GB) in the background" in told.said[0]
    assert "llm.large_fetch=false" in told.said[0]
    assert told.said[1:] == ["fetching tiny: 30 %", "fetching tiny: 90 %", "the larger model tiny is here"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (lines('["failed", "the disk is full"]') + "raise SystemExit(1)", "was not fetched: the disk is full"),
        ("raise SystemExit(3)", "was not fetched: its process ended with code 3"),
        ("", "is not on this machine"),  # it says that all went well, but the file is not there
    ],
)
def test_a_fetch_that_failed_is_told_of_and_harms_nobody(source: str, says: str, home: Path, model: Model, roomy: None) -> None:
    told = Listener()
    run(told, child(source))
    assert says in told.said[-1]
    assert told.ready == []


def test_a_program_that_cannot_be_started_harms_nobody(home: Path, model: Model, roomy: None) -> None:
    told = Listener()
    run(told, lambda name: ("/no/such/program",))
    assert "cannot be used" in told.said[-1]


def test_a_close_ends_the_child_at_once(home: Path, model: Model, roomy: None) -> None:
    told = Listener()
    endless = "import signal;" + lines('["total", 10]', '["advance", 5]') + "signal.pause()"
    second = SecondSpeed(TINY, say=told.say, on_ready=told.on_ready, command=child(endless))
    second.start()
    assert told.begun.wait(60)
    second.close()
    second.close()
    assert second._child is not None
    assert second._child.returncode is not None
    assert not second._thread.is_alive()
    assert told.said[-1] == "fetching tiny: 50 %"
    assert told.ready == []


def test_nothing_is_begun_after_a_close(home: Path, model: Model, roomy: None) -> None:
    told = Listener()
    second = SecondSpeed(TINY, say=told.say, on_ready=told.on_ready, command=lambda name: pytest.fail("a child"))
    second.close()
    second.start()
    second.close()
    assert second._child is None


@pytest.mark.parametrize("config", [LlmConfig(large=""), LlmConfig(large="tiny", large_fetch=False)])
def test_what_is_not_wanted_is_not_fetched_and_nothing_is_said(
    config: LlmConfig, home: Path, model: Model, roomy: None
) -> None:
    told = Listener()
    run(told, lambda name: pytest.fail("a child"), config)
    assert (told.said, told.ready) == ([], [])


def test_what_is_here_is_not_fetched_again(home: Path, model: Model, roomy: None) -> None:
    put_in_place(home)
    told = Listener()
    run(told, lambda name: pytest.fail("a child"))
    assert (told.said, told.ready) == ([], [])


def test_a_machine_without_room_is_told_why(home: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "memory", lambda: (2 * GB, GB))
    told = Listener()
    run(told, lambda name: pytest.fail("a child"))
    assert told.said == ["the larger model: tiny is not fetched: 4 GB of memory are needed, the machine has 2.0 GB"]


def test_a_bar_takes_the_place_of_the_tenths(home: Path, model: Model, roomy: None) -> None:
    class FakeBar(Silent):
        seen = 0
        ended = False

        def advance(self, size_bytes: int) -> None:
            self.seen += size_bytes

        def __enter__(self) -> "FakeBar":
            return self

        def __exit__(self, *_: object) -> None:
            self.ended = True

    told, bar = Listener(), FakeBar()
    command = child(lines('["total", 10]', '["advance", 5]') + "raise SystemExit(1)")
    second = SecondSpeed(TINY, say=told.say, on_ready=told.on_ready, bar=bar, command=command)
    second.start()
    second._thread.join(60)
    assert (bar.seen, bar.ended) == (5, True)
    assert not any("%" in text for text in told.said)


def test_the_real_child_fails_in_a_line(home: Path, model: Model, roomy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the real manifest, in which nothing is called ``tiny``: nothing is asked of any network."""
    told = Listener()
    run(told, background._own_command)
    assert "no model is called 'tiny'" in told.said[-1]
