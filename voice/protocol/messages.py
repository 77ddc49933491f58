"""The JSON messages of the plain PCM protocol, as tagged structs. ``docs/protocol.md`` explains them in prose.

Unknown *fields* are ignored in both directions, so either side may learn new ones first. Audio is not here: it is binary.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from voice.session.events import ReplyEnd

PROTOCOL_VERSION: Final = 1

RATES_HZ: Final = (8_000, 16_000, 24_000, 48_000)
"""The sample rates that a client may ask for."""

MAX_TEXT_CHARS: Final = 2_000
"""Of one typed turn."""

MAX_LABEL_CHARS: Final = 200
"""Of the labels of a conversation's cost."""

Rate = Literal[8_000, 16_000, 24_000, 48_000]
Turn = Annotated[int, Meta(ge=1, le=2**53)]
Label = Annotated[str, Meta(max_length=MAX_LABEL_CHARS, pattern="^[^\\x00-\\x1f\\x7f]*$")]


class ClientMessage(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """What a client sends as JSON."""


class Hello(ClientMessage, frozen=True, tag="hello"):
    """Agrees on the rate before any audio, and asks for the richer messages. Answered with :class:`Ready`."""

    version: Literal[1] = 1
    sample_rate_hz: Rate | None = None
    """``null`` keeps the rate of the address (``?rate=``), 16000 by default."""
    trace: bool = False
    """Whether to send the latency-budget record of every turn."""
    user: Label = ""
    """Whom the turns from now on are written down for; empty keeps what the server's settings say. So is the next."""
    feature: Label = ""
    """For which part of your application they are."""


class Text(ClientMessage, frozen=True, tag="text"):
    """A typed turn of the user."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS)]


class Played(ClientMessage, frozen=True, tag="played"):
    """Optional: how much of the turn's reply at hand has been played, so that a barge-in knows what was heard."""

    turn: Turn
    ms: Annotated[float, Meta(ge=0, le=86_400_000)]
    clears: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    """How many :class:`Clear` messages of this turn were obeyed before: a report that was on its way then counts no more."""


class Bye(ClientMessage, frozen=True, tag="bye"):
    """Ends the conversation; the server closes the connection with 1000."""


AnyClientMessage = Hello | Text | Played | Bye


class ServerMessage(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """What the server sends as JSON."""


class Ready(ServerMessage, frozen=True, tag="ready"):
    """The rate of both directions is agreed on."""

    sample_rate_hz: Rate
    version: int = PROTOCOL_VERSION


class SpeechStartedMessage(ServerMessage, frozen=True, tag="speech_started"):
    """The user began to speak."""

    turn: Turn


class SpeechStoppedMessage(ServerMessage, frozen=True, tag="speech_stopped"):
    """The user is taken to have finished."""

    turn: Turn


class TranscriptMessage(ServerMessage, frozen=True, tag="transcript"):
    """What was said: by the user (partial, then final), or by the assistant (clause by clause, each with its first audio)."""

    role: Literal["user", "agent"]
    text: str
    final: bool
    turn: Turn | UnsetType = UNSET
    """Only after a hello."""
    stable_chars: int | UnsetType = UNSET
    """Only after a hello, of a partial transcript: so many leading characters are not expected to change."""


class TurnReopenedMessage(ServerMessage, frozen=True, tag="turn_reopened"):
    """The user went on after all: the turn goes on, its reply was taken back."""

    turn: Turn


class PauseMessage(ServerMessage, frozen=True, tag="pause"):
    """Somebody may be speaking over the reply: it is held. Comes right after a :class:`Clear`."""

    turn: Turn


class Resume(ServerMessage, frozen=True, tag="resume"):
    """It was nothing: the reply goes on from where it was held; what was cleared is sent again."""

    turn: Turn
    ms: float | UnsetType = UNSET
    """Only after a hello: so much of the reply counts as played; the audio that follows comes right behind it."""


class Clear(ServerMessage, frozen=True, tag="clear"):
    """Throw away all audio that has not been played."""

    turn: Turn | UnsetType = UNSET
    """Only after a hello."""
    heard: str | UnsetType = UNSET
    """Only after a hello: the part of the reply that counts as heard. Absent when the reply is only held."""


class ReplyEndedMessage(ServerMessage, frozen=True, tag="reply_ended"):
    """The turn is over. After ``completed`` all its audio has been sent."""

    turn: Turn
    reason: ReplyEnd


class Trace(ServerMessage, frozen=True, tag="trace"):
    """The turn's latency-budget record. Only if the hello asked for it."""

    turn: Turn
    record: dict[str, Any]


class NoticeMessage(ServerMessage, frozen=True, tag="notice"):
    """Something a person may want to know."""

    code: str
    message: str


class AlertsMessage(ServerMessage, frozen=True, tag="alerts"):
    """Only after a hello: so many timers, alarms and reminders of the user are set. They ring in an open conversation."""

    waiting: int


class Error(ServerMessage, frozen=True, tag="error"):
    """The last message could not be used, or (just before the connection closes) why it closes."""

    code: str
    message: str


AnyServerMessage = (
    Ready
    | SpeechStartedMessage
    | SpeechStoppedMessage
    | TranscriptMessage
    | TurnReopenedMessage
    | PauseMessage
    | Resume
    | Clear
    | ReplyEndedMessage
    | Trace
    | NoticeMessage
    | AlertsMessage
    | Error
)


def schema(union: object, title: str) -> dict[str, object]:
    """The JSON Schema (2020-12) of one direction, as kept in ``docs/schema``."""
    (main,), components = msgspec.json.schema_components([union], ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **main, "$defs": components}
