import asyncio

import pytest

from tests.fakes.virtual_time import run_virtual
from voice.core.config import TurnConfig
from voice.core.interfaces import Transcript
from voice.session.endpoint_timer import NOTHING_SAID_MS, EndpointTimer

SURE = Transcript("Turn off the lights.", trails_off=0.003, breaks_off=0.001)
UNSURE = Transcript("Turn off the", trails_off=0.2, breaks_off=0.002)


def ends_after_ms(words: Transcript | None, *, prosody: float | None = None, ready_ms: float | None = 0.0) -> tuple[str, float]:
    """How a pause with this evidence ends, and after how many milliseconds."""

    async def scenario() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        ended: asyncio.Future[tuple[str, float]] = loop.create_future()

        def end(how: str) -> None:
            ended.set_result((how, (loop.time() - began_s) * 1000))

        pause = EndpointTimer(began_s, TurnConfig(), lambda: end("turn over"), lambda: end("nothing said"))

        async def known() -> Transcript | None:
            return words

        await pause.weigh_words(asyncio.create_task(known()))
        if prosody is not None:
            pause.learn_prosody(prosody)
        if ready_ms is not None:
            loop.call_later(ready_ms / 1000, pause.ready)
        return await ended

    return run_virtual(scenario())


def test_a_turn_that_is_surely_over_ends_with_the_least_silence() -> None:
    how, after_ms = ends_after_ms(SURE, prosody=0.99)
    assert how == "turn over"
    assert after_ms == pytest.approx(TurnConfig().least_silence_ms)


def test_it_ends_no_sooner_than_the_reply_can_be_heard() -> None:
    assert ends_after_ms(SURE, prosody=0.99, ready_ms=400)[1] == pytest.approx(400)


def test_half_a_sentence_is_waited_for() -> None:
    how, after_ms = ends_after_ms(UNSURE, prosody=0.1)
    assert how == "turn over"
    assert after_ms == TurnConfig().max_silence_ms


def test_a_reply_that_never_comes_does_not_hold_the_turn_for_ever() -> None:
    assert ends_after_ms(SURE, ready_ms=None)[1] == pytest.approx(TurnConfig().max_silence_ms)


def test_a_sound_without_words_is_forgotten() -> None:
    how, after_ms = ends_after_ms(Transcript(""))
    assert how == "nothing said"
    assert after_ms == pytest.approx(NOTHING_SAID_MS)
