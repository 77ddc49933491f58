"""How a pair of models is labelled and fitted: fair questions, a judge that reads well, a fit that finds what is there."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from scripts.router import fit_pair, frontier, label_pair
from scripts.router.easy_facts import Question, follow_ups, number, questions
from voice.core.interfaces import Message, Token


def test_questions_are_many_and_give_no_answer_away() -> None:
    made = label_pair.asked(Path("nowhere"), 20)
    assert len(made) > 700
    assert len({(q.source, *(m.text for m in q.messages)) for q in made}) > 0.99 * len(made)
    assert [q for q in made if q.source != "choice" and label_pair.is_right(q.accept, q.text)] == []
    assert made == label_pair.asked(Path("nowhere"), 20)
    assert {len(q.messages) for q in follow_ups(random.Random(1), 5)} == {3}
    assert len({q.source for q in questions(random.Random(1), 3)}) > 25


def test_what_is_kept_for_the_test_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    row = {"kind": "fact", "turns": ["What's the capital of Kenya?"], "accept": "nairobi"}
    (tmp_path / "answers" / "answers.jsonl").write_text(json.dumps(row), encoding="utf-8")

    def of_kenya(folder: Path) -> list[str]:
        made = label_pair.asked(folder, 20)
        return [q.text for q in made if q.source == "capital" and q.text.startswith("What") and "Kenya" in q.text]

    assert of_kenya(tmp_path) == []
    assert [q.text for q in label_pair.facts(tmp_path)] == ["What's the capital of Kenya?"]


@pytest.mark.parametrize(
    ("accept", "said", "right"),
    [
        (number(24), "There are twenty-four hours.", True),
        (number(24), "It is 24.", True),
        (number(24), "It is 240.", False),
        (number(4), "There are fourteen.", False),
        (number(105), "One hundred and five.", True),
        ("1000", "A kilometer has 1,000 meters.", True),
        ("au\\b", "It is Australia.", False),
        ("au\\b", "The symbol is Au.", True),
    ],
)
def test_the_judge(accept: str, said: str, right: bool) -> None:
    assert label_pair.is_right(accept, said) == right


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("It is Paris. And", "It is Paris."),
        ("It is J.R.R. Tolkien. He", "It is J.R.R. Tolkien."),
        ("So said Dr. Smith. He", "So said Dr. Smith."),
        ("It is 3.14 and", None),
        ("Yes. It", None),
        ("It is Paris.", None),
    ],
)
def test_the_first_sentence(text: str, sentence: str | None) -> None:
    assert label_pair.first_sentence(text) == sentence


async def test_an_answer_is_its_first_sentence_and_its_first_tokens() -> None:
    async def reply(_: Sequence[Message]) -> AsyncIterator[Token]:
        for word in ["It", " is", " Paris", ".", *[" more"] * 40]:
            yield Token(word, -0.5)

    found = await label_pair.answer(reply, Question("capital", (Message("user", "?"),), "paris"))
    assert found == {"text": "It is Paris.", "right": True, "logprobs": [-0.5] * 16}


def test_answers_are_judged_again(tmp_path: Path) -> None:
    path = tmp_path / "pair.jsonl"
    side = {"text": "It is Rome.", "right": False}
    path.write_text(json.dumps({"question": "?", "before": [], "accept": "x", "small": side, "large": side}), encoding="utf-8")
    label_pair.judge_again(path, [Question("capital", (Message("user", "?"),), "rome")])
    row = json.loads(path.read_text(encoding="utf-8"))
    assert (row["accept"], row["small"]["right"]) == ("rome", True)


def test_the_fit_finds_what_is_there_and_is_honest() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1200, 6))
    truth = np.array([[2.0, 0, 0, 0, 0, 0], [0, -1.0, 0, 0, 0, 0], [0, 0, 1.5, 0, 0, 0], [0] * 6]) @ x.T
    shares = np.exp(truth) / np.exp(truth).sum(0)
    y = np.array([rng.choice(4, p=share) for share in shares.T])
    weights, bias = fit_pair.fit_softmax(x[:800], y[:800], 0.01)
    said = np.exp(x[800:] @ weights.T + bias)
    both = said[:, 0] / said.sum(1)
    happened = (y[800:] == 0).astype(float)
    assert fit_pair.area(both, happened) > 0.8
    assert fit_pair.calibration_error(both, happened) < 0.08


def test_the_confidence_finds_what_is_there() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2000, 2))
    wrong = (rng.random(2000) < 1 / (1 + np.exp(-(1.5 * x[:, 0] - 0.5)))).astype(float)
    bias, first, second = fit_pair.fit_logistic(x, wrong)
    assert (bias, first, second) == (pytest.approx(-0.5, abs=0.2), pytest.approx(1.5, abs=0.25), pytest.approx(0, abs=0.2))


def test_the_frontier_ends_at_the_larger_model() -> None:
    small, large = np.array([1.0, 0, 0, 1]), np.array([1.0, 1, 1, 0])
    knows = large - small
    assert frontier.quality(knows, small, large).tolist() == [0.5, 0.75, 1.0, 1.0, 0.75]
    assert frontier.share_for_quality(knows, small, large) == 0.25
    assert fit_pair.accepted(np.array([0.9, 0.8, 0.3]), np.array([1.0, 1, 0])) == {"from": 0.8, "share": 0.667}
    assert fit_pair.accepted(np.array([0.9, 0.8]), np.array([0.0, 0]))["share"] == 0
