"""Whose turn is it? A literal transition table.

The diagram in ``docs/development/architecture.md`` is generated from :data:`TABLE` (:func:`mermaid`). The table is strict: an
input without a row is either listed in :data:`IGNORED`, with the reason why it means nothing there, or it is a fault of the
program (:class:`IllegalInput`; after h11's ``_state.py``).

*Preemptive* means: prepared before the end of the turn is known, behind a closed gate.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class TurnState(StrEnum):
    """What the conversation is doing."""

    IDLE = "idle"
    """Nobody speaks."""
    LISTENING = "listening"
    """The user speaks."""
    PAUSED = "paused"
    """The user is silent, perhaps for good; the reply is prepared behind the gate."""
    REPLYING = "replying"
    """The turn is the assistant's: the gate is open."""
    HELD = "held"
    """Somebody makes a sound over the reply; the audio is held until it is known what it was."""


class TurnInput(StrEnum):
    """What can happen."""

    SPEECH_STARTED = "speech started"
    SPEECH_PAUSED = "speech paused"
    SPEECH_RESUMED = "speech resumed"
    END_OF_TURN = "end of turn"
    NOTHING_SAID = "nothing said"
    TEXT_TYPED = "text typed"
    ALERT_DUE = "alert due"
    """A timer rings."""
    USER_WENT_ON = "user went on"
    """Speech so soon after the reply's first sound that the turn cannot have been over."""
    SOUND_OVER_REPLY = "sound over reply"
    INTERRUPTION_CONFIRMED = "interruption confirmed"
    INTERRUPTION_DISMISSED = "interruption dismissed"
    REPLY_ENDED = "reply ended"


class TurnAction(StrEnum):
    """What is then done, in the order given."""

    OPEN_TURN = "open turn"
    PREPARE_REPLY = "prepare reply"
    TAKE_BACK_REPLY = "take back reply"
    OPEN_GATE = "open gate"
    HOLD_AUDIO = "hold audio"
    RESUME_AUDIO = "resume audio"
    CLEAR_AUDIO = "clear audio"
    REOPEN_TURN = "reopen turn"
    CLOSE_TURN = "close turn"


class Step(NamedTuple):
    """One row's right-hand side."""

    to: TurnState
    actions: tuple[TurnAction, ...] = ()


_S, _I, _A = TurnState, TurnInput, TurnAction

TABLE: MappingProxyType[tuple[TurnState, TurnInput], Step] = MappingProxyType(
    {
        (_S.IDLE, _I.SPEECH_STARTED): Step(_S.LISTENING, (_A.OPEN_TURN,)),
        (_S.IDLE, _I.TEXT_TYPED): Step(_S.REPLYING, (_A.OPEN_TURN, _A.PREPARE_REPLY, _A.OPEN_GATE)),
        (_S.IDLE, _I.ALERT_DUE): Step(_S.REPLYING, (_A.OPEN_TURN, _A.PREPARE_REPLY, _A.OPEN_GATE)),
        # the user speaks
        (_S.LISTENING, _I.SPEECH_PAUSED): Step(_S.PAUSED, (_A.PREPARE_REPLY,)),
        (_S.LISTENING, _I.TEXT_TYPED): Step(_S.REPLYING, (_A.CLOSE_TURN, _A.OPEN_TURN, _A.PREPARE_REPLY, _A.OPEN_GATE)),
        # the user is silent
        (_S.PAUSED, _I.SPEECH_RESUMED): Step(_S.LISTENING, (_A.TAKE_BACK_REPLY,)),
        (_S.PAUSED, _I.END_OF_TURN): Step(_S.REPLYING, (_A.OPEN_GATE,)),
        (_S.PAUSED, _I.NOTHING_SAID): Step(_S.IDLE, (_A.CLOSE_TURN,)),
        (_S.PAUSED, _I.TEXT_TYPED): Step(
            _S.REPLYING, (_A.TAKE_BACK_REPLY, _A.CLOSE_TURN, _A.OPEN_TURN, _A.PREPARE_REPLY, _A.OPEN_GATE)
        ),
        # the assistant speaks
        (_S.REPLYING, _I.REPLY_ENDED): Step(_S.IDLE, (_A.CLOSE_TURN,)),
        (_S.REPLYING, _I.NOTHING_SAID): Step(_S.IDLE, (_A.CLOSE_TURN,)),
        (_S.REPLYING, _I.USER_WENT_ON): Step(_S.LISTENING, (_A.TAKE_BACK_REPLY, _A.CLEAR_AUDIO, _A.REOPEN_TURN)),
        (_S.REPLYING, _I.SOUND_OVER_REPLY): Step(_S.HELD, (_A.HOLD_AUDIO,)),
        (_S.REPLYING, _I.TEXT_TYPED): Step(
            _S.REPLYING, (_A.CLEAR_AUDIO, _A.CLOSE_TURN, _A.OPEN_TURN, _A.PREPARE_REPLY, _A.OPEN_GATE)
        ),
        # somebody makes a sound over it
        (_S.HELD, _I.INTERRUPTION_CONFIRMED): Step(_S.LISTENING, (_A.CLEAR_AUDIO, _A.CLOSE_TURN, _A.OPEN_TURN)),
        (_S.HELD, _I.INTERRUPTION_DISMISSED): Step(_S.REPLYING, (_A.RESUME_AUDIO,)),
        (_S.HELD, _I.REPLY_ENDED): Step(_S.IDLE, (_A.CLOSE_TURN,)),
        (_S.HELD, _I.TEXT_TYPED): Step(
            _S.REPLYING, (_A.CLEAR_AUDIO, _A.CLOSE_TURN, _A.OPEN_TURN, _A.PREPARE_REPLY, _A.OPEN_GATE)
        ),
    }
)


IGNORED: MappingProxyType[tuple[TurnState, TurnInput], str] = MappingProxyType(
    {
        (_S.LISTENING, _I.SPEECH_STARTED): "the turn was opened by the sound that the detector now calls speech",
        (_S.LISTENING, _I.SPEECH_RESUMED): "the silence was too short to be a pause",
        (_S.PAUSED, _I.SPEECH_STARTED): "the detector had closed the utterance; it resumes in the next window",
        (_S.IDLE, _I.SPEECH_RESUMED): "a sound without words was forgotten, and goes on",
        (_S.REPLYING, _I.SPEECH_STARTED): "what sounds over a reply is judged window by window",
        (_S.REPLYING, _I.SPEECH_RESUMED): "likewise",
        (_S.HELD, _I.SPEECH_STARTED): "likewise",
        (_S.HELD, _I.SPEECH_RESUMED): "likewise",
        (_S.REPLYING, _I.INTERRUPTION_DISMISSED): "the reply had gone on under the sound before it was judged",
    }
)
"""What may happen and means nothing, and why."""


class IllegalInput(RuntimeError):
    """Something happened that cannot happen in this state."""


def step(state: TurnState, happened: TurnInput) -> Step:
    """The row for ``happened`` in ``state``; where it is :data:`IGNORED` the state stays and nothing is done.

    Raises:
        IllegalInput: it has no row and is not listed.
    """
    row = TABLE.get((state, happened))
    if row is not None:
        return row
    if (state, happened) in IGNORED:
        return Step(state)
    raise IllegalInput(f"{happened} cannot happen while {state}")


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {TurnState.IDLE}"]
    for (state, happened), (to, actions) in TABLE.items():
        done = f" / {', '.join(actions)}" if actions else ""
        lines.append(f"    {state} --> {to}: {happened}{done}")
    return "\n".join(lines) + "\n"
