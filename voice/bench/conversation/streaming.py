"""A user with a recording: streams it in real time into any server of the plain PCM protocol and notes what is heard when.

Voice-to-voice latency is measured here, at the client: from the last voiced sample of the recording (by sample count, at the
moment when that sample was due) to the arrival of the first audible sample of the reply that is then spoken to its end.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voice.audio.formats import float_from_pcm16, pcm16_from_float
from voice.audio.voiced import first_audible
from voice.bench.columns import own_words_ms
from voice.bench.data.recordings import Recording
from voice.core.interfaces import SAMPLE_RATE_HZ

FRAME_MS = 20
WAIT_S = 8.0
"""A reply that has not begun this long after the end of speech is not counted as an answer."""
LISTEN_S = 1.0
"""How long a reply is listened to once it has begun after the end of speech: to see it taken back, and what a filler begins."""


@dataclass(slots=True)
class HeardReply:
    """What one recording brought.

    Attributes:
        sounds_s: when audible audio arrived, in seconds since the first sample was due.
        voice_to_voice_ms: ``None`` when no answer came.
        cut_off: whether reply audio was heard before the user had finished.
        pauses_cut: for each inner pause, whether reply audio was first heard within it or before speech went on.
        record: the server's trace record of the last turn, where it sends one.
    """

    name: str
    seconds: float
    sounds_s: list[float] = field(default_factory=list)
    clears_s: list[float] = field(default_factory=list)
    voice_to_voice_ms: float | None = None
    cut_off: bool = False
    pauses_cut: list[bool] = field(default_factory=list)
    transcript: str = ""
    reply: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own_words_ms(self) -> float | None:
        """Voice-to-voice latency to the reply's own first word, behind a filler; ``None`` if it was not waited for."""
        return own_words_ms(self.voice_to_voice_ms, self.record)


async def stream(url: str, recording: Recording, *, hello: Mapping[str, object] | None = None) -> HeardReply:
    """Stream one recording into the server at ``url`` over a connection of its own.

    Args:
        url: a WebSocket address that speaks the plain PCM protocol at 16 kHz.
        recording: what is said.
        hello: sent first as JSON, for servers that take it.

    Raises:
        OSError: the server cannot be reached.
    """
    heard = HeardReply(recording.name, recording.samples.size / SAMPLE_RATE_HZ)
    async with connect(url, compression=None, max_size=None) as socket:
        if hello is not None:
            await socket.send(json.dumps(hello))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        receiving = asyncio.create_task(_receive(socket, heard, began_s))
        try:
            with suppress(ConnectionClosed):
                await _send(socket, recording, heard, began_s)
            await _say_goodbye(socket, hello is not None)
            await receiving
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
    _judge(heard, recording)
    return heard


async def _send(socket: ClientConnection, recording: Recording, heard: HeardReply, began_s: float) -> None:
    """The recording, then silence, paced by absolute times so that no delay adds up; until the answer has begun."""
    loop = asyncio.get_running_loop()
    step = SAMPLE_RATE_HZ * FRAME_MS // 1000
    pcm = pcm16_from_float(recording.samples)
    quiet = bytes(2 * step)
    for index in range(int((heard.seconds + WAIT_S) * 1000 / FRAME_MS)):
        await asyncio.sleep(max(0.0, began_s + (index + 1) * FRAME_MS / 1000 - loop.time()))
        frame = pcm[2 * step * index : 2 * step * (index + 1)]
        await socket.send(frame + quiet[len(frame) :])
        now_s = loop.time() - began_s
        answered_s = next((at_s for at_s in heard.sounds_s if at_s >= recording.speech_end_s), None)
        if answered_s is not None and now_s > answered_s + LISTEN_S:
            return


async def _receive(socket: ClientConnection, heard: HeardReply, began_s: float) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionClosed):
        async for message in socket:
            at_s = loop.time() - began_s
            if isinstance(message, bytes):
                if first_audible(float_from_pcm16(message)) is not None:
                    heard.sounds_s.append(at_s)
                continue
            said = json.loads(message)
            match said.get("type"):
                case "clear":
                    heard.clears_s.append(at_s)
                case "transcript" if said.get("role") == "user" and said.get("final"):
                    heard.transcript = said["text"]
                case "transcript" if said.get("role") == "agent":
                    heard.reply = f"{heard.reply} {said['text']}".strip()
                case "trace":
                    heard.record = said["record"]


async def _say_goodbye(socket: ClientConnection, ours: bool) -> None:
    with suppress(ConnectionClosed):
        if ours:
            await socket.send('{"type":"bye"}')
            await asyncio.sleep(0.1)
        await socket.close()


def _judge(heard: HeardReply, recording: Recording) -> None:
    sounds = np.asarray(heard.sounds_s)
    heard.cut_off = bool((sounds < recording.speech_end_s).any())
    for start, end in recording.pauses:
        inside = (sounds >= start / SAMPLE_RATE_HZ) & (sounds < end / SAMPLE_RATE_HZ)
        heard.pauses_cut.append(bool(inside.any()))
    # A reply that was begun too early and taken back does not count: the answer is what came after the last clear.
    after_s = max([recording.speech_end_s, *(at_s for at_s in heard.clears_s)])
    answers = sounds[sounds >= after_s]
    if answers.size:
        heard.voice_to_voice_ms = float(answers[0] - recording.speech_end_s) * 1000
