"""The skills of one conversation: what they may know of it, and what of its user's alerts rings in it."""

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from voice.core.clock import Clock
from voice.skills import say
from voice.skills.alerts import UserAlerts
from voice.skills.registry import Found, SkillRegistry
from voice.skills.skill import Context, Effect
from voice.skills.timers import Timer
from voice.skills.volume import Volume

RINGS = 15
"""An alert that nobody stops rings so often: about a minute."""
PAUSE_S = 1.5
"""Between two rings."""
LATE_S = 30.0
"""What is said so late says when it was due."""
LONG_PAST_S = 600.0
"""What is said so late is said once."""
UNLABELLED_S = 2.0
"""A conversation that has not said by then whose it is belongs to the default user."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that has to be said now, unasked: a tone, then the text, again and again."""

    kind: str
    text: str
    rings: int = RINGS
    timer: Timer | None = None


class SkillHooks(Protocol):
    """What a conversation takes from its skills, on its event loop."""

    def alert_due(self) -> None:
        """:meth:`SkillSession.take_alert` has one."""
        ...

    def alerts_waiting(self, count: int) -> None:
        """The user has so many alerts set now."""
        ...


class SkillSession:
    """Answers, does what was promised, and says when something is due.

    It belongs to the default user until :meth:`belong_to` names another; alerts ring only once it is open and its user known.

    Args:
        hooks: the conversation.
    """

    def __init__(self, library: SkillRegistry, clock: Clock, hooks: SkillHooks) -> None:
        self.volume = Volume()
        self._library = library
        self._clock = clock
        self._hooks = hooks
        self._waiting = 0
        self._last_reply = ""
        self._user = ""
        self._alerts: UserAlerts | None = None
        self._bell: asyncio.TimerHandle | None = None
        self._opening: asyncio.TimerHandle | None = None
        self._closed = False

    def open(self) -> None:
        """Begin to ring what is due, as soon as it is clear for whom."""
        self._opening = asyncio.get_running_loop().call_later(UNLABELLED_S, self._join)

    def belong_to(self, user: str) -> None:
        """The client has said whose conversation this is; empty changes nothing."""
        if self._alerts is not None and user not in {"", self._user}:
            self._leave()
        self._user = user or self._user
        self._join()

    async def ask(self, said: str) -> Found | None:
        """The answer of a skill, ``None`` when there is none. Does nothing else. Cancel-safe."""
        return await self._library.ask(said, lambda: self._context(said))

    async def carry_out(self, effect: Effect) -> None:
        """Do what a skill promised.

        Raises:
            Exception: whatever it raises.
        """
        alerts = self._join()
        try:
            await self._library.carry_out(effect)
        finally:
            alerts.changed()

    def replied(self, text: str, *, repeatable: bool) -> None:
        """Note a reply, for "say that again"."""
        if repeatable and text.strip():
            self._last_reply = text.strip()

    @property
    def alert_due(self) -> bool:
        """Whether something waits to ring here."""
        return self._due() is not None

    def take_alert(self) -> Alert:
        """The one that waits longest; it rings nowhere else.

        Raises:
            LookupError: none is due here.
        """
        timer = self._due()
        if timer is None or self._alerts is None:
            raise LookupError("no alert is due here")
        self._alerts.timers.remove([timer])
        self._alerts.timers.rung = timer
        self._alerts.changed()
        now = self._library.wall()
        late_s = -timer.left_s(self._clock.now_s(), now)
        return Alert(timer.kind, _announcement(timer, now, late_s), RINGS if late_s < LONG_PAST_S else 1, timer)

    def not_heard(self, alert: Alert) -> None:
        """The conversation ended while it rang: it waits for another."""
        if alert.timer is not None:
            alerts = self._join()
            alerts.timers.put_back(alert.timer)
            alerts.changed()

    def close(self) -> None:
        """Nothing rings here any more; what is set stays set. May be called again."""
        self._closed = True
        self._leave()

    def alerts_changed(self) -> None:
        """See :class:`~voice.skills.alerts.AlertListener`."""
        self._set_bell(now=self.alert_due)
        if self._alerts is not None and self._alerts.timers.count != self._waiting:
            self._waiting = self._alerts.timers.count
            self._hooks.alerts_waiting(self._waiting)

    def _join(self) -> UserAlerts:
        """The alerts of the user, listened to from now on."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._alerts is None:
            self._alerts = self._library.alerts.of(self._user, self._clock.now_s(), self._library.wall())
            if not self._closed:
                self._alerts.join(self)
        return self._alerts

    def _leave(self) -> None:
        for handle in (self._bell, self._opening):
            if handle is not None:
                handle.cancel()
        self._bell = self._opening = None
        if self._alerts is not None:
            self._alerts.leave(self)
        self._alerts = None

    def _context(self, said: str) -> Context:
        alerts = self._join()
        if not self._closed:
            alerts.prefer(self)
        return Context(said, self._library.wall(), self._last_reply, self._clock.now_s(), alerts.timers, self.volume)

    def _due(self) -> Timer | None:
        if self._alerts is None or not self._alerts.rings_in(self):
            return None
        now_s, now = self._clock.now_s(), self._library.wall()
        first = next(iter(self._alerts.timers.running(now_s, now)), None)
        return first if first is not None and first.left_s(now_s, now) <= 0 else None

    def _set_bell(self, *, now: bool) -> None:
        """Look again when the next one is due; at once where one is and nobody was told."""
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None
        if self._alerts is None or not self._alerts.rings_in(self):
            return
        wait_s = 0.0 if now else self._alerts.timers.wait_s(self._clock.now_s(), self._library.wall())
        if wait_s is not None:
            self._bell = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        self._set_bell(now=False)
        if self.alert_due:
            self._hooks.alert_due()


def _announcement(timer: Timer, now: datetime, late_s: float) -> str:
    """What is said of an alert that is due, or was due some time ago."""
    if late_s >= LATE_S:
        return _missed(timer, now, late_s)
    if timer.kind == "reminder":
        return f"Reminder: {timer.name}." if timer.name else "This is your reminder."
    if timer.kind == "alarm":
        return f"It is {say.clock(now)}. This is your alarm."
    return f"Your {timer.name or say.long(timer.length_s)} timer is done."


def _missed(timer: Timer, now: datetime, late_s: float) -> str:
    unit_s = 3600 if late_s >= 86_400 else 60 if late_s >= 60 else 10
    ago = f"{say.duration(max(1, math.floor(late_s / unit_s)) * unit_s)} ago"
    if timer.kind == "reminder":
        return f"Reminder from {ago}: {timer.name}." if timer.name else f"There was a reminder {ago}."
    if timer.kind == "alarm":
        return f"It is {say.clock(now)}. Your alarm was due {ago}."
    return f"Your {timer.name or say.long(timer.length_s)} timer was done {ago}."
