"""Questions said aloud by the real voice."""

import numpy as np
import pytest

from voice.bench.answers.cases import AnswerCase
from voice.bench.answers.spoken import LEAD_S, spoken_questions
from voice.core.config import TtsConfig
from voice.core.interfaces import SAMPLE_RATE_HZ


@pytest.mark.real
async def test_each_turn_is_said_once_and_its_end_is_known() -> None:
    case = AnswerCase("context", ("Who wrote Faust?", "And where was he born, exactly?"), "frankfurt")
    spoken = await spoken_questions([case, case], TtsConfig())
    assert list(spoken) == list(case.turns)
    for text in ("Who wrote Faust?", "And where was he born, exactly?"):
        one = spoken[text]
        assert np.abs(one.samples[: int(LEAD_S * SAMPLE_RATE_HZ * 0.9)]).max() < 1e-3
        assert LEAD_S + 0.4 < one.speech_end_s <= one.samples.size / SAMPLE_RATE_HZ < 5
        assert np.abs(one.samples).max() > 0.05
