from hypothesis import given
from hypothesis import strategies as st

from voice.asr.guard import Doubt, Hypothesis, better, doubt, is_silence, max_tokens, repeated_tail


def hypothesis(
    text: str = "Set a timer.",
    tokens: tuple[int, ...] = (1, 2, 3, 4),
    logprob: float = -0.2,
    no_speech: float = 0.1,
    complete: bool = True,
) -> Hypothesis:
    return Hypothesis(text, tokens, logprob, no_speech, complete)


def test_a_plain_sentence_is_believed() -> None:
    assert doubt(hypothesis()) is None


def test_a_phrase_said_twice_is_a_loop() -> None:
    assert repeated_tail((7, 8, 9, 7, 8, 9)) == 3


def test_a_cut_off_last_copy_counts_as_part_of_the_loop() -> None:
    assert repeated_tail((5, 7, 8, 9, 7, 8, 9, 7)) == 4


def test_what_people_repeat_is_not_a_loop() -> None:
    assert repeated_tail((1, 1)) == 0
    assert repeated_tail((1, 1, 1)) == 0
    assert repeated_tail((1, 2, 1, 2)) == 0
    assert repeated_tail((3, 7, 7)) == 0


def test_one_token_four_times_is_a_loop() -> None:
    assert repeated_tail((1, 1, 1, 1)) == 3


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=12, unique=True), st.lists(st.integers(51, 99), max_size=8, unique=True)
)
def test_cutting_the_tail_leaves_one_copy(phrase: list[int], before: list[int]) -> None:
    tokens = before + phrase * 3
    assert tokens[: len(tokens) - repeated_tail(tokens)] == before + phrase


@given(st.lists(st.integers(0, 3), max_size=60))
def test_the_tail_repeats_what_stands_before_it(tokens: list[int]) -> None:
    tail = repeated_tail(tokens)
    assert 0 <= tail < max(1, len(tokens))
    if tail:
        kept = tokens[:-tail]
        assert any(
            all(t == tokens[len(kept) + i - period] for i, t in enumerate(tokens[-tail:])) for period in range(1, len(kept) + 1)
        )


def test_repetition_that_ends_is_found_by_compression() -> None:
    text = "and then " * 20 + "we left"
    assert doubt(hypothesis(text=text, tokens=tuple(range(42)))) is Doubt.LOOP


def test_a_hypothesis_that_hit_the_bound_is_a_runaway() -> None:
    assert doubt(hypothesis(complete=False)) is Doubt.RUNAWAY


def test_an_unlikely_one_is_unsure() -> None:
    assert doubt(hypothesis(logprob=-1.2)) is Doubt.UNSURE


def test_words_over_noise_are_silence() -> None:
    assert is_silence(hypothesis(text="you", logprob=-2.1, no_speech=0.8))
    assert is_silence(hypothesis(text="you", logprob=-0.6, no_speech=0.99))
    assert is_silence(hypothesis(text="No, no", tokens=(4, 5) * 9, no_speech=0.45))
    assert is_silence(hypothesis(text="You", logprob=-2.3, no_speech=0.3))


def test_quiet_but_certain_speech_is_kept() -> None:
    assert not is_silence(hypothesis(logprob=-0.3, no_speech=0.7))
    assert not is_silence(hypothesis(logprob=-1.3, no_speech=0.2))


def test_one_that_ended_beats_a_likelier_loop() -> None:
    loop = hypothesis(tokens=(1, 2, 3) * 5, logprob=-0.05)
    ended = hypothesis(logprob=-0.9)
    assert better(loop, ended) is ended
    assert better(ended, loop) is ended


def test_the_likelier_of_two_that_ended_wins() -> None:
    first, second = hypothesis(logprob=-1.2), hypothesis(logprob=-1.1)
    assert better(first, second) is second
    assert better(second, first) is second


@given(st.floats(0, 60))
def test_the_bound_is_positive_and_within_the_model(seconds: float) -> None:
    assert 12 <= max_tokens(seconds) <= 224
