"""A private PulseAudio server with a loudspeaker and a microphone of nothing but memory, reached through PortAudio.

Two null sinks: what is played to ``speaker`` is what the user would hear; what is played to ``room`` is what the microphone
picks up. A loopback from one to the other is the echo of an open loudspeaker. The server lives in a temporary folder with a
socket of its own, and knows no hardware.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from voice.core.errors import DeviceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.mic.devices import portaudio, quiet, rescan

MICROPHONE, LOUDSPEAKER = "room microphone", "room loudspeaker"
"""The devices as PortAudio lists them."""
_SINKS = ("speaker", "room")
_START_WITHIN_S = 10.0


def missing() -> str:
    """What this needs and this machine lacks; empty when all is there."""
    lacking = [name for name in ("pulseaudio", "pactl", "pacat") if shutil.which(name) is None]
    if lacking:
        return f"{', '.join(lacking)} not found: sudo apt install pulseaudio pulseaudio-utils libportaudio2 libasound2-plugins"
    return ""


def require() -> None:
    """See that both ends are there.

    Raises:
        DeviceError: PulseAudio or PortAudio is not installed; the message says how to get it.
    """
    if why := missing():
        raise DeviceError(why)
    portaudio()


class PulseServer:
    """Runs while it is entered; sets the environment of this process so that PortAudio finds it and nothing else.

    Raises:
        DeviceError: on entering, it does not start.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="voice-pulse-"))
        self._server: subprocess.Popen[bytes] | None = None
        self._before: Mapping[str, str | None] = {}
        self._modules: dict[str, str] = {}

    def __enter__(self) -> Self:
        require()
        socket = self._folder / "native"
        alsa = self._folder / "asound.conf"
        devices = ((MICROPHONE, "room.monitor"), (LOUDSPEAKER, "speaker"))
        alsa.write_text(
            "".join(
                f'pcm."{name}" {{ type pulse device "{device}" hint {{ show on description "{name}" }} }}\n'
                for name, device in devices
            )
            + f'pcm.!default {{ type asym playback.pcm "{LOUDSPEAKER}" capture.pcm "{MICROPHONE}" }}\n',
            encoding="utf-8",
        )
        system = "/usr/share/alsa/alsa.conf"
        changed = {
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_SERVER": f"unix:{socket}",
            "ALSA_CONFIG_PATH": f"{system}:{alsa}" if Path(system).exists() else str(alsa),
        }
        self._before = {key: os.environ.get(key) for key in changed}
        os.environ.update(changed)
        arguments = [
            "--daemonize=no",
            "-n",
            "--exit-idle-time=-1",
            "--disable-shm=true",
            "--use-pid-file=no",
            "--log-level=error",
            "--resample-method=speex-float-5",
        ]
        self._server = subprocess.Popen(  # noqa: S603
            ["pulseaudio", *arguments, "-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"],  # noqa: S607
            env={**os.environ, "HOME": str(self._folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + _START_WITHIN_S
        while self._pactl("info", check=False) is None:
            if self._server.poll() is not None or time.monotonic() > deadline_s:
                self.__exit__(None, None, None)
                raise DeviceError("pulseaudio does not start here; run pulseaudio -n -v by hand to see why")
            time.sleep(0.05)
        for sink in _SINKS:
            self.plug(sink)
        self._pactl("set-default-sink", "speaker")
        self._pactl("set-default-source", "room.monitor")
        with quiet():
            rescan(portaudio())  # it has looked for devices before, elsewhere
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        for key, value in self._before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        shutil.rmtree(self._folder, ignore_errors=True)

    def plug(self, sink: str) -> None:
        """Plug a device in: ``speaker``, or ``room`` (the microphone)."""
        self._modules[sink] = self._load(f"module-null-sink sink_name={sink} rate=48000 channels=1 norewinds=1")

    def unplug(self, sink: str) -> None:
        """Pull it out."""
        self._pactl("unload-module", self._modules.pop(sink))

    def echo(self, db: float, *, latency_ms: int = 30) -> None:
        """From now on the microphone hears the loudspeaker, ``db`` louder (negative: softer)."""
        module = self._load(f"module-loopback source=speaker.monitor sink=room latency_msec={latency_ms} sink_dont_move=true")
        inputs = self._pactl("list", "short", "sink-inputs") or ""
        number = max(int(line.split()[0]) for line in inputs.splitlines())
        self._pactl("set-sink-input-volume", str(number), f"{db}dB")
        self._modules["echo"] = module

    def no_echo(self) -> None:
        """From now on it does not."""
        self._pactl("unload-module", self._modules.pop("echo"))

    def say(self, samples: Samples) -> "subprocess.Popen[bytes]":
        """Play 16 kHz samples in the room, as somebody who speaks; returns at once. They start within some 50 ms."""
        path = self._folder / f"said-{time.monotonic_ns()}.raw"
        path.write_bytes(samples.astype(np.float32).tobytes())
        with path.open("rb") as raw:
            return subprocess.Popen(
                ["pacat", "--device=room", "--rate=16000", "--channels=1", "--format=float32le", "--latency-msec=2000"],  # noqa: S607
                stdin=raw,
                stderr=subprocess.DEVNULL,
            )

    def record(self, sink: str) -> "subprocess.Popen[bytes]":
        """What is played to a device, as raw 16 kHz float32 on the process's standard output, until it is killed."""
        return subprocess.Popen(  # noqa: S603
            [  # noqa: S607
                "parec", f"--device={sink}.monitor", f"--rate={SAMPLE_RATE_HZ}", "--channels=1", "--format=float32le",
                "--latency-msec=10",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _load(self, module: str) -> str:
        number = self._pactl("load-module", *module.split())
        if number is None:
            raise DeviceError(f"pulseaudio does not take {module}")
        return number.strip()

    def _pactl(self, *words: str, check: bool = True) -> str | None:
        done = subprocess.run(["pactl", *words], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607
        if done.returncode:
            if check:
                raise DeviceError(f"pactl {' '.join(words)}: {done.stderr.strip()}")
            return None
        return done.stdout
