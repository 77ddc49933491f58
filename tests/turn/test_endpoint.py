import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turn.completeness import completeness
from voice.turn.endpoint import Evidence, probability, silence_needed_ms

evidence = st.builds(
    Evidence,
    melody=st.none() | st.floats(0, 1),
    transcript=st.none() | st.text(max_size=60) | st.sampled_from(["Yes.", "Set a timer for", "What time is it?"]),
)


@given(evidence, st.floats(1, 10_000), st.floats(1, 10_000))
def test_more_silence_never_makes_it_less_likely(known: Evidence, one_ms: float, other_ms: float) -> None:
    shorter, longer = sorted((one_ms, other_ms))
    assert 0 <= probability(known, shorter) <= probability(known, longer) <= 1


@given(evidence, st.floats(0.05, 0.95))
def test_the_silence_needed_is_the_silence_at_which_it_commits(known: Evidence, threshold: float) -> None:
    needed_ms = silence_needed_ms(known, threshold)
    if 1 < needed_ms < 100_000:
        assert probability(known, needed_ms * 1.01) > threshold > probability(known, needed_ms * 0.99)


def test_a_whole_question_waits_less_than_a_dangling_one() -> None:
    whole = Evidence(melody=0.9, transcript="What is the capital of France?")
    dangling = Evidence(melody=0.9, transcript="What is the")
    assert silence_needed_ms(whole, 0.8) * 3 < silence_needed_ms(dangling, 0.8)


@pytest.mark.parametrize("text", ["Yes.", "Stop", "no thanks", "What time is it?", "Turn off the lights in the office."])
def test_whole_things_to_say(text: str) -> None:
    assert completeness(text) > 0


@pytest.mark.parametrize(
    "text",
    ["Set a timer for", "set a timer for.", "My number is", "I'd like a", "milk and", "um", "What's the", "I want to..."],
)
def test_things_that_must_go_on(text: str) -> None:
    assert completeness(text) == -1


@given(st.text(max_size=200))
def test_any_text_gets_a_score(text: str) -> None:
    assert -1 <= completeness(text) <= 1
