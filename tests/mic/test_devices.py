import builtins
from typing import Any

import pytest

from tests.fakes.portaudio import FakePortAudio
from voice.core.errors import DeviceError
from voice.mic.devices import Device, choose, devices, portaudio

KNOWN = [
    Device(0, "HDA Intel: ALC295 (hw:0,0)", "ALSA", 2, 2, 44_100),
    Device(1, "Jabra Speak 510: USB (hw:1,0)", "ALSA", 1, 2, 16_000),
    Device(2, "HDMI 0", "ALSA", 0, 8, 48_000),
    Device(3, "default", "ALSA", 32, 32, 44_100, is_default_input=True, is_default_output=True),
]


@pytest.mark.parametrize(("wanted", "index"), [(None, 3), ("jabra", 1), ("1", 1), ("DEFAULT", 3), ("hda intel", 0)])
def test_a_device_is_found_by_its_name_or_number(wanted: str | None, index: int) -> None:
    assert choose(KNOWN, wanted, "input").index == index


@pytest.mark.parametrize(
    ("wanted", "direction", "why"),
    [
        ("sennheiser", "input", r"no microphone 'sennheiser'.*'default'.*--list"),
        ("HDMI", "input", "no microphone 'HDMI'"),
        ("17", "output", "no loudspeaker '17'"),
        ("hd", "output", "may be 'HDA Intel.*HDMI 0'"),
    ],
)
def test_what_cannot_be_found_is_told_with_what_there_is(wanted: str, direction: Any, why: str) -> None:
    with pytest.raises(DeviceError, match=why):
        choose(KNOWN, wanted, direction)


def test_no_device_at_all() -> None:
    with pytest.raises(DeviceError, match="there is no microphone: plug one in"):
        choose([], None, "input")


def test_devices_are_listed_with_the_defaults() -> None:
    found = devices(FakePortAudio())  # type: ignore[arg-type]
    assert [device.name for device in found] == ["Built-in", "USB headset"]
    assert found[0].is_default_input
    assert found[1].rate_hz == 48_000


def test_without_portaudio_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DeviceError, match="apt install libportaudio2"):
        portaudio()
