"""The scenarios' own watch: a callback that keeps the loop, and a task that outlives its turn, are seen."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.fakes.engines import FakeRecognizer, Fakes
from tests.fakes.processor_time import MOST_MS, SlowCallbackError, pytest_pyfunc_call, slow_ones
from tests.fakes.talk import Talk, talk
from voice.core.interfaces import Samples, Transcript
from voice.core.worker import Priority
from voice.session import events as out


class BusyRecognizer(FakeRecognizer):
    async def transcribe(self, audio: Samples, *, priority: Priority = Priority.FINAL) -> Transcript:
        until_s = time.thread_time() + 2 * MOST_MS / 1000
        while time.thread_time() < until_s:
            pass
        return await super().transcribe(audio, priority=priority)


async def ask(user: Talk) -> None:
    await user.hush(0.5)
    await user.say("what is the capital of france")
    await user.hush_until(out.ReplyEnded)
    await user.hush(3)


def test_a_callback_that_keeps_the_loop_is_named() -> None:
    with pytest.raises(SlowCallbackError, match=r"_recognise \(\d+ ms\)"):
        talk(ask, fakes=Fakes(recognizer=BusyRecognizer()))


def test_a_task_that_outlives_its_turn_is_named() -> None:
    async def script(user: Talk) -> None:
        user.conversation._tasks.start(asyncio.sleep(60), "forgotten")
        await ask(user)

    with pytest.raises(AssertionError, match="outlived their turn: forgotten"):
        talk(script)


def outcome(again: Exception | None, first: Exception) -> object:
    """What becomes of a test that fails first so, and then so."""

    def test() -> None:
        if again is not None:
            raise again

    item = SimpleNamespace(obj=test, funcargs={}, _fixtureinfo=SimpleNamespace(argnames=()))
    running = pytest_pyfunc_call(cast(Any, item))
    next(running)
    try:
        running.throw(first)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it goes on")


def test_only_what_is_slow_twice_fails() -> None:
    slow = SlowCallbackError({"look": 30.0, "think": 25.0})
    assert outcome(None, slow) is True
    assert outcome(SlowCallbackError({"speak": 30.0}), slow) is True
    with pytest.raises(SlowCallbackError, match=r"look \(40 ms\)$"):
        outcome(SlowCallbackError({"look": 40.0, "speak": 30.0}), ExceptionGroup("of a property", [slow]))
    with pytest.raises(ValueError, match="other"):
        outcome(ValueError("other"), slow)
    with pytest.raises(ValueError, match="first"):
        outcome(None, ValueError("first"))
    assert slow_ones(ValueError()) == {}
