"""The sound card: two PortAudio streams at the devices' own rates, 16 kHz on our side.

PortAudio calls back on threads of its own. They do little: resample, copy, count. What was heard goes to the event loop through
a bounded queue. :class:`SoundCard` is one life of the devices, from plugging in to pulling out; its owner opens it again.
"""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from voice.audio.resample import StreamResampler
from voice.core.errors import DeviceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.mic.devices import Device, choose, devices
from voice.mic.echo import EchoCanceller
from voice.mic.player import Player

BLOCK_MS = 5
"""Half of the canceller's frame: a longer one would add its own length to the way in, and twice that to the way out."""
LATENCY_S = 0.02
MAX_WAITING_BLOCKS = 400
"""2 s: a busy event loop loses the oldest beyond it."""
FIRST_SOUND_S = 2.0
"""A device that was just opened may take so much longer until its first sound."""
REALTIME_PRIORITY = 5
"""PulseAudio's own."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What went wrong on the way, added up over all lives of the devices."""

    overruns: int = 0
    """The sound card had to throw away what was heard."""
    underruns: int = 0
    """It had nothing to play."""
    dropped_blocks: int = 0
    """The event loop was too busy."""
    lost: int = 0
    """How often a device went away."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Which devices, by name, part of a name or number (``None``: the default), and how they are used.

    Attributes:
        latency: "low", "high", or seconds; what PortAudio asks of the card.
    """

    microphone: str | None = None
    loudspeaker: str | None = None
    latency: str | float = LATENCY_S
    cancel_echo: bool = True


class SoundCard:
    """Both streams, open. Make it in a thread (it blocks), close it in a thread.

    Args:
        loop: where what is heard goes.
        on_heard: called on the event loop when :meth:`heard` has something.

    Raises:
        DeviceError: no such device, or it is busy or refuses; the message says what to do.
    """

    def __init__(
        self,
        library: ModuleType,
        choice: DeviceChoice,
        player: Player,
        counts: Counts,
        loop: asyncio.AbstractEventLoop,
        on_heard: Callable[[], None],
    ) -> None:
        self._player = player
        self._counts = counts
        self._on_heard = on_heard
        self._loop = loop
        self._blocks: deque[Samples] = deque()
        self._told = self._hurried_in = self._hurried_out = False
        self._gone = threading.Event()
        self.heard_at_s = self._loop.time() + FIRST_SOUND_S
        known = devices(library)
        self.microphone = choose(known, choice.microphone, "input")
        self.loudspeaker = choose(known, choice.loudspeaker, "output")
        self._out_rest: Samples = np.zeros(0, dtype=np.float32)
        self._streams: list[Any] = []
        self.echo: EchoCanceller | None = None
        try:
            output = self._open(library, self.loudspeaker, self._play, choice.latency)
            microphone = self._open(library, self.microphone, self._listen, choice.latency)
            self._to_card = StreamResampler(SAMPLE_RATE_HZ, int(output.samplerate))
            self._from_card = StreamResampler(int(microphone.samplerate), SAMPLE_RATE_HZ)
            if choice.cancel_echo:
                self.echo = EchoCanceller(round((output.latency + microphone.latency) * 1000))
            for stream in self._streams:
                stream.start()
            self.heard_at_s = self._loop.time() + FIRST_SOUND_S
        except library.PortAudioError as error:
            self.close()
            raise DeviceError(f"the sound card cannot be started: {_why(error)}") from error
        except DeviceError:
            self.close()
            raise

    @property
    def latency_ms(self) -> float:
        """What both cards say of their own delay."""
        return float(sum(stream.latency for stream in self._streams)) * 1000

    @property
    def ended(self) -> bool:
        """Whether a stream has ended by itself: its device went, or refused to go on."""
        return self._gone.is_set()

    def heard(self) -> Samples:
        """Everything heard since the last call, without the echo: 16 kHz. For the event loop."""
        self._told = False
        blocks = []
        while self._blocks:
            blocks.append(self._blocks.popleft())
        if not blocks:
            return np.zeros(0, dtype=np.float32)
        self.heard_at_s = self._loop.time()
        samples = np.concatenate(blocks)
        return samples if self.echo is None else self.echo.clean(samples)

    def close(self) -> None:
        """Let go of the devices. May block for a moment; may be called again."""
        self._gone.set()
        streams, self._streams = self._streams, []
        for stream in streams:
            try:
                stream.abort()
                stream.close()
            except Exception as error:  # a device that is gone cannot be closed properly
                _log.debug("closing a stream: %s", error)

    # --- opening -----------------------------------------------------------------------------------------------------------

    def _open(self, library: ModuleType, device: Device, callback: Callable[..., None], latency: str | float) -> Any:
        is_input = callback == self._listen
        kind = library.InputStream if is_input else library.OutputStream
        most = device.inputs if is_input else device.outputs
        last: Exception | None = None
        for rate_hz in dict.fromkeys((device.rate_hz, 48_000, 44_100, 16_000)):
            for channels in dict.fromkeys((1, min(2, most))):
                try:
                    stream = kind(
                        device=device.index,
                        samplerate=rate_hz,
                        channels=channels,
                        dtype="float32",
                        blocksize=rate_hz * BLOCK_MS // 1000,
                        latency=latency,
                        callback=callback,
                        finished_callback=self._gone.set,
                    )
                except (library.PortAudioError, ValueError) as error:
                    last = error
                else:
                    self._streams.append(stream)
                    return stream
        raise DeviceError(_refused(device, is_input=is_input, error=last))

    # --- on PortAudio's threads ---------------------------------------------------------------------------------------------

    def _listen(self, block: Any, _frames: int, _time: Any, status: Any) -> None:
        if not self._hurried_in:
            self._hurried_in = hurry()
        if status.input_overflow:
            self._counts.overruns += 1
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        samples = self._from_card.push(np.array(mono, dtype=np.float32))
        if len(self._blocks) >= MAX_WAITING_BLOCKS:
            self._blocks.popleft()
            self._counts.dropped_blocks += 1
        self._blocks.append(samples)
        if not self._told:
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._on_heard)
            except RuntimeError:  # the loop is closed
                self._gone.set()

    def _play(self, block: Any, frames: int, _time: Any, status: Any) -> None:
        if not self._hurried_out:
            self._hurried_out = hurry()
        if status.output_underflow:
            self._counts.underruns += 1
        pieces = [self._out_rest]
        ready = self._out_rest.size
        while ready < frames:
            samples = self._player.take(SAMPLE_RATE_HZ * BLOCK_MS // 1000)
            if self.echo is not None:
                self.echo.played(samples)
            converted = self._to_card.push(samples)
            pieces.append(converted)
            ready += converted.size
        samples = np.concatenate(pieces)
        block[:] = samples[:frames, None]
        self._out_rest = samples[frames:]


def hurry() -> bool:
    """Ask for the scheduling that sound threads have, for the thread that calls: what it does must be done within a block.

    Where the system does not grant it (``RLIMIT_RTPRIO``), the thread stays as it is. Always true: it has been asked for.
    """
    if hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME_PRIORITY))
    return True


def _refused(device: Device, *, is_input: bool, error: Exception | None) -> str:
    what = "microphone" if is_input else "loudspeaker"
    why = _why(error)
    if "unavailable" in why.casefold() or "busy" in why.casefold():
        return f"the {what} {device.name!r} is in use by another program; close that, or choose another (voice mic --list)"
    if any(word in why.casefold() for word in _NOT_THERE):
        return f"the {what} {device.name!r} is not there: it was unplugged, or the sound server does not run (pactl info)"
    if "sample rate" in why.casefold():
        return f"the {what} {device.name!r} takes none of the usual sample rates ({why}); choose another (voice mic --list)"
    return f"the {what} {device.name!r} cannot be opened ({why}); choose another (voice mic --list)"


_NOT_THERE = ("input/output error", "no such", "illegal combination", "connection refused", "device removed")


def _why(error: Exception | None) -> str:
    """What PortAudio said, without its numbers; where it was puzzled, what the system told it."""
    told = error.args if error is not None and error.args else (error,)
    match told:
        case (str() as text, _, (_, _, str() as host)) if "host error" in text:
            return host
        case (first, *_):
            return str(first).partition(" [PaErrorCode")[0].rstrip(". ")
        case _:
            return "no reason given"
