from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from voice.session.barge_in import LET_GO_LOOK_EVERY_MS, LOOK_EVERY_MS, OverlappingSound
from voice.turn.interruption import SECOND_HEARING_MS, WINDOW_MS, InterruptionVerdict


def looks(windows: Sequence[bool], *, let_go: bool = False) -> list[int]:
    """After which windows recognition looks, when every look is over at once."""
    sound = OverlappingSound(0)
    sound.let_go = let_go
    found = []
    for number, is_speech in enumerate(windows, 1):
        sound.window(is_speech)
        if sound.wants_words:
            sound.look()
            found.append(number)
    return found


def test_a_long_sound_is_looked_at_now_and_then() -> None:
    every = int(LOOK_EVERY_MS / WINDOW_MS)
    assert looks([True] * 3 * every) == [every, 2 * every, 3 * every]


def test_a_sound_that_lost_its_hold_is_looked_at_less_often() -> None:
    every = int(LET_GO_LOOK_EVERY_MS / WINDOW_MS)
    assert looks([True] * 2 * every, let_go=True) == [every, 2 * every]


def test_the_end_is_looked_at_at_once_and_once_more_with_the_silence_behind_it() -> None:
    again = int(SECOND_HEARING_MS / WINDOW_MS)
    assert looks([True] * 3 + [False] * 20) == [4, 3 + again]
    assert looks([True, False, True, *[False] * 20]) == [2, 4, 3 + again]


@given(st.lists(st.booleans(), max_size=200))
def test_a_sound_is_always_settled_in_the_end(windows: list[bool]) -> None:
    sound = OverlappingSound(0)
    for is_speech in [*windows, *[False] * 22]:
        sound.window(is_speech)
    assert sound.verdict() is InterruptionVerdict.NOTHING


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(0, 30))
def test_an_answer_tells_of_what_was_heard_when_it_was_asked(windows: list[bool], later: int) -> None:
    sound = OverlappingSound(0)
    for is_speech in windows:
        sound.window(is_speech)
    speech_ms, silence_ms = sound.speech_ms, sound.silence_ms
    answer = sound.look()
    for _ in range(later):
        sound.window(True)
    answer("hello", 3.0, False)
    assert sound.words is not None
    assert (sound.words.speech_ms, sound.words.silence_ms) == (speech_ms, silence_ms)
