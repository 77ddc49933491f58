"""The vocabulary: what a conversation tells whoever is at the other end, in flow order.

A closed union of frozen dataclasses without inheritance; match it to the end with ``assert_never``. Times are monotonic
seconds; ``turn`` counts a conversation's turns from 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voice.core.interfaces import Samples

# --- hearing -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak."""

    turn: int
    at_s: float


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """What was understood so far; ``text[:stable_chars]`` is not expected to change."""

    turn: int
    text: str
    stable_chars: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user fell silent at ``at_s`` and is taken to have finished."""

    turn: int
    at_s: float


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """What the user said in this turn."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class TurnReopened:
    """The user went on after all: the turn goes on with what was said so far. Its reply was taken back."""

    turn: int


# --- speaking ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The next clause of the reply, sent with its first audio. Joined by spaces, the clauses are the reply."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A piece of the reply: float32 mono at ``sample_rate_hz``."""

    turn: int
    samples: Samples
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class ReplyPaused:
    """Somebody may be speaking over the reply: throw away what has not been played and be silent.

    After :class:`ReplyResumed` the thrown-away audio is sent again, from where playback stopped; after :class:`AudioCleared` it
    is not.
    """

    turn: int


@dataclass(frozen=True, slots=True)
class ReplyResumed:
    """It was nothing: the reply goes on from where it was paused, after ``played_ms`` of it."""

    turn: int
    played_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """Throw away what has not been played. ``heard`` is the part of the reply that the user heard."""

    turn: int
    heard: str


ReplyEnd = Literal["completed", "interrupted", "failed", "nothing_said", "session_closed"]


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The turn is over. After ``completed`` all its audio has been sent and should have been played."""

    turn: int
    reason: ReplyEnd


# --- beside the flow ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnTraced:
    """The turn's line of the latency-budget log, with its text (a log may redact it)."""

    turn: int
    record: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person may want to know. ``code`` is stable; ``message`` is for reading."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AlertsWaiting:
    """So many timers, alarms and reminders of the user are set: they ring in a conversation, so one should be open."""

    count: int


Event = (
    SpeechStarted
    | PartialTranscript
    | SpeechStopped
    | FinalTranscript
    | TurnReopened
    | ReplyText
    | ReplyAudio
    | ReplyPaused
    | ReplyResumed
    | AudioCleared
    | ReplyEnded
    | TurnTraced
    | Notice
    | AlertsWaiting
)
