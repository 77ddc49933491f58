import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.budget import Forecasts, Stage
from voice.core.interfaces import Filler
from voice.core.trace import Mark
from voice.reply.filler import GAP_MS, choose, wait_ms

RATE_HZ = 1000


def filler(text: str, ms: int) -> Filler:
    return Filler(text, np.zeros(ms * RATE_HZ // 1000, np.float32))


WELL, SO, SEE = filler("Well,", 400), filler("So,", 380), filler("Let's see.", 730)


@pytest.mark.parametrize(
    ("expected_ms", "texts"),
    [(100, ["So,", "Well,", "So,"]), (390 + GAP_MS, ["Well,"]), (500 + GAP_MS, ["Let's see."]), (9000, ["Let's see."])],
)
def test_the_shortest_that_fills_the_wait_is_said(expected_ms: float, texts: list[str]) -> None:
    assert [choose((SEE, WELL, SO), RATE_HZ, expected_ms, said).text for said in range(len(texts))] == texts


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8), st.floats(0, 5000), st.integers(0, 1000))
def test_there_is_always_one(lengths_ms: list[int], expected_ms: float, said: int) -> None:
    chosen = choose([filler(str(ms), ms) for ms in lengths_ms], RATE_HZ, expected_ms, said)
    longest = max(lengths_ms)
    assert chosen.samples.size >= min(expected_ms - GAP_MS, longest) - 1


def test_the_wait_is_what_the_steps_that_are_left_take() -> None:
    forecasts = Forecasts()
    for stage, ms in ((Stage.LLM_FIRST_TOKEN, 50.0), (Stage.LLM_CLAUSE, 70.0), (Stage.TTS_FIRST_AUDIO, 40.0)):
        forecasts.observe(stage, ms)
    assert wait_ms(forecasts, (), 20) == 30 + 70 + 40
    assert wait_ms(forecasts, {Mark.LLM_FIRST_TOKEN}, 100) == 50 + 40  # it takes longer than was forecast
    assert wait_ms(forecasts, {Mark.LLM_FIRST_TOKEN, Mark.FIRST_CLAUSE}, 10) == 30
    assert wait_ms(forecasts, {Mark.LLM_FIRST_TOKEN, Mark.FIRST_CLAUSE, Mark.TTS_FIRST_AUDIO}, 0) == 0
