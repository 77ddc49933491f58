"""The ear of a conversation: takes audio as it comes, cuts it into windows, and says when speech starts and stops."""

import asyncio
from collections import deque
from typing import Protocol

import numpy as np

from voice.audio.ring import Ring
from voice.core.clock import Clock, SampleClock
from voice.core.config import VadConfig
from voice.core.errors import DetectorError
from voice.core.interfaces import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Samples, SpeechDetector
from voice.vad.detect import SpeechEvent, SpeechTracker
from voice.vad.dip import DipDetector

INBOX_S = 10.0
"""Audio that may wait to be looked at; a flood beyond it loses its oldest part."""
STARVED_S = 0.25
"""When no audio comes for this long in the middle of an utterance, the microphone is taken to be silent."""
HUSH_SAMPLES = SAMPLE_RATE_HZ * 96 // 1000
"""The longest closure inside a word is shorter.

Measured on 76 recordings: in noise a pause is seen 136 ms sooner (median), in quiet up to 114 ms sooner, and inside speech no
more often.
"""
FAILED_WINDOWS = 32
"""After a second in which the detector failed at every window the conversation cannot be held."""
_WINDOWS_AT_ONCE = 16
"""After so many windows other tasks get their chance."""


class ListenerHooks(Protocol):
    """What a listener tells, on the event loop and in order; nothing of it awaits or raises."""

    def speech_event(self, event: SpeechEvent) -> None:
        """Speech began, paused, went on."""
        ...

    def window_heard(self, probability: float) -> None:
        """One more window was looked at: its probability (0 to 1) of speech."""
        ...

    def level_dipped(self) -> None:
        """The level has just fallen in the middle of speech."""
        ...


class Listener:
    """One stream's way from samples to :class:`~voice.vad.detect.SpeechEvent`.

    Args:
        detector: of this stream.
    """

    def __init__(self, detector: SpeechDetector, config: VadConfig, clock: Clock, hooks: ListenerHooks) -> None:
        self.tracker = SpeechTracker(config)
        self.ring = Ring(int(30 * SAMPLE_RATE_HZ))
        self.samples = SampleClock(SAMPLE_RATE_HZ)
        self.dropped_s = 0.0
        self._detector = detector
        self._clock = clock
        self._hooks = hooks
        self._dips = DipDetector()
        self._inbox: deque[Samples] = deque()
        self._failed_windows = 0
        self._last_probability = 0.0
        self._waiting = 0
        self._received = 0
        self._rest: Samples = np.zeros(0, dtype=np.float32)
        self._arrived = asyncio.Event()

    def push(self, samples: Samples) -> bool:
        """Take 16 kHz audio of any length without waiting. False when older audio had to be thrown away for it."""
        if not samples.size:
            return True
        self._received += samples.size
        self.samples.observe(self._received, self._clock.now_s())
        self._inbox.append(samples)
        self._waiting += samples.size
        fits = True
        while self._waiting > INBOX_S * SAMPLE_RATE_HZ and len(self._inbox) > 1:
            lost = self._inbox.popleft()
            self._waiting -= lost.size
            self._received -= lost.size
            self.dropped_s += lost.size / SAMPLE_RATE_HZ
            fits = False
        if self.tracker.in_utterance or self._rest.size + self._waiting >= WINDOW_SAMPLES:
            self._arrived.set()  # part of a window is not worth waking up for while nobody speaks
        return fits

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            DetectorError: the detector fails at one window after the other. What it makes of a single one is not missed: that
                counts like the window before it.
        """
        windows = 0
        while True:
            while not self._inbox:
                self._arrived.clear()
                await self._wait_for_audio()
            samples = self._inbox.popleft()
            self._waiting -= samples.size
            self.ring.write(samples)
            dipped = self._dips.push(samples)
            if self._rest.size:
                samples = np.concatenate((self._rest, samples))
            whole = samples.size - samples.size % WINDOW_SAMPLES
            for start in range(0, whole, WINDOW_SAMPLES):
                self._look_at(samples[start : start + WINDOW_SAMPLES])
                windows += 1
                if windows % _WINDOWS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            self._rest = samples[whole:]
            if dipped and self.tracker.speaking:
                self._hooks.level_dipped()

    @property
    def quiet_since(self) -> int | None:
        """The sample since which the level is down, by the quick and rough measure of it."""
        return self._dips.quiet_since

    @property
    def _hushed(self) -> bool:
        """Whether the level has been down for so long that what the detector hears is a breath or an echo."""
        quiet_since = self.quiet_since
        return quiet_since is not None and self.tracker.samples + WINDOW_SAMPLES - quiet_since >= HUSH_SAMPLES

    @property
    def burst(self) -> bool:
        """See :attr:`voice.vad.dip.DipDetector.burst`."""
        return self._dips.burst

    async def _wait_for_audio(self) -> None:
        if not self.tracker.in_utterance:
            await self._arrived.wait()
            return
        try:
            async with asyncio.timeout(STARVED_S):
                await self._arrived.wait()
        except TimeoutError:
            self.push(np.zeros(int(STARVED_S * SAMPLE_RATE_HZ), dtype=np.float32))

    def _probability(self, window: Samples) -> float:
        try:
            self._last_probability = self._detector.probability(window)
        except DetectorError:
            self._failed_windows += 1
            if self._failed_windows >= FAILED_WINDOWS:
                raise
        else:
            self._failed_windows = 0
        return self._last_probability

    def _look_at(self, window: Samples) -> None:
        probability = self._probability(window)
        if (event := self.tracker.push(0.0 if self._hushed else probability)) is not None:
            self._hooks.speech_event(event)
        self._hooks.window_heard(probability)
