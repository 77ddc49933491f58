import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engines import FakeDetector, silence, speech
from tests.fakes.hooks import NotedListening
from tests.fakes.virtual_time import LoopClock, run_virtual
from voice.core.config import VadConfig
from voice.core.errors import DetectorError
from voice.core.interfaces import WINDOW_SAMPLES, Samples
from voice.session.listener import FAILED_WINDOWS, HUSH_SAMPLES, Listener
from voice.vad.detect import SilenceBegan, SpeechDetected, SpeechEvent


def listen(sizes: list[int]) -> tuple[list[tuple[float, SpeechEvent]], int, int]:
    """What a listener hears of silence and a word, pushed in pieces of these sizes, 20 ms apart; also its windows and looks."""

    async def scenario() -> tuple[list[tuple[float, SpeechEvent]], int, int]:
        noted = NotedListening()
        listener = Listener(FakeDetector(), VadConfig(), LoopClock(), noted)
        running = asyncio.create_task(listener.run())
        audio = np.concatenate((silence(0.5), speech("stop")))
        at, index = 0, 0
        while at < audio.size:
            size = sizes[index % len(sizes)]
            listener.push(audio[at : at + size])
            at, index = at + size, index + 1
            await asyncio.sleep(0.02)
        running.cancel()
        return noted.events, noted.windows, listener.tracker.samples

    return run_virtual(scenario())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 2000), min_size=1, max_size=10))
def test_every_window_is_looked_at_as_soon_as_it_is_whole(sizes: list[int]) -> None:
    heard, windows, samples = listen(sizes)
    total = silence(0.5).size + speech("stop").size
    assert windows == total // WINDOW_SAMPLES
    assert samples == windows * WINDOW_SAMPLES
    assert [event for _, event in heard][:1] == [SpeechDetected(8192 - WINDOW_SAMPLES)]


def test_speech_is_noticed_with_the_frame_that_completes_its_window() -> None:
    ((at_s, _), *_), _, _ = listen([320])
    frames = -(-(8192 + WINDOW_SAMPLES) // 320)  # the word's second window; the first frame comes at once
    assert at_s % 1000 == pytest.approx((frames - 1) * 0.02)


class _StubbornDetector(FakeDetector):
    """Hears speech for ever, as Silero does in an echo."""

    def probability(self, window: Samples) -> float:
        return 1.0


def test_a_hush_ends_speech_though_the_detector_holds_on() -> None:
    async def scenario() -> list[SpeechEvent]:
        noted = NotedListening()
        listener = Listener(_StubbornDetector(), VadConfig(), LoopClock(), noted)
        running = asyncio.create_task(listener.run())
        voice = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
        listener.push(np.concatenate((silence(0.4), voice, np.full(HUSH_SAMPLES + 2 * WINDOW_SAMPLES, 1e-5, np.float32))))
        for _ in range(20):
            await asyncio.sleep(0)
        assert isinstance(noted.events[1][1], SilenceBegan)
        listener.push(voice)
        for _ in range(20):
            await asyncio.sleep(0)
        running.cancel()
        return [event for _, event in noted.events]

    kinds = [type(event).__name__ for event in run_virtual(scenario())]
    assert kinds[:2] == ["SpeechDetected", "SilenceBegan"]
    assert kinds[-1] == "SpeechResumed"


class _FailingDetector(FakeDetector):
    """Fails at every window from ``first`` to ``last``."""

    def __init__(self, first: int, last: int) -> None:
        self.windows, self.first, self.last = 0, first, last

    def probability(self, window: Samples) -> float:
        self.windows += 1
        if self.first <= self.windows <= self.last:
            raise DetectorError("voice activity detection failed: bad alloc")
        return super().probability(window)


def listen_with(detector: FakeDetector, audio: Samples) -> list[SpeechEvent]:
    async def scenario() -> list[SpeechEvent]:
        noted = NotedListening()
        listener = Listener(detector, VadConfig(), LoopClock(), noted)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(listener.run())
            for at in range(0, audio.size, 320):
                listener.push(audio[at : at + 320])
                await asyncio.sleep(0.02)
            running.cancel()
        return [event for _, event in noted.events]

    return run_virtual(scenario())


def test_windows_at_which_the_detector_fails_count_like_those_before_them() -> None:
    audio = np.concatenate((silence(0.5), speech("stop wait stop"), silence(1.0)))
    whole = listen_with(FakeDetector(), audio)
    assert listen_with(_FailingDetector(25, 25 + FAILED_WINDOWS // 2), audio) == whole


def test_a_detector_that_fails_for_a_second_ends_the_conversation_with_its_error() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(DetectorError, match="bad alloc")):
        listen_with(_FailingDetector(10, 10_000), silence(3.0))
