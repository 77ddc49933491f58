"""The log's readers: whole, cut off, damaged, rotated, followed."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from voice.cli import app
from voice.errors import ConfigError
from voice.traces.read import Log, files, follow, read
from voice.traces.spans import chrome_trace, spans
from voice.traces.summary import percentiles, summarise

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
        "route": {"task": "chit_chat", "reasons": ["mode: edge"]},
    }
    return {**record, **more}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_what_can_be_read_is_read_and_the_rest_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(
        lines(turn(1))
        + b'{"turn": 2, "off\n\x00\xff\xfe\n[1]\n{"turn": "x"}\n\n'
        + lines(turn(3))[:-1]
        + b"\n"
        + lines(turn(4))[:40]
    )
    found = read(log)
    assert [record["turn"] for record in found.records] == [1, 3]
    assert found.bad_lines == 5


@given(st.binary(max_size=300))
def test_no_line_is_too_odd(line: bytes) -> None:
    log = Log()
    assert log.take(line.replace(b"\n", b"")) is None


def test_rotated_files_come_first(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    for name, number in ((".2", 1), (".1", 2), ("", 3)):
        log.with_name(log.name + name).write_bytes(lines(turn(number)))
    (tmp_path / "turns.jsonl.bak").write_bytes(b"x")
    assert len(files(log)) == 3
    assert [record["turn"] for record in read(log).records] == [1, 2, 3]


def test_a_log_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="voice ask"):
        read(tmp_path / "turns.jsonl")


def test_turns_are_followed_into_the_next_file(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1)))

    def rotate() -> None:
        log.rename(tmp_path / "turns.jsonl.1")
        log.write_bytes(lines(turn(3)))

    whole = lines(turn(1), turn(2))
    half = len(whole) - 30
    steps = iter((lambda: log.write_bytes(whole[:half]), lambda: log.write_bytes(whole), rotate))

    def sleep(_: float) -> None:
        next(steps)()

    found = follow(log, sleep=sleep)
    assert [next(found)["turn"] for _ in range(2)] == [2, 3]


def test_spans_tell_what_ran_when() -> None:
    found = {span.name: span for span in spans(turn())}
    assert found["asr"].start_ms == 80
    assert found["asr"].forecast_ms == 80
    assert found["held behind the gate"].ms == 10
    assert [span.name for span in spans(turn())][:2] == ["speech", "pause noticed"]
    bare = {"turn": 1, "marks": {}, "offsets_ms": {}, "stages_ms": {}, "forecast_ms": {}}
    assert spans(bare) == []


def test_perfetto_gets_concurrent_spans_on_tracks_of_their_own() -> None:
    exported = chrome_trace([turn(1), turn(2, conversation="d")])
    json.dumps(exported)
    complete = [event for event in exported["traceEvents"] if event["ph"] == "X"]
    assert len({event["pid"] for event in complete}) == 2
    assert all(event["dur"] >= 0 for event in complete)
    for pid, tid in {(event["pid"], event["tid"]) for event in complete}:
        same = sorted((event["ts"], event["dur"]) for event in complete if (event["pid"], event["tid"]) == (pid, tid))
        assert all(ts + dur <= after for (ts, dur), (after, _) in pairwise(same))


def test_the_summary_adds_up() -> None:
    found = summarise([turn(1), turn(2, ttfa=400.0), turn(3, tier="cloud", cloud={"fallback": "cloud_late"})])
    assert found["first_audio_ms"]["n"] == 3
    assert found["late"] == 1
    assert found["late_because_of"] == {"asr": 1}
    assert found["fallbacks"] == {"cloud_late": 1}
    assert found["wasted_share"] == 0.25
    assert found["stages"]["asr"]["forecast_exceeded"] == 1.0
    assert found["by_tier"]["cloud"]["n"] == 1
    assert summarise([])["turns"] == 0


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_values_and_grow(values: list[float]) -> None:
    found = percentiles(values)
    row = [found[f"p{p}"] for p in (50, 90, 95, 99)]
    assert row == sorted(row)
    assert all(any(abs(one - value) <= 0.051 for value in values) for one in row)


@pytest.mark.parametrize("command", [["summary"], ["summary", "--json"], ["show"], ["show", "2"], ["show", "--json"]])
def test_the_commands_print(tmp_path: Path, command: list[str]) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1), turn(2, ttfa=450.0)) + b"damaged\n")
    done = CliRunner().invoke(app, ["trace", *command, "--log", str(log)])
    assert done.exit_code == 0, done.output
    assert "1 lines" in done.output


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1)))
    run = CliRunner().invoke
    assert run(app, ["trace", "show", "7", "--log", str(log)]).exit_code == 2
    assert run(app, ["trace", "summary", "--log", str(tmp_path / "none")]).exit_code == 2
    assert run(app, ["trace", "export", str(tmp_path / "no" / "x.json"), "--log", str(log)]).exit_code == 2
    assert run(app, ["trace", "export", str(tmp_path / "x.json"), "--log", str(log)]).exit_code == 0
    assert json.loads((tmp_path / "x.json").read_text())["traceEvents"]
