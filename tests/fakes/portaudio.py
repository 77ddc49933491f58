"""A PortAudio without sound cards: the test calls back in its place, and says what goes wrong."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from voice.core.interfaces import Samples

FINE = SimpleNamespace(input_overflow=False, output_underflow=False)
OVERFLOW = SimpleNamespace(input_overflow=True, output_underflow=False)


class PortAudioError(Exception):
    pass


class FakeStream:
    def __init__(self, library: "FakePortAudio", kind: str, settings: dict[str, Any]) -> None:
        self.library, self.kind, self.settings = library, kind, settings
        self.samplerate, self.latency = settings["samplerate"], 0.02
        self.running = False

    def start(self) -> None:
        self.running = True

    def abort(self) -> None:
        self.running = False

    def close(self) -> None:
        self.running = False
        if self in self.library.streams:
            self.library.streams.remove(self)


class FakePortAudio:
    """Stands in for the sounddevice module."""

    def __init__(self) -> None:
        self.PortAudioError = PortAudioError
        self.plugged = [
            {"name": "Built-in", "rate": 44_100, "in": 2, "out": 2},
            {"name": "USB headset", "rate": 48_000, "in": 1, "out": 2},
        ]
        self.streams: list[FakeStream] = []
        self.refuses: Callable[[str, dict[str, Any]], str | None] = lambda kind, settings: None
        self.rescans = 0
        self.opened: list[tuple[str, int, int]] = []

    @property
    def default(self) -> Any:
        return SimpleNamespace(device=(0, 0) if self.plugged else (-1, -1))

    def query_hostapis(self) -> Any:
        return ({"name": "ALSA"},)

    def query_devices(self) -> Any:
        return [
            {
                "name": device["name"],
                "hostapi": 0,
                "max_input_channels": device["in"],
                "max_output_channels": device["out"],
                "default_samplerate": float(str(device["rate"])),
            }
            for device in self.plugged
        ]

    def _terminate(self) -> None:
        assert not [stream for stream in self.streams if stream.running], "streams are open while PortAudio is restarted"
        self.rescans += 1

    def _initialize(self) -> None:
        pass

    def InputStream(self, **settings: Any) -> FakeStream:  # noqa: N802
        return self._open("input", settings)

    def OutputStream(self, **settings: Any) -> FakeStream:  # noqa: N802
        return self._open("output", settings)

    def _open(self, kind: str, settings: dict[str, Any]) -> FakeStream:
        if (why := self.refuses(kind, settings)) is not None:
            raise PortAudioError(f"Error opening Stream: {why} [PaErrorCode -9985]", -9985)
        self.opened.append((kind, settings["samplerate"], settings["channels"]))
        stream = FakeStream(self, kind, settings)
        self.streams.append(stream)
        return stream

    # --- what the sound card does -------------------------------------------------------------------------------------------

    def stream(self, kind: str) -> FakeStream:
        return next(stream for stream in self.streams if stream.kind == kind and stream.running)

    def hear(self, samples: Samples, *, status: Any = FINE) -> None:
        """The microphone picks this up, at its own rate."""
        stream = self.stream("input")
        block = np.repeat(samples[:, None], stream.settings["channels"], axis=1)
        stream.settings["callback"](block, samples.size, None, status)

    def play(self, frames: int) -> Samples:
        """The loudspeaker asks for its next frames."""
        stream = self.stream("output")
        block = np.zeros((frames, stream.settings["channels"]), dtype=np.float32)
        stream.settings["callback"](block, frames, None, FINE)
        return np.asarray(block[:, 0], dtype=np.float32)

    def unplug(self, name: str) -> None:
        """Pull it out: its streams end."""
        self.plugged = [device for device in self.plugged if device["name"] != name]
        for stream in list(self.streams):
            stream.running = False
            stream.settings["finished_callback"]()

    async def tick(self, seconds: float) -> None:
        """Let a quiet sound card run for a while."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds
        while loop.time() < until_s:
            for stream in self.streams:
                if stream.running and stream.kind == "input":
                    rate = stream.settings["samplerate"]
                    self.hear(np.zeros(rate // 100, dtype=np.float32))
                    self.play(int(self.stream("output").settings["samplerate"]) // 100)
            await asyncio.sleep(0.01)
