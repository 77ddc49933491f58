import json
from pathlib import Path

import pytest

from voice.core.budget import Deadline, Stage
from voice.core.config import TraceConfig
from voice.core.trace import Mark, TraceLog, TurnTrace, redacted


def a_trace() -> TurnTrace:
    trace = TurnTrace(3, "abcd", wall_offset_s=1_700_000_000.0)
    trace.deadline = Deadline.after(10.0, 300)
    trace.forecast_ms = {"asr": 60.0, "tts_first_audio": 60.0}
    trace.took_ms = {Stage.ASR: 100.0, Stage.ROUTE: 0.2, Stage.TTS_FIRST_AUDIO: 80.0}
    for mark, at_s in (
        (Mark.SPEECH_START, 8.0),
        (Mark.SPEECH_END, 10.0),
        (Mark.VAD_SILENCE, 10.06),
        (Mark.ASR_FINAL, 10.16),
        (Mark.ROUTE, 10.16),
        (Mark.LLM_FIRST_TOKEN, 10.20),
        (Mark.FIRST_CLAUSE, 10.25),
        (Mark.TTS_FIRST_AUDIO, 10.33),
        (Mark.FIRST_AUDIO_SENT, 10.35),
    ):
        trace.mark(mark, at_s)
    return trace


def test_a_record_says_what_happened_and_what_was_late() -> None:
    record = a_trace().record(end_reason="completed")
    assert record["marks"]["speech_end"] == 1_700_000_010_000.0
    assert record["offsets_ms"]["first_audio_sent"] == record["ttfa_ms"] == pytest.approx(350, abs=0.2)
    assert record["stages_ms"]["asr"] == pytest.approx(100)
    assert record["late_ms"] == pytest.approx(50)
    assert record["late_stages"] == ["asr", "tts_first_audio"]
    assert json.loads(json.dumps(record)) == record


def test_the_promise_is_about_the_own_words() -> None:
    plain = a_trace().record()
    assert plain["first_sound_ms"] == plain["own_words_ms"] == plain["ttfa_ms"]
    assert (plain["filler_ms"], plain["filler_text"]) == (None, "")
    trace = a_trace()
    trace.mark(Mark.FIRST_AUDIO_SENT, 10.28)
    trace.filled("Well,")
    unanswered = trace.record()
    assert (unanswered["first_sound_ms"], unanswered["own_words_ms"], unanswered["late_ms"]) == (280, None, None)
    trace.filled("One moment, please.")
    trace.mark(Mark.ANSWER_HEARD, 10.9)
    record = trace.record()
    assert (record["first_sound_ms"], record["own_words_ms"], record["filler_ms"]) == (280, 900, 620)
    assert record["late_ms"] == pytest.approx(600)
    assert record["filler_text"] == "Well, One moment, please."
    assert redacted(record)["filler_text"] == {"chars": 25, "words": 4}


def test_a_filler_that_is_taken_back_was_none() -> None:
    trace = a_trace()
    trace.filled("Well,")
    trace.forget(Mark.FIRST_AUDIO_SENT)
    trace.mark(Mark.FIRST_AUDIO_SENT, 10.35)
    assert trace.record()["filler_text"] == ""
    assert trace.own_words_ms == pytest.approx(350)


def test_a_stage_that_did_not_run_took_no_time() -> None:
    assert a_trace().record()["stages_ms"]["llm_clause"] is None
    assert TurnTrace(1, "x", 0.0).record()["ttfa_ms"] is None


def test_redaction_leaves_sizes_only() -> None:
    assert redacted({"user_text": "my name is Ann", "turn": 1}) == {"user_text": {"chars": 14, "words": 4}, "turn": 1}


def test_the_log_rotates_by_size(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "turns.jsonl"
    log = TraceLog(TraceConfig(path=str(path), max_mib=0.01, keep_files=2))
    for number in range(400):
        log.write({"turn": number, "padding": "x" * 100})
    log.close()
    log.close()
    files = sorted(file.name for file in path.parent.iterdir())
    assert files == ["turns.jsonl", "turns.jsonl.1", "turns.jsonl.2"]
    assert all(file.stat().st_size <= 11_000 for file in path.parent.iterdir())
    assert json.loads(path.read_text().splitlines()[-1])["turn"] == 399
    assert log.lost == 0


@pytest.mark.needs("full-device")
def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "turns.jsonl"
    path.symlink_to("/dev/full")
    log = TraceLog(TraceConfig(path=str(path)))
    for number in range(5):
        log.write({"turn": number})
    log.close()
    assert log.lost == 5


def test_a_folder_that_cannot_be_made_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = TraceLog(TraceConfig(path=str(tmp_path / "file" / "turns.jsonl")))
    log.write({"turn": 1})
    log.close()
    log.write({"turn": 2})
    assert log.lost == 1
