"""How long one callback may keep the event loop, in processor time: what a busy machine does to the clock does not count.

A scenario that is too slow is run once more, because the first one also pays for imports and cold caches; it fails when the
same callback is too slow in both.
"""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

MOST_MS = 20.0
"""A frame of audio: for so long nobody else on the loop may have to wait."""


class SlowCallbackError(AssertionError):
    """Callbacks that kept the loop, by name, with the most milliseconds that each took."""

    def __init__(self, slow: dict[str, float]) -> None:
        told = ", ".join(f"{name} ({ms:.0f} ms)" for name, ms in sorted(slow.items()))
        super().__init__(f"the event loop was kept for more than {MOST_MS:.0f} ms of processor time: {told}")
        self.slow = slow


def name_of(callback: Any) -> str:
    """What a callback is for: the coroutine of a task's step, else the function."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return str(getattr(owner.get_coro(), "__qualname__", owner.get_name()))
    return str(getattr(callback, "__qualname__", callback))


def slow_ones(error: BaseException) -> dict[str, float]:
    """Of an error, or of the errors in a group of them."""
    if isinstance(error, SlowCallbackError):
        return error.slow
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return {name: ms for one in inner for name, ms in slow_ones(one).items()}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a test again in which a callback was slow."""
    try:
        return (yield)
    except Exception as first:
        if not (slow := slow_ones(first)):
            raise
    try:
        pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames})
    except Exception as second:
        if not (again := slow_ones(second)):
            raise
        if both := {name: ms for name, ms in again.items() if name in slow}:
            raise SlowCallbackError(both) from second
    return True
