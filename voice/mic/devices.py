"""Which devices there are, and which one is meant."""

import ctypes
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import IO, Literal

from voice.core.errors import DeviceError

Direction = Literal["input", "output"]
GET_PORTAUDIO = (
    "install it: sudo apt install libportaudio2 libasound2-plugins (Debian, Ubuntu), "
    "sudo dnf install portaudio alsa-plugins-pulseaudio (Fedora), brew install portaudio (macOS)"
)


_CHATTER = re.compile(rb"(ALSA lib |Expression '|Cannot connect to server|jack server|JackShm|attempt to connect)|\s*$")


@dataclass(frozen=True, slots=True)
class Device:
    """One sound device as PortAudio names it."""

    index: int
    name: str
    api: str
    inputs: int
    outputs: int
    rate_hz: int
    is_default_input: bool = False
    is_default_output: bool = False

    def has(self, direction: Direction) -> bool:
        """Whether it can be used so."""
        return (self.inputs if direction == "input" else self.outputs) > 0


def portaudio() -> ModuleType:
    """The sounddevice module.

    Raises:
        DeviceError: PortAudio is not installed; the message says how to get it.
    """
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(f"the PortAudio library was not found ({error}); {GET_PORTAUDIO}") from error
    except ImportError as error:
        raise DeviceError(f"the Python package sounddevice cannot be imported ({error}); run scripts/setup.py again") from error
    _hush_alsa()
    module: ModuleType = sounddevice
    return module


_AlsaErrorHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_say_nothing = _AlsaErrorHandler(lambda *_: None)
"""ALSA keeps only its address, so it must live as long as the process."""


def _hush_alsa() -> None:
    """ALSA prints every underrun on standard error, across the view; the daemon counts them."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_say_nothing)


def rescan(library: ModuleType) -> None:
    """Make PortAudio look for devices anew: it does so only when it starts. All its streams must be closed."""
    library._terminate()
    library._initialize()


class _Stderr:
    """Turns the file descriptor of standard error away while anybody wants it so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before = -1
        self._held: IO[bytes] | None = None

    def turn_away(self) -> None:
        with self._lock:
            self._wanted += 1
            if self._held is not None:
                return
            with suppress(OSError):  # it is closed
                self._before = os.dup(2)
                self._held = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is given back
                os.dup2(self._held.fileno(), 2)

    def give_back(self) -> None:
        with self._lock:
            self._wanted -= 1
            if self._wanted or self._held is None:
                return
            os.dup2(self._before, 2)
            os.close(self._before)
            with self._held as held:
                self._held = None
                held.seek(0)
                for line in held:
                    if not _CHATTER.match(line):
                        os.write(2, line)


_stderr = _Stderr()


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what ALSA, JACK and PortAudio print when a device does not open; the exception says it.

    They write to the file descriptor of standard error. What others write to it meanwhile is printed a little later. Several
    threads may be quiet at the same time.
    """
    _stderr.turn_away()
    try:
        yield
    finally:
        _stderr.give_back()


def devices(library: ModuleType) -> list[Device]:
    """All devices that PortAudio knows.

    Raises:
        DeviceError: it cannot be asked.
    """
    try:
        apis = library.query_hostapis()
        default_in, default_out = library.default.device
        return [
            Device(
                index=number,
                name=str(found["name"]),
                api=str(apis[found["hostapi"]]["name"]),
                inputs=int(found["max_input_channels"]),
                outputs=int(found["max_output_channels"]),
                rate_hz=int(found["default_samplerate"] or 48_000),
                is_default_input=number == default_in,
                is_default_output=number == default_out,
            )
            for number, found in enumerate(library.query_devices())
        ]
    except library.PortAudioError as error:
        raise DeviceError(f"the sound devices cannot be listed: {error}") from error


def choose(known: Sequence[Device], wanted: str | None, direction: Direction) -> Device:
    """The device that is meant: the default, or by number, full name, or a part of one name.

    Raises:
        DeviceError: there is none, or more than one; the message lists what there is.
    """
    usable = [device for device in known if device.has(direction)]
    what = "microphone" if direction == "input" else "loudspeaker"
    if not usable:
        raise DeviceError(f"there is no {what}: plug one in, and see whether the sound server runs (pactl info)")
    if wanted is None:
        is_default = [d for d in usable if (d.is_default_input if direction == "input" else d.is_default_output)]
        return (is_default or usable)[0]
    if wanted.isdigit():
        found = [device for device in usable if device.index == int(wanted)]
    else:
        named = wanted.casefold()
        found = [device for device in usable if device.name.casefold() == named]
        found = found or [device for device in usable if named in device.name.casefold()]
    if not found:
        names = ", ".join(repr(device.name) for device in usable)
        raise DeviceError(f"there is no {what} {wanted!r}; there are {names} (voice mic --list)")
    if len({device.name for device in found}) > 1:
        names = ", ".join(repr(device.name) for device in found)
        raise DeviceError(f"{wanted!r} may be {names}; say more of the name")
    return found[0]
