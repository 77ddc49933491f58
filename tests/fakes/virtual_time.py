"""An event loop whose time jumps to the next timer instead of waiting for it.

``asyncio.sleep``, ``asyncio.timeout`` and ``loop.call_at`` all work, and a scenario of minutes takes milliseconds. Only code
that stays on the loop can run here: a thread would need real time.
"""

import asyncio
import gc
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.fakes.processor_time import MOST_MS, name_of

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Never blocks: what would have been waited for is added to the loop's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("every task waits for something that no timer will bring: a deadlock")
        self.now_s += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

        self.slow: dict[str, float] = {}
        """Callbacks that took more than :data:`~tests.fakes.processor_time.MOST_MS` of processor time, and the most of each."""

    def time(self) -> float:
        return self._jumping.now_s

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        return super().call_soon(self._timed, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
        return super().call_at(when, self._timed, callback, *args, context=context)

    def _timed(self, callback: Callable[..., object], *args: Any) -> None:
        began_s = time.thread_time()
        try:
            callback(*args)
        finally:
            took_ms = (time.thread_time() - began_s) * 1000
            if took_ms > MOST_MS:
                name = name_of(callback)
                self.slow[name] = max(took_ms, self.slow.get(name, 0.0))


class LoopClock:
    """A :class:`voice.core.clock.Clock` that shows the running loop's virtual time."""

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()


def run_virtual(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a scenario to its end in virtual time. Garbage is collected behind it, so that no callback pays for another's."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(scenario)
    finally:
        if collecting:
            gc.enable()
