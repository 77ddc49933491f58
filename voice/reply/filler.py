"""Whether a reply is begun with a filler, and with which (pure; time is an argument).

Strategy: a filler keeps the promise of a first sound in time, and puts the reply's own words off by whatever it is longer than
the wait that it fills. So it is said at the last moment only, not where the forecast has the own words there in time, and the
shortest that fills the wait is taken: "Well," mostly.
"""

from collections.abc import Collection, Sequence

from voice.core.budget import Forecasts, Stage
from voice.core.interfaces import Filler
from voice.core.trace import Mark

LEAD_MS = 35.0
"""So long before the deadline a filler is let go: what follows is the way to the client, and two ticks of a busy loop."""
GAP_MS = 250.0
"""A filler may end so long before the reply's own words: a longer one would put them off."""
ALIKE_S = 0.12
"""Fillers whose lengths differ by less take turns."""
_STEPS = (
    (Stage.LLM_FIRST_TOKEN, Mark.LLM_FIRST_TOKEN),
    (Stage.LLM_CLAUSE, Mark.FIRST_CLAUSE),
    (Stage.TTS_FIRST_AUDIO, Mark.TTS_FIRST_AUDIO),
)


def wait_ms(forecasts: Forecasts, done: Collection[Mark], in_step_ms: float) -> float:
    """How long a reply's first audio is expected to take from now on.

    ``done`` are the marks that it has reached; for so many milliseconds it has been on its way to the next one. A step that
    takes longer than was forecast is expected to take half as long again.
    """
    left = [stage for stage, mark in _STEPS if mark not in done]
    if not left:
        return 0.0
    forecast_ms = forecasts.stage_ms(left[0])
    this_ms = forecast_ms - in_step_ms if in_step_ms < forecast_ms else in_step_ms / 2
    return this_ms + forecasts.remaining_ms(left[1:])


def choose(fillers: Sequence[Filler], rate_hz: int, wait_ms: float, said: int) -> Filler:
    """The shortest of one or more ``fillers`` that nearly fills the wait, else the longest; those alike in turns.

    ``said`` counts the fillers of the conversation so far.
    """
    by_length = sorted(fillers, key=lambda one: one.samples.size)
    enough = [one for one in by_length if one.samples.size >= (wait_ms - GAP_MS) / 1000 * rate_hz] or by_length[-1:]
    alike = [one for one in enough if one.samples.size - enough[0].samples.size < ALIKE_S * rate_hz]
    return alike[said % len(alike)]
