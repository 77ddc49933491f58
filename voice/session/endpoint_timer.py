"""One pause of the user's: gathers the evidence, says when the turn is over, and when its reply may be heard.

Strategy: a turn that is over is committed only when the reply's first audio is there. Until then nothing is lost by waiting,
and a user who goes on takes it back without having heard a thing. Before anything is said, the level is looked at once more:
where it has just risen, the detector first says whether that is speech.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from voice.core.config import TurnConfig
from voice.core.interfaces import Transcript
from voice.turn.endpoint import Evidence, probability, silence_needed_ms, wants_prosody
from voice.turn.hooks import TurnHooks

NOTHING_SAID_MS = 500.0
"""A sound without words is forgotten after this much silence."""
LAST_LOOK_MS = 70.0
"""Two windows of the detector."""


class Level(Protocol):
    """Who knows whether it is quiet at this moment."""

    @property
    def quiet_since(self) -> int | None:
        """The sample since which the level is down; ``None`` while it is up."""
        ...


class EndpointTimer:
    """Sets one timer for the moment at which the evidence will be enough, and moves it when the evidence changes.

    Tells the hooks at most once each: ``turn_over``; then ``end_of_turn`` or, without words, ``nothing_said``; and
    ``reply_late`` when the turn is over, its reply is not ready, and ``late_ms`` have passed (again after :meth:`late_again`).

    Args:
        turn: its number.
        since_s: the user's last voiced sample, in the event loop's time.
    """

    def __init__(
        self, turn: int, since_s: float, config: TurnConfig, level: Level, hooks: TurnHooks, *, late_ms: float = math.inf
    ) -> None:
        self.since_s = since_s
        self._evidence = Evidence()
        self._turn = turn
        self._config = config
        self._level = level
        self._hooks = hooks
        self._late_ms = late_ms
        self._ready = self._over = self._doubted = self._closed = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._set_timers()

    @property
    def evidence(self) -> Evidence:
        """What is known of the pause so far."""
        return self._evidence

    # --- what becomes known --------------------------------------------------------------------------------------------------

    def reply_ready(self) -> None:
        """The reply's first audio is there (or there will be none)."""
        self._ready = True
        self._set_timers()

    def learn_words(self, heard: Transcript) -> None:
        """What was said is known."""
        self._evidence = replace(
            self._evidence, transcript=heard.text, trails_off=heard.trails_off, breaks_off=heard.breaks_off
        )
        self._set_timers()

    def learn_prosody(self, probability: float) -> None:
        """The sound's own probability of being finished is known."""
        self._evidence = replace(self._evidence, prosody=probability)
        self._set_timers()

    def late_again(self, ms: float, now_s: float) -> None:
        """Tell of a late reply once more, ``ms`` from now, if that is still needed."""
        self._late_ms = (now_s - self.since_s) * 1000 + ms
        self._set_timers()

    # --- what follows --------------------------------------------------------------------------------------------------------

    @property
    def wants_prosody(self) -> bool:
        """Whether the words are known and do not decide."""
        return bool(self._evidence.transcript) and wants_prosody(self._evidence, self._config.commit_probability)

    def probability(self, now_s: float) -> float:
        """The probability, now, that the user has finished."""
        return probability(self._evidence, (now_s - self.since_s) * 1000)

    def close(self) -> None:
        """The pause is over: nothing is told any more, whatever still becomes known. May be called again."""
        self._closed = True
        self._cancel()

    def _cancel(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _set_timers(self) -> None:
        if self._doubted or self._closed:
            return
        self._cancel()
        config, known = self._config, self._evidence.transcript
        if known == "":
            self._at(min(NOTHING_SAID_MS, config.max_silence_ms), "end", self._end)
            return
        needed_ms = max(config.least_silence_ms, silence_needed_ms(self._evidence, config.commit_probability))
        needed_ms = min(needed_ms, config.max_silence_ms)
        if known and not self._over:
            self._at(needed_ms, "over", self._tell_over)
        if known and not self._ready and (late_ms := max(needed_ms, self._late_ms)) < config.max_silence_ms:
            self._at(late_ms, "late", self._tell_late)
        self._at(needed_ms if self._ready else config.max_silence_ms, "end", self._end)

    def _at(self, silence_ms: float, name: str, then: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_at(self.since_s + silence_ms / 1000, then)

    def _again(self, name: str, then: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(LAST_LOOK_MS / 1000, then)

    @property
    def _is_quiet(self) -> bool:
        return self._level.quiet_since is not None

    def _tell_over(self) -> None:
        if not self._is_quiet:
            self._again("over", self._tell_over)
            return
        self._over = True
        self._hooks.turn_over(self._turn)

    def _tell_late(self) -> None:
        if self._is_quiet:
            self._hooks.reply_late(self._turn)
        else:
            self._again("late", self._tell_late)

    def _end(self) -> None:
        if self._evidence.transcript == "":
            self._hooks.nothing_said(self._turn)
        elif self._is_quiet or self._doubted:
            self._hooks.end_of_turn(self._turn)
        else:
            self._doubted = True
            if (late := self._timers.pop("late", None)) is not None:
                late.cancel()
            self._again("end", self._end)
