"""What a user hears: when each clause sounds, what of it is the reply's own, and where it is silent."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from voice.bench.answers.heard import AnswerListener, HeardAnswer, HeardClause, own_clauses
from voice.bench.answers.turns import AnsweredTurn, answered_by, mark_repeats, words_by_tier
from voice.client import ReceivedAudio
from voice.protocol import messages as m

RATE_HZ = 1000
QUESTION = "What is the capital of Norway?"


def asked(turn: int = 1, text: str = QUESTION) -> m.TranscriptMessage:
    return m.TranscriptMessage(role="user", text=text, final=True, turn=turn)


def clause(text: str, turn: int = 1) -> m.TranscriptMessage:
    return m.TranscriptMessage(role="agent", text=text, final=True, turn=turn)


def sound(at_s: float, seconds: float, *, silent_s: float = 0.0) -> ReceivedAudio:
    samples = np.full(round(seconds * RATE_HZ), 0.1, dtype=np.float32)
    samples[: round(silent_s * RATE_HZ)] = 0.0
    return ReceivedAudio(samples, at_s)


def record(reply: str, **more: Any) -> m.Trace:
    return m.Trace(turn=1, record={"reply_text": reply, **more})


def listened(*messages: Any, typed: str | None = QUESTION) -> AnswerListener:
    listener = AnswerListener(RATE_HZ, typed)
    for message in messages:
        listener.take(message)
    return listener


def test_a_filler_is_a_sound_and_no_own_word() -> None:
    listener = listened(
        asked(),
        clause("Well,"),
        sound(10.2, 0.5, silent_s=0.1),
        clause("The capital of Norway is Oslo."),
        sound(10.4, 1.0, silent_s=0.05),
        sound(10.5, 2.0),
        m.ReplyEndedMessage(turn=1, reason="completed"),
        record(" The capital of Norway is Oslo.", filler=True),
    )
    turn = AnsweredTurn(conversation=0, kind="fact", repeat=0, turn=0, said=QUESTION)
    turn.heard(listener.answer, 10.0)
    assert turn.reply == "Well, The capital of Norway is Oslo."
    assert turn.own == "The capital of Norway is Oslo."
    assert turn.first_sound_ms == 300.0
    assert turn.own_words_ms == 750.0  # behind the filler, which plays to 10.7
    share = "The capital of Norway is Oslo.".index("Oslo") / len("The capital of Norway is Oslo.")
    assert turn.first_news_ms == pytest.approx(750 + share * 2950, abs=0.1)
    assert turn.answer_complete_ms == 3700.0
    assert listener.plays_until_s == pytest.approx(13.7)
    assert turn.longest_silence_ms == 0.0
    assert (turn.tier, turn.words, turn.no_answer) == ("small", {"small": 6}, False)


def test_a_player_that_runs_dry_is_silent() -> None:
    answer = listened(asked(), clause("Oslo,"), sound(1.0, 0.2), sound(1.5, 0.2), clause("it is."), sound(1.8, 0.1)).answer
    assert answer.silence_s == pytest.approx(0.3)
    assert answer.ends_s == pytest.approx(1.9)


def test_what_is_only_bridged_is_no_answer() -> None:
    listener = listened(asked(), clause("One moment, please."), sound(1.0, 1.0), record("", filler=False))
    turn = AnsweredTurn(conversation=0, kind="fact", repeat=0, turn=0, said=QUESTION)
    turn.heard(listener.answer, 0.5)
    assert turn.no_answer
    assert (turn.own, turn.own_words_ms, turn.tier, turn.words) == ("", None, None, {})
    assert turn.first_sound_ms == 500.0


def test_nothing_that_was_heard_is_no_answer() -> None:
    turn = AnsweredTurn(conversation=0, kind="fact", repeat=0, turn=0, said=QUESTION)
    turn.heard(listened(asked()).answer, 0.5)
    assert turn.no_answer
    assert (turn.first_sound_ms, turn.longest_silence_ms, turn.answer_complete_ms) == (None, None, None)
    turn.heard(AnswerListener(RATE_HZ, QUESTION).answer, 0.5)
    assert turn.no_answer


def test_an_alarm_is_no_part_of_the_answer() -> None:
    listener = listened(asked(2), clause("Your timer is over.", 1), sound(1.0, 1.0), clause("Oslo.", 2), sound(3.0, 0.5))
    assert [one.text for one in listener.answer.clauses] == ["Oslo."]
    assert listener.answer.silence_s == 0.0


def test_a_reply_that_is_taken_back_was_not_heard() -> None:
    listener = listened(
        m.SpeechStartedMessage(turn=1),
        asked(text="What is"),
        clause("Yes?"),
        sound(1.0, 0.4),
        sound(2.0, 0.1),
        m.Clear(turn=1),
        m.TurnReopenedMessage(turn=1),
        asked(),
        clause("Oslo."),
        sound(3.0, 0.5),
        typed=None,
    )
    assert listener.understood == QUESTION
    assert [one.text for one in listener.answer.clauses] == ["Oslo."]
    assert listener.answer.silence_s == 0.0


def test_of_a_question_that_is_taken_for_two_the_last_answer_counts() -> None:
    listener = listened(
        m.SpeechStartedMessage(turn=1), clause("Yes?", 1), sound(1.0, 0.1), m.SpeechStartedMessage(turn=2), typed=None
    )
    assert [one.text for one in listener.answer.clauses] == ["Yes?"]
    listener.take(clause("Oslo.", 2))
    assert [one.text for one in listener.answer.clauses] == ["Oslo."]


@pytest.mark.parametrize(
    ("clauses", "said", "own"),
    [
        (["So,", "So, it is Oslo."], {"reply_text": "So, it is Oslo.", "filler": True}, ["So, it is Oslo."]),
        (["Well,", "One moment, please.", "It is", "Oslo."], {"reply_text": " It is Oslo."}, ["It is", "Oslo."]),
        (["It is", "one moment", "Oslo."], {"reply_text": "It is Oslo."}, ["It is", "Oslo."]),
        (["It is", "Oslo."], {"reply_text": "It is Oslo. And more that was not heard."}, ["It is", "Oslo."]),
        (["It is", "Oslo."], {"reply_text": "It is **** Oslo."}, ["It is", "Oslo."]),
        (["Well,", "Oslo."], {"filler": True}, ["Oslo."]),
        (["Oslo."], {}, ["Oslo."]),
        (["I am sorry."], {"reply_text": ""}, []),
        (["..."], {"reply_text": "..."}, []),
    ],
)
def test_own_is_what_the_record_holds(clauses: list[str], said: Mapping[str, Any], own: list[str]) -> None:
    assert [one.text for one in own_clauses([HeardClause(text) for text in clauses], said)] == own


@pytest.mark.parametrize(
    ("said", "words", "tier"),
    [
        ({}, {"small": 5}, "small"),
        ({"cloud": {"words": [["edge", 2], ["cloud", 2], ["edge", 1]]}}, {"small": 3, "cloud": 2}, "cloud"),
        ({"cloud": {"words": []}}, {"small": 5}, "small"),
        ({"answer": "Oslo.", "cloud": 3}, {"small": 5}, "small"),
        ({"answer": {"words": [["edge", 2], ["large", 3]]}, "cloud": None}, {"small": 2, "large": 3}, "large"),
        ({"skill": "clock"}, {"skill": 5}, "skill"),
    ],
)
def test_who_answered_is_told_by_the_record(said: Mapping[str, Any], words: Mapping[str, int], tier: str) -> None:
    found = words_by_tier(said, 5)
    assert found == words
    assert answered_by(found) == tier


def test_costs_and_fallbacks_come_from_the_record() -> None:
    turn = AnsweredTurn(conversation=0, kind="fact", repeat=0, turn=0, said=QUESTION)
    details = {"cost": {"currency": "USD", "edge": 0.002, "cloud": 0.001}, "cloud": {"fallback": "cloud_late"}}
    turn.heard(HeardAnswer(record={"reply_text": "", **details}), 0.0)
    assert turn.cost == {"edge": 0.002, "cloud": 0.001}
    assert turn.fallback == "cloud_late"


def test_a_reply_that_comes_again_is_found() -> None:
    turns = [AnsweredTurn(conversation=0, kind="context", repeat=0, turn=place, said="More.") for place in range(5)]
    for turn, own in zip(turns, ("Sleep well!", "", "Eat well.", "", "sleep  well"), strict=True):
        turn.own = own
    mark_repeats(turns)
    assert [turn.repeats for turn in turns] == [False, False, False, False, True]
