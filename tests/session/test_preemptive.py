import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.fakes.engines import FakeChatModel, Fakes, FakeSynthesizer
from tests.fakes.virtual_time import LoopClock, run_virtual
from voice.core.budget import Deadline, Forecasts
from voice.core.errors import AsrError
from voice.reply.answer import Stages
from voice.reply.attempt import APOLOGY, Attempt, ClauseBegun
from voice.session.history import History
from voice.session.preemptive import PreemptiveReply


class Desk:
    """A preparation with fakes around it."""

    def __init__(self, group: asyncio.TaskGroup, model: FakeChatModel | None = None) -> None:
        fakes = Fakes()
        self.synthesizer: FakeSynthesizer = fakes.synthesizer
        self.idle = asyncio.Event()
        self.idle.set()
        self.ready = 0
        stages = Stages(
            chat=(model or fakes.chat_model).open(),
            synthesizer=fakes.synthesizer,
            forecasts=Forecasts(),
            clock=LoopClock(),
            first_clause_words=2,
            max_reply_tokens=40,
        )

        def start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            return group.create_task(work, name=name)

        self.preparation = PreemptiveReply(stages, History(""), self.idle, start, self._on_ready)

    def _on_ready(self) -> None:
        self.ready += 1


def run(scenario: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            desk = Desk(group)
            await scenario(desk)
            desk.preparation.stop()

    run_virtual(main())


async def heard(attempt: Attempt) -> str:
    """All clauses of a reply."""
    return " ".join([part.text async for part in attempt.parts if isinstance(part, ClauseBegun)])


WORDS = "What is the capital of France."


def test_a_draft_goes_no_further_than_its_first_clause() -> None:
    async def scenario(desk: Desk) -> None:
        assert desk.preparation.draft(WORDS)
        await asyncio.sleep(60)
        draft = desk.preparation.attempt
        assert draft is not None
        assert desk.ready == 1
        assert len(desk.synthesizer.clauses) == 1
        assert desk.preparation.settle(WORDS, Deadline.after(60, 300)) is draft
        assert (await heard(draft)).startswith("You said what is the capital of france.")
        assert desk.preparation.wasted_tokens == 0

    run(scenario)


@pytest.mark.parametrize(
    "again", ["what is the capital of france", "What is the capital of France?", "What is the capital of France..."]
)
def test_the_same_words_keep_the_draft(again: str) -> None:
    async def scenario(desk: Desk) -> None:
        desk.preparation.draft(WORDS)
        await asyncio.sleep(1)
        draft = desk.preparation.attempt
        assert desk.preparation.draft(again)
        assert desk.preparation.settle(again) is draft

    run(scenario)


def test_other_words_replace_the_draft_and_count_as_waste() -> None:
    async def scenario(desk: Desk) -> None:
        desk.preparation.draft(WORDS)
        await asyncio.sleep(60)
        draft = desk.preparation.attempt
        assert draft is not None
        settled = desk.preparation.settle("What is the capital of France and of Spain.")
        assert settled is not draft
        assert desk.preparation.wasted_tokens == draft.tokens > 0
        assert "spain" in await heard(settled)

    run(scenario)


@pytest.mark.parametrize("said", ["", "Set a timer for the"])
def test_words_that_cannot_be_all_get_no_draft(said: str) -> None:
    async def scenario(desk: Desk) -> None:
        assert not desk.preparation.draft(said)
        assert desk.preparation.attempt is None

    run(scenario)


def test_a_draft_waits_while_something_more_urgent_needs_the_processor() -> None:
    async def scenario(desk: Desk) -> None:
        desk.preparation.draft(WORDS)
        desk.idle.clear()
        await asyncio.sleep(60)
        assert desk.ready == 0
        assert not desk.synthesizer.clauses
        desk.idle.set()
        await asyncio.sleep(60)
        assert desk.ready == 1

    run(scenario)


def test_a_settled_reply_that_becomes_a_draft_again_stops_at_its_clause() -> None:
    async def scenario(desk: Desk) -> None:
        attempt = desk.preparation.settle(WORDS)
        desk.preparation.unsettle()
        await asyncio.sleep(60)
        assert len(desk.synthesizer.clauses) == 1
        assert desk.preparation.settle(WORDS) is attempt
        await heard(attempt)
        assert len(desk.synthesizer.clauses) > 1

    run(scenario)


def test_what_could_not_be_recognised_is_apologised_for() -> None:
    async def scenario(desk: Desk) -> None:
        desk.preparation.draft(WORDS)
        assert await heard(desk.preparation.fail(AsrError("no"))) == APOLOGY

    run(scenario)
