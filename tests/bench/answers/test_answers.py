"""The order of a measurement: what is recorded first, at which pace, and when a conversation is had again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from voice.bench.answers import answers
from voice.bench.answers.answers import TRIES, AnswersPlan, plan, run
from voice.bench.answers.cases import AnswerCase
from voice.bench.answers.paced_cloud import AnswerPace
from voice.bench.answers.turns import AnsweredTurn
from voice.commands.common import Options
from voice.core.config import Config
from voice.core.errors import ConfigError, ServerUnreachable

CASES = [AnswerCase("fact", (f"Who is {number}?",), "goethe") for number in range(2)]


@dataclass
class Stage:
    """A process, a stand-in and a cloud that only note what becomes of them."""

    happened: list[Any] = field(default_factory=list)
    pace: AnswerPace = field(default_factory=AnswerPace)
    unpaced: int = 0
    computes: int = 0
    """So many conversations to come need the stand-in."""
    alive: bool = True
    error: str | None = None
    base_url: str = "http://127.0.0.1:7/v1"
    name: str = "standin"
    url: str = "ws://127.0.0.1:8/"

    @property
    def process(self) -> "Stage":
        return self

    def is_running(self) -> bool:
        return self.alive

    def status(self) -> str:
        return "sleeping"

    async def idle(self) -> None:
        self.happened.append("idle")

    async def converse(
        self, url: str, case: AnswerCase, number: int, *, repeat: int, attempt: int, spoken: Any, unpaced: Callable[[], int]
    ) -> list[AnsweredTurn]:
        del url, spoken
        self.happened.append((number, repeat, attempt, self.pace.first_ms))
        before = unpaced()
        self.unpaced += self.computes > 0
        self.computes -= self.computes > 0
        turn = AnsweredTurn(conversation=number, kind=case.kind, repeat=repeat, attempt=attempt, turn=0, said=case.turns[0])
        turn.unpaced, turn.right, turn.error = unpaced() - before, True, self.error
        return [turn]

    async def asked_straight(
        self, base_url: str, model: str, case: AnswerCase, number: int, _: Config, *, repeat: int
    ) -> list[AnsweredTurn]:
        self.happened.append((base_url, model, number))
        return [AnsweredTurn(conversation=number, kind=case.kind, repeat=repeat, turn=0, said=case.turns[0], right=False)]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()

    @asynccontextmanager
    async def serving(arguments: Sequence[str]) -> AsyncIterator[Stage]:
        made.happened.append([one for one in arguments if one.startswith(("route.", "llm.large", "draft.url", "cloud.first"))])
        yield made

    @asynccontextmanager
    async def helper(*_: Any) -> AsyncIterator[Stage]:
        yield made

    @asynccontextmanager
    async def verifier(_: int, *settings: str) -> AsyncIterator[str]:
        made.happened.append(settings)
        yield "ws://verifier"

    for name, fake in {"_serving": serving, "_standin": helper, "paced": helper, "verifier": verifier}.items():
        monkeypatch.setattr(answers, name, fake)
    monkeypatch.setattr(answers, "converse", made.converse)
    monkeypatch.setattr(answers, "asked_straight", made.asked_straight)
    return made


def measured(arms: Sequence[str], times: Sequence[int] = (150,), **more: Any) -> dict[str, Any]:
    wanted = AnswersPlan(CASES, arms, times, **more)
    return asyncio.run(run(Options(), Config(), wanted, lambda *_: None))


def had(stage: Stage) -> list[Any]:
    return [one for one in stage.happened if isinstance(one, tuple)]


def test_the_cloud_is_recorded_once_and_measured_at_each_pace(stage: Stage) -> None:
    found = measured(["cloud"], [150, 600])
    assert had(stage) == [(number, 0, 0, ms) for ms in (0.0, 150, 600) for number in (0, 1)]
    settings = [one for one in stage.happened if isinstance(one, list)]
    warm = ["route.mode=cloud", 'llm.large=""', "route.patience_ms=60000", "cloud.first_token_ms=60000"]
    assert settings == [warm, warm[:2], warm[:2]]
    assert [(one["arm"], one["cloud_first_token_ms"], one["all"]) for one in found["arms"]] == [
        ("cloud", 150, [2, 2]),
        ("cloud", 600, [2, 2]),
    ]


def test_a_conversation_is_had_again_while_the_stand_in_computes(stage: Stage) -> None:
    stage.computes = 2 + 1  # both to record, and the first that is measured
    (found,) = measured(["hybrid"])["arms"]
    assert had(stage)[2:] == [(0, 0, 0, 150), (0, 0, 1, 150), (1, 0, 0, 150)]
    assert found["unpaced"] == {"requests": 0, "turns": 0, "conversations_tried_again": 1}
    assert stage.happened[stage.happened.index((0, 0, 1, 150)) - 1] == "idle"


def test_it_is_not_had_again_for_ever(stage: Stage) -> None:
    stage.computes = 100
    (found,) = measured(["cloud"])["arms"]
    assert len(had(stage)) == 2 + 2 * TRIES
    assert found["unpaced"]["turns"] == 2


def test_arms_without_a_paced_cloud_are_measured_once(stage: Stage) -> None:
    found = measured(["edge", "speculative", "large"], [150, 600], repeat=2)
    assert [(one["arm"], one["cloud_first_token_ms"]) for one in found["arms"]] == [
        ("edge", None),
        ("speculative", None),
        ("large", None),
    ]
    rounds = [(number, repeat, 0, 0.0) for repeat in (0, 1) for number in (0, 1)]
    straight = [(stage.base_url, "standin", number) for _ in range(2) for number in (0, 1)]
    assert had(stage) == [*rounds, ('verifier.model="llm-qwen2.5-coder-1.5b"',), *rounds, *straight]
    assert [one["all"] for one in found["arms"]] == [[2, 2], [2, 2], [0, 2]]


def test_a_conversation_that_breaks_off_is_one_and_a_server_that_ends_is_the_end(stage: Stage) -> None:
    stage.error = "it broke off"
    assert measured(["edge"])["arms"][0]["errors"] == 2
    stage.alive = False
    with pytest.raises(ServerUnreachable, match="it broke off"):
        measured(["edge"])


def test_a_plan_is_read_from_the_command_line(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"kind": "fact", "turns": ["Who wrote Faust?"], "accept": "goethe"}\n' * 3)
    wanted = plan(manifest, 2, "edge,cloud", "0,300", repeat=2, spoken=True, large="m.gguf")
    assert (len(wanted.cases), wanted.arms, wanted.first_token_ms) == (2, ["edge", "cloud"], [0, 300])
    assert (wanted.repeat, wanted.spoken, wanted.large) == (2, True, "m.gguf")
    with pytest.raises(ConfigError, match="--arms"):
        plan(manifest, None, "none", "0", repeat=1, spoken=False, large="m.gguf")
