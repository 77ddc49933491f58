"""The daemon against a real server, with a sound card that the test plays."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from tests.fakes.conversation import House
from tests.fakes.portaudio import OVERFLOW, FakePortAudio
from voice.core.config import ServerConfig
from voice.core.errors import ConfigError, DeviceError
from voice.mic import daemon as module
from voice.mic.connection import Address
from voice.mic.daemon import Daemon
from voice.mic.gate import Gate
from voice.mic.sound import DeviceChoice
from voice.server.websocket import VoiceServer


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    library = FakePortAudio()
    monkeypatch.setattr(module, "portaudio", lambda: library)
    return library


async def until(true: Callable[[], Any], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def converse(
    card: FakePortAudio,
    script: Callable[[Daemon, House, VoiceServer], Awaitable[None]],
    *,
    gate: Gate | None = None,
    choice: DeviceChoice | None = None,
    patient: bool = False,
) -> Daemon:
    """A daemon, a server and a sound card that ticks, for as long as the script runs."""

    async def everything() -> Daemon:
        house = House()
        async with VoiceServer(ServerConfig(port=0)) as server:
            server.open_with(house)
            made = Daemon(Address(server.url), choice or DeviceChoice(), gate or Gate("open"), patient=patient)
            running = asyncio.create_task(made.run())
            ticking = asyncio.create_task(card.tick(60))
            try:
                await script(made, house, server)
            finally:
                ticking.cancel()
                running.cancel()
                await asyncio.gather(running, ticking, return_exceptions=True)
            assert not card.streams, "the devices are let go"
            return made

    return asyncio.run(everything())


def tone(seconds: float, rate_hz: int) -> Any:
    return (0.3 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def test_what_is_said_is_heard_at_the_server_and_the_reply_is_played(card: FakePortAudio) -> None:
    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.connected and house.conversations)
        card.hear(tone(0.4, 44_100))
        await until(lambda: daemon.player.played > 4000)
        await until(lambda: daemon.status.turns)
        assert np.abs(np.concatenate(house.conversations[0].heard)).max() > 0.1
        assert [line.text for line in daemon.status.lines] == ["a sound", "You said a sound."]

    daemon = converse(card, script)
    assert daemon.status.turns[0]["ttfa_ms"] == 210.0
    assert card.opened == [("output", 44_100, 1), ("input", 44_100, 1)]


def test_a_device_that_is_pulled_out_and_put_back_is_taken_up_again(card: FakePortAudio) -> None:
    headset = dict(card.plugged[1])

    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.microphone == "USB headset" and house.conversations)
        card.unplug("USB headset")
        await until(lambda: "no microphone 'usb'" in daemon.status.trouble)
        assert len(house.conversations) == 1, "the conversation goes on"
        headset["rate"] = 16_000  # and comes back with another rate
        card.plugged.append(headset)
        await until(lambda: daemon.status.microphone == "USB headset", 2.0)
        heard = len(house.conversations[0].heard)
        await until(lambda: len(house.conversations[0].heard) > heard)
        assert daemon.status.trouble == ""

    daemon = converse(card, script, choice=DeviceChoice("usb", "usb"))
    assert daemon.status.counts.lost == 1
    assert card.opened[-1] == ("input", 16_000, 1)
    assert card.rescans >= 1


def test_a_microphone_that_falls_silent_for_good_is_opened_again(card: FakePortAudio) -> None:
    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.microphone)
        for stream in card.streams:
            stream.settings["callback"] = lambda *_: None
        await until(lambda: daemon.status.counts.lost == 1)
        await until(lambda: daemon.status.microphone)

    converse(card, script)


def test_overruns_are_counted(card: FakePortAudio) -> None:
    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.microphone)
        card.hear(tone(0.01, 44_100), status=OVERFLOW)

    assert converse(card, script).status.counts.overruns == 1


def test_the_server_may_go_and_come_back(card: FakePortAudio) -> None:
    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.connected)
        house.conversations[0].close()
        await until(lambda: not daemon.status.connected)
        assert daemon.status.trouble
        await until(lambda: daemon.status.connected)
        card.hear(tone(0.4, 44_100))
        await until(lambda: daemon.player.played > 4000)

    assert converse(card, script).status.connections == 2


def test_stereo_is_mixed_where_mono_is_refused(card: FakePortAudio) -> None:
    card.refuses = lambda kind, settings: "Invalid number of channels" if settings["channels"] == 1 else None

    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.connected and house.conversations)
        card.hear(tone(0.2, 44_100))
        await until(lambda: daemon.status.level > 0.1)

    converse(card, script)
    assert card.opened == [("output", 44_100, 2), ("input", 44_100, 2)]


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("Device unavailable", "'Built-in' is in use by another program"),
        ("Invalid sample rate", "takes none of the usual sample rates"),
        ("Internal PortAudio error", "cannot be opened .Error opening Stream: Internal PortAudio error"),
    ],
)
def test_a_device_that_refuses_is_told_with_the_cure(card: FakePortAudio, why: str, told: str) -> None:
    card.refuses = lambda kind, settings: why
    with pytest.raises(DeviceError, match=told):
        asyncio.run(Daemon(Address("ws://127.0.0.1:1"), DeviceChoice(), Gate("open")).run())
    assert not card.streams


def test_devices_that_hang_while_they_open_are_waited_for(card: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_WITHIN_S", 0.2)
    answers = threading.Event()

    def hang(kind: str, settings: dict[str, Any]) -> None:
        answers.wait(10)

    card.refuses = hang

    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: "is the sound server alive" in daemon.status.trouble)
        answers.set()
        await until(lambda: daemon.status.microphone)
        assert daemon.status.trouble == ""

    converse(card, script, patient=True)
    assert [kind for kind, *_ in card.opened] == ["output", "input"], "opened once"


def test_no_device_ends_it_at_once_and_a_service_waits(card: FakePortAudio) -> None:
    plugged, card.plugged = card.plugged, []
    with pytest.raises(DeviceError, match="there is no microphone"):
        asyncio.run(Daemon(Address("ws://127.0.0.1:1"), DeviceChoice(), Gate("open")).run())

    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: "no microphone" in daemon.status.trouble)
        card.plugged = plugged
        await until(lambda: daemon.status.microphone)

    converse(card, script, patient=True)


def test_an_address_that_is_none_is_told(card: FakePortAudio) -> None:
    with pytest.raises(ConfigError, match="not a WebSocket address"):
        asyncio.run(Daemon(Address("kitchen"), DeviceChoice(), Gate("open")).run())


def test_nobody_is_heard_while_the_key_is_not_pressed(card: FakePortAudio) -> None:
    async def script(daemon: Daemon, house: House, server: VoiceServer) -> None:
        await until(lambda: daemon.status.connected and house.conversations)
        card.hear(tone(0.3, 44_100))
        await asyncio.sleep(0.3)
        assert house.conversations[0].heard == []
        daemon.gate.press()
        await until(lambda: house.conversations[0].heard)
        assert np.abs(np.concatenate(house.conversations[0].heard)).max() > 0.1, "what was said just before the key"

    converse(card, script, gate=Gate("push"))
