"""A turn as spans of time (pure): what ran when, and what its first words waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from voice.traces.record import Record

STAGE_ENDS = {
    "asr": "asr_final",
    "route": "route",
    "llm_first_token": "llm_first_token",
    "llm_clause": "first_clause",
    "tts_first_audio": "tts_first_audio",
}
"""The mark at which each stage ended."""

STEPS = {
    "pause noticed": "vad_silence",
    "transcript": "asr_final",
    "placed": "route",
    "first token": "llm_first_token",
    "first clause": "first_clause",
    "synthesis": "tts_first_audio",
    "end of turn": "end_of_turn",
    "sent": "first_audio_sent",
}
"""The steps on the way to the first words, in flow order, and the mark at which each ended."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time.

    Attributes:
        start_ms, end_ms: from the user's last voiced sample; below 0 while they still spoke.
        forecast_ms: what it was expected to take, where that is known.
    """

    name: str
    start_ms: float
    end_ms: float
    forecast_ms: float | None = None

    @property
    def ms(self) -> float:
        """How long it took."""
        return self.end_ms - self.start_ms


def spans(record: Record) -> list[Span]:
    """The turn's spans in flow order: the user's speech, the pause until it was noticed, the stages, the wait, the reply."""
    at = record.offsets_ms
    found: list[Span] = []
    if "speech_start" in at:
        found.append(Span("speech", at["speech_start"], at.get("speech_end", 0.0)))
    if "vad_silence" in at and "speech_start" in at:
        found.append(Span("pause noticed", 0.0, at["vad_silence"]))
    for stage, mark in STAGE_ENDS.items():
        took = record.stages_ms.get(stage)
        if mark in at and took is not None:
            found.append(Span(stage, at[mark] - took, at[mark], record.forecast_ms.get(stage)))
    ready, sent = at.get("tts_first_audio"), at.get("first_audio_sent")
    if ready is not None and sent is not None and sent > ready:
        found.append(Span("held behind the gate", ready, sent))
    answer = at.get("answer_heard")
    if sent is not None and answer is not None:
        found.append(Span("filler", sent, answer))
    if sent is not None and "last_audio_sent" in at:
        found.append(Span("reply", sent if answer is None else answer, at["last_audio_sent"]))
    return [span for span in found if span.ms >= 0]


def path(record: Record) -> dict[str, float]:
    """What the first words waited for, in ms by step of :data:`STEPS`; they add up to the time until them. Empty without any.

    These are the reply's own words: a filler comes before them and is no step. Each step gets the time by which its end lies
    behind those of all steps before it: work that was done beside or before them, as a draft is, costs nothing.
    """
    total = record.own_ms
    if total is None or total < 0:
        return {}
    found, reached = {}, 0.0
    for name, mark in STEPS.items():
        until = total if name == "sent" else min(total, record.offsets_ms.get(mark, 0.0))
        found[name] = max(0.0, until - reached)
        reached = max(reached, until)
    return found


def chrome_trace(records: Sequence[Record]) -> dict[str, Any]:
    """The turns in the Chrome Trace Event format, which Perfetto opens: a process a conversation, a track a kind of span.

    Concurrent spans are on tracks of their own, since the format nests what overlaps on one; a span that would overlap the
    one before it on its track (the reply of an interrupted turn) goes to a further track of the same name.
    """
    events: list[dict[str, Any]] = []
    processes: dict[str, int] = {}
    tracks = _Tracks()
    for record in sorted(records, key=lambda one: one.at_ms or 0.0):
        pid = processes.setdefault(record.conversation, len(processes) + 1)
        origin_ms = record.at_ms or 0.0
        for span in spans(record):
            start, end = round((origin_ms + span.start_ms) * 1000), round((origin_ms + span.end_ms) * 1000)
            events.append(
                {
                    "name": span.name,
                    "cat": record.tier,
                    "ph": "X",
                    "ts": start,
                    "dur": end - start,
                    "pid": pid,
                    "tid": tracks.place(pid, span.name, start, end),
                    "args": {"turn": record.turn, "forecast_ms": span.forecast_ms, "end_reason": record.end_reason},
                }
            )
    names = [_named("process_name", pid, 0, f"conversation {name}") for name, pid in processes.items()]
    return {"traceEvents": [*names, *tracks.names(), *events], "displayTimeUnit": "ms"}


class _Tracks:
    """Which track of a process each span is on."""

    def __init__(self) -> None:
        self._order: dict[tuple[str, int], int] = {}
        self._until: dict[tuple[int, int], int] = {}
        self._titles: dict[tuple[int, int], str] = {}

    def place(self, pid: int, name: str, start: int, end: int) -> int:
        """The number of the first track of this name that is free from ``start`` on."""
        copy = 0
        while True:
            tid = self._order.setdefault((name, copy), len(self._order) + 1)
            if self._until.get((pid, tid), start) <= start:
                break
            copy += 1
        self._until[pid, tid] = end
        self._titles[pid, tid] = name
        return tid

    def names(self) -> list[dict[str, Any]]:
        """The events that name the tracks."""
        return [_named("thread_name", pid, tid, title) for (pid, tid), title in self._titles.items()]


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
