"""Edge and cloud in one answer: when which of them speaks (pure; time is an argument).

Strategy: the edge's opening clause is nearly always there before the cloud's first token could be, so it is what the user hears
first, and the cloud goes on from its words. A cloud that is near, or an edge that is busy, turns that around: both are asked to
open, and the edge's clause is held until the last moment at which it is in time. From then on one question is asked again and
again: if the cloud's next clause has not come by now, is there still time for the edge to make one before the audio runs out?
"""

from voice.core.budget import Forecasts, Stage

OPENING_MS = 700.0
"""About how long an opening clause of three words lasts."""
MARGIN_MS = 80.0
"""Kept back for what no forecast knows."""
WORD_S = 0.2
"""The least that a word that is yet to be synthesised will last."""
UNSURE_LOGPROB = -2.3
"""A token of the opening that is less likely than this (10 %) may be a claim that the edge is not sure of."""
EXCUSE = "One moment, please."
"""Said when nobody has a clause yet and the silence would be noticed."""
SILENCE_MS = 500.0
"""So long beyond the deadline a reply may be missing before that is said."""
OPENERS = ("Let me think about that.", "That is a good question.", "Give me a moment with that.")
"""Spoken instead of an opening that could bind the answer to something wrong."""


def cloud_first_audio_ms(cloud_clause_ms: float | None, edge_clause_ms: float) -> float | None:
    """When a turn that the cloud answers is first heard; ``None`` while the cloud is not to be asked.

    That is when the edge's opening is there, unless the opening would be over before the cloud has a clause.
    """
    if cloud_clause_ms is None:
        return None
    return max(edge_clause_ms, cloud_clause_ms - OPENING_MS)


def cloud_may_open(cloud_clause_ms: float | None, edge_clause_ms: float, spare_ms: float) -> bool:
    """Whether the cloud, too, is asked for the first clause: it would be in time by itself, or sooner than a busy edge.

    ``spare_ms`` is what is left for a first clause, its synthesis taken off.
    """
    return cloud_clause_ms is not None and cloud_clause_ms <= max(spare_ms, edge_clause_ms)


def excuse_after_ms(edge_clause_ms: float, spare_ms: float) -> float:
    """When to say that it takes a moment, if there is no clause by then.

    In time for the deadline when it is clear by now that the reply will miss it by far, else when the silence is noticed.
    """
    return spare_ms if edge_clause_ms > spare_ms + SILENCE_MS else spare_ms + SILENCE_MS


def reserve_ms(forecasts: Forecasts, *, rereads: bool) -> float:
    """What the edge needs to have its next clause heard; ``rereads``: it must first read what the cloud has said."""
    stages = [Stage.LLM_CLAUSE, Stage.TTS_FIRST_AUDIO]
    if rereads:
        stages.append(Stage.LLM_FIRST_TOKEN)
    return forecasts.remaining_ms(stages) + MARGIN_MS


def wait_until_s(covered_until_s: float | None, edge_needs_ms: float) -> float | None:
    """The last moment at which the cloud's next token may come; ``None`` while nothing is being heard and so nothing runs out.

    ``covered_until_s`` is when the audio that there is will have been played.
    """
    return None if covered_until_s is None else covered_until_s - edge_needs_ms / 1000


def opening(clause: str, least_logprob: float, number: int) -> str:
    """What to open turn ``number`` with: the edge's clause, or one that claims nothing when it was unsure of a word in it."""
    return clause if least_logprob >= UNSURE_LOGPROB else OPENERS[number % len(OPENERS)]
