import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from voice.protocol import messages as m
from voice.protocol.codec import to_json

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
UNIONS = {"client": m.AnyClientMessage, "server": m.AnyServerMessage}
TITLES = {"client": "What a client of voice sends as JSON", "server": "What voice sends to a client as JSON"}

CLIENT = [
    m.Hello(),
    m.Hello(sample_rate_hz=24000, trace=True, user="ann", feature="kitchen"),
    m.Text(text="what time is it?"),
    m.Played(turn=2, ms=120.5),
    m.Played(turn=2, ms=120.5, clears=1),
    m.Bye(),
]
SERVER = [
    m.Ready(sample_rate_hz=16000),
    m.SpeechStartedMessage(turn=1),
    m.SpeechStoppedMessage(turn=1),
    m.TranscriptMessage(role="user", text="hé", final=True),
    m.TranscriptMessage(role="user", text="hello th", final=False, turn=1, stable_chars=5),
    m.TranscriptMessage(role="agent", text="Yes.", final=True, turn=1),
    m.TurnReopenedMessage(turn=1),
    m.PauseMessage(turn=1),
    m.Resume(turn=1),
    m.Resume(turn=1, ms=840.5),
    m.Clear(),
    m.Clear(turn=1, heard="Well"),
    m.ReplyEndedMessage(turn=1, reason="interrupted"),
    m.Trace(turn=1, record={"schema": 1}),
    m.NoticeMessage(code="a", message="b"),
    m.AlertsMessage(waiting=2),
    m.Error(code="a", message="b"),
]


@pytest.mark.parametrize("side", ["client", "server"])
def test_the_schema_in_the_docs_is_that_of_the_code(side: str) -> None:
    text = json.dumps(m.schema(UNIONS[side], TITLES[side]), indent=2) + "\n"
    path = FOLDER / f"{side}.json"
    assert path.read_text(encoding="utf-8") == text, "write it anew: python -m tests.protocol.test_messages"


@pytest.mark.parametrize("message", [*CLIENT, *SERVER], ids=lambda message: type(message).__name__)
def test_every_message_makes_the_round_trip_and_fits_the_schema(message: Any) -> None:
    side = "client" if message in CLIENT else "server"
    text = to_json(message)
    assert msgspec.json.decode(text, type=UNIONS[side]) == message
    jsonschema.validate(json.loads(text), m.schema(UNIONS[side], TITLES[side]))


def test_no_message_is_forgotten_here() -> None:
    assert {type(message) for message in CLIENT} == set(get_args(m.AnyClientMessage))
    assert {type(message) for message in SERVER} == set(get_args(m.AnyServerMessage))


def test_the_plain_forms_are_exactly_these() -> None:
    assert json.loads(to_json(m.Clear())) == {"type": "clear"}
    transcript = m.TranscriptMessage(role="user", text="hi", final=True)
    assert json.loads(to_json(transcript)) == {"type": "transcript", "role": "user", "text": "hi", "final": True}


def test_fields_that_are_not_known_yet_are_ignored() -> None:
    assert msgspec.json.decode('{"type":"bye","why":"tired"}', type=m.AnyClientMessage) == m.Bye()


if __name__ == "__main__":
    for name, union in UNIONS.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(m.schema(union, TITLES[name]), indent=2) + "\n", encoding="utf-8")
