"""The log's readers: whole, cut off, damaged, rotated, followed."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.traces.turns import lines, parsed, turn
from voice.cli import app
from voice.core.errors import ConfigError
from voice.traces.read import Log, files, follow, read
from voice.traces.spans import STEPS, chrome_trace, path, spans
from voice.traces.summary import percentiles, summarise


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
    assert [record.turn for record in found.records] == [1, 3]
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
    assert [record.turn for record in read(log).records] == [1, 2, 3]


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
    assert [next(found).turn for _ in range(2)] == [2, 3]


def test_spans_tell_what_ran_when() -> None:
    found = {span.name: span for span in spans(parsed(turn()))}
    assert found["asr"].start_ms == 80
    assert found["asr"].forecast_ms == 80
    assert found["held behind the gate"].ms == 10
    assert [span.name for span in spans(parsed(turn()))][:2] == ["speech", "pause noticed"]
    bare = {"turn": 1, "marks": {}, "offsets_ms": {}, "stages_ms": {}, "forecast_ms": {}}
    assert spans(parsed(bare)) == []


def test_what_the_first_words_waited_for_adds_up_to_them() -> None:
    steps = path(parsed(turn()))
    assert steps["transcript"] == 70
    assert steps["first clause"] == 40
    assert steps["end of turn"] == 0
    assert sum(steps.values()) == 280
    drafted = turn(offsets_ms=turn()["offsets_ms"] | {"route": -300.0, "first_clause": -200.0, "tts_first_audio": -150.0})
    assert path(parsed(drafted))["first token"] == 30
    assert path(parsed(drafted))["synthesis"] == 0
    assert path(parsed(turn(offsets_ms={}))) == {}


@given(st.dictionaries(st.sampled_from(sorted(STEPS.values())), st.floats(-1e6, 1e6)))
def test_whatever_the_order_of_marks_the_steps_add_up(offsets: dict[str, float]) -> None:
    total = offsets.get("first_audio_sent", 0.0)
    assert sum(path(parsed(turn(offsets_ms=offsets))).values()) == pytest.approx(max(0.0, total), abs=1e-6)


def test_perfetto_gets_concurrent_spans_on_tracks_of_their_own() -> None:
    interrupted = turn(1, end_reason="interrupted")
    later = {name: ms + 900.0 for name, ms in interrupted["marks"].items()}  # begins while the reply of the first is going on
    exported = chrome_trace([parsed(interrupted), parsed(turn(2, marks=later)), parsed(turn(2, conversation="d"))])
    assert json.loads(json.dumps(exported, allow_nan=False)) == exported
    events = exported["traceEvents"]
    assert {event["ph"] for event in events} == {"X", "M"}
    assert all(isinstance(event[key], int) for event in events for key in ("pid", "tid"))
    complete = [event for event in events if event["ph"] == "X"]
    assert len({event["pid"] for event in complete}) == 2
    assert all(event["name"] and isinstance(event["ts"], int) and event["dur"] >= 0 for event in complete)
    named = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert all(named[event["pid"], event["tid"]] == event["name"] for event in complete)
    for pid, tid in named:
        same = sorted((event["ts"], event["dur"]) for event in complete if (event["pid"], event["tid"]) == (pid, tid))
        assert all(ts + dur <= after for (ts, dur), (after, _) in pairwise(same))


def test_the_summary_adds_up() -> None:
    slow = turn(2, ttfa=400.0, offsets_ms=turn(ttfa=400.0)["offsets_ms"] | {"asr_final": 310.0})
    fell_back = turn(3, tier="cloud", reopenings=2, cloud={"requests": 1, "words": [["edge", 3]], "fallback": "cloud_late"})
    found = summarise([parsed(turn(1)), parsed(slow), parsed(fell_back)])
    assert found["first_sound_ms"]["n"] == found["own_words_ms"]["n"] == 3
    assert found["budget_ms"] == 300
    assert found["late"] == 1
    assert found["late_because_of"] == {"transcript": 1}
    assert found["steps_ms"]["in time"]["transcript"] == 70
    assert found["fallbacks"] == {"cloud_late": 1}
    assert found["reopened_turns"] == 1
    assert found["wasted_share"] == 0.25
    assert found["stages"]["asr"]["forecast_exceeded"] == 1.0
    assert found["stages"]["asr"]["forecast_error_p50"] == 10
    assert found["by_tier"]["cloud"]["own_words_ms"]["n"] == 1
    assert found["by_task"]["chit_chat"]["first_sound_ms"]["n"] == 3
    (cost,) = found["cost"]
    assert cost["edge"] == pytest.approx(0.006)
    assert cost["saved_against_all_cloud"] == pytest.approx(0.003)
    drafts = ({"mode": "eager", "acceptance": 0.5}, {"acceptance": 0.7, "lossless": True}, {"acceptance": 0.9, "n": 10**30})
    drafted = summarise([parsed(turn(draft=draft)) for draft in drafts])
    assert (drafted["drafted"], drafted["draft"]) == (3, {"acceptance": 0.7})
    assert summarise([])["turns"] == 0


def filled(number: int, **more: Any) -> dict[str, Any]:
    """A turn whose filler was in time and whose own words were not."""
    offsets = turn()["offsets_ms"] | {"first_clause": 650.0, "tts_first_audio": 690.0, "answer_heard": 700.0}
    return turn(number, ttfa=290.0, offsets_ms=offsets | {"first_audio_sent": 290.0}, **more)


OLD = {"filler": True}
NEW = {"filler": True, "own_words_ms": 700.0, "filler_ms": 410.0, "filler_text": {"chars": 5, "words": 1}, "late_ms": 400.0}
BRIDGED = {"own_words_ms": 700.0, "filler_text": "Let me look.", "late_ms": 400.0}


@pytest.mark.parametrize("more", [OLD, NEW, BRIDGED, {"excused": True}])
def test_a_filler_in_time_is_no_reply_in_time(more: dict[str, Any]) -> None:
    record = parsed(filled(2, **more))
    assert (record.first_sound_ms, record.own_ms, record.filler_ms, record.late_by_ms) == (290, 700, 410, 400)
    assert sum(path(record).values()) == 700
    assert {span.name: span.ms for span in spans(record)}["filler"] == 410
    found = summarise([parsed(turn(1)), record])
    assert (found["late"], found["fillers"], found["filler_share"]) == (1, 1, 0.5)
    assert found["first_sound_ms"]["p99"] == 290
    assert found["own_words_ms"]["p99"] == 700
    assert found["filler_ms"] == {"n": 1, "p50": 410, "p90": 410, "p95": 410, "p99": 410}
    assert found["late_because_of"] == {"first clause": 1}
    assert found["steps_ms"]["behind a filler"] == found["steps_ms"]["late"]
    assert found["steps_ms"]["late"]["first clause"] == 450


def test_a_filler_alone_is_no_reply() -> None:
    alone = parsed(turn(1, filler=True, late_ms=None))
    assert (alone.own_ms, alone.late_by_ms, alone.is_late) == (None, None, False)
    found = summarise([alone])
    assert (found["own_words_ms"], found["fillers"], found["first_sound_ms"]["n"]) == ({"n": 0}, 1, 1)
    assert path(alone) == {}


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([1.0, 2.0]) == {"n": 2, "p50": 1.0, "p90": 2.0, "p95": 2.0, "p99": 2.0}
    assert percentiles(float(one) for one in range(1, 101))["p95"] == 95


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


def test_a_turn_is_shown_with_its_three_columns(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1), filled(2, **BRIDGED)))
    shown = " ".join(CliRunner().invoke(app, ["trace", "show", "--log", str(log)]).output.split())
    assert "own words 700 ms (400 late), first sound 290 ms, filler 410 ms 'Let me look.'" in shown
    shown = " ".join(CliRunner().invoke(app, ["trace", "show", "2", "--log", str(log)]).output.split())
    assert "own words 280 ms (in time), first sound 280 ms, filler none" in shown


def test_a_turn_is_shown_with_who_answered_it_and_what_it_cost(tmp_path: Path) -> None:
    cloud = {"requests": 1, "warmed": 0, "first_token_ms": 140.0, "tokens": 31, "words": [["edge", 4], ["cloud", 19]]}
    draft = {"mode": "lossless", "acceptance": 0.8125, "rounds": 4}
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1, tier="cloud", cloud=cloud, draft=draft, user_text="[bold]Why?", user="ann")))
    shown = CliRunner().invoke(app, ["trace", "show", "--log", str(log)]).output
    for expected in (
        "turn 1 of c: cloud",
        "you: [bold]Why?",
        "in order: edge 4 words, cloud 19 words",
        "first token 140 ms",
        "draft: mode lossless, acceptance 0.812, rounds 4",
        "cost: 0.0020 USD",
        "user ann",
    ):
        assert expected in " ".join(shown.split()), shown


@pytest.mark.parametrize(("contents", "told"), [(b"", "talk to the assistant first"), (b"no log\n", "is it a log of voice's")])
@pytest.mark.parametrize("command", [["summary"], ["show"], ["export", "x.json"], ["report", "x.html"]])
def test_a_log_without_a_turn_says_so(tmp_path: Path, command: list[str], contents: bytes, told: str) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(contents)
    done = CliRunner().invoke(app, ["trace", *command, "--log", str(log)])
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", "").split())


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1)))
    run = CliRunner().invoke
    assert run(app, ["trace", "show", "7", "--log", str(log)]).exit_code == 2
    assert run(app, ["trace", "summary", "--log", str(tmp_path / "none")]).exit_code == 2
    assert run(app, ["trace", "export", str(tmp_path / "no" / "x.json"), "--log", str(log)]).exit_code == 2
    assert run(app, ["trace", "report", str(tmp_path / "no" / "x.html"), "--log", str(log)]).exit_code == 2
    assert run(app, ["trace", "export", str(tmp_path / "x.json"), "--log", str(log)]).exit_code == 0
    assert json.loads((tmp_path / "x.json").read_text())["traceEvents"]
