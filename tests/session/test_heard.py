"""A whole conversation with a client that has a network and a loudspeaker: the history holds what it played."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from tests.fakes.engines import FakeChatModel, Fakes, FakeSynthesizer
from tests.fakes.talk import Talk, talk
from voice.audio.formats import float_from_pcm16
from voice.client import ReplyPosition
from voice.core.interfaces import SAMPLE_RATE_HZ, SpeechChunk
from voice.mic.player import Player
from voice.protocol import messages as m
from voice.protocol.codec import PcmCodec, to_json
from voice.session import events as out

WORD_SAMPLES = SAMPLE_RATE_HZ // 5
ANSWER = "One two three four five six, seven eight nine ten eleven twelve, thirteen fourteen fifteen sixteen seventeen."
TICK_S = 0.01


@dataclass
class CountingSynthesizer(FakeSynthesizer):
    """The samples of a clause are 1, 2, 3 … of 32768, so that each can be told from the next."""

    async def stream(self, clause: str) -> AsyncGenerator[SpeechChunk, None]:
        made = 0
        async for chunk in super().stream(clause):
            numbers = np.arange(made, made + chunk.samples.size, dtype=np.float32) % 30_000 + 1
            made += chunk.samples.size
            yield SpeechChunk(numbers / np.float32(32768), chunk.total_samples)


class Loudspeaker:
    """Obeys and reports as ``voice mic`` does. Everything takes ``delay_s`` each way."""

    def __init__(self, user: Talk, delay_s: float) -> None:
        self.played: list[int] = []
        """Of the reply at hand: the numbers of its samples."""
        self.at_clear: dict[int, int] = {}
        self._user = user
        self._delay_s = delay_s
        self._codec = PcmCodec(max_control_per_s=1000.0)
        self._codec.receive(to_json(m.Hello()), 0.0)
        self._under_way: asyncio.Queue[tuple[float, str | bytes]] = asyncio.Queue()
        self._player = Player()
        self._position = ReplyPosition(SAMPLE_RATE_HZ)

    def take(self, event: out.Event) -> None:
        for message in self._codec.send(event):
            self._under_way.put_nowait((asyncio.get_running_loop().time() + self._delay_s, message))

    async def receive(self) -> None:
        while True:
            at_s, message = await self._under_way.get()
            await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))
            self._obey(message)

    async def play(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            block = self._player.take(int(TICK_S * SAMPLE_RATE_HZ))
            self.played += [number for number in np.round(block * 32768).astype(int).tolist() if number]
            ticks += 1
            if ticks % 50 == 0 and self._player.waiting_s > 0:
                self._report()

    def _obey(self, wire: str | bytes) -> None:
        if isinstance(wire, bytes):
            self._player.put(float_from_pcm16(wire))
            return
        message = msgspec.json.decode(wire, type=m.AnyServerMessage)
        if isinstance(message, m.Clear):
            self._player.clear()
        if isinstance(message, m.TurnReopenedMessage):
            self.played.clear()
        if isinstance(message, m.Clear) and isinstance(message.turn, int):
            self.at_clear[message.turn] = len(self.played)
        self._position.take(message, *self._player.position)
        if isinstance(message, m.PauseMessage):
            self._report()

    def _report(self) -> None:
        if (report := self._position.report(self._player.played)) is not None:
            wire = to_json(m.Played(turn=report.turn, ms=report.ms, clears=report.clears))
            asyncio.get_running_loop().call_later(self._delay_s, self._arrive, wire)

    def _arrive(self, wire: str) -> None:
        action = self._codec.receive(wire, asyncio.get_running_loop().time())
        assert isinstance(action, m.Played)
        self._user.conversation.played(action.turn, action.ms, action.clears)


class _Noted(list[tuple[float, out.Event]]):
    def __init__(self, loudspeaker: Loudspeaker) -> None:
        super().__init__()
        self._loudspeaker = loudspeaker

    def append(self, noted: tuple[float, out.Event]) -> None:
        super().append(noted)
        self._loudspeaker.take(noted[1])


def call(script: Callable[[Talk, Loudspeaker], Coroutine[object, object, None]], delay_s: float) -> Talk:
    async def with_loudspeaker(user: Talk) -> None:
        loudspeaker = Loudspeaker(user, delay_s)
        user.events = _Noted(loudspeaker)
        tasks = [asyncio.create_task(loudspeaker.play()), asyncio.create_task(loudspeaker.receive())]
        try:
            await script(user, loudspeaker)
        finally:
            for task in tasks:
                task.cancel()

    fakes = Fakes(chat_model=FakeChatModel(answer=lambda messages: ANSWER), synthesizer=CountingSynthesizer())
    return talk(with_loudspeaker, fakes=fakes)


def test_after_a_reopened_turn_only_the_new_reply_counts_as_heard() -> None:
    truth: list[int] = []

    async def script(user: Talk, loudspeaker: Loudspeaker) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(0.35)
        await user.say("in spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.say("stop")
        await user.hush_until(out.ReplyEnded)
        await user.hush(0.2)
        truth.append(loudspeaker.at_clear[1])

    user = call(script, delay_s=0.03)
    assert len(user.all(out.TurnReopened)) == 1
    heard = user.all(out.AudioCleared)[1].heard.split()
    assert len(heard) >= 3
    assert abs(len(heard) - truth[0] / WORD_SAMPLES) <= 1


def test_a_reply_that_a_backchannel_held_goes_on_where_the_loudspeaker_stopped() -> None:
    played: list[int] = []

    async def script(user: Talk, loudspeaker: Loudspeaker) -> None:
        await user.say("tell me more about spain")
        await user.hush_until(out.ReplyAudio)
        await user.hush(1.0)
        await user.say("mm")
        await user.hush_until(out.ReplyEnded)
        played.extend(loudspeaker.played)

    user = call(script, delay_s=0.08)
    assert len(user.all(out.ReplyPaused)) == len(user.all(out.ReplyResumed)) == 1
    assert [after for before, after in pairwise(played) if after not in {before + 1, 1}] == []
    assert len(played) == len(ANSWER.split()) * WORD_SAMPLES
