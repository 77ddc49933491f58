"""A sound over the reply: gathers what is known of it until there is a verdict."""

from voice.stages import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Transcript
from voice.turn.interruption import Sound, Verdict, judge

WINDOW_MS = WINDOW_SAMPLES / SAMPLE_RATE_HZ * 1000
CONFIDENT_LOGPROB = -1.0
"""Below this average, recognition is guessing words into noise."""


class Overlap:
    """One sound that began at ``start_sample`` while the assistant spoke."""

    def __init__(self, start_sample: int, speech_ms: float) -> None:
        self.start_sample = start_sample
        self.speech_ms = speech_ms
        self.silence_ms = 0.0
        self.transcript: Transcript | None = None
        self.asked_at_ms = 0.0

    def window(self, is_speech: bool) -> None:
        """Count one more window."""
        if is_speech:
            self.speech_ms += WINDOW_MS
            self.silence_ms = 0.0
        else:
            self.silence_ms += WINDOW_MS

    def wants_words(self, every_ms: float) -> bool:
        """Whether recognition should look at it (again): at its end, and every ``every_ms`` of speech."""
        return self.speech_ms - self.asked_at_ms >= every_ms or (
            self.silence_ms >= WINDOW_MS and self.asked_at_ms < self.speech_ms
        )

    def verdict(self) -> Verdict:
        """What it was, as far as is known."""
        known = self.transcript
        return judge(
            Sound(
                speech_ms=self.speech_ms,
                silence_ms=self.silence_ms,
                transcript=None if known is None else known.text,
                confident=known is not None and known.avg_logprob > CONFIDENT_LOGPROB,
            )
        )
