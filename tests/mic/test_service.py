import socket
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from voice.mic.gate import Gate
from voice.mic.service import notify, unit, watchdog_s
from voice.mic.status import Status
from voice.mic.view import View


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not notify("READY=1")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        assert notify("READY=1", "STATUS=fine")
        assert manager.recv(1000) == b"READY=1\nSTATUS=fine"
    path.unlink()
    assert not notify("WATCHDOG=1"), "a manager that is gone does no harm"


def test_the_watchdog_is_fed_twice_as_often_as_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watchdog_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_s() == 15.0
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    assert watchdog_s() is None


def test_the_unit_runs_this_program() -> None:
    text = unit(["--in", "USB headset"])
    assert 'mic --service --in "USB headset"' in text
    assert "Type=notify" in text
    assert "WantedBy=default.target" in text


def test_the_view_shows_what_is_going_on() -> None:
    status = Status(microphone="USB headset", loudspeaker="HDMI", level=0.1, state="speaking", link_trouble="no server")
    status.say("you", "what time", final=False)
    status.say("you", "What time is it?")
    status.say("voice", "It is noon.")
    status.turns.append({"turn": 3, "ttfa_ms": 312.0, "stages_ms": {"asr": 80.0, "llm_first_token": None}, "tier": "edge"})
    console = Console(width=100, height=40, record=True, file=StringIO())
    console.print(View(status, Gate("push"), 300))
    shown = console.export_text()
    for part in (
        "USB headset → HDMI",
        "speaking",
        "-20 dB",
        "What time is it?",
        "It is noon.",
        "312 ms",
        "asr 80",
        "no server",
    ):
        assert part in shown
    assert "what time " not in shown.replace("What time is", "")
