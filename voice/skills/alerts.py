"""The timers, alarms and reminders of all users of a process: they outlive the conversation that they were set in.

They belong to the user, by the label of the hello; the empty label is the default user. What is due rings in the user's open
conversation that was used last, once; while none is open it waits for the next. Bookkeeping only: the clocks are arguments, and
the conversations keep the bells.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from voice.skills.timers import MAX_TIMERS, Timers

MAX_USERS = 1000
"""Users of whom something is kept; one more keeps nothing."""
FORGOTTEN_AFTER_S = 7 * 86_400.0
"""What was due so long ago, of a user who never came back, is dropped when there is no room for others."""


class AlertListener(Protocol):
    """An open conversation."""

    def alerts_changed(self) -> None:
        """Something was set, cancelled or rung, or it is another conversation's turn to ring."""
        ...


class UserAlerts:
    """What one user has set, and the user's open conversations."""

    def __init__(self, limit: int = MAX_TIMERS) -> None:
        self.timers = Timers(limit)
        self._open: list[AlertListener] = []

    @property
    def in_use(self) -> bool:
        """Whether anything is set or a conversation is open."""
        return bool(self._open) or self.timers.count > 0

    def join(self, listener: AlertListener) -> None:
        """A conversation of the user opens; it is the one that is used."""
        self._open.append(listener)
        self.changed()

    def leave(self, listener: AlertListener) -> None:
        """It ends. May be called again."""
        if listener in self._open:
            self._open.remove(listener)
            self.changed()

    def prefer(self, listener: AlertListener) -> None:
        """It is used: what is due rings there."""
        if self._open and self._open[-1] is not listener:
            self._open.remove(listener)
            self._open.append(listener)
            self.changed()

    def rings_in(self, listener: AlertListener) -> bool:
        """Whether what is due rings there."""
        return bool(self._open) and self._open[-1] is listener

    def changed(self) -> None:
        """Tell all of them."""
        for listener in tuple(self._open):
            listener.alerts_changed()


class Alerts:
    """Of all users. Shared by the conversations of a process; belongs to one event loop."""

    def __init__(self, *, max_users: int = MAX_USERS) -> None:
        self._users: dict[str, UserAlerts] = {}
        self._max_users = max_users

    def of(self, user: str, now_s: float, now: datetime) -> UserAlerts:
        """Those of a user. When there are too many users, those of one who can set nothing."""
        if user not in self._users:
            if len(self._users) >= self._max_users:
                self._make_room(now_s, now)
            if len(self._users) >= self._max_users:
                return UserAlerts(limit=0)
            self._users[user] = UserAlerts()
        return self._users[user]

    def _make_room(self, now_s: float, now: datetime) -> None:
        for alerts in self._users.values():
            old = [timer for timer in alerts.timers.running(now_s, now) if timer.left_s(now_s, now) < -FORGOTTEN_AFTER_S]
            alerts.timers.remove(old)
        self._users = {user: alerts for user, alerts in self._users.items() if alerts.in_use}


Wall = Callable[[], datetime]
"""Gives the local time, with its time zone."""
