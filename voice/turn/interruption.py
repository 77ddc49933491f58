"""Is this sound over the reply meant to stop it? Pure judgements.

Strategy: hold the audio as soon as there may be speech (:class:`OverlapOnset`), let words decide (:func:`judge`), resume if
there were none. How long or loud a sound is says little: a crying child, the television and the assistant's own voice in the
room go on for seconds. What tells a person at the microphone from them is how sure recognition is of the words. Backchannels
("mm-hm", "right") and the reply's own words do not stop it; a short "stop" or "no, wait" needs the least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import log
from typing import Final

from voice.core.interfaces import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from voice.turn.completeness import words_of

WINDOW_MS: Final = WINDOW_SAMPLES / SAMPLE_RATE_HZ * 1000

_BACKCHANNELS: Final = frozenset(
    "mm mhm hm hmm mmhmm uh huh uhhuh um ah oh aha yeah yep yes ok okay right sure wow cool nice good i see got it".split()
)
_COMMANDS: Final = frozenset("stop wait no cancel quiet pause enough hold hang shush shut hey".split())
_COMMAND_WORDS: Final = 4
"""A command is no longer than this: "no, hold on a second" is a sentence that begins with one."""

# --- may this be speech? -----------------------------------------------------------------------------------------------------

DRIFT: Final = 0.25
"""A window's probability of speech counts as far as it exceeds this."""
DOUBTFUL: Final = 0.45
"""The probability of speech at which :class:`OverlapOnset` takes exactly the time that it is given."""


class OverlapOnset:
    """Adds up what speaks for speech: a cumulative sum (Page 1954, "Continuous Inspection Schemes").

    Args:
        doubtful_ms: so long a doubtful sound takes to be enough; a clear one takes less, a fainter one longer or for ever.
    """

    def __init__(self, doubtful_ms: float) -> None:
        self._enough = (DOUBTFUL - DRIFT) * doubtful_ms / WINDOW_MS - 1e-9
        self._sum = 0.0

    def push(self, probability: float) -> bool:
        """Take the next window's probability of speech; whether there now may be speech."""
        self._sum = max(0.0, self._sum + probability - DRIFT)
        return self._sum >= self._enough

    def reset(self) -> None:
        """Begin anew."""
        self._sum = 0.0


# --- was it meant? -----------------------------------------------------------------------------------------------------------


class InterruptionVerdict(Enum):
    """What the sound was."""

    UNSURE = auto()
    INTERRUPTION = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Words:
    """What recognition made of a sound so far.

    Attributes:
        text: the transcript; empty when there are no words.
        credence: log-odds that somebody said them (:func:`speech_confidence`).
        speech_ms: how much speech there was up to then.
        silence_ms: how much silence was heard behind it.
        is_echo: whether they are the reply's own (:func:`repeats`).
    """

    text: str
    speech_confidence: float
    speech_ms: float
    silence_ms: float
    is_echo: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound over the reply so far.

    Attributes:
        speech_ms: how much of it the detector calls speech.
        silence_ms: the silence since.
        held_ms: how long the reply has been held for it.
        words: the newest that recognition made of it, or ``None`` while nothing is known.
    """

    speech_ms: float
    silence_ms: float
    held_ms: float = 0.0
    words: Words | None = None


SURE: Final = 1.75
"""Words of at least this credence interrupt."""
SURE_COMMAND: Final = 0.0
"""The same for a short command: not to obey "stop" is worse than to stop for nothing."""
LONG_SPEECH_MS: Final = 1150.0
SURE_WHEN_LONG: Final = 0.3
"""Whoever has spoken for so long over the reply means it, even where noise makes the words doubtful."""
HOPELESS: Final = -2.0
"""Words of a credence below this will not become credible by hearing them again with the silence behind them."""
SECOND_HEARING_MS: Final = 128.0
"""Recognition is unsure of a word that its audio ends with; with so much silence behind the word it is not."""
BLIP_MS: Final = 64.0
BLIP_SILENCE_MS: Final = 96.0
"""A sound no longer than a blip with so much silence behind it was a click."""
GIVE_UP_SILENCE_MS: Final = 700.0
"""A sound whose words did not come by then was nothing."""
MAX_HELD_MS: Final = 3000.0
"""For longer than this the reply is not held on a suspicion."""

_LOGPROB_WEIGHT, _NO_SPEECH_WEIGHT = 2.5, 1.75


def speech_confidence(avg_logprob: float, no_speech: float) -> float:
    """The log-odds that a transcript's words were said into this microphone, from what Whisper says of its own certainty.

    Logistic regression over partial transcripts of real commands and read sentences on one side, of noises and of far-end
    speech behind an echo canceller on the other; 0 where both are as likely.
    """
    no_speech = min(max(no_speech, 0.01), 0.99)
    return _LOGPROB_WEIGHT * avg_logprob - _NO_SPEECH_WEIGHT * log(no_speech / (1 - no_speech))


def repeats(text: str, spoken: str) -> bool:
    """Whether the words of ``text`` are those that the assistant has just ``spoken``, as far as an echo keeps them.

    Three in four must be. A command of the user's is none, even if the reply held the same word.
    """
    words = words_of(text)
    if not words or all(word in _COMMANDS for word in words):
        return False
    just_said = set(words_of(spoken))
    return sum(word in just_said for word in words) >= 0.75 * len(words)


def judge(sound: Sound) -> InterruptionVerdict:
    """The verdict on the evidence so far."""
    words = sound.words
    if words is not None:
        said = words_of(words.text)
        means_something = not words.is_echo and not all(word in _BACKCHANNELS for word in said)
        if means_something and words.speech_confidence >= _confidence_needed(said, sound.speech_ms):
            return InterruptionVerdict.INTERRUPTION
        heard_it_all = sound.silence_ms > 0 and words.speech_ms >= sound.speech_ms
        settled = not means_something or words.speech_confidence < HOPELESS or words.silence_ms >= SECOND_HEARING_MS
        if heard_it_all and settled:
            return InterruptionVerdict.NOTHING
    if sound.speech_ms <= BLIP_MS and sound.silence_ms >= BLIP_SILENCE_MS:
        return InterruptionVerdict.NOTHING
    if sound.silence_ms >= GIVE_UP_SILENCE_MS or sound.held_ms >= MAX_HELD_MS:
        return InterruptionVerdict.NOTHING
    return InterruptionVerdict.UNSURE


def _confidence_needed(said: Sequence[str], speech_ms: float) -> float:
    if len(said) <= _COMMAND_WORDS and any(word in _COMMANDS for word in said):
        return SURE_COMMAND
    return SURE_WHEN_LONG if speech_ms >= LONG_SPEECH_MS else SURE
