"""The plain PCM protocol without I/O: bytes and JSON in, actions out; events in, bytes and JSON out.

Strategy: :class:`PcmCodec` holds the state of one connection (agreed rate, resamplers, what the client asked for). It never
awaits and is given the time. What a client does wrong raises :class:`~voice.core.errors.ProtocolError`; its ``close_code`` says
whether the connection can go on. Wrong frames and JSON messages share one allowance, so neither can be used to flood.
"""

from dataclasses import dataclass
from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType

from voice.audio.formats import float_from_pcm16, pcm16_from_float
from voice.audio.resample import StreamResampler
from voice.core.errors import ProtocolError, VoiceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.protocol import messages as m
from voice.session import events

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

_encode = msgspec.json.Encoder()
_decode = msgspec.json.Decoder(m.AnyClientMessage)


@dataclass(frozen=True, slots=True)
class Audio:
    """The user's audio: 16 kHz float32 mono."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Greeted:
    """JSON to send back, and the labels for what the turns cost; empty ones change nothing."""

    json: str
    user: str
    feature: str


Action = Audio | Greeted | m.Text | m.Played | m.Bye


class PcmCodec:
    """One connection's side of the protocol.

    Args:
        rate_hz: agreed on by the address (one of :data:`~voice.protocol.messages.RATES_HZ`), or ``None``: a hello may say, and
            16 kHz holds if audio comes first.
        max_control_per_s: JSON messages and wrong frames a second; bursts of as many are fine.
    """

    def __init__(self, *, rate_hz: int | None = None, max_control_per_s: float = 20.0) -> None:
        self.rate_hz = rate_hz or SAMPLE_RATE_HZ
        self._allowance = _Allowance(max_control_per_s)
        self._hello = False
        self._trace = False
        self._inbound: StreamResampler | None = None
        self._outbound: StreamResampler | None = None
        self._outbound_rate_hz = 0

    # --- client → server ---------------------------------------------------------------------------------------------------

    def receive(self, message: str | bytes, now_s: float) -> Action | None:
        """What one WebSocket message asks for; ``None`` when it completes nothing yet.

        Raises:
            ProtocolError: with ``close_code`` when the connection cannot go on; otherwise the message is dropped.
        """
        if isinstance(message, str):
            self._allowance.spend(now_s)
            return self._control(message)
        if len(message) % 2:
            self._allowance.spend(now_s)
            raise ProtocolError(
                f"an audio frame of {len(message)} bytes is not 16-bit PCM; the frame was dropped", code="odd_bytes"
            )
        if self._inbound is None:
            self._inbound = StreamResampler(self.rate_hz, SAMPLE_RATE_HZ)
        samples = self._inbound.push(float_from_pcm16(message))
        return Audio(samples) if samples.size else None

    def _control(self, text: str) -> Action:
        try:
            message = _decode.decode(text)
        except msgspec.ValidationError as error:
            raise _explain(error) from error
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise ProtocolError(f"a text message must be one JSON object: {error}", code="bad_json") from error
        return self._greet(message) if isinstance(message, m.Hello) else message

    def _greet(self, hello: m.Hello) -> Greeted:
        rate_hz = hello.sample_rate_hz or self.rate_hz
        if rate_hz != self.rate_hz and (self._inbound is not None or self._outbound is not None):
            raise ProtocolError(
                f"the rate is {self.rate_hz} Hz since audio began; connect again to change it", code="rate_locked"
            )
        self.rate_hz = rate_hz
        self._hello = True
        self._trace = hello.trace
        ready = m.Ready(sample_rate_hz=rate_hz)  # type: ignore[arg-type]
        return Greeted(to_json(ready), hello.user, hello.feature)

    # --- server → client ---------------------------------------------------------------------------------------------------

    def send(self, event: events.Event) -> list[str | bytes]:  # noqa: PLR0912 - one case for each event
        """What to send for an event of the conversation: JSON as text, audio as bytes."""
        match event:
            case events.ReplyAudio():
                return self._audio(event)
            case events.SpeechStarted(turn=turn):
                return [to_json(m.SpeechStartedMessage(turn=turn))]
            case events.PartialTranscript(turn=turn, text=text, stable_chars=stable):
                return [self._transcript("user", turn, text, final=False, stable_chars=stable)]
            case events.SpeechStopped(turn=turn):
                return [to_json(m.SpeechStoppedMessage(turn=turn))]
            case events.FinalTranscript(turn=turn, text=text):
                return [self._transcript("user", turn, text, final=True)]
            case events.TurnReopened(turn=turn):
                return [to_json(m.TurnReopenedMessage(turn=turn))]
            case events.ReplyText(turn=turn, text=text):
                return [self._transcript("agent", turn, text, final=True)]
            case events.ReplyPaused(turn=turn):
                return [self._clear(turn), to_json(m.PauseMessage(turn=turn))]
            case events.ReplyResumed(turn=turn, played_ms=ms):
                return [to_json(m.Resume(turn=turn, ms=round(ms, 1)) if self._hello else m.Resume(turn=turn))]
            case events.AudioCleared(turn=turn, heard=heard):
                return [self._clear(turn, heard)]
            case events.ReplyEnded(turn=turn, reason=reason):
                return [*self._rest(), to_json(m.ReplyEndedMessage(turn=turn, reason=reason))]
            case events.TurnTraced(turn=turn, record=record):
                return [to_json(m.Trace(turn=turn, record=dict(record)))] if self._trace else []
            case events.Notice(code=code, message=message):
                return [to_json(m.NoticeMessage(code=code, message=message))]
            case events.AlertsWaiting(count=count):
                return [to_json(m.AlertsMessage(waiting=count))] if self._hello else []
            case _:
                assert_never(event)

    def _clear(self, turn: int, heard: str | UnsetType = UNSET) -> str:
        if self._outbound is not None:
            self._outbound.clear()
        return to_json(m.Clear(turn=turn, heard=heard) if self._hello else m.Clear())

    def _transcript(self, role: str, turn: int, text: str, *, final: bool, stable_chars: int | None = None) -> str:
        message = m.TranscriptMessage(role=role, text=text, final=final)  # type: ignore[arg-type]
        if self._hello:
            message = msgspec.structs.replace(message, turn=turn)
            if stable_chars is not None:
                message = msgspec.structs.replace(message, stable_chars=stable_chars)
        return to_json(message)

    def _audio(self, event: events.ReplyAudio) -> list[str | bytes]:
        if self._outbound is None or self._outbound_rate_hz != event.sample_rate_hz:
            self._outbound = StreamResampler(event.sample_rate_hz, self.rate_hz)
            self._outbound_rate_hz = event.sample_rate_hz
        samples = self._outbound.push(event.samples)
        return [pcm16_from_float(samples)] if samples.size else []

    def _rest(self) -> list[str | bytes]:
        """The end of the reply that the resampler still held."""
        rest = self._outbound.flush() if self._outbound is not None else None
        return [pcm16_from_float(rest)] if rest is not None and rest.size else []


def to_json(message: m.ServerMessage | m.ClientMessage) -> str:
    """A message as it goes over the wire."""
    return _encode.encode(message).decode()


def error_json(error: VoiceError) -> str:
    """The error message that tells a client what went wrong."""
    code = error.error_code if isinstance(error, ProtocolError) else error.code
    return to_json(m.Error(code=code, message=str(error)))


def parse_rate(value: str | None) -> int | None:
    """The rate asked for in an address (``?rate=24000``).

    Raises:
        ProtocolError: not one of the allowed rates.
    """
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 7 and int(value) in m.RATES_HZ:
        return int(value)
    raise ProtocolError(f"rate {value[:20]!r} is not offered; {_rates()}", code="bad_rate")


def _rates() -> str:
    return f"use one of {', '.join(map(str, m.RATES_HZ))} Hz"


def _explain(error: msgspec.ValidationError) -> ProtocolError:
    text = str(error)
    if text.endswith("at `$.type`") or "missing required field `type`" in text:
        known = ", ".join(message.__struct_config__.tag for message in m.AnyClientMessage.__args__)
        return ProtocolError(f"unknown message type ({text}); known types: {known}", code="unknown_type")
    if "$.sample_rate_hz" in text:
        return ProtocolError(f"the sample_rate_hz is not offered; {_rates()}", code="bad_rate")
    if "$.version" in text:
        return ProtocolError(f"this server speaks protocol version {m.PROTOCOL_VERSION} only", code="bad_version")
    if text.endswith(("at `$.user`", "at `$.feature`")):
        return ProtocolError(f"a label is a line of at most {m.MAX_LABEL_CHARS} characters: {text}", code="bad_label")
    if text.endswith("at `$.text`") and "length <=" in text:
        return ProtocolError(f"a typed turn has at most {m.MAX_TEXT_CHARS} characters", code="text_too_long")
    return ProtocolError(text, code="bad_message")


class _Allowance:
    """A token bucket: ``per_s`` a second, and as many in one burst."""

    __slots__ = ("_at_s", "_left", "_per_s")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at_s: float | None = None

    def spend(self, now_s: float) -> None:
        if self._at_s is not None:
            self._left = min(self._per_s, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            raise ProtocolError(
                f"more than {self._per_s:g} text messages or wrong frames a second", code="flood", close_code=POLICY_VIOLATION
            )
        self._left -= 1
