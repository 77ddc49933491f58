"""The daemon on an open loudspeaker: does the assistant's own voice stop it, and does a person's?

The server is a process of its own with every model. A loopback in the sound server feeds the loudspeaker into the room, 10 dB
softer; nobody else is there, and typed turns keep the assistant talking. What counts as a false interruption is a reply that
ends because of it, and any words that the server believes to have heard. Then real speech is played over replies, through the
same echo: it must stop them. The time to stop runs from the speech's first voiced sample in the room to the last sound at the
loudspeaker.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np

from voice.audio.voiced import AUDIBLE
from voice.bench.conversation.barge_in import ASKS
from voice.bench.data.clips import Clip
from voice.bench.mic.path import running, until
from voice.bench.mic.pulse import PulseServer
from voice.bench.mic.recorder import Witness, find
from voice.client import ReceivedAudio
from voice.core.errors import DeviceError
from voice.core.interfaces import SAMPLE_RATE_HZ
from voice.mic.daemon import Daemon
from voice.mic.gate import Gate
from voice.protocol import messages as m

ECHO_DB = -10.0
REPLY_WITHIN_S = 15.0
LONGEST_REPLY_S = 60.0
TALKED_S = 1.2
"""The speech begins when so much of the reply has been played."""
SETTLE_S = 2.0
"""What was said over a reply must have stopped it this long after its end."""
OUT_WITHIN_S = 0.3
"""What the loudspeaker still has when the server says that the reply is over."""
_LOG_LONGEST = 100


@dataclass(slots=True)
class Talk:
    """What the server says through the daemon, one asked reply at a time."""

    daemon: Daemon
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""
    ended_s: float = 0.0
    holds: int = 0
    believed: list[str] = field(default_factory=list)
    _asked: str = ""
    _turn: int | None = None
    _newest: int = 0
    _before: int = 0
    _first: int = 0

    def take(self, message: m.AnyServerMessage | ReceivedAudio) -> None:
        """Note what matters of a message; what comes of an earlier turn does not."""
        number = getattr(message, "turn", None)
        turn = number if isinstance(number, int) else 0
        self._newest = max(self._newest, turn)
        match message:
            case m.TranscriptMessage(role="agent") if self._turn is None and turn > self._before:
                self._turn, self._first = turn, self.daemon.player.played
            case m.ReplyEndedMessage(reason=reason) if turn > self._before and self._turn in {None, turn}:
                self.reason, self.ended_s = reason, asyncio.get_running_loop().time()
                self.ended.set()
            case m.PauseMessage():
                self.holds += 1
            case m.TranscriptMessage(role="user", text=text, final=True) if text and text != self._asked:
                self.believed.append(text[:_LOG_LONGEST])
            case _:
                pass

    async def ask(self, text: str) -> None:
        """Ask, and wait for the first of the reply to be played.

        Raises:
            DeviceError: no reply comes.
        """
        self._asked, self._before, self._turn = text, self._newest, None
        self.ended.clear()
        await self.daemon.link.ask(text)
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLY_WITHIN_S):
                await until(lambda: self.played_s > 0)
                return
        raise DeviceError("the assistant did not answer; see whether voice ask works")

    @property
    def played_s(self) -> float:
        """How much of the reply has been played."""
        return 0.0 if self._turn is None else (self.daemon.player.played - self._first) / SAMPLE_RATE_HZ

    async def until_over(self, within_s: float, *, enough_s: float = LONGEST_REPLY_S) -> None:
        """Until the reply has ended and been played, or so much of it has, or time is up."""
        player = self.daemon.player
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await until(lambda: self.played_s >= enough_s or (self.ended.is_set() and player.waiting_s <= 0))


async def own_speech(pulse: PulseServer, url: str, minutes: float, progress: Callable[[float], None]) -> dict[str, Any]:
    """So many minutes of the assistant's own voice, fed back; ``progress`` takes the seconds so far.

    Raises:
        DeviceError, ServerUnreachable: the daemon or the server fails.
    """
    pulse.echo(ECHO_DB)
    spoken_s, replies, false = 0.0, 0, 0
    async with running(url, Gate("open")) as daemon:
        talk = Talk(daemon)
        daemon.link.on_message = talk.take
        asks = cycle(ASKS)
        while spoken_s < minutes * 60:
            await talk.ask(next(asks))
            await talk.until_over(LONGEST_REPLY_S, enough_s=minutes * 60 - spoken_s)
            spoken_s += talk.played_s
            replies += 1
            false += talk.ended.is_set() and talk.reason == "interrupted"
            progress(spoken_s)
        await asyncio.sleep(SETTLE_S)  # the echo of the last words
        counts = daemon.status.counts
    pulse.no_echo()
    return {
        "minutes": round(spoken_s / 60, 2),
        "replies": replies,
        "false_interruptions": max(false, len(talk.believed)),
        "replies_cut": false,
        "believed": talk.believed,
        "holds": talk.holds,
        "underruns": counts.underruns,
        "overruns": counts.overruns,
        "lost_devices": counts.lost,
    }


@dataclass(frozen=True, slots=True)
class Over:
    """What speech over a reply did: ``stop_ms`` is ``None`` where it did not stop it."""

    name: str
    stopped: bool
    stop_ms: float | None


async def speech_over(pulse: PulseServer, url: str, clips: Sequence[Clip], progress: Callable[[], None]) -> list[Over]:
    """Play each recording over a reply, with the echo. A clip that no reply outlasted is left out.

    Raises:
        DeviceError, ServerUnreachable: the daemon or the server fails.
    """
    pulse.echo(ECHO_DB)
    outcomes = []
    async with running(url, Gate("open")) as daemon:
        talk = Talk(daemon)
        daemon.link.on_message = talk.take
        for clip in clips:
            for ask in ASKS:
                if (outcome := await _over(pulse, talk, clip, ask)) is not None:
                    outcomes.append(outcome)
                    break
            progress()
    pulse.no_echo()
    return outcomes


async def _over(pulse: PulseServer, talk: Talk, clip: Clip, ask: str) -> Over | None:
    clip_s = clip.samples.size / SAMPLE_RATE_HZ
    with Witness(pulse, "room") as room, Witness(pulse, "speaker") as speaker:
        await talk.ask(ask)
        await until(lambda: talk.played_s >= TALKED_S or talk.ended.is_set())
        before_s = asyncio.get_running_loop().time()
        saying = pulse.say(clip.samples)
        try:
            await talk.until_over(clip_s + SETTLE_S)
            await asyncio.sleep(OUT_WITHIN_S)
        finally:
            saying.kill()
            saying.wait()
    if talk.ended.is_set() and talk.reason == "completed":
        return None
    stopped = talk.ended.is_set()
    return Over(clip.name, stopped, _stop_ms(room, speaker, clip, before_s, talk.ended_s) if stopped else None)


def _stop_ms(room: Witness, speaker: Witness, clip: Clip, before_s: float, ended_s: float) -> float | None:
    begin = room.index(before_s)
    at, _ = find(clip.samples, room.samples[begin:])
    onset_s = room.moment_s(begin + at) + (clip.onset_s or 0.0)
    first = speaker.index(onset_s)
    loud = np.flatnonzero(np.abs(speaker.samples[first : speaker.index(ended_s + OUT_WITHIN_S)]) >= AUDIBLE)
    return (int(loud[-1]) + 1) * 1000 / SAMPLE_RATE_HZ if loud.size else 0.0
