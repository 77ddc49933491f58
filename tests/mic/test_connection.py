"""What the microphone's connection says was played."""

import asyncio
from collections.abc import Callable

import numpy as np

from voice.client import ReceivedAudio
from voice.client.position import PlayedReport
from voice.mic.connection import Address, ServerConnection
from voice.mic.player import Player
from voice.mic.status import Status
from voice.protocol import messages as m

SECOND = np.ones(16_000, dtype=np.float32)


def connected(script: Callable[[ServerConnection, Player], None]) -> PlayedReport | None:
    """What would be reported after a script."""

    async def run() -> PlayedReport | None:
        player = Player()
        connection = ServerConnection(Address("ws://127.0.0.1:1"), player, Status(), lambda: None, lambda: None)
        script(connection, player)
        return connection._position.report(player.played)

    return asyncio.run(run())


def words(text: str, turn: int = 1) -> m.TranscriptMessage:
    return m.TranscriptMessage(role="agent", text=text, final=True, turn=turn)


def test_a_reply_after_a_reopened_turn_is_counted_from_its_own_beginning() -> None:
    def script(connection: ServerConnection, player: Player) -> None:
        connection._take(words("First."))
        connection._take(ReceivedAudio(SECOND, 0.0))
        player.take(8000)
        connection._take(m.Clear(turn=1, heard=""))
        connection._take(m.TurnReopenedMessage(turn=1))
        connection._take(words("Second."))
        connection._take(ReceivedAudio(SECOND, 0.0))
        player.take(1600)

    assert connected(script) == PlayedReport(1, 100.0, 1)


def test_what_is_left_of_the_reply_before_does_not_count() -> None:
    def script(connection: ServerConnection, player: Player) -> None:
        connection._take(words("First."))
        connection._take(ReceivedAudio(SECOND, 0.0))
        player.take(12_800)
        connection._take(words("Second.", turn=2))
        connection._take(ReceivedAudio(SECOND, 0.0))
        player.take(4800)

    assert connected(script) == PlayedReport(2, 100.0, 0)


def test_a_pause_drops_what_was_not_played_and_the_count_stays() -> None:
    def script(connection: ServerConnection, player: Player) -> None:
        connection._take(words("First."))
        connection._take(ReceivedAudio(SECOND, 0.0))
        player.take(8000)
        connection._take(m.Clear(turn=1))
        connection._take(m.PauseMessage(turn=1))
        assert not player.take(1600).any()
        assert connection._paused.is_set(), "it is told at once"

    assert connected(script) == PlayedReport(1, 500.0, 1)
