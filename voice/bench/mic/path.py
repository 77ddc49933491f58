"""The daemon's way in and out, without an assistant: what arrives of a recording, and how much later than over a plain client.

The conversation at the server's end is an instrument: it keeps what it hears with the moment of its coming, and answers with a
recording when it is told to. The way in is the time from the last voiced sample in the room to its arrival at the
conversation; the way out is the time from the moment when the conversation hands a reply over to the reply at the loudspeaker.
A plain client streams the same recordings in real time to the same server, in frames of 20 ms, and its way out ends where the
reply arrives. The added latency is the difference of the two sums, so what the server itself takes is no part of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import numpy as np

from voice.audio.voiced import voiced_spans
from voice.bench.data.recordings import Recording
from voice.bench.mic.pulse import LOUDSPEAKER, MICROPHONE, PulseServer
from voice.bench.mic.recorder import Timeline, Witness, find, laid_over, lost_at_start_ms
from voice.client import ReceivedAudio, VoiceClient
from voice.core.channel import Channel, WhenFull
from voice.core.config import ServerConfig
from voice.core.errors import DeviceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.mic.connection import Address
from voice.mic.daemon import Daemon
from voice.mic.gate import Gate, Mode
from voice.mic.sound import DeviceChoice
from voice.server.websocket import VoiceServer
from voice.session import events as out

MODES: tuple[Mode, ...] = ("open", "push")
FRAME_S = 0.02
QUIET_S = 0.4
"""Silence around each recording."""
ALIKE = 0.5
"""Two recordings less alike than this are not the same."""
START_WITHIN_S = 10.0
PRESS_AFTER_S = 0.2
"""So long after the first voiced sample the finger comes down, in the push-to-talk runs."""


def chirp() -> Samples:
    """The instrument's answer: 120 ms from 400 to 3000 Hz, loud from its first sample on, and easy to find."""
    t = np.arange(int(0.12 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    samples: Samples = (0.4 * np.sin(2 * np.pi * (400 + 2600 / 0.24 * t) * t)).astype(np.float32)
    return samples


class Instrument(Timeline):
    """A conversation that listens, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self._channel: Channel[out.Event] = Channel(1000, WhenFull.FAIL, name="events")
        self._closing = asyncio.Event()
        self._turn = 0

    @property
    def events(self) -> AsyncIterator[out.Event]:
        """See :class:`voice.server.websocket.ServedConversation`."""
        return self._channel

    async def run(self) -> None:
        """See :class:`voice.server.websocket.ServedConversation`."""
        await self._closing.wait()
        self.closed = True
        self._channel.close()

    def push_audio(self, samples: Samples) -> None:
        """Keep it."""
        self.write(samples, asyncio.get_running_loop().time())

    def label(self, *, user: str, feature: str) -> None:
        """Nobody pays for it."""

    def push_text(self, text: str) -> None:
        """Nothing is typed here."""

    def played(self, turn: int, ms: float, clears: int | None) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """End it."""
        self._closing.set()

    def answer(self, samples: Samples) -> float:
        """Hand over a reply, all at once; returns when."""
        self._turn += 1
        self._channel.put_nowait(out.ReplyText(self._turn, "A recording."))
        self._channel.put_nowait(out.ReplyAudio(self._turn, samples, SAMPLE_RATE_HZ))
        self._channel.put_nowait(out.ReplyEnded(self._turn, "completed"))
        return asyncio.get_running_loop().time()


class Instruments:
    """A server of them; :attr:`newest` is the last connection's."""

    def __init__(self) -> None:
        self.newest: Instrument | None = None

    def __call__(self) -> Instrument:
        """For the next connection."""
        self.newest = Instrument()
        return self.newest


@dataclass(frozen=True, slots=True)
class AudioPath:
    """One recording there and one back, in milliseconds."""

    name: str
    mode: str
    in_ms: float
    out_ms: float
    lost_at_start_ms: float
    alike: float

    @property
    def sum_ms(self) -> float:
        """Both."""
        return self.in_ms + self.out_ms


@asynccontextmanager
async def instruments() -> AsyncIterator[tuple[str, Instruments]]:
    """A server with instruments for conversations, and its address."""
    house = Instruments()
    async with VoiceServer(ServerConfig(port=0, max_sessions=4)) as server:
        server.open_with(house)
        yield server.url, house


@asynccontextmanager
async def running(url: str, gate: Gate, *, ready_s: float = START_WITHIN_S) -> AsyncIterator[Daemon]:
    """A daemon that hears the room and is heard at the loudspeaker.

    Raises:
        DeviceError: it was not ready in time, or ended.
    """
    ready = asyncio.Event()
    daemon = Daemon(Address(url), DeviceChoice(MICROPHONE, LOUDSPEAKER), gate, on_ready=ready.set)
    task, waiting = asyncio.create_task(daemon.run(), name="daemon"), asyncio.create_task(ready.wait(), name="ready")
    try:
        done, _ = await asyncio.wait({task, waiting}, timeout=ready_s, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        if waiting not in done:
            raise DeviceError(f"the daemon was not ready after {ready_s:g} s: {daemon.status.trouble or 'no word from it'}")
        yield daemon
    finally:
        task.cancel()
        waiting.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def by_daemon(pulse: PulseServer, mode: Mode, said: Sequence[Recording], progress: Callable[[], None]) -> list[AudioPath]:
    """Play recordings in the room, one after the other, and after each a reply. What did not arrive is left out.

    Raises:
        DeviceError: the daemon does not start.
    """
    kept = []
    async with AsyncExitStack() as stack:
        url, house = await stack.enter_async_context(instruments())
        gate = Gate(mode)
        await stack.enter_async_context(running(url, gate))
        instrument = newest(house)
        for one in said:
            room, speaker = Witness(pulse, "room"), Witness(pulse, "speaker")
            with room, speaker:
                await asyncio.sleep(QUIET_S)
                since = instrument.samples.size
                await _say(pulse, one, gate)
                emitted_s = instrument.answer(chirp())
                await asyncio.sleep(2 * QUIET_S)
            kept.append((one, mode, (room, instrument, since), (speaker, emitted_s)))
            progress()
    ways = [await asyncio.to_thread(_judge, *each) for each in kept]  # now that nothing must be in time
    return [way for way in ways if way is not None]


async def until(true: Callable[[], bool]) -> None:
    """Look every 10 ms."""
    while not true():  # noqa: ASYNC110 - what is looked at belongs to the sound card's threads
        await asyncio.sleep(0.01)


def newest(house: Instruments) -> Instrument:
    """The conversation of the last connection."""
    if house.newest is None:
        raise DeviceError("nobody connected to the instrument")
    return house.newest


async def _say(pulse: PulseServer, one: Recording, gate: Gate) -> None:
    """In the room; with push to talk the finger comes late and leaves at the end."""
    process = pulse.say(one.samples)
    try:
        if gate.mode == "push":
            await asyncio.sleep(_onset(one) / SAMPLE_RATE_HZ + PRESS_AFTER_S)
            gate.press(on=True)
        await asyncio.to_thread(process.wait, one.samples.size / SAMPLE_RATE_HZ + 10)
        await asyncio.sleep(QUIET_S)
    finally:
        process.kill()
        process.wait()
        gate.press(on=False)


def _onset(one: Recording) -> int:
    return voiced_spans(one.samples, SAMPLE_RATE_HZ)[0][0]


def _judge(
    one: Recording, mode: str, way_in: tuple[Timeline, Timeline, int], way_out: tuple[Timeline, float]
) -> AudioPath | None:
    """``None`` when it did not arrive, or the answer did not."""
    room, instrument, since = way_in
    speaker, emitted_s = way_out
    heard = instrument.samples[since:]
    at_room, there = find(one.samples, room.samples)
    at_ear, alike = find(one.samples, heard)
    at_speaker, back = find(chirp(), speaker.samples)
    if min(there, alike, back) < ALIKE:
        return None
    last = one.speech_end - 1
    lost_ms = lost_at_start_ms(one.samples, laid_over(heard, at_ear, one.samples.size), _onset(one))
    return AudioPath(
        one.name,
        mode,
        (instrument.arrival_s(since + at_ear + last) - room.moment_s(at_room + last)) * 1000,
        (speaker.moment_s(at_speaker) - emitted_s) * 1000,
        lost_ms,
        alike,
    )


async def by_client(said: Sequence[Recording], progress: Callable[[], None]) -> list[AudioPath]:
    """The same recordings over a plain WebSocket client, in real time."""
    ways = []
    async with instruments() as (url, house):
        for one in said:
            async with VoiceClient(url, rate_hz=SAMPLE_RATE_HZ) as client:
                arriving = asyncio.create_task(_first_audio(client), name="first audio")
                try:
                    begun_s = await _stream(client, one)
                    instrument = newest(house)
                    emitted_s = instrument.answer(chirp())
                    async with asyncio.timeout(START_WITHIN_S):
                        arrived_s = await arriving
                finally:
                    arriving.cancel()
                    await asyncio.gather(arriving, return_exceptions=True)
            last = one.speech_end - 1
            heard_ms = (instrument.arrival_s(last) - begun_s - last / SAMPLE_RATE_HZ) * 1000
            ways.append(AudioPath(one.name, "plain client", heard_ms, (arrived_s - emitted_s) * 1000, 0.0, 1.0))
            progress()
    return ways


async def _first_audio(client: VoiceClient) -> float:
    async for message in client:
        if isinstance(message, ReceivedAudio):
            return message.at_s
    raise DeviceError("the instrument's server said nothing")


async def _stream(client: VoiceClient, one: Recording) -> float:
    """Each frame once its last sample was due; returns the moment of the first sample."""
    loop = asyncio.get_running_loop()
    begun_s, frame = loop.time(), int(FRAME_S * SAMPLE_RATE_HZ)
    padded = np.concatenate((one.samples, np.zeros(frame, dtype=np.float32)))
    for number, at in enumerate(range(0, padded.size - frame + 1, frame), 1):
        await asyncio.sleep(max(0.0, begun_s + number * FRAME_S - loop.time()))
        await client.send_audio(padded[at : at + frame])
    return begun_s
