"""Timers, alarms and reminders of one user. Bookkeeping only: both clocks are arguments.

A timer counts monotonic seconds; an alarm rings at a time of day, so it follows the wall clock: a machine that slept, or whose
clock was set, rings on time all the same.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

MAX_TIMERS = 20
LEAST_WAIT_S = 0.001
"""A bell that is early by the rounding of a clock must not ring on and on."""
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
            return (self.due_at.astimezone(UTC) - now.astimezone(UTC)).total_seconds()  # within a zone the hands would count
        return (self.due_s or 0.0) - now_s


class Timers:
    """The timers that run, and those that are due and have not rung, the next one first.

    Args:
        limit: how many there may be.
    """

    def __init__(self, limit: int = MAX_TIMERS) -> None:
        self._limit = limit
        self._running: list[Timer] = []
        self.rung: Timer | None = None
        """The one that rang last."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._running)

    @property
    def full(self) -> bool:
        """Whether no more can be set."""
        return len(self._running) >= self._limit

    def add(self, timer: Timer) -> None:
        """Let it run; beyond the limit nothing is added."""
        if not self.full:
            self._running.append(timer)

    def put_back(self, timer: Timer) -> None:
        """It was taken to ring and could not."""
        self._running.append(timer)

    def remove(self, timers: "list[Timer]") -> None:
        """Forget these, as far as they run."""
        self._running = [timer for timer in self._running if timer not in timers]

    def running(self, now_s: float, now: datetime, *, kind: Kind | None = None, name: str = "") -> list[Timer]:
        """Those of a kind (all), with a name (any), the next one first."""
        found = [timer for timer in self._running if kind in {None, timer.kind} and name in {"", timer.name}]
        return sorted(found, key=lambda timer: timer.left_s(now_s, now))

    def wait_s(self, now_s: float, now: datetime) -> float | None:
        """When the next one is due, or its clock is to be looked at again; ``None`` while none is to come."""
        ahead = [(left_s, timer) for timer in self._running if (left_s := timer.left_s(now_s, now)) > 0]
        if not ahead:
            return None
        alarms = any(timer.due_at is not None for _, timer in ahead)
        least_s = max(LEAST_WAIT_S, min(left_s for left_s, _ in ahead))
        return min(least_s, LOOK_EVERY_S) if alarms else least_s
