from voice.client import ReplyPosition
from voice.client.position import PlayedReport
from voice.protocol import messages as m

RATE_HZ = 1000


def words(turn: int) -> m.TranscriptMessage:
    return m.TranscriptMessage(role="agent", text="Words.", final=True, turn=turn)


def test_there_is_nothing_to_tell_before_a_reply() -> None:
    position = ReplyPosition(RATE_HZ)
    position.take(m.TranscriptMessage(role="user", text="hello", final=True, turn=1), 0, 0)
    assert position.report(0) is None


def test_a_reply_begins_behind_what_still_waits() -> None:
    position = ReplyPosition(RATE_HZ)
    position.take(words(1), 0, 0)
    position.take(words(2), 800, 200)
    assert position.report(900) == PlayedReport(2, 0.0, 0)
    position.take(words(2), 1000, 0)
    assert position.report(1100) == PlayedReport(2, 100.0, 0)


def test_a_reply_after_a_reopening_begins_at_nought() -> None:
    position = ReplyPosition(RATE_HZ)
    position.take(words(1), 0, 0)
    position.take(m.Clear(turn=1, heard="Wor"), 500, 0)
    position.take(m.TurnReopenedMessage(turn=1), 500, 0)
    assert position.report(500) is None
    position.take(words(1), 500, 0)
    assert position.report(600) == PlayedReport(1, 100.0, 1)


def test_a_hold_keeps_the_count_and_the_server_says_from_where_it_goes_on() -> None:
    position = ReplyPosition(RATE_HZ)
    position.take(words(1), 0, 0)
    position.take(m.Clear(turn=1), 500, 0)
    position.take(m.PauseMessage(turn=1), 500, 0)
    assert position.report(500) == PlayedReport(1, 500.0, 1)
    position.take(m.Resume(turn=1), 500, 0)
    assert position.report(500) == PlayedReport(1, 500.0, 1)
    position.take(m.Resume(turn=1, ms=450.0), 500, 0)
    assert position.report(600) == PlayedReport(1, 550.0, 1)


def test_clears_count_by_turn() -> None:
    position = ReplyPosition(RATE_HZ)
    position.take(words(1), 0, 0)
    position.take(m.Clear(turn=1), 100, 0)
    position.take(m.Clear(turn=1, heard=""), 100, 0)
    position.take(words(2), 100, 0)
    assert position.report(100) == PlayedReport(2, 0.0, 0)
    position.take(m.Clear(turn=3, heard=""), 100, 0)  # before its first sound
    position.take(words(3), 100, 0)
    assert position.report(100) == PlayedReport(3, 0.0, 1)
