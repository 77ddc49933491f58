"""Play a recording into a server as a microphone would, and time what comes back at the client.

Strategy: frames of 20 ms are sent at the moment their last sample would have been spoken, then silence. So sample ``n`` of the
recording was spoken ``n / rate`` after the start, and the true end of speech is known from the recording alone
(:mod:`voice.audio.voiced`). A reply is timed by a player that starts with its first packet: ``ttfa_ms`` runs from the last
voiced sample to the moment the first audible sample would leave the loudspeaker, leading silence included.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voice.audio.voiced import first_audible, voiced_spans
from voice.client import ReceivedAudio, VoiceClient
from voice.core.errors import ProtocolError
from voice.core.interfaces import Samples
from voice.protocol import messages as m

FRAME_MS = 20
_SETTLE_S = 0.8
"""So long after the last turn ended nothing more is expected."""
_DEAF_S = 4.0
"""Without any turn so long after the recording, nothing was understood."""
_PATIENCE_S = 60.0


@dataclass(slots=True)
class TurnHeard:
    """One turn as the client saw it.

    Attributes:
        ttfa_ms: last voiced sample → first audible sample; ``None`` without a spoken reply.
        end_reason: why it ended, see :class:`~voice.session.events.ReplyEnded`.
        reopened: how often its reply was taken back because the user went on.
        record: the server's latency-budget record.
        pieces: the reply as it arrived, at ``rate_hz``.
    """

    turn: int
    rate_hz: int
    transcript: str = ""
    clauses: list[str] = field(default_factory=list)
    pieces: list[ReceivedAudio] = field(default_factory=list)
    end_reason: str | None = None
    reopened: int = 0
    record: Mapping[str, Any] | None = None
    ttfa_ms: float | None = None

    @property
    def reply(self) -> str:
        """The text of the reply."""
        return " ".join(clause.strip() for clause in self.clauses)

    @property
    def audio(self) -> Samples:
        """The reply, one piece after the other."""
        return np.concatenate([piece.samples for piece in self.pieces]) if self.pieces else np.zeros(0, dtype=np.float32)


class ReplayListener:
    """Sorts what a server sends into turns. Pure: the time of arrival is in the audio."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.turns: dict[int, TurnHeard] = {}
        self.errors: list[m.Error] = []
        self.notices: list[m.NoticeMessage] = []
        self._speaking = 0

    def take(self, message: m.AnyServerMessage | ReceivedAudio) -> None:
        """Note one message."""
        match message:
            case ReceivedAudio():
                if self._speaking:
                    self._turn(self._speaking).pieces.append(message)
            case m.TranscriptMessage(role="user", text=text, turn=int(turn)):
                self._turn(turn).transcript = text
            case m.TranscriptMessage(role="agent", text=text, turn=int(turn)):
                self._speaking = turn
                self._turn(turn).clauses.append(text)
            case m.TurnReopenedMessage(turn=turn):
                heard = self._turn(turn)
                heard.reopened += 1
                heard.clauses, heard.pieces = [], []
            case m.ReplyEndedMessage(turn=turn, reason=reason):
                self._turn(turn).end_reason = reason
            case m.Trace(turn=turn, record=record):
                self._turn(turn).record = record
            case m.SpeechStartedMessage(turn=turn) | m.SpeechStoppedMessage(turn=turn):
                self._turn(turn)
            case m.Error():
                self.errors.append(message)
            case m.NoticeMessage():
                self.notices.append(message)
            case _:
                pass

    @property
    def waiting(self) -> bool:
        """Whether a turn is under way (a turn ends with its record, which comes last)."""
        return any(turn.end_reason is None or turn.record is None for turn in self.turns.values())

    def _turn(self, number: int) -> TurnHeard:
        return self.turns.setdefault(number, TurnHeard(number, self._rate_hz))


def audible_at_s(pieces: Sequence[ReceivedAudio], rate_hz: int) -> float | None:
    """When a player that starts with the first piece and never skips would sound the first audible sample."""
    free_s = float("-inf")
    for piece in pieces:
        begins_s = max(piece.at_s, free_s)
        index = first_audible(piece.samples)
        if index is not None:
            return begins_s + index / rate_hz
        free_s = begins_s + piece.samples.size / rate_hz
    return None


async def replay(client: VoiceClient, recording: Samples) -> list[TurnHeard]:
    """Play ``recording`` (mono float32 at the client's rate) and return the turns that came of it, in order.

    The client must have asked for traces. Takes as long as the recording and the replies last.

    Raises:
        ServerUnreachable: the connection ended first.
        ProtocolError: the server refused something or does not finish.
    """
    listener = ReplayListener(client.rate_hz)
    listening = asyncio.create_task(_listen(client, listener), name="listen")
    try:
        start_s = await _play(client, recording, listener, listening)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    if listener.errors:
        error = listener.errors[0]
        raise ProtocolError(f"the server answered with an error: {error.message}", code=error.code)
    ends_s = [start_s + end / client.rate_hz for _, end in voiced_spans(recording, client.rate_hz)]
    for turn in listener.turns.values():
        heard_s = audible_at_s(turn.pieces, client.rate_hz)
        before = [end_s for end_s in ends_s if heard_s is not None and end_s <= heard_s]
        if heard_s is not None and before:
            turn.ttfa_ms = (heard_s - before[-1]) * 1000
    return [listener.turns[number] for number in sorted(listener.turns)]


async def _listen(client: VoiceClient, listener: ReplayListener) -> None:
    async for message in client:
        listener.take(message)
    raise ProtocolError("the server closed the connection before the reply was over", code="closed_early")


async def _play(client: VoiceClient, recording: Samples, listener: ReplayListener, listening: asyncio.Task[None]) -> float:
    """Send the recording and then silence, in real time, until all turns are over; return when the recording began."""
    frame = client.rate_hz * FRAME_MS // 1000
    silence = np.zeros(frame, dtype=np.float32)
    start_s = client.clock.now_s()
    end_s = idle_since_s = start_s + recording.size / client.rate_hz
    sent = 0
    while True:
        if listening.done():
            listening.result()
        sent += 1
        now_s = client.clock.now_s()
        if (wait_s := start_s + sent * FRAME_MS / 1000 - now_s) > 0:
            await asyncio.sleep(wait_s)
        piece = recording[(sent - 1) * frame : sent * frame]
        await client.send_audio(np.concatenate((piece, silence[piece.size :])) if piece.size < frame else piece)
        if now_s < end_s or listener.waiting:
            idle_since_s = max(now_s, end_s)
        if now_s - idle_since_s > (_SETTLE_S if listener.turns else _DEAF_S):
            return start_s
        if now_s - end_s > _PATIENCE_S:
            raise ProtocolError(f"the server did not finish within {_PATIENCE_S:g} s of the recording", code="timeout")
