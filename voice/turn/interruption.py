"""Is this sound over the reply meant to stop it? A pure judgement.

Strategy: hold the audio as soon as there may be speech, decide as soon as there is evidence, resume if it was nothing. Long
speech confirms by itself; short speech is judged by its words once it ends: backchannels ("mm-hm", "right") and sounds
without words do not stop the assistant, a short "stop" or "no, wait" does.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from voice.turn.completeness import words_of

_BACKCHANNELS: Final = frozenset(
    "mm mhm hm hmm mmhmm uh huh uhhuh um ah oh aha yeah yep yes ok okay right sure wow cool nice good i see got it".split()
)
_COMMANDS: Final = frozenset("stop wait no cancel quiet pause enough hold shush shut hey but what".split())


class Verdict(Enum):
    """What the sound was."""

    UNSURE = auto()
    INTERRUPTION = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound over the reply so far.

    Attributes:
        speech_ms: how much of it the detector calls speech.
        silence_ms: the silence since.
        transcript: its words, or ``None`` while unknown.
        confident: whether recognition trusts those words.
    """

    speech_ms: float
    silence_ms: float
    transcript: str | None = None
    confident: bool = True


SURE_SPEECH_MS: Final = 600.0
"""Speech for this long is no cough and no backchannel."""
GIVE_UP_SILENCE_MS: Final = 700.0
"""A sound whose words did not come by then was nothing."""


def judge(sound: Sound) -> Verdict:
    """The verdict on the evidence so far."""
    if sound.transcript is not None:
        words = words_of(sound.transcript)
        if sound.confident and any(word in _COMMANDS for word in words):
            return Verdict.INTERRUPTION
        if words and sound.confident and not all(word in _BACKCHANNELS for word in words):
            return Verdict.INTERRUPTION
        if sound.silence_ms > 0:
            return Verdict.NOTHING
    if sound.speech_ms >= SURE_SPEECH_MS:
        return Verdict.INTERRUPTION
    if sound.silence_ms >= GIVE_UP_SILENCE_MS:
        return Verdict.NOTHING
    return Verdict.UNSURE
