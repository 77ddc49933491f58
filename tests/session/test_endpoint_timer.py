import asyncio
from dataclasses import dataclass

import pytest

from tests.fakes.hooks import NotedHooks
from tests.fakes.virtual_time import run_virtual
from voice.core.config import TurnConfig
from voice.core.interfaces import Transcript
from voice.session.endpoint_timer import LAST_LOOK_MS, NOTHING_SAID_MS, EndpointTimer

SURE = Transcript("Turn off the lights.", trails_off=0.003, breaks_off=0.001)
UNSURE = Transcript("Turn off the", trails_off=0.2, breaks_off=0.002)
LEAST_MS, MOST_MS = TurnConfig().least_silence_ms, TurnConfig().max_silence_ms


@dataclass
class Level:
    quiet_since: int | None = 0


def told(
    words: Transcript | None,
    *,
    prosody: float | None = None,
    ready_ms: float | None = 0.0,
    words_ms: float = 0.0,
    loud_ms: tuple[float, float] = (0.0, 0.0),
    late_ms: float = 1e9,
) -> dict[str, float]:
    """What a pause with this evidence tells, and after how many milliseconds; the level is up between ``loud_ms``."""

    async def scenario() -> dict[str, float]:
        loop = asyncio.get_running_loop()
        began_s, hooks, level = loop.time(), NotedHooks(), Level()
        timer = EndpointTimer(1, began_s, TurnConfig(), level, hooks, late_ms=late_ms)
        if words is not None:
            loop.call_later(words_ms / 1000, timer.learn_words, words)
        if prosody is not None:
            timer.learn_prosody(prosody)
        if ready_ms is not None:
            loop.call_later(ready_ms / 1000, timer.reply_ready)
        if loud_ms[1]:
            loop.call_later(loud_ms[0] / 1000, setattr, level, "quiet_since", None)
            loop.call_later(loud_ms[1] / 1000, setattr, level, "quiet_since", 0)
        await asyncio.sleep(10)
        assert len(hooks.names()) == len(set(hooks.names())), hooks.told
        return {name: (at_s - began_s) * 1000 for name, _, at_s in hooks.told}

    return run_virtual(scenario())


def test_a_turn_that_is_surely_over_ends_with_the_least_silence() -> None:
    heard = told(SURE, prosody=0.99)
    assert heard == {"turn_over": pytest.approx(LEAST_MS), "end_of_turn": pytest.approx(LEAST_MS)}


def test_it_is_over_before_its_reply_can_be_heard() -> None:
    heard = told(SURE, prosody=0.99, ready_ms=400)
    assert heard == {"turn_over": pytest.approx(LEAST_MS), "end_of_turn": pytest.approx(400)}


def test_half_a_sentence_is_waited_for() -> None:
    assert told(UNSURE, prosody=0.1) == {"turn_over": pytest.approx(MOST_MS), "end_of_turn": pytest.approx(MOST_MS)}


def test_a_reply_that_never_comes_does_not_hold_the_turn_for_ever() -> None:
    heard = told(SURE, ready_ms=None)
    assert heard == {"turn_over": pytest.approx(LEAST_MS), "end_of_turn": pytest.approx(MOST_MS)}


def test_words_that_never_come_do_not_hold_the_turn_for_ever_and_nothing_is_over_before() -> None:
    assert told(None) == {"end_of_turn": pytest.approx(MOST_MS)}


def test_a_sound_without_words_is_forgotten() -> None:
    assert told(Transcript("")) == {"nothing_said": pytest.approx(NOTHING_SAID_MS)}


def test_a_late_reply_is_told_of_once_the_turn_is_over() -> None:
    assert told(SURE, prosody=0.99, ready_ms=600, late_ms=265)["reply_late"] == pytest.approx(265)
    assert "reply_late" not in told(SURE, prosody=0.99, ready_ms=200, late_ms=265)
    assert told(UNSURE, prosody=0.5, ready_ms=None, late_ms=265).get("reply_late", MOST_MS) > 265


def test_where_the_level_has_just_risen_the_detector_first_says_what_it_is() -> None:
    heard = told(SURE, prosody=0.99, loud_ms=(LEAST_MS - 20, LEAST_MS + 30))
    assert heard == {"turn_over": pytest.approx(LEAST_MS + LAST_LOOK_MS), "end_of_turn": pytest.approx(LEAST_MS + LAST_LOOK_MS)}


def test_what_becomes_known_after_the_pause_is_over_tells_nothing() -> None:
    async def scenario() -> list[str]:
        hooks = NotedHooks()
        timer = EndpointTimer(1, asyncio.get_running_loop().time(), TurnConfig(), Level(), hooks)
        timer.learn_words(SURE)
        timer.close()
        timer.reply_ready()
        timer.learn_prosody(0.9)
        await asyncio.sleep(10)
        return hooks.names()

    assert run_virtual(scenario()) == []


@pytest.mark.parametrize("words_ms", range(int(MOST_MS - 20), int(MOST_MS + LAST_LOOK_MS), 10))
def test_no_words_in_the_last_look_are_still_no_words(words_ms: int) -> None:
    heard = told(Transcript(""), words_ms=words_ms, loud_ms=(MOST_MS - 30, MOST_MS + 200))
    assert list(heard) == ["nothing_said"]
