"""How much of a reply was played, counted as the server wants it told."""

from dataclasses import dataclass

from voice.protocol import messages as m


@dataclass(frozen=True, slots=True)
class PlayedReport:
    """What :meth:`voice.client.VoiceClient.send_played` takes."""

    turn: int
    ms: float
    clears: int


class ReplyPosition:
    """Follows one conversation's messages. Pure: the samples that the loudspeaker took so far are an argument.

    A reply begins behind whatever waits to be played when its first words come, also the second reply of a turn that was
    reopened. A hold leaves the count as it is, and the server says from where it goes on.

    Args:
        rate_hz: of the samples.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._turn = 0
        self._began = 0
        self._void = True
        self._cleared_turn = 0
        self._clears = 0

    def take(self, message: m.ServerMessage, played: int, waiting: int) -> None:
        """Note a message, after it was obeyed: ``played`` samples were played so far and ``waiting`` are still to be."""
        match message:
            case m.TranscriptMessage(role="agent", turn=int(turn)) if turn != self._turn or self._void:
                self._turn, self._began, self._void = turn, played + waiting, False
            case m.TurnReopenedMessage(turn=turn) if turn == self._turn:
                self._void = True
            case m.Clear(turn=turn):
                self._began = min(self._began, played)
                if turn != self._cleared_turn and isinstance(turn, int):
                    self._cleared_turn, self._clears = turn, 0
                self._clears += 1
            case m.Resume(turn=turn, ms=float(ms)) if turn == self._turn:
                self._began = played + waiting - round(ms * self._rate_hz / 1000)
            case _:
                pass

    def report(self, played: int) -> PlayedReport | None:
        """What to tell the server now; ``None`` while there is no reply."""
        if self._void:
            return None
        ms = max(0, played - self._began) * 1000 / self._rate_hz
        return PlayedReport(self._turn, ms, self._clears if self._turn == self._cleared_turn else 0)
