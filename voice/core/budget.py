"""One absolute deadline a turn, and forecasts of what each stage still needs.

The deadline is made once, from the moment the user stopped speaking, and handed down; nobody nests relative timeouts.
Everything here is pure: time is an argument.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The parts of a turn that cost time between the user's last sound and the first sound of the reply, in flow order."""

    ASR = "asr"
    ROUTE = "route"
    LLM_FIRST_TOKEN = "llm_first_token"
    LLM_CLAUSE = "llm_clause"
    TTS_FIRST_AUDIO = "tts_first_audio"


@dataclass(frozen=True, slots=True)
class Deadline:
    """An absolute point in monotonic time, in seconds."""

    at_s: float

    @classmethod
    def after(cls, start_s: float, budget_ms: float) -> "Deadline":
        """The deadline ``budget_ms`` after ``start_s``."""
        return cls(start_s + budget_ms / 1000.0)

    def left_ms(self, now_s: float) -> float:
        """Milliseconds left; negative once it has passed."""
        return (self.at_s - now_s) * 1000.0

    def late_ms(self, now_s: float) -> float:
        """By how many milliseconds it has passed; 0 while it has not."""
        return max(0.0, -self.left_ms(now_s))


class Quantiles:
    """Quantiles over the newest ``window`` observations.

    An exact sliding window: at tens of observations a sorted list costs a microsecond and has none of the start-up error of a
    streaming estimate.
    """

    __slots__ = ("_newest", "_sorted", "_window")

    def __init__(self, window: int = 64) -> None:
        self._window = window
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._newest)

    def add(self, value: float) -> None:
        """Take one observation; the oldest beyond the window is forgotten."""
        self._newest.append(value)
        insort(self._sorted, value)
        if len(self._newest) > self._window:
            self._sorted.remove(self._newest.popleft())

    def at(self, q: float, default: float) -> float:
        """The ``q`` quantile (0 to 1, nearest rank), or ``default`` while there are no observations."""
        if not self._sorted:
            return default
        return self._sorted[min(len(self._sorted) - 1, int(q * len(self._sorted)))]


PRIOR_MS = {
    Stage.ASR: 80.0,
    Stage.ROUTE: 5.0,
    Stage.LLM_FIRST_TOKEN: 60.0,
    Stage.LLM_CLAUSE: 60.0,
    Stage.TTS_FIRST_AUDIO: 60.0,
}
"""What a stage is taken to need before it was ever measured here."""


PRIOR_WORD_MS = 15.0
PRIOR_LARGE_MS = 900.0
"""From a request to the second speed to its first clause."""
STAGE_WITHIN_S = 20.0
"""A stage that gives nothing for so long is taken to have failed: a user who waits is told so."""


class Forecasts:
    """Running forecasts of each stage on this machine, shared by all conversations of a process."""

    def __init__(self, *, window: int = 64, quantile: float = 0.8) -> None:
        self._quantile = quantile
        self._stages = {stage: Quantiles(window) for stage in Stage}
        self._word_ms = Quantiles(window)
        self._large_ms = Quantiles(window)

    def observe(self, stage: Stage, took_ms: float) -> None:
        """Learn from one run of a stage."""
        self._stages[stage].add(took_ms)

    def observe_words(self, took_ms: float, words: int) -> None:
        """Learn from a first clause of so many words (1 or more), the first of which was there at the beginning."""
        self._word_ms.add(took_ms / words)

    def observe_large(self, took_ms: float) -> None:
        """Learn from a request to the second speed: how long its first clause took."""
        self._large_ms.add(took_ms)

    @property
    def large_ms(self) -> float:
        """What the second speed is expected to take to a first clause."""
        return self._large_ms.at(self._quantile, PRIOR_LARGE_MS)

    @property
    def word_ms(self) -> float:
        """What one more word of a reply is expected to take."""
        return self._word_ms.at(self._quantile, PRIOR_WORD_MS)

    def stage_ms(self, stage: Stage) -> float:
        """What the stage is expected to take."""
        return self._stages[stage].at(self._quantile, PRIOR_MS[stage])

    def remaining_ms(self, stages: Iterable[Stage]) -> float:
        """What these stages, one after the other, are expected to take."""
        return sum(self.stage_ms(stage) for stage in stages)

    def fits(self, deadline: Deadline, now_s: float, stages: Iterable[Stage]) -> bool:
        """Whether these stages are expected to end before the deadline."""
        return self.remaining_ms(stages) <= deadline.left_ms(now_s)

    def snapshot(self) -> dict[str, float]:
        """The forecast of every stage in milliseconds, for the trace."""
        return {str(stage): round(self.stage_ms(stage), 1) for stage in Stage}


def words_that_fit(forecasts: Forecasts, left_ms: float, words: int) -> int:
    """How many words a first clause of ``words`` words so far may have for its first audio to be there in ``left_ms``."""
    spare_ms = left_ms - forecasts.stage_ms(Stage.TTS_FIRST_AUDIO)
    return words + max(0, int(spare_ms / max(forecasts.word_ms, 1.0)))


def pace_ms(forecasts: Forecasts, least_ms: float) -> float:
    """How often to look at what is being said, at most every ``least_ms``.

    A look takes half of the time at most: on a busy machine it is taken seldom.
    """
    return max(least_ms, 2 * forecasts.stage_ms(Stage.ASR))
