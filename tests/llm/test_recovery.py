"""A model that fails: the engine's thread goes on, with a runtime made of nothing."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import pytest

from voice.core.errors import ChatError
from voice.core.interfaces import Token
from voice.llm.engine import Engine
from voice.llm.health import FAILURES_IN_A_ROW, LONGEST_PAUSE_S, ModelHealth
from voice.llm.llamacpp import Decoded, Runtime, Sampler
from voice.llm.sequence import Job, JobKind

END = 9
WORD = 5


class FakeBatch:
    capacity = 64

    def __init__(self) -> None:
        self.count = 0

    def clear(self) -> None:
        self.count = 0

    def add(self, sequence: int, position: int, tokens: list[int]) -> int:
        self.count += len(tokens)
        return self.count - len(tokens)

    def want_logits(self, row: int) -> None:
        """Every row has some."""


class FakeRuntime:
    """Says one word and ends. ``faults`` are raised (or returned) by the next decodes, ``renewals`` by the next renewals."""

    def __init__(self) -> None:
        self.batch = FakeBatch()
        self.faults: list[BaseException | Decoded | None] = []
        self.renewals: list[BaseException | None] = []
        self.renewed = 0
        self.said = 0

    def decode(self) -> Decoded:
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, BaseException):
            raise fault
        return Decoded.OK if fault is None else fault

    def renew(self) -> None:
        self.renewed += 1
        if self.renewals and (error := self.renewals.pop(0)) is not None:
            raise error

    def abort(self, stop: bool = True) -> None:
        """Nothing takes long here."""

    def truncate(self, sequence: int, length: int) -> bool:
        return True

    def snapshot(self, sequence: int) -> int:
        return 1

    def restore(self, sequence: int, state: object) -> bool:
        return True

    def logits(self, row: int) -> "np.ndarray[tuple[int], Any]":
        return np.zeros(10, np.float32)

    def sample(self, sampler: object, row: int) -> int:
        self.said += 1
        return WORD if self.said % 2 else END

    def ends_reply(self, token: int) -> bool:
        return token == END

    def piece(self, token: int) -> bytes:
        return b"word"

    def close(self) -> None:
        """Nothing to free."""


class FakeSampler:
    def close(self) -> None:
        """Nothing to free."""


class Outcome:
    """What became of a job, for the test's own thread."""

    full = False

    def __init__(self) -> None:
        self.text = ""
        self.error: ChatError | None = None
        self.over = threading.Event()

    def token(self, token: Token) -> bool:
        self.text += token.text
        return True

    def scored(self, probability: float) -> None:
        """Nothing was asked."""

    def ended(self, error: ChatError | None) -> None:
        self.error = error
        self.over.set()


class WatchedHealth(ModelHealth):
    """Lets a test wait for what the engine's thread makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def failed(self, error: BaseException, *, broken: bool = False) -> None:
        with self.changed:
            super().failed(error, broken=broken)
            self.changed.notify_all()

    def renewed(self) -> None:
        with self.changed:
            super().renewed()
            self.changed.notify_all()


class Model:
    """An engine on a fake runtime, and one conversation."""

    def __init__(self) -> None:
        self.runtime = FakeRuntime()
        self.engine = Engine(
            lambda: cast(Runtime, self.runtime),
            conversations=2,
            prepare=lambda _: [1, 2, 3],
            sampler=lambda _: cast(Sampler, FakeSampler()),
        )
        self.slot = self.engine.open()

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        health = cast(WatchedHealth, self.engine._health)
        with health.changed:
            assert health.changed.wait_for(is_so, 5), "it never came to pass"

    def ask(self) -> Outcome:
        outcome = Outcome()
        self.engine.submit(self.slot, Job(JobKind.REPLY, [1, 2, 3, 4, 5], outcome, max_tokens=4))
        assert outcome.over.wait(5), "nobody has told what became of it"
        return outcome


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.setattr("voice.llm.engine.ModelHealth", WatchedHealth)
    made = Model()
    yield made
    made.engine.close()


@pytest.mark.parametrize(
    "fault", [RuntimeError("bad alloc"), MemoryError(), SystemExit(3), KeyboardInterrupt(), Decoded.FAILED], ids=repr
)
def test_one_fault_fails_what_was_at_hand_and_nothing_after_it(model: Model, fault: BaseException | Decoded) -> None:
    assert model.ask().text == "word"
    model.runtime.faults = [fault]
    failed = model.ask()
    assert isinstance(failed.error, ChatError)
    assert "ask again" in str(failed.error)
    again = model.ask()
    assert (again.text, again.error) == ("word", None)
    assert not model.engine.problem


def test_a_second_fault_in_a_row_makes_the_context_anew(model: Model) -> None:
    model.runtime.faults = [RuntimeError("one"), RuntimeError("two")]
    assert model.ask().error is not None
    assert model.runtime.renewed == 0
    assert model.ask().error is not None
    assert model.ask().text == "word"
    assert model.runtime.renewed == 1
    assert not model.engine.problem


def test_a_model_that_goes_on_failing_says_so_and_serves_again_by_itself(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()
    go_on = threading.Event()

    def renew(self: FakeRuntime) -> None:
        self.renewed += 1
        if self.renewed < 3:
            raise RuntimeError("no memory for a context")
        tried.set()
        go_on.wait(5)

    monkeypatch.setattr(FakeRuntime, "renew", renew)
    monkeypatch.setattr(WatchedHealth, "pause_s", 0.0)
    model.runtime.faults = [RuntimeError("one"), RuntimeError("two")]
    assert model.ask().error is not None
    assert model.ask().error is not None
    assert tried.wait(5)
    assert model.engine.problem == "the language model has failed 4 times in a row: no memory for a context"
    with pytest.raises(ChatError, match="4 times in a row"):
        model.ask()
    go_on.set()
    model.wait_for(lambda: not model.engine.problem)
    assert model.ask().text == "word"


def test_it_closes_while_it_is_left_alone(model: Model) -> None:
    model.runtime.renewals = [RuntimeError("no memory")] * 50
    model.runtime.faults = [RuntimeError("one"), RuntimeError("two")]
    model.ask()
    model.ask()
    model.wait_for(lambda: bool(model.engine.problem))
    model.engine.close()
    assert not any(thread.name == "voice-llm" for thread in threading.enumerate())


def test_what_would_end_the_program_ends_the_jobs_at_hand_alone(model: Model) -> None:
    thread = next(thread for thread in threading.enumerate() if thread.name == "voice-llm")
    model.runtime.faults = [SystemExit(1)]
    assert model.ask().error is not None
    assert model.ask().text == "word"
    assert thread.is_alive()
    assert not model.engine.problem


def test_the_pauses_grow_to_a_minute() -> None:
    health = ModelHealth()
    pauses = []
    for _ in range(FAILURES_IN_A_ROW + 20):
        health.failed(RuntimeError())
        pauses.append(health.pause_s)
    assert pauses[:6] == [0.0, 0.0, 1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE_S
    health.succeeded()
    assert health.pause_s == 0.0


async def test_whatever_a_load_raises_is_the_language_models() -> None:
    for error in (RuntimeError("no such instruction"), OSError("bad library"), MemoryError()):

        def load(error: Exception = error) -> Runtime:
            raise error

        with pytest.raises(ChatError, match="cannot be loaded"):
            await asyncio.to_thread(
                Engine, load, conversations=1, prepare=lambda _: [], sampler=lambda _: cast(Sampler, FakeSampler())
            )
