"""One pause of the user's: gathers the evidence and fires when the turn is over and the reply can be heard.

Strategy: a turn that is over is committed only when the reply's first audio is there. Until then nothing is lost by waiting,
and a user who goes on takes it back without having heard a thing.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

from voice.core.config import TurnConfig
from voice.core.interfaces import Transcript
from voice.turn.endpoint import Evidence, probability, silence_needed_ms, wants_prosody

NOTHING_SAID_MS = 500.0
"""A sound without words is forgotten after this much silence."""


class EndpointTimer:
    """Sets one timer for the moment at which the evidence will be enough, and moves it when the evidence changes.

    Args:
        since_s: the user's last voiced sample, in the event loop's time.
        on_end: called once when the turn is over.
        on_nothing: called once, instead, when there were no words.
        on_late: called once, before ``on_end``, when the turn is over, its reply is not :meth:`ready`, and ``late_ms`` have
            passed.
    """

    def __init__(
        self,
        since_s: float,
        config: TurnConfig,
        on_end: Callable[[], None],
        on_nothing: Callable[[], None],
        on_late: Callable[[], None] = lambda: None,
        late_ms: float = math.inf,
    ) -> None:
        self.since_s = since_s
        self.evidence = Evidence()
        self._config = config
        self._on_end = on_end
        self._on_nothing = on_nothing
        self._on_late = on_late
        self._late_ms = late_ms
        self._late_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ready = False
        self._doubted = False
        self._set_timer()

    def ready(self) -> None:
        """The reply's first audio is there (or there will be none)."""
        self._ready = True
        self._set_timer()

    @property
    def doubted(self) -> bool:
        """Whether :meth:`doubt` was called."""
        return self._doubted

    def doubt(self, ms: float) -> None:
        """Do not fire before ``ms`` from now."""
        self._doubted = True
        self.cancel()
        self._timer = asyncio.get_running_loop().call_later(ms / 1000, self._on_end)

    def late_again(self, ms: float, now_s: float) -> None:
        """Call ``on_late`` once more, ``ms`` from now, if that is still needed."""
        self._late_ms = (now_s - self.since_s) * 1000 + ms
        self._set_timer()

    @property
    def wants_prosody(self) -> bool:
        """Whether the words are known and do not decide."""
        known = self.evidence.transcript
        return bool(known) and wants_prosody(self.evidence, self._config.commit_probability)

    def learn_prosody(self, probability: float) -> None:
        """The sound's own probability of being finished is known."""
        self.evidence = replace(self.evidence, prosody=probability)
        self._set_timer()

    async def weigh_words(self, words: "asyncio.Task[Transcript | None]") -> None:
        """Take what was said as evidence, once it is known. Cancelling this does not cancel ``words``."""
        heard = await asyncio.shield(words)
        if heard is not None:
            self.evidence = replace(
                self.evidence,
                transcript=heard.text,
                trails_off=heard.trails_off,
                breaks_off=heard.breaks_off,
            )
            self._set_timer()

    def probability(self, now_s: float) -> float:
        """The probability, now, that the user has finished."""
        return probability(self.evidence, (now_s - self.since_s) * 1000)

    def cancel(self) -> None:
        """The pause is over: nothing fires any more. May be called again."""
        for timer in (self._timer, self._late_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._late_timer = None

    def _set_timer(self) -> None:
        if self._doubted:
            return
        self.cancel()
        nothing = self.evidence.transcript == ""
        needed_ms = max(self._config.least_silence_ms, silence_needed_ms(self.evidence, self._config.commit_probability))
        if nothing:
            needed_ms = NOTHING_SAID_MS
        loop = asyncio.get_running_loop()
        if not self._ready and not nothing:
            late_ms = max(needed_ms, self._late_ms)
            if self.evidence.transcript and late_ms < self._config.max_silence_ms:
                self._late_timer = loop.call_at(self.since_s + late_ms / 1000, self._on_late)
            needed_ms = self._config.max_silence_ms
        at_s = self.since_s + min(needed_ms, self._config.max_silence_ms) / 1000
        fire = self._on_nothing if nothing else self._on_end
        self._timer = loop.call_at(at_s, fire)
