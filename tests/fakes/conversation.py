"""A conversation with a script instead of models: it answers typed turns and short sounds, and can be told to misbehave."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from voice.core.channel import Channel, WhenFull
from voice.core.errors import Overloaded, VoiceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.session import events as out

REPLY_RATE_HZ = 22050
QUIET_S = 0.2


class FakeConversation:
    """Replies with 50 ms of silence and 0.3 s of tone, after a typed turn or after 0.2 s of silence behind a sound."""

    def __init__(self, *, fails_with: Exception | None = None) -> None:
        self.channel: Channel[out.Event] = Channel(100_000, WhenFull.FAIL, name="events")
        self.heard: list[Samples] = []
        self.typed: list[str] = []
        self.reports: list[tuple[int, float]] = []
        self.clears: list[int | None] = []
        self.labels: list[tuple[str, str]] = []
        self.ended = asyncio.Event()
        self.fails_with = fails_with
        self._closing = asyncio.Event()
        self._turn = 0
        self._speaking = False
        self._quiet_samples = 0

    @property
    def events(self) -> AsyncIterator[out.Event]:
        return self.channel

    async def run(self) -> None:
        try:
            await self._closing.wait()
            if self.fails_with is not None:
                raise self.fails_with
        finally:
            self.channel.close()
            self.ended.set()

    def fail(self, error: Exception) -> None:
        self.fails_with = error
        self._closing.set()

    def push_audio(self, samples: Samples) -> None:
        self.heard.append(samples)
        if np.abs(samples).max() > 0.05:
            if not self._speaking:
                self._speaking = True
                self._turn += 1
                self.emit(out.SpeechStarted(self._turn, 0.0))
            self._quiet_samples = 0
        elif self._speaking:
            self._quiet_samples += samples.size
            if self._quiet_samples > QUIET_S * SAMPLE_RATE_HZ:
                self._speaking = False
                self.emit(out.SpeechStopped(self._turn, 0.0))
                self._answer("a sound")

    def push_text(self, text: str) -> None:
        if text == "too much":
            raise Overloaded("too many typed turns wait")
        self.typed.append(text)
        self._turn += 1
        self._answer(text)

    def played(self, turn: int, ms: float, clears: int | None = None) -> None:
        self.reports.append((turn, ms))
        self.clears.append(clears)

    def label(self, *, user: str, feature: str) -> None:
        self.labels.append((user, feature))

    def close(self) -> None:
        self._closing.set()

    def emit(self, event: out.Event) -> None:
        self.channel.put_nowait(event)

    def _answer(self, text: str) -> None:
        turn = self._turn
        tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(int(0.3 * REPLY_RATE_HZ)) / REPLY_RATE_HZ)
        audio = np.concatenate([np.zeros(REPLY_RATE_HZ // 20), tone]).astype(np.float32)
        self.emit(out.FinalTranscript(turn, text))
        self.emit(out.ReplyText(turn, f"You said {text}."))
        self.emit(out.ReplyAudio(turn, audio, REPLY_RATE_HZ))
        self.emit(out.ReplyEnded(turn, "completed"))
        record = {
            "marks": {"speech_end": 1.0},
            "offsets_ms": {"speech_end": 0.0, "first_audio_sent": 210.0},
            "stages_ms": {"asr": 10.0},
            "forecast_ms": {"asr": 12.0},
            "ttfa_ms": 210.0,
            "deadline": 301.0,
            "late_ms": 0.0,
            "late_stages": [],
        }
        self.emit(out.TurnTraced(turn, record))


class House:
    """Opens conversations and remembers them."""

    def __init__(self, *, refuses_with: VoiceError | None = None) -> None:
        self.conversations: list[FakeConversation] = []
        self.refuses_with = refuses_with

    def __call__(self) -> FakeConversation:
        if self.refuses_with is not None:
            raise self.refuses_with
        self.conversations.append(FakeConversation())
        return self.conversations[-1]
