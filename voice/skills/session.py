"""The skills of one conversation: what they may know of it, the timers that run in it, and what waits to ring.

Timers belong to their conversation and end with it; how many were lost is logged.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from voice.core.clock import Clock
from voice.skills import say
from voice.skills.registry import Found, SkillRegistry
from voice.skills.skill import Context, Effect
from voice.skills.timers import Timer, Timers
from voice.skills.volume import Volume

RINGS = 15
"""An alert that nobody stops rings so often: about a minute."""
PAUSE_S = 1.5
"""Between two rings."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that has to be said now, unasked: a tone, then the text, again and again."""

    kind: str
    text: str
    rings: int = RINGS


class SkillSession:
    """Answers, does what was promised, and says when something is due.

    Args:
        on_alert: called on the event loop when :meth:`take_alert` has one.
        wall: the local time, with its time zone.
    """

    def __init__(
        self, library: SkillRegistry, clock: Clock, on_alert: Callable[[], None], *, wall: Callable[[], datetime] | None = None
    ) -> None:
        self.volume = Volume()
        self.timers = Timers()
        self._library = library
        self._clock = clock
        self._on_alert = on_alert
        self._wall = wall or (lambda: datetime.now().astimezone())
        self._last_reply = ""
        self._due: deque[Alert] = deque()
        self._bell: asyncio.TimerHandle | None = None

    async def ask(self, said: str) -> Found | None:
        """The answer of a skill, ``None`` when there is none. Does nothing else. Cancel-safe."""
        return await self._library.ask(said, lambda: self._context(said))

    async def carry_out(self, effect: Effect) -> None:
        """Do what a skill promised.

        Raises:
            Exception: whatever it raises.
        """
        await self._library.carry_out(effect)
        self._set_bell()

    def replied(self, text: str, *, repeatable: bool) -> None:
        """Note a reply, for "say that again"."""
        if repeatable and text.strip():
            self._last_reply = text.strip()

    @property
    def alert_due(self) -> bool:
        """Whether something waits to ring."""
        return bool(self._due)

    def take_alert(self) -> Alert:
        """The oldest that waits.

        Raises:
            IndexError: nothing waits.
        """
        return self._due.popleft()

    def close(self) -> None:
        """Nothing rings any more. May be called again."""
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None
        if lost := self.timers.running(self._clock.now_s(), self._wall()):
            _log.warning("the conversation ended with %d timers that will not ring", len(lost))
            self.timers.remove(lost)

    def _context(self, said: str) -> Context:
        return Context(said, self._wall(), self._last_reply, self._clock.now_s(), self.timers, self.volume)

    def _set_bell(self) -> None:
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None
        wait_s = self.timers.wait_s(self._clock.now_s(), self._wall())
        if wait_s is not None:
            self._bell = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        for timer in self.timers.take_due(self._clock.now_s(), self._wall()):
            self.timers.rung = timer
            self._due.append(Alert(timer.kind, _announcement(timer, self._wall())))
        self._set_bell()
        if self._due:
            self._on_alert()


def _announcement(timer: Timer, now: datetime) -> str:
    if timer.kind == "reminder":
        return f"Reminder: {timer.name}." if timer.name else "This is your reminder."
    if timer.kind == "alarm":
        return f"It is {say.clock(now)}. This is your alarm."
    return f"Your {timer.name or say.long(timer.length_s)} timer is done."
