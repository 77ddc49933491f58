"""When a larger model is waited for, what is said meanwhile, and when it is given up (pure; time is an argument).

Strategy: the small model on the device opens every answer with what binds nobody (:mod:`voice.reply.opening`), and a larger one
gives it: the cloud where the turn was placed there, else the second speed on the device. While the audio lasts, nothing else is
needed. When it would run out, a true bridge is said, and once more a second one; a larger model that has given nothing within
the turn's patience is given up for the next best, and where only the small one is left, the user is told.
"""

from voice.core.budget import Forecasts, Stage

OPENING_MS = 1000.0
"""About how long an opening lasts."""
WORD_S = 0.2
"""The least that a word that is yet to be synthesised will last."""
MARGIN_MS = 40.0
"""Kept back for what no forecast knows."""
BRIDGES = ("Let me see.", "One moment, please.")
"""Said when the audio runs out and nobody has a clause yet; each once in a reply at most."""
SILENCE_MS = (350.0, 350.0)
"""So long a silence may be before each of them."""
WITHIN_MS = 450.0
"""The same within a sentence of the larger model's, which is better not broken."""
UNHEARD_MS = 300.0
"""So long beyond the deadline the first sound of a reply may be missing."""
NEXT_NEARLY_MS = 450.0
"""A second bridge would put off what is expected so soon by more than the silence is long."""
LATE_OPENING_S = 0.4
"""An opening may be so much later than the promise; then the answer does without."""
NEARLY_MS = 200.0
"""What is expected so soon after that is waited for."""
NOTICE_UNREACHED = "I could not reach the larger model. As far as I know,"
NOTICE_LATE = "The larger model takes too long. As far as I know,"
NOTICE_LOST = "I lost the larger model there."
"""What the user is told where the small model alone must answer, or go on."""


def larger_first_audio_ms(larger_clause_ms: float | None, edge_clause_ms: float) -> float | None:
    """When a turn that a larger model answers is first heard; ``None`` while it is not to be asked.

    That is when the edge's opening is there, unless the opening would be over before the larger one has a clause.
    """
    if larger_clause_ms is None:
        return None
    return max(edge_clause_ms, larger_clause_ms - OPENING_MS)


def opening_until_s(now_s: float, expected_s: float, due_s: float, voice_s: float) -> float:
    """Until when an opening is waited for that is expected at one time, where its first sound is due at another.

    One that is a little late is better than none; one that is expected much later is not waited for at all. ``voice_s`` is
    what its synthesis takes.
    """
    latest_s = due_s + LATE_OPENING_S
    return now_s if now_s < expected_s and expected_s + voice_s > latest_s else latest_s


def bridge_at_s(
    said: int,
    covered_until_s: float | None,
    due_s: float | None,
    expected_s: float,
    voice_ms: float,
    *,
    within: bool = False,
) -> float | None:
    """When the next bridge is to be begun; ``None``: there is none left, or it is not known yet whether one is needed.

    Args:
        said: how many this reply has had.
        covered_until_s: when the audio made so far will have been played; ``None`` while there is none.
        due_s: when the first sound was wanted; ``None`` while the turn is not over.
        expected_s: when the larger model's clause is expected to be heard.
        voice_ms: what a bridge's own synthesis takes.
        within: the larger model has begun a sentence that is not over.
    """
    if said >= len(BRIDGES) or due_s is None:
        return None
    if covered_until_s is None:
        latest_s = due_s + UNHEARD_MS / 1000
        nearly = latest_s < expected_s <= latest_s + NEARLY_MS / 1000
        return None if said else latest_s + ((NEARLY_MS if nearly else 0.0) - voice_ms) / 1000
    silence_s = (WITHIN_MS if within else SILENCE_MS[said]) / 1000
    quiet_s = covered_until_s + silence_s
    if said or within:
        nearly = expected_s <= quiet_s + NEXT_NEARLY_MS / 1000
        return (max(quiet_s, expected_s + MARGIN_MS / 1000) if nearly else quiet_s) - voice_ms / 1000
    return (covered_until_s if expected_s > quiet_s else quiet_s) - voice_ms / 1000


def give_up_at_s(waits_since_s: float, patience_ms: float, next_best_ms: float) -> float:
    """When a larger model that gives nothing is given up: the next best then answers before the patience is over."""
    return waits_since_s + max(patience_ms - next_best_ms, patience_ms / 2) / 1000


def small_clause_ms(forecasts: Forecasts, *, rereads: bool) -> float:
    """What the small model needs to have its next clause heard; ``rereads``: it must first read what another has said."""
    stages = [Stage.LLM_CLAUSE, Stage.TTS_FIRST_AUDIO]
    if rereads:
        stages.append(Stage.LLM_FIRST_TOKEN)
    return forecasts.remaining_ms(stages) + MARGIN_MS


def notice(code: str, *, answered: bool) -> str:
    """What the user is told before the small model goes on. ``answered``: a larger one has said a part of the answer."""
    if answered:
        return NOTICE_LOST
    return NOTICE_LATE if code in {"cloud_late", "cloud_slow"} else NOTICE_UNREACHED
