"""When speech starts, pauses, goes on (pure).

Strategy: one probability a window (32 ms) comes in, events with sample positions go out; time is counted in samples. Two
thresholds with the state kept between them, and a run shorter than ``min_speech_ms`` is a click: it neither starts an
utterance nor, inside one, moves the end of the speech. The tracker reports a pause at its first silent window and never ends
an utterance by itself: whether a pause is the end is the turn's question, and its owner calls :meth:`SpeechTracker.close`.
"""

from dataclasses import dataclass
from enum import Enum

from voice.core.config import VadConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, WINDOW_SAMPLES

END_LAG_SAMPLES = 672
"""How far the first silent window begins after the last voiced sample: 42 ms.

Silero's recurrent state lets go late. Measured on 243 recordings of orders and read sentences, each followed by silence,
against the energy-based end of :mod:`voice.audio.voiced`: median 42 ms, quartiles about 30 and 57.
"""

_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class SpeechDetected:
    """An utterance began; ``start_sample`` is back-dated to its first speech window."""

    start_sample: int


@dataclass(frozen=True, slots=True)
class SilenceBegan:
    """The first silent window after speech; ``speech_end_sample`` is where the last voiced sample is taken to be."""

    speech_end_sample: int


@dataclass(frozen=True, slots=True)
class SilenceGoesOn:
    """One more silent window inside the utterance; ``silence_ms`` counts from ``speech_end_sample``."""

    speech_end_sample: int
    silence_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech again, in the window that begins at ``sample``. Said at once: a click here costs only a moment's patience."""

    sample: int


SpeechEvent = SpeechDetected | SilenceBegan | SilenceGoesOn | SpeechResumed


class _State(Enum):
    IDLE = "idle"
    MAYBE = "maybe"
    SPEAKING = "speaking"
    SILENT = "silent"


class SpeechTracker:
    """Turns one stream's probabilities into :data:`SpeechEvent`. Makes no use of any clock."""

    def __init__(self, config: VadConfig) -> None:
        self._start = config.start_probability
        self._stop = config.stop_probability
        self._min_speech_samples = config.min_speech_ms * _SAMPLES_PER_MS
        self.reset()

    @property
    def samples(self) -> int:
        """How much audio was taken in since the last :meth:`reset`."""
        return self._samples

    @property
    def in_utterance(self) -> bool:
        """Whether speech started and the owner has not closed the utterance."""
        return self._state in {_State.SPEAKING, _State.SILENT}

    @property
    def speaking(self) -> bool:
        """Whether the last window belonged to the speech of an utterance."""
        return self._state is _State.SPEAKING

    def push(self, probability: float) -> SpeechEvent | None:
        """Take the next window's probability of speech; at most one thing happens in a window."""
        window_start = self._samples
        self._samples += WINDOW_SAMPLES
        match self._state:
            case _State.IDLE | _State.MAYBE:
                return self._before_speech(probability, window_start)
            case _State.SPEAKING:
                return self._silence(window_start) if probability < self._stop else None
            case _State.SILENT:
                return self._in_pause(probability, window_start)

    def open(self, start_sample: int) -> None:
        """Begin an utterance at ``start_sample`` on other evidence than a run of windows: its silence is then reported."""
        self._state = _State.SPEAKING
        self._run_start = start_sample
        self._resumed = False

    def close(self) -> None:
        """End the utterance; the sample count goes on. Speech that is still there starts another one."""
        self._state = _State.IDLE

    def reset(self) -> None:
        """Begin a new stream, at sample 0."""
        self._state = _State.IDLE
        self._samples = 0
        self._run_start = 0
        self._speech_end = 0
        self._resumed = False

    def _before_speech(self, probability: float, window_start: int) -> SpeechEvent | None:
        if self._state is _State.IDLE:
            if probability < self._start:
                return None
            self._run_start = window_start
        elif probability < self._stop:
            self._state = _State.IDLE
            return None
        self._state = _State.MAYBE
        if self._samples - self._run_start < self._min_speech_samples:
            return None
        self._state = _State.SPEAKING
        self._resumed = False
        return SpeechDetected(self._run_start)

    def _silence(self, window_start: int) -> SpeechEvent:
        self._state = _State.SILENT
        was_click = self._resumed and window_start - self._run_start < self._min_speech_samples
        if not was_click:
            self._speech_end = max(self._run_start, window_start - END_LAG_SAMPLES)
        return SilenceBegan(self._speech_end)

    def _in_pause(self, probability: float, window_start: int) -> SpeechEvent:
        if probability >= self._start:
            self._state = _State.SPEAKING
            self._run_start = window_start
            self._resumed = True
            return SpeechResumed(window_start)
        return SilenceGoesOn(self._speech_end, (self._samples - self._speech_end) // _SAMPLES_PER_MS)
