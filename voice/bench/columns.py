"""The three columns of a latency: first sound, the reply's own words, fillers (pure).

A filler ("Well,") or a bridge ("Let me look.") is not the reply, so the promise is about the own words. Recordings of one kind
make a row; rows are not mixed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from voice.bench.report import summary

HEADINGS = ("own p50", "p90", "p95", "first p50", "p95", "fillers")
CAPTION = "ms to the reply's own words, and to the first sound of any kind; fillers come before the own words"

Heard = tuple[float | None, Mapping[str, Any]]
"""When the first sound was heard, in ms from the end of speech (``None``: never), and the server's record of the turn."""


def is_filled(record: Mapping[str, Any]) -> bool:
    """Whether something that is not the reply came before its own words."""
    said = record.get("filler_text")
    filled = said.get("words", 0) if isinstance(said, Mapping) else said
    return bool(filled or record.get("filler") or record.get("filler_ms") is not None)


def own_words_ms(first_ms: float | None, record: Mapping[str, Any]) -> float | None:
    """When the own words were heard, where the first sound was heard at ``first_ms``; ``None``: never, or nobody listened on.

    A server that sends no record is taken to say nothing but its reply.
    """
    if first_ms is None or not is_filled(record):
        return first_ms
    if (behind_ms := record.get("filler_ms")) is not None:
        return first_ms + float(behind_ms)
    offsets = record.get("offsets_ms") or {}
    if "answer_heard" not in offsets or "first_audio_sent" not in offsets:
        return None
    return first_ms + float(offsets["answer_heard"] - offsets["first_audio_sent"])


def columns(heard: Iterable[Heard]) -> dict[str, Any]:
    """``first_sound_ms`` and ``own_words_ms`` as summaries, ``fillers`` as ``{"count", "share"}`` of those that were heard."""
    answered = [(first_ms, record) for first_ms, record in heard if first_ms is not None]
    own = [own_words_ms(first_ms, record) for first_ms, record in answered]
    filled = sum(is_filled(record) for _, record in answered)
    return {
        "first_sound_ms": summary([first_ms for first_ms, _ in answered]),
        "own_words_ms": summary([ms for ms in own if ms is not None]),
        "fillers": {"count": filled, "share": round(filled / len(answered), 4) if answered else None},
    }


def cells(found: Mapping[str, Any]) -> list[str]:
    """What :func:`columns` found, under :data:`HEADINGS`."""
    own, first, fillers = found["own_words_ms"], found["first_sound_ms"], found["fillers"]
    share = "" if fillers["share"] is None else f" ({fillers['share']:.0%})"
    times = [*(own.get(p) for p in ("p50", "p90", "p95")), *(first.get(p) for p in ("p50", "p95"))]
    return [*("-" if ms is None else f"{ms:.0f}" for ms in times), f"{fillers['count']}{share}"]
