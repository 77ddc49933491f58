"""A user with a microphone, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.fakes.engines import Fakes, silence, speech
from tests.fakes.processor_time import SlowCallbackError
from tests.fakes.virtual_time import LoopClock, VirtualTimeLoop, run_virtual
from voice.core.config import Config
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.core.trace import TraceLog
from voice.cost.ledger import Ledger
from voice.session import events as out
from voice.session.conversation import Conversation

FRAME_S = 0.02
OUTLIVES_S = 1.0
OF_THE_CONVERSATION = {"listen"}
"""The names of tasks that last as long as the conversation."""
E_ = TypeVar("E_")


class Talk:
    """Pushes a continuous stream of frames and notes every event with its time."""

    def __init__(self, fakes: Fakes, config: Config, trace: TraceLog | None = None, ledger: Ledger | None = None) -> None:
        self.fakes = fakes
        self.conversation = Conversation(fakes.engines(), config, clock=LoopClock(), trace=trace, ledger=ledger, strict=True)
        self.events: list[tuple[float, out.Event]] = []
        self.spoken_until_s = 0.0
        self.outlived: list[str] = []
        """Tasks that were alive a second after their turn had ended, with nothing begun since."""

    async def say(self, text: str) -> None:
        """Speak in real time; returns at the last sample."""
        await self._stream(speech(text))
        self.spoken_until_s = asyncio.get_running_loop().time()

    async def hush(self, seconds: float) -> None:
        """Be silent in real time."""
        await self._stream(silence(seconds))

    async def make(self, sound: Samples) -> None:
        """Make any sound in real time."""
        await self._stream(sound)

    async def hush_until(self, kind: type[out.Event], *, seconds: float = 30.0) -> float:
        """Be silent until an event of this kind comes; returns its time."""
        seen = len(self.all(kind))
        for _ in range(int(seconds / FRAME_S)):
            if len(self.all(kind)) > seen:
                return [at_s for at_s, event in self.events if isinstance(event, kind)][seen]
            await self.hush(FRAME_S)
        raise AssertionError(f"no {kind.__name__} within {seconds} s; there were {self.kinds()}")

    def all(self, kind: type[E_]) -> list[E_]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def times(self, kind: type[out.Event]) -> list[float]:
        """When events of this kind came."""
        return [at_s for at_s, event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        """The names of the events, runs of audio as one."""
        names: list[str] = []
        for _, event in self.events:
            name = type(event).__name__
            if not names or names[-1] != name:
                names.append(name)
        return names

    @property
    def record(self) -> dict[str, Any]:
        """The newest turn's trace record."""
        return dict(self.all(out.TurnTraced)[-1].record)

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        lasting = asyncio.all_tasks()
        async for event in self.conversation.events:
            self.events.append((loop.time(), event))
            if isinstance(event, out.TurnTraced):
                loop.call_later(OUTLIVES_S, self._look_behind, len(self.events), lasting)

    def _look_behind(self, seen: int, lasting: set[asyncio.Task[Any]]) -> None:
        """Note what is alive behind a turn, unless something new has begun."""
        if len(self.events) == seen and not self.conversation.events.closed:
            left = (task.get_name() for task in asyncio.all_tasks() - lasting)
            self.outlived += [name for name in left if name.split(" ")[0] not in OF_THE_CONVERSATION]

    async def _stream(self, audio: Samples) -> None:
        step = int(FRAME_S * SAMPLE_RATE_HZ)
        for at in range(0, audio.size, step):
            await asyncio.sleep(FRAME_S)
            self.conversation.push_audio(audio[at : at + step])


def talk(
    script: Callable[[Talk], Coroutine[Any, Any, None]],
    *,
    fakes: Fakes | None = None,
    config: Config | None = None,
    trace: TraceLog | None = None,
    ledger: Ledger | None = None,
) -> Talk:
    """Run a scripted conversation to its end in virtual time.

    Nothing may be left behind, by the conversation or by a turn of it, and no callback may keep the loop for long.
    """

    async def scenario() -> Talk:
        user = Talk(fakes or Fakes(), config or Config(), trace, ledger)
        async with asyncio.TaskGroup() as group:
            group.create_task(user.conversation.run())
            group.create_task(user.listen())
            await asyncio.sleep(0)
            try:
                await script(user)
            finally:
                user.conversation.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
        assert user.fakes.chat_model.open_chats == 0
        assert not user.outlived, f"these outlived their turn: {', '.join(user.outlived)}"
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualTimeLoop) and loop.slow:
            raise SlowCallbackError(loop.slow)
        return user

    return run_virtual(scenario())
