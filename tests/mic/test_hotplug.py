"""What the sound server says of its devices."""

import asyncio
import os
from pathlib import Path

import pytest

from voice.mic.devices import quiet
from voice.mic.hotplug import is_removal, watch

SAID = b"""Event 'new' on source #3
Event 'change' on server
Event 'remove' on source-output #4
Event 'remove' on sink-input #4
Event 'remove' on client #12
Event 'remove' on source #3
Event 'remove' on sink #9
"""


def test_devices_that_go_are_told_from_streams_that_end() -> None:
    assert [line for line in SAID.splitlines() if is_removal(line)] == SAID.splitlines()[-2:]


def test_the_sound_server_is_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pactl = tmp_path / "pactl"
    pactl.write_text('#!/bin/sh\n[ "$LC_ALL" = C ] && echo "Event \'remove\' on sink #1" && exec sleep 60\n', encoding="utf-8")
    pactl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    async def listen() -> None:
        gone = asyncio.Event()
        watching = asyncio.create_task(watch(gone.set))
        async with asyncio.timeout(10):
            await gone.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(listen())


def test_without_a_sound_server_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    asyncio.run(asyncio.wait_for(watch(lambda: None), 5))


def test_threads_that_are_quiet_at_the_same_time_give_standard_error_back(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = quiet(), quiet()
    with first:
        second.__enter__()
        os.write(2, b"a line of ours\n")
    second.__exit__(None, None, None)
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "a line of ours\nlater\n"


def test_only_the_chatter_of_the_libraries_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"ALSA lib pcm.c:1: (x) failed\n\nExpression 'r' failed in 'pa.c', line: 1\na line of ours\n")
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "a line of ours\nlater\n"
