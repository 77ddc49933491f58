from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.config import TurnConfig
from voice.turn.completeness import BUCKETS, FEATURES, buckets, completeness, words_of
from voice.turn.endpoint import Evidence, default_weights, features, probability, silence_needed_ms, wants_prosody

COMMIT = TurnConfig().commit_probability
chances = st.none() | st.floats(0, 1)
evidence = st.builds(
    Evidence,
    prosody=chances,
    transcript=st.none() | st.text(max_size=60) | st.sampled_from(["Yes.", "Set a timer for", "What time is it?"]),
    trails_off=chances,
    breaks_off=chances,
)


@given(evidence, st.floats(1, 10_000), st.floats(1, 10_000))
def test_more_silence_never_makes_it_less_likely(known: Evidence, one_ms: float, other_ms: float) -> None:
    shorter, longer = sorted((one_ms, other_ms))
    assert 0 <= probability(known, shorter) <= probability(known, longer) <= 1


@given(evidence, st.floats(0.05, 0.95))
def test_the_silence_needed_is_the_silence_at_which_it_commits(known: Evidence, threshold: float) -> None:
    needed_ms = silence_needed_ms(known, threshold)
    if 1 < needed_ms < 1_000_000:
        assert probability(known, needed_ms * 1.01) > threshold > probability(known, needed_ms * 0.99)


@given(evidence, st.floats(0, 1), st.floats(0, 1))
def test_each_piece_of_evidence_pulls_its_own_way(known: Evidence, one: float, other: float) -> None:
    less, more = sorted((one, other))
    said = known.transcript or "hello"

    def chance(prosody: float, trails_off: float, breaks_off: float) -> float:
        return probability(Evidence(prosody, said, trails_off, breaks_off), 200)

    assert chance(less, 0.1, 0.1) <= chance(more, 0.1, 0.1)
    assert chance(0.5, more, 0.1) <= chance(0.5, less, 0.1)
    assert chance(0.5, 0.1, more) <= chance(0.5, 0.1, less)


@pytest.mark.parametrize("said", ["Yes.", "Stop.", "Ten.", "Next.", "No thanks.", "Thank you."])
def test_a_whole_short_answer_commits_before_a_reply_can_be_ready(said: str) -> None:
    assert silence_needed_ms(Evidence(0.9, said), COMMIT) < 150


@pytest.mark.parametrize(
    "said", ["Set a timer for", "Set a timer for.", "My number is.", "I'd like a.", "Milk and.", "Can I get the"]
)
def test_what_must_go_on_waits_whatever_the_melody_says(said: str) -> None:
    assert silence_needed_ms(Evidence(0.9, said), COMMIT) > 1000


def test_a_whole_request_is_answered_in_time_even_when_the_melody_is_doubtful() -> None:
    assert silence_needed_ms(Evidence(0.2, "Turn off the lights in the office."), COMMIT) < 300


def test_nothing_known_is_as_a_pause() -> None:
    assert silence_needed_ms(Evidence(), COMMIT) > 2000
    known = features(Evidence(), default_weights().unknown)
    assert known == default_weights().unknown


@pytest.mark.parametrize("said", ["I want to...", "I want to…", "Can I have a cap-"])
def test_a_recogniser_without_probabilities_is_taken_at_its_marks(said: str) -> None:
    plain = said.rstrip(".…-")
    assert silence_needed_ms(Evidence(0.5, said), COMMIT) > 2 * silence_needed_ms(Evidence(0.5, plain), COMMIT)


def test_no_hyphen_is_no_evidence_of_an_end() -> None:
    unlikely, never = (Evidence(0.5, "a coffee with", 0.01, chance) for chance in (0.0015, 0.0))
    assert probability(unlikely, 200) == probability(never, 200)


def test_the_fitted_model_is_one() -> None:
    weights = default_weights()
    assert weights.silence > 0
    prosody, whole, trails_off, breaks_off = weights.features
    assert prosody > 0 < whole
    assert trails_off < 0 > breaks_off


@pytest.mark.parametrize("text", ["Yes.", "Stop", "no thanks", "Turn off the lights in the office.", "tell me a joke"])
def test_whole_things_to_say(text: str) -> None:
    assert completeness(text) > 0.5


@pytest.mark.parametrize(
    "text",
    ["Set a timer for", "set a timer for.", "My number is", "I'd like a", "milk and", "What's the", "I want to...", "play"],
)
def test_things_that_must_go_on(text: str) -> None:
    assert completeness(text) < -1.5


@given(st.text(max_size=200))
def test_any_text_gets_a_score(text: str) -> None:
    assert -50 < completeness(text) < 50
    found = buckets(words_of(text))
    assert len(found) == FEATURES
    assert all(0 <= bucket < BUCKETS for bucket in found)


def test_numbers_punctuation_and_case_make_no_difference() -> None:
    assert completeness("Set a timer for 10 minutes.") == completeness("set a timer for twenty minutes")
    assert completeness("") == completeness("...") == 0


def test_the_melody_is_wanted_only_where_it_may_matter() -> None:
    sure = Evidence(None, "Turn off the lights.", 0.003, 0.001)
    unsure = Evidence(None, "Turn off the", 0.05, 0.002)
    assert not wants_prosody(sure, COMMIT)
    assert wants_prosody(unsure, COMMIT)
    assert not wants_prosody(replace(unsure, prosody=0.2), COMMIT)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["Yes.", "Set a timer for", "What's the date?", "I would like..."]))
def test_a_melody_that_is_not_heard_counts_as_a_doubtful_one(trails_off: float, breaks_off: float, said: str) -> None:
    unheard = Evidence(None, said, trails_off, breaks_off)
    assert (
        probability(replace(unheard, prosody=0.0), 200)
        < probability(unheard, 200)
        < probability(replace(unheard, prosody=1.0), 200)
    )
