"""A log may be cut off or corrupted anywhere: every reader goes as far as it can."""

import copy
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.traces.turns import lines, turn
from voice.commands.trace_view import show_summary, show_turn
from voice.traces.read import Log, read
from voice.traces.report import report
from voice.traces.spans import chrome_trace
from voice.traces.summary import summarise

CLOUD = {"requests": 1, "first_token_ms": 140.0, "tokens": 31, "words": [["edge", 4], ["cloud", 19]], "fallback": "cloud_late"}
WHOLE = [
    turn(1, cloud=CLOUD, draft={"mode": "eager", "rounds": 3}, user="ann", skill="timer"),
    turn(4, filler=True, offsets_ms=turn()["offsets_ms"] | {"answer_heard": 700.0}),
    turn(2, ttfa=410.0, user_text="hello", reply_text="Hello.", error="broken"),
    turn(3, tier="cloud", end_reason="interrupted"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def use(log: Log) -> None:
    """Everything that reads a log."""
    people = Console(file=io.StringIO(), width=100)
    show_summary(people, summarise(log.records))
    for record in log.records:
        show_turn(people, record)
    json.dumps(chrome_trace(log.records), allow_nan=False)
    if log.records:
        report(log.records, source="a log", bad_lines=log.bad_lines).encode()


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value inside."""
    inside = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    here = [(*way, key) for key, _ in inside]
    return here + [deeper for key, inner in inside for deeper in places(inner, (*way, key))]


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_bytes_lost_inserted_and_changed(data: st.DataObject) -> None:
    damaged = bytearray(lines(*WHOLE))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        until = at + data.draw(st.integers(0, 30))
        damaged[at:until] = data.draw(st.binary(max_size=30))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turns.jsonl"
        path.write_bytes(damaged)
        log = read(path)
    assert log.bad_lines + len(log.records) == sum(1 for line in bytes(damaged).split(b"\n") if line.strip())
    use(log)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_values_of_any_type_anywhere(data: st.DataObject) -> None:
    records = copy.deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        at: Any = records
        *way, last = data.draw(st.sampled_from([place for place in places(records) if len(place) > 1]))
        for key in way:
            at = at[key]
        at[last] = data.draw(VALUES)
    log = Log()
    for line in lines(*records).split(b"\n"):
        log.take(line)
    assert log.bad_lines + len(log.records) == len(WHOLE)
    use(log)


def test_numbers_too_large_to_count_with_and_nests_too_deep() -> None:
    log = Log()
    marks = {"speech_end": 1e15, "first_audio_sent": -1e15}
    for line in (
        lines(turn(1, ttfa_ms=1e300)),
        lines(turn(1, late_ms=float("nan"))),
        lines(turn(1, reply_tokens=10**400)),
        b'{"turn":' * 100_000,
        lines(turn(1, draft=1)).replace(b'"draft": 1', b'"draft": ' + b"[" * 100_000 + b"]" * 100_000),
        lines(turn(1, user_text="\ud800")),
    ):
        assert log.take(line) is None
    assert log.bad_lines == 6
    extremes = ("ttfa_ms", "late_ms", "deadline")
    for sign in (1.0, -1.0):
        assert log.take(lines(turn(1, marks=marks, offsets_ms=marks, **dict.fromkeys(extremes, sign * 1e15)))) is not None
    use(log)
