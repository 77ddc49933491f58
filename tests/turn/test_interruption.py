import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turn.interruption import (
    BLIP_MS,
    BLIP_SILENCE_MS,
    GIVE_UP_SILENCE_MS,
    HOPELESS,
    LONG_SPEECH_MS,
    MAX_HELD_MS,
    SECOND_HEARING_MS,
    SURE,
    SURE_COMMAND,
    SURE_WHEN_LONG,
    InterruptionVerdict,
    OverlapOnset,
    Sound,
    Words,
    judge,
    repeats,
    speech_confidence,
)

probabilities = st.floats(0, 1)


def sound(text: str, of: float, *, speech_ms: float = 300, silence_ms: float = 0, is_echo: bool = False) -> Sound:
    """A sound that was heard to its end, with words of this speech_confidence."""
    return Sound(speech_ms, silence_ms, 0, Words(text, of, speech_ms, silence_ms, is_echo))


@pytest.mark.parametrize(
    ("heard", "verdict"),
    [
        (sound("What about Spain?", SURE), InterruptionVerdict.INTERRUPTION),
        (sound("What about Spain?", SURE, silence_ms=64), InterruptionVerdict.INTERRUPTION),
        (sound("What about Spain?", SURE - 0.1), InterruptionVerdict.UNSURE),
        (sound("What about Spain?", SURE_WHEN_LONG, speech_ms=LONG_SPEECH_MS), InterruptionVerdict.INTERRUPTION),
        (sound("What about Spain?", SURE_WHEN_LONG - 0.1, speech_ms=LONG_SPEECH_MS), InterruptionVerdict.UNSURE),
        # commands
        (sound("Stop.", SURE_COMMAND), InterruptionVerdict.INTERRUPTION),
        (sound("No, wait.", SURE_COMMAND, silence_ms=64), InterruptionVerdict.INTERRUPTION),
        (sound("Stop.", SURE_COMMAND - 0.1), InterruptionVerdict.UNSURE),
        (sound("There is no reason to go there", SURE_COMMAND), InterruptionVerdict.UNSURE),
        # backchannels, echoes, no words
        (sound("Mm-hmm.", SURE, silence_ms=32), InterruptionVerdict.NOTHING),
        (sound("Yeah.", SURE), InterruptionVerdict.UNSURE),
        (sound("Okay, right.", SURE, silence_ms=32), InterruptionVerdict.NOTHING),
        (sound("The capital of France.", SURE, is_echo=True), InterruptionVerdict.UNSURE),
        (sound("The capital of France.", SURE, silence_ms=32, is_echo=True), InterruptionVerdict.NOTHING),
        (sound("", -5.0), InterruptionVerdict.UNSURE),
        (sound("", -5.0, silence_ms=32), InterruptionVerdict.NOTHING),
        # doubt is heard once more with the silence behind it
        (sound("Thank you.", HOPELESS - 0.1, silence_ms=32), InterruptionVerdict.NOTHING),
        (sound("Thank you.", HOPELESS, silence_ms=32), InterruptionVerdict.UNSURE),
        (sound("Thank you.", HOPELESS, silence_ms=SECOND_HEARING_MS), InterruptionVerdict.NOTHING),
        (Sound(400, 32, 0, Words("", -5.0, 300, 32)), InterruptionVerdict.UNSURE),  # there was more speech since
        # time
        (Sound(BLIP_MS, BLIP_SILENCE_MS), InterruptionVerdict.NOTHING),
        (Sound(BLIP_MS + 32, BLIP_SILENCE_MS), InterruptionVerdict.UNSURE),
        (Sound(300, GIVE_UP_SILENCE_MS), InterruptionVerdict.NOTHING),
        (Sound(MAX_HELD_MS, 0, MAX_HELD_MS), InterruptionVerdict.NOTHING),
        (Sound(MAX_HELD_MS, 0, MAX_HELD_MS - 32), InterruptionVerdict.UNSURE),
    ],
)
def test_verdicts(heard: Sound, verdict: InterruptionVerdict) -> None:
    assert judge(heard) is verdict


@given(
    st.floats(0, 5000),
    st.floats(0, 1000),
    st.floats(0, 5000),
    st.sampled_from(["", "Mm-hmm.", "I need you to go!", "stop"]),
    st.floats(-20, 10),
    st.booleans(),
)
def test_better_words_never_make_an_interruption_less_likely(
    speech_ms: float, silence_ms: float, held_ms: float, text: str, of: float, is_echo: bool
) -> None:
    def verdict(speech_confidence: float) -> InterruptionVerdict:
        return judge(Sound(speech_ms, silence_ms, held_ms, Words(text, speech_confidence, speech_ms, silence_ms, is_echo)))

    assert verdict(of + 1) is InterruptionVerdict.INTERRUPTION or verdict(of) is not InterruptionVerdict.INTERRUPTION


@given(st.floats(0, 5000), st.floats(0, 1000), st.floats(0, 5000))
def test_a_sound_without_words_never_interrupts(speech_ms: float, silence_ms: float, held_ms: float) -> None:
    assert judge(Sound(speech_ms, silence_ms, held_ms)) is not InterruptionVerdict.INTERRUPTION


@given(st.floats(-5, 0), st.floats(-5, 0), probabilities, probabilities)
def test_confidence_grows_with_certainty_and_falls_with_doubt_that_anyone_spoke(a: float, b: float, c: float, d: float) -> None:
    assert speech_confidence(max(a, b), c) >= speech_confidence(min(a, b), c)
    assert speech_confidence(a, min(c, d)) >= speech_confidence(a, max(c, d))


@pytest.mark.parametrize(
    ("probabilities", "windows"),
    [([0.65], 1), ([0.45, 0.45], 2), ([0.64, 0.1, 0.64], 3), ([0.35] * 4, 4), ([0.25] * 100, None), ([0.5, 0.0] * 50, None)],
)
def test_speech_is_suspected_after(probabilities: list[float], windows: int | None) -> None:
    onset = OverlapOnset(64)
    found = next((count for count, one in enumerate(probabilities, 1) if onset.push(one)), None)
    assert found == windows


def test_an_onset_begins_anew() -> None:
    onset = OverlapOnset(64)
    assert not onset.push(0.6)
    onset.reset()
    assert not onset.push(0.6)
    assert onset.push(0.6)


@pytest.mark.parametrize(
    ("text", "spoken", "echo"),
    [
        ("capital of France", "Paris is the capital of France", True),
        ("The capital of trance.", "Paris is the capital of France", True),
        ("What about Spain?", "Paris is the capital of France", False),
        ("Stop!", "The next stop is Paris", False),
        ("next stop", "The next stop is Paris", True),
        ("", "Paris", False),
    ],
)
def test_an_echo_is_known_by_its_words(text: str, spoken: str, echo: bool) -> None:
    assert repeats(text, spoken) is echo
