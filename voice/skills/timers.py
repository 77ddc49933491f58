"""Timers, alarms and reminders of one conversation. Bookkeeping only: both clocks are arguments.

A timer counts monotonic seconds; an alarm rings at a time of day, so it follows the wall clock: a machine that slept, or whose
clock was set, rings on time all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MAX_TIMERS = 20
LOOK_EVERY_S = 20.0
"""How often the wall clock is looked at while an alarm is set."""

Kind = Literal["timer", "alarm", "reminder"]


@dataclass(frozen=True, slots=True)
class Timer:
    """One that runs.

    Attributes:
        name: as the user called it; empty when it has none. What to be reminded of, for a reminder.
        length_s: of a timer, as it was set.
        due_s: monotonic seconds; ``None`` for an alarm.
        due_at: the local time of an alarm.
    """

    kind: Kind
    name: str
    length_s: float = 0.0
    due_s: float | None = None
    due_at: datetime | None = None

    def left_s(self, now_s: float, now: datetime) -> float:
        """Seconds until it rings; negative once it should have."""
        if self.due_at is not None:
            return (self.due_at - now).total_seconds()
        return (self.due_s or 0.0) - now_s


class Timers:
    """The timers that run, the next one first."""

    def __init__(self) -> None:
        self._running: list[Timer] = []
        self.rung: Timer | None = None
        """The one that rang last."""

    @property
    def full(self) -> bool:
        """Whether no more can be set."""
        return len(self._running) >= MAX_TIMERS

    def add(self, timer: Timer) -> None:
        """Let it run; beyond :data:`MAX_TIMERS` nothing is added."""
        if not self.full:
            self._running.append(timer)

    def remove(self, timers: "list[Timer]") -> None:
        """Forget these, as far as they run."""
        self._running = [timer for timer in self._running if timer not in timers]

    def running(self, now_s: float, now: datetime, *, kind: Kind | None = None, name: str = "") -> list[Timer]:
        """Those of a kind (all), with a name (any), the next one first."""
        found = [timer for timer in self._running if kind in {None, timer.kind} and name in {"", timer.name}]
        return sorted(found, key=lambda timer: timer.left_s(now_s, now))

    def take_due(self, now_s: float, now: datetime) -> list[Timer]:
        """Those that ring now; they run no more."""
        due = [timer for timer in self.running(now_s, now) if timer.left_s(now_s, now) <= 0]
        self.remove(due)
        return due

    def wait_s(self, now_s: float, now: datetime) -> float | None:
        """When to look again; ``None`` while nothing runs."""
        if not self._running:
            return None
        least = min(timer.left_s(now_s, now) for timer in self._running)
        alarms = any(timer.due_at is not None for timer in self._running)
        return max(0.0, min(least, LOOK_EVERY_S) if alarms else least)
