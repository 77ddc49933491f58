import itertools
import json
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.core.errors import ChatBusy, ProtocolError
from voice.protocol import messages as m
from voice.protocol.codec import Audio, Greeted, PcmCodec, error_json, parse_rate
from voice.session import events

TONE = (0.3 * np.sin(np.arange(2205) / 10)).astype(np.float32)
HELLO = '{"type":"hello"}'

EVENTS: list[events.Event] = [
    events.SpeechStarted(1, 0.0),
    events.PartialTranscript(1, "what is", 4),
    events.SpeechStopped(1, 1.0),
    events.FinalTranscript(1, "what is it"),
    events.TurnReopened(1),
    events.ReplyText(1, "A test."),
    events.ReplyAudio(1, TONE, 22050),
    events.ReplyPaused(1),
    events.ReplyResumed(1, 840.0),
    events.AudioCleared(1, "A"),
    events.ReplyEnded(1, "interrupted"),
    events.TurnTraced(1, {"schema": 1}),
    events.Notice("a", "b"),
    events.AlertsWaiting(2),
]


def refused(codec: PcmCodec, message: str | bytes, now_s: float = 0.0) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        codec.receive(message, now_s)
    return caught.value


def sent(codec: PcmCodec, event: events.Event) -> list[Any]:
    return [json.loads(message) if isinstance(message, str) else message for message in codec.send(event)]


# --- in -----------------------------------------------------------------------------------------------------------------


def test_binary_without_a_word_before_it_is_16_khz_audio() -> None:
    action = PcmCodec().receive(np.array([16384, -16384], "<i2").tobytes(), 0.0)
    assert isinstance(action, Audio)
    assert action.samples.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("rate_hz", m.RATES_HZ)
def test_a_second_at_any_rate_becomes_a_second_at_16_khz(rate_hz: int) -> None:
    codec = PcmCodec()
    ready = codec.receive(json.dumps({"type": "hello", "version": 1, "sample_rate_hz": rate_hz}), 0.0)
    assert isinstance(ready, Greeted)
    assert json.loads(ready.json) == {"type": "ready", "sample_rate_hz": rate_hz, "version": 1}
    count = 0
    for _ in range(50):
        action = codec.receive(bytes(2 * (rate_hz // 50)), 0.0)
        count += action.samples.size if isinstance(action, Audio) else 0
    assert 16000 - 50 <= count <= 16000


def test_an_odd_frame_is_dropped_and_the_next_one_is_heard() -> None:
    codec = PcmCodec()
    error = refused(codec, b"abc")
    assert (error.error_code, error.close_code) == ("odd_bytes", None)
    assert isinstance(codec.receive(b"abcd", 0.0), Audio)


def test_an_empty_frame_is_nothing() -> None:
    assert PcmCodec().receive(b"", 0.0) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_json"),
        ("", "bad_json"),
        ("\ud800", "bad_json"),
        ("[" * 100_000, "bad_message"),
        ('{"type":"bye","x":' + "[" * 100_000, "bad_json"),
        ("[]", "bad_message"),
        ("42", "bad_message"),
        ("null", "bad_message"),
        ("{}", "unknown_type"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":7}', "unknown_type"),
        ('{"type":"text"}', "bad_message"),
        ('{"type":"text","text":""}', "bad_message"),
        ('{"type":"text","text":3}', "bad_message"),
        (json.dumps({"type": "text", "text": "x" * 2001}), "text_too_long"),
        ('{"type":"hello","sample_rate_hz":44100}', "bad_rate"),
        ('{"type":"hello","sample_rate_hz":"16000"}', "bad_rate"),
        ('{"type":"hello","version":2}', "bad_version"),
        (json.dumps({"type": "hello", "user": "x" * 201}), "bad_label"),
        (json.dumps({"type": "hello", "feature": "a\nb"}), "bad_label"),
        ('{"type":"hello","feature":7}', "bad_label"),
        ('{"type":"played","turn":0,"ms":1}', "bad_message"),
        ('{"type":"played","turn":1,"ms":-1}', "bad_message"),
        ('{"type":"played","turn":1,"ms":NaN}', "bad_json"),
        ('{"type":"played","turn":1,"ms":1e400}', "bad_message"),
    ],
)
def test_bad_json_is_refused_by_kind_and_the_connection_goes_on(text: str, code: str) -> None:
    codec = PcmCodec()
    error = refused(codec, text)
    assert (error.error_code, error.close_code) == (code, None)
    assert codec.receive('{"type":"text","text":"go on"}', 1.0) == m.Text(text="go on")


def test_a_bad_rate_is_told_the_good_ones() -> None:
    assert "8000, 16000, 24000, 48000" in str(refused(PcmCodec(), '{"type":"hello","sample_rate_hz":1}'))
    with pytest.raises(ProtocolError, match="8000, 16000, 24000, 48000"):
        parse_rate("1")


def test_the_rate_stays_once_audio_began() -> None:
    codec = PcmCodec(rate_hz=24000)
    codec.receive(b"ab", 0.0)
    assert refused(codec, '{"type":"hello","sample_rate_hz":8000}').error_code == "rate_locked"
    assert isinstance(codec.receive('{"type":"hello","sample_rate_hz":24000}', 0.0), Greeted)
    assert codec.rate_hz == 24000
    answered = PcmCodec()
    answered.send(events.ReplyAudio(1, TONE, 22050))
    assert refused(answered, '{"type":"hello","sample_rate_hz":8000}').error_code == "rate_locked"


def test_a_flood_closes_the_connection() -> None:
    codec = PcmCodec(max_control_per_s=20)
    for _ in range(20):
        codec.receive('{"type":"played","turn":1,"ms":1}', 5.0)
    error = refused(codec, '{"type":"played","turn":1,"ms":1}', 5.01)
    assert (error.error_code, error.close_code) == ("flood", 1008)


def test_twenty_a_second_for_a_minute_are_fine_and_audio_is_not_counted() -> None:
    codec = PcmCodec(max_control_per_s=20)
    a_tick: list[str | bytes] = ['{"type":"played","turn":1,"ms":1}', *[b"ab"] * 5]
    actions = [codec.receive(message, n / 20) for n in range(1200) for message in a_tick]
    assert sum(isinstance(action, Audio) for action in actions) == 5 * 1200
    assert len(actions) == 6 * 1200


def test_wrong_frames_share_the_allowance() -> None:
    codec = PcmCodec(max_control_per_s=5)
    for _ in range(5):
        assert refused(codec, b"odd").close_code is None
    assert refused(codec, b"odd").close_code == 1008


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=40), st.binary(max_size=64), st.sampled_from([HELLO, '{"type":"bye"}'])), max_size=30)
)
def test_whatever_comes_it_is_an_action_or_a_protocol_error(messages: list[str | bytes]) -> None:
    codec = PcmCodec(max_control_per_s=1000)
    for message in messages:
        try:
            action = codec.receive(message, 0.0)
        except ProtocolError:
            continue
        if isinstance(action, Audio):
            assert action.samples.dtype == np.float32
            assert np.abs(action.samples).max() <= 1.0


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1))
def test_how_audio_is_cut_into_frames_does_not_matter(data: bytes, sizes: list[int]) -> None:
    data = data[: len(data) // 2 * 2]
    codec, at, heard = PcmCodec(), 0, bytearray()
    for size in itertools.cycle(sizes):
        if at >= len(data):
            break
        action = codec.receive(data[at : at + 2 * size], 0.0)
        heard += (action.samples * 32768).astype("<i2").tobytes() if isinstance(action, Audio) else b""
        at += 2 * size
    assert bytes(heard) == data


# --- out ----------------------------------------------------------------------------------------------------------------


def test_every_event_has_its_message_and_the_list_is_whole() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(events.Event))
    codec = PcmCodec()
    codec.receive('{"type":"hello","trace":true}', 0.0)
    got = [message for event in EVENTS for message in sent(codec, event)]
    audio = [message for message in got if isinstance(message, bytes)]
    assert len(audio) == 1
    assert [message for message in got if not isinstance(message, bytes)] == [
        {"type": "speech_started", "turn": 1},
        {"type": "transcript", "role": "user", "text": "what is", "final": False, "turn": 1, "stable_chars": 4},
        {"type": "speech_stopped", "turn": 1},
        {"type": "transcript", "role": "user", "text": "what is it", "final": True, "turn": 1},
        {"type": "turn_reopened", "turn": 1},
        {"type": "transcript", "role": "agent", "text": "A test.", "final": True, "turn": 1},
        {"type": "clear", "turn": 1},
        {"type": "pause", "turn": 1},
        {"type": "resume", "turn": 1, "ms": 840.0},
        {"type": "clear", "turn": 1, "heard": "A"},
        {"type": "reply_ended", "turn": 1, "reason": "interrupted"},
        {"type": "trace", "turn": 1, "record": {"schema": 1}},
        {"type": "notice", "code": "a", "message": "b"},
        {"type": "alerts", "waiting": 2},
    ]


def test_a_client_without_hello_gets_the_plain_forms_and_no_trace() -> None:
    codec = PcmCodec()
    assert sent(codec, events.AudioCleared(1, "A")) == [{"type": "clear"}]
    assert sent(codec, events.FinalTranscript(1, "hi")) == [{"type": "transcript", "role": "user", "text": "hi", "final": True}]
    assert sent(codec, events.TurnTraced(1, {})) == []


@pytest.mark.parametrize("rate_hz", m.RATES_HZ)
def test_a_reply_lasts_as_long_at_every_rate(rate_hz: int) -> None:
    codec = PcmCodec(rate_hz=rate_hz)
    out = [message for _ in range(3) for message in codec.send(events.ReplyAudio(1, TONE, 22050))]
    out += codec.send(events.ReplyEnded(1, "completed"))
    assert out[-1] == '{"type":"reply_ended","turn":1,"reason":"completed"}'
    audio = b"".join(message for message in out if isinstance(message, bytes))
    assert abs(len(audio) / 2 - 0.3 * rate_hz) <= 1


def test_after_clear_the_rest_of_the_old_reply_is_not_sent() -> None:
    codec = PcmCodec(rate_hz=8000)
    codec.send(events.ReplyAudio(1, TONE, 22050))
    codec.send(events.AudioCleared(1, ""))
    assert sent(codec, events.ReplyEnded(1, "interrupted")) == [{"type": "reply_ended", "turn": 1, "reason": "interrupted"}]


def test_errors_keep_their_code() -> None:
    assert json.loads(error_json(ChatBusy("full"))) == {"type": "error", "code": "llm_busy", "message": "full"}
    assert json.loads(error_json(ProtocolError("odd", code="odd_bytes")))["code"] == "odd_bytes"


@pytest.mark.parametrize("value", ["", "0", "-8000", "16000.0", "16 000", "١٦٠٠٠", "16000000", "1e4"])
def test_rates_in_an_address(value: str) -> None:
    assert parse_rate(None) is None
    assert parse_rate("48000") == 48000
    with pytest.raises(ProtocolError):
        parse_rate(value)
