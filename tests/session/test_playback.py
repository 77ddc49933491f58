import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.session.playback import Playback

RATE_HZ = 1000


def ramp(start: int, length: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.arange(start, start + length, dtype=np.float32)


def test_keeps_its_lead_and_no_more() -> None:
    playback = Playback(RATE_HZ, lead_ms=100, piece_ms=40)
    playback.begin_clause("hello")
    playback.add(ramp(0, 1000), 1000)
    sent = 0
    while (piece := playback.due(5.0)) is not None:
        sent += piece.size
    assert 100 <= sent < 140
    assert playback.wait_s(5.0) == pytest.approx((sent - 100 + 1) / RATE_HZ)
    assert playback.due(5.05) is not None


def test_is_done_when_the_last_sample_was_played() -> None:
    playback = Playback(RATE_HZ, lead_ms=5000)
    playback.begin_clause("hello")
    playback.add(ramp(0, 500), 500)
    while playback.due(1.0) is not None:
        pass
    playback.finish()
    assert playback.wait_s(1.2) == pytest.approx(0.3)
    assert not playback.done(1.49)
    assert playback.done(1.51)


def test_an_empty_reply_is_done_at_once() -> None:
    playback = Playback(RATE_HZ, lead_ms=100)
    playback.finish()
    assert playback.done(0.0)


def test_counts_only_words_that_were_heard() -> None:
    playback = Playback(RATE_HZ, lead_ms=10_000)
    for text in ("One two three four.", "Five six."):
        playback.begin_clause(text)
        playback.add(ramp(0, 1000), 1000)
    while playback.due(0.0) is not None:
        pass
    assert playback.heard(0.0) == ""
    assert playback.heard(0.45) == "One two"
    assert playback.heard(1.0) == "One two three four."
    assert playback.heard(1.6) == "One two three four. Five"
    assert playback.heard(9.0) == "One two three four. Five six."


def test_the_client_knows_better_what_it_played() -> None:
    playback = Playback(RATE_HZ, lead_ms=10_000)
    playback.begin_clause("One two three four.")
    playback.add(ramp(0, 1000), 1000)
    while playback.due(0.0) is not None:
        pass
    playback.report(450, 0.9)
    assert playback.heard(0.9) == "One two"
    playback.report(5000, 0.9)
    assert playback.heard(0.9) == "One two three four."


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 0.3), st.booleans()), min_size=1, max_size=20))
def test_every_sample_arrives_in_order_whatever_is_held(script: list[tuple[int, float, bool]]) -> None:
    """What is thrown away by a hold is sent again, and what was played is not."""
    playback = Playback(RATE_HZ, lead_ms=100, piece_ms=20)
    playback.begin_clause("words")
    now_s, queued = 0.0, 0
    received: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
    for length, wait_s, hold in script:
        playback.add(ramp(queued, length), length)
        queued += length
        now_s += wait_s
        while (piece := playback.due(now_s)) is not None:
            received.append(piece)
        if hold:
            playback.hold(now_s)
            assert playback.due(now_s + 1) is None
            played = round(sum(piece.size for piece in received) - _ahead(playback, received))
            received = [np.concatenate(received)[:played]] if received else []
            now_s += 1
            playback.resume(now_s)
    playback.finish()
    while not playback.done(now_s):
        while (piece := playback.due(now_s)) is not None:
            received.append(piece)
        now_s += 0.01
    assert np.array_equal(np.concatenate(received), ramp(0, queued))


def _ahead(playback: Playback, received: list[np.ndarray[tuple[int], np.dtype[np.float32]]]) -> int:
    return sum(piece.size for piece in received) - playback._sent
