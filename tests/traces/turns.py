"""Turns as they stand in the log."""

import json
from typing import Any

from voice.traces.record import Record, parse

OFFSETS = {
    "speech_start": -1200.0,
    "speech_end": 0.0,
    "vad_silence": 100.0,
    "asr_final": 170.0,
    "route": 171.0,
    "llm_first_token": 200.0,
    "first_clause": 240.0,
    "tts_first_audio": 270.0,
}
STAGES = {"asr": 90.0, "route": 1.0, "llm_first_token": 29.0, "llm_clause": 40.0, "tts_first_audio": 30.0}
FORECAST = {"asr": 80.0, "route": 2.0, "llm_first_token": 30.0, "llm_clause": 45.0, "tts_first_audio": 35.0}


def turn(number: int = 1, *, ttfa: float = 280.0, **more: Any) -> dict[str, Any]:
    offsets = {**OFFSETS, "first_audio_sent": ttfa, "last_audio_sent": 2000.0}
    record = {
        "conversation": "c",
        "turn": number,
        "tier": "edge",
        "end_reason": "completed",
        "marks": {name: 1_800_000_000_000.0 + ms for name, ms in offsets.items()},
        "offsets_ms": offsets,
        "stages_ms": STAGES,
        "forecast_ms": FORECAST,
        "ttfa_ms": ttfa,
        "deadline": 1_800_000_000_300.0,
        "late_ms": max(0.0, ttfa - 300),
        "late_stages": ["asr"] if ttfa > 300 else [],
        "takebacks": 1,
        "reopenings": 0,
        "reply_tokens": 30,
        "wasted_tokens": 10,
        "route": {"tier": "edge", "task": "chit_chat", "reasons": ["mode: edge"]},
        "cost": {"currency": "USD", "edge": 0.002, "cloud": 0.0, "all_cloud": 0.003, "all_edge": 0.002},
        "user_text": {"chars": 12, "words": 3},
        "reply_text": {"chars": 30, "words": 6},
    }
    return {**record, **more}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def parsed(record: dict[str, Any]) -> Record:
    found = parse(json.dumps(record).encode())
    assert found is not None
    return found
