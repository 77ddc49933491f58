from hypothesis import given
from hypothesis import strategies as st

from voice.core.config import VadConfig
from voice.vad.detect import (
    END_LAG_SAMPLES,
    SilenceBegan,
    SilenceGoesOn,
    SpeechDetected,
    SpeechEvent,
    SpeechResumed,
    SpeechTracker,
)

W = 512


def events(probabilities: list[float], config: VadConfig | None = None) -> list[SpeechEvent]:
    tracker = SpeechTracker(config or VadConfig())
    return [event for p in probabilities if (event := tracker.push(p)) is not None]


def test_speech_starts_after_its_minimum_and_is_back_dated() -> None:
    assert events([0.1, 0.9, 0.9]) == [SpeechDetected(W)]


def test_a_click_never_starts() -> None:
    assert events([0.1, 0.99, 0.1, 0.99, 0.2]) == []


def test_a_longer_minimum_needs_a_longer_sound() -> None:
    config = VadConfig(min_speech_ms=100)
    assert events([0.9] * 3, config) == []
    assert events([0.9] * 4, config) == [SpeechDetected(0)]


def test_an_utterance_can_be_begun_on_other_evidence() -> None:
    tracker = SpeechTracker(VadConfig())
    assert tracker.push(0.6) is None
    tracker.open(0)
    assert tracker.in_utterance
    assert tracker.push(0.1) == SilenceBegan(0)
    assert tracker.push(0.9) == SpeechResumed(2 * W)


def test_between_the_thresholds_the_state_stays() -> None:
    assert events([0.4] * 5) == []
    assert events([0.9, 0.4, 0.4, 0.4]) == [SpeechDetected(0)]


def test_silence_begins_at_once_and_goes_on() -> None:
    end = 10 * W - END_LAG_SAMPLES
    assert events([0.9] * 10 + [0.1, 0.4, 0.1])[1:] == [
        SilenceBegan(end),
        SilenceGoesOn(end, (12 * W - end) // 16),
        SilenceGoesOn(end, (13 * W - end) // 16),
    ]


def test_speech_that_goes_on_is_told_at_once_and_moves_the_end() -> None:
    found = events([0.9] * 4 + [0.1] + [0.9] * 4 + [0.1])
    assert found == [
        SpeechDetected(0),
        SilenceBegan(4 * W - END_LAG_SAMPLES),
        SpeechResumed(5 * W),
        SilenceBegan(9 * W - END_LAG_SAMPLES),
    ]


def test_a_click_in_a_pause_does_not_move_the_end() -> None:
    found = events([0.9] * 4 + [0.1, 0.9, 0.1])
    assert found[-2:] == [SpeechResumed(5 * W), SilenceBegan(4 * W - END_LAG_SAMPLES)]


def test_close_ends_the_utterance_and_the_count_goes_on() -> None:
    tracker = SpeechTracker(VadConfig())
    for p in (0.9, 0.9, 0.1):
        tracker.push(p)
    assert (tracker.in_utterance, tracker.speaking) == (True, False)
    tracker.close()
    assert (tracker.in_utterance, tracker.speaking) == (False, False)
    assert tracker.push(0.1) is None
    assert tracker.push(0.9) is None
    assert tracker.push(0.9) == SpeechDetected(4 * W)


def test_reset_begins_at_sample_zero() -> None:
    tracker = SpeechTracker(VadConfig())
    tracker.push(0.9)
    tracker.reset()
    assert tracker.samples == 0
    assert tracker.push(0.9) is None
    assert tracker.push(0.9) == SpeechDetected(0)


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), max_size=80))
def test_events_come_in_an_order_that_makes_sense(probabilities: list[float]) -> None:
    tracker = SpeechTracker(VadConfig())
    last: SpeechEvent | None = None
    start = 0
    for index, p in enumerate(probabilities):
        event = tracker.push(p)
        now = (index + 1) * W
        assert tracker.samples == now
        match event:
            case None:
                continue
            case SpeechDetected(start_sample):
                assert last is None
                assert start_sample <= now - 2 * W
                start = start_sample
            case SilenceBegan(end):
                assert isinstance(last, SpeechDetected | SpeechResumed)
                assert start <= end < now
                assert p < 0.35
            case SilenceGoesOn(end, silence_ms):
                assert isinstance(last, SilenceBegan | SilenceGoesOn)
                assert end == last.speech_end_sample
                assert silence_ms == (now - end) // 16
            case SpeechResumed(sample):
                assert isinstance(last, SilenceBegan | SilenceGoesOn)
                assert sample == now - W
                assert p >= 0.5
        last = event
