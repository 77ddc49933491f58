"""A turn as spans of time (pure): what ran when, relative to the user's last voiced sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STAGE_ENDS = {
    "asr": "asr_final",
    "route": "route",
    "llm_first_token": "llm_first_token",
    "llm_clause": "first_clause",
    "tts_first_audio": "tts_first_audio",
}
"""The mark at which each stage ended."""


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


def spans(record: Mapping[str, Any]) -> list[Span]:
    """The turn's spans in flow order: the user's speech, the pause until it was noticed, the stages, the wait, the reply."""
    at: Mapping[str, float] = record["offsets_ms"]
    found: list[Span] = []
    if "speech_start" in at:
        found.append(Span("speech", at["speech_start"], at.get("speech_end", 0.0)))
    if "vad_silence" in at and "speech_start" in at:
        found.append(Span("pause noticed", 0.0, at["vad_silence"]))
    for stage, mark in STAGE_ENDS.items():
        took = record["stages_ms"].get(stage)
        if mark in at and isinstance(took, int | float):
            forecast = record["forecast_ms"].get(stage)
            known = float(forecast) if isinstance(forecast, int | float) else None
            found.append(Span(stage, at[mark] - took, at[mark], known))
    ready = at.get("tts_first_audio")
    if ready is not None and "first_audio_sent" in at and at["first_audio_sent"] > ready:
        found.append(Span("held behind the gate", ready, at["first_audio_sent"]))
    if "first_audio_sent" in at and "last_audio_sent" in at:
        found.append(Span("reply", at["first_audio_sent"], at["last_audio_sent"]))
    return found


def chrome_trace(records: "list[Mapping[str, Any]]") -> dict[str, Any]:
    """The turns in the Chrome Trace Event format, which Perfetto opens: a process a conversation, a track a kind of span.

    Concurrent spans are on tracks of their own, since the format nests what overlaps on one.
    """
    events: list[dict[str, Any]] = []
    processes: dict[str, int] = {}
    tracks: dict[str, int] = {}
    for record in records:
        name = str(record.get("conversation", "?"))
        if name not in processes:
            processes[name] = len(processes) + 1
            events.append(_named("process_name", processes[name], 0, f"conversation {name}"))
        origin_ms = float(record["marks"].get("speech_end", 0.0))
        for span in spans(record):
            if span.name not in tracks:
                tracks[span.name] = len(tracks) + 1
            events.append(
                {
                    "name": span.name,
                    "cat": str(record.get("tier", "edge")),
                    "ph": "X",
                    "ts": round((origin_ms + span.start_ms) * 1000),
                    "dur": max(0, round(span.ms * 1000)),
                    "pid": processes[name],
                    "tid": tracks[span.name],
                    "args": {"turn": record["turn"], "forecast_ms": span.forecast_ms, "end_reason": record.get("end_reason")},
                }
            )
    events += [_named("thread_name", pid, tid, track) for pid in processes.values() for track, tid in tracks.items()]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
