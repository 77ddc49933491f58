import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from voice.bench.columns import cells, columns, own_words_ms
from voice.bench.conversation import latency
from voice.bench.conversation.streaming import HeardReply
from voice.bench.data.hesitation import HESITATION
from voice.bench.failover import failover

FILLED = {"filler": True, "filler_ms": 400.0, "filler_text": {"chars": 5, "words": 1}}
OLD = {"filler": True, "offsets_ms": {"first_audio_sent": 290.0, "answer_heard": 690.0}}
BRIDGED = {"filler_text": "Let me look.", "offsets_ms": {"first_audio_sent": 290.0, "answer_heard": 690.0}}
PLAIN: dict[str, Any] = {"filler_ms": None, "filler_text": "", "offsets_ms": {"first_audio_sent": 290.0}}


@pytest.mark.parametrize(
    ("first_ms", "record", "own_ms"),
    [
        (300.0, {}, 300.0),
        (300.0, PLAIN, 300.0),
        (300.0, FILLED, 700.0),
        (300.0, OLD, 700.0),
        (300.0, BRIDGED, 700.0),
        (300.0, {"filler": True}, None),
        (None, FILLED, None),
    ],
)
def test_own_words_are_behind_whatever_came_before_them(
    first_ms: float | None, record: dict[str, Any], own_ms: float | None
) -> None:
    assert own_words_ms(first_ms, record) == own_ms


def test_the_columns_are_of_those_that_were_heard() -> None:
    found = columns([(300.0, PLAIN), (200.0, FILLED), (100.0, {"filler": True}), (None, FILLED)])
    assert found["fillers"] == {"count": 2, "share": 0.6667}
    assert (found["first_sound_ms"]["n"], found["first_sound_ms"]["p50"]) == (3, 200)
    assert (found["own_words_ms"]["n"], found["own_words_ms"]["p50"]) == (2, 450)
    assert cells(found) == ["450", "570", "585", "200", "290", "2 (67%)"]
    assert cells(columns([])) == ["-", "-", "-", "-", "-", "0"]


def heard(name: str, ms: float | None, record: dict[str, Any]) -> HeardReply:
    return HeardReply(name, 2.0, voice_to_voice_ms=ms, record=record)


def test_sets_are_shown_apart(tmp_path: Path) -> None:
    sets = {"read": [heard("a", 200.0, FILLED)], "noise": [heard("b", 290.0, PLAIN)], HESITATION: [heard("c", None, {})]}
    found = latency.result(sets, cpu_s=1.0, rss_mib=100.0) | {"silent_connection_cpu_share": 0.01}
    assert found["sets"]["read"]["own_words_ms"]["p50"] == found["sets"]["read"]["answer_ms"]["p50"] == 600
    assert found["sets"]["noise"]["own_words_ms"]["p50"] == 290
    assert [(row["set"], row["own_words_ms"]) for row in found["each"]] == [("read", 600), ("noise", 290), (HESITATION, None)]
    printed = io.StringIO()
    latency.show(found, Console(width=140, file=printed))
    rows = [line.split() for line in printed.getvalue().splitlines()]
    assert ["read", "1/1", "600", "600", "600", "200", "200", "1", "(100%)", "0.0%", "-", "of", "0"] in rows
    assert ["noise", "1/1", "290", "290", "290", "290", "290", "0", "(0%)", "0.0%", "-", "of", "0"] in rows
    assert not [row for row in rows if row[:1] == ["not"]]
    latency.plot(found, tmp_path / "latency.png")
    assert (tmp_path / "latency.png").stat().st_size > 10_000


def test_spoken_and_typed_turns_are_shown_apart() -> None:
    outcomes = [
        failover.FailoverOutcome(True, "faults", first_audio_ms=200.0, completed=True, record=FILLED),
        failover.FailoverOutcome(False, "faults", first_audio_ms=290.0, completed=True, record=PLAIN),
    ]
    figures = failover.figures(outcomes)
    assert (figures["spoken"]["own_words_ms"]["p50"], figures["typed"]["own_words_ms"]["p50"]) == (600, 290)
    assert (figures["voice_to_voice_ms"]["p50"], figures["typed_to_voice_ms"]["p50"]) == (200, 290)
    assert figures["filler_share"] == 0.5
    found = {**figures, "turns": 2, "healthy": failover.figures([]), "faults": {}, "hung_tasks": 0}
    found |= {"private_values_leaked": 0, "private_utterances": 0, "turns_until_the_cloud_is_used_again": 1}
    printed = io.StringIO()
    failover.show(found, Console(width=160, file=printed))
    rows = [line.replace("│", " ").split() for line in printed.getvalue().splitlines()]
    assert ["faults,", "2", "turns", "spoken", "600", "600", "600", "200", "200", "1", "(100%)", "100.0%", "0", "0.0"] in rows
    assert ["typed", "290", "290", "290", "290", "290", "0", "(0%)"] in rows
