"""A client that says what it played, and a server that believes it: nothing is skipped, nothing is said twice."""

import heapq
import itertools
import random
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.client import ReplyPosition
from voice.client.position import PlayedReport
from voice.mic.player import Player
from voice.protocol import messages as m
from voice.session.playback import Playback

RATE_HZ = 1000
TICK_MS = 5
LENGTH = 3000
"""Of the reply, in samples that count from 1; 0 is silence."""


@dataclass
class Network:
    """Delivers in order, each message after a delay of its own."""

    delay_ms: random.Random
    longest_ms: int
    _under_way: list[tuple[float, int, object]] = field(default_factory=list)
    _number: "itertools.count[int]" = field(default_factory=itertools.count)
    _last_ms: float = 0.0

    def send(self, what: object, now_ms: int) -> None:
        self._last_ms = max(self._last_ms, now_ms + self.delay_ms.randint(0, self.longest_ms))
        heapq.heappush(self._under_way, (self._last_ms, next(self._number), what))

    def arrived(self, now_ms: int) -> list[object]:
        come = []
        while self._under_way and self._under_way[0][0] <= now_ms:
            come.append(heapq.heappop(self._under_way)[2])
        return come


class Call:
    """A server's playback, a client that plays and reports, and the network between them."""

    def __init__(self, seed: int, longest_ms: int, *, counts_clears: bool, report_every_ms: int) -> None:
        self.playback = Playback(RATE_HZ, lead_ms=400)
        self.playback.begin_clause("A reply.")
        self.playback.add(np.arange(1, LENGTH + 1, dtype=np.float32), LENGTH)
        self.playback.finish()
        delays = random.Random(seed)
        self.down, self.up = Network(delays, longest_ms), Network(delays, longest_ms)
        self.player, self.position = Player(), ReplyPosition(RATE_HZ)
        self.counts_clears, self.report_every_ms = counts_clears, report_every_ms
        self.clears = 0
        self.now_ms = 0
        self.heard: list[int] = []
        self.send(m.TranscriptMessage(role="agent", text="A reply.", final=True, turn=1))

    def send(self, what: object) -> None:
        self.down.send(what, self.now_ms)

    def hold(self) -> None:
        self.playback.hold(self.now_ms / 1000)
        self.clears += 1
        self.send(m.Clear(turn=1))
        self.send(m.PauseMessage(turn=1))

    def resume(self) -> None:
        self.playback.resume(self.now_ms / 1000)
        self.send(m.Resume(turn=1, ms=self.playback.played_ms) if self.counts_clears else m.Resume(turn=1))

    def run(self, ms: int) -> None:
        for _ in range(ms // TICK_MS):
            self.now_ms += TICK_MS
            for report in self.up.arrived(self.now_ms):
                assert isinstance(report, PlayedReport)
                if not self.counts_clears or report.clears == self.clears:
                    self.playback.report(report.ms, self.now_ms / 1000)
            while (piece := self.playback.due(self.now_ms / 1000)) is not None:
                self.send(piece)
            for message in self.down.arrived(self.now_ms):
                self._take(message)
            self.heard += [int(sample) for sample in self.player.take(TICK_MS) if sample]
            if self.now_ms % self.report_every_ms == 0 and self.player.position[1]:
                self._report()

    def _take(self, message: object) -> None:
        if isinstance(message, np.ndarray):
            self.player.put(message)
            return
        if isinstance(message, m.Clear):
            self.player.clear()
        self.position.take(message, *self.player.position)  # type: ignore[arg-type]
        if isinstance(message, m.PauseMessage):
            self._report()

    def _report(self) -> None:
        if (report := self.position.report(self.player.played)) is not None:
            self.up.send(report, self.now_ms)

    def jumps(self) -> list[int]:
        """By how much the stream that was heard went on otherwise than sample by sample."""
        return [after - before - 1 for before, after in itertools.pairwise(self.heard) if after != before + 1]


@given(
    st.integers(0, 2**32),
    st.integers(0, 150),
    st.lists(st.tuples(st.integers(0, 160), st.integers(3, 60)), max_size=4),
    st.booleans(),
    st.sampled_from([50, 250, 500]),
)
def test_a_reply_that_was_held_is_heard_whole_and_once(
    seed: int, longest_ms: int, holds: list[tuple[int, int]], counts_clears: bool, report_every_ms: int
) -> None:
    """However late messages come, as long as the client's word is there before the reply goes on."""
    call = Call(seed, longest_ms, counts_clears=counts_clears, report_every_ms=report_every_ms)
    for play, wait in holds:
        call.run(play * TICK_MS)
        call.hold()
        call.run(2 * longest_ms + wait * TICK_MS)
        call.resume()
    call.run(2 * LENGTH)
    assert call.heard == list(range(1, LENGTH + 1))
    assert call.playback.done(call.now_ms / 1000)


@given(st.integers(0, 2**32), st.integers(20, 120), st.integers(50, 300), st.sampled_from([0, 4, 8]))
def test_a_hold_that_is_over_before_the_client_knows_repeats_less_than_a_word(
    seed: int, longest_ms: int, play: int, wait: int
) -> None:
    call = Call(seed, longest_ms, counts_clears=True, report_every_ms=50)
    call.run(250 + play * TICK_MS)
    call.hold()
    call.run(wait * TICK_MS)
    call.resume()
    call.run(2 * LENGTH)
    assert all(-2 * longest_ms - 2 * TICK_MS <= jump < 0 for jump in call.jumps())
    assert call.heard[-1] == LENGTH


def test_a_report_during_a_hold_says_where_to_go_on() -> None:
    playback = Playback(RATE_HZ, lead_ms=400)
    playback.begin_clause("a")
    playback.add(np.arange(2000, dtype=np.float32), 2000)
    while playback.due(0.0) is not None:
        pass
    playback.hold(0.3)
    playback.report(200, 0.32)
    playback.resume(0.5)
    piece = playback.due(0.5)
    assert piece is not None
    assert piece[0] == 200


@pytest.mark.parametrize(("reported", "at"), [(350, 350), (10_000, 400), (100, 200)])
def test_a_report_during_a_hold_goes_neither_beyond_what_was_sent_nor_back(reported: float, at: int) -> None:
    playback = Playback(RATE_HZ, lead_ms=400)
    playback.begin_clause("a")
    playback.add(np.arange(2000, dtype=np.float32), 2000)
    while playback.due(0.0) is not None:
        pass
    playback.report(200, 0.2)
    playback.hold(0.3)
    playback.report(reported, 0.32)
    playback.resume(0.5)
    piece = playback.due(0.5)
    assert piece is not None
    assert piece[0] == at
