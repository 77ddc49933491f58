import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.fakes.engines import FakeChatModel, Fakes, FakeSynthesizer
from tests.fakes.hooks import NotedHooks
from tests.fakes.virtual_time import LoopClock, run_virtual
from voice.core.budget import Deadline, Forecasts
from voice.core.errors import AsrError
from voice.reply.attempt import APOLOGY, Attempt, ClauseBegun
from voice.reply.stages import Stages
from voice.session.history import History
from voice.session.preemptive import PreemptiveReply
from voice.session.tasks import SessionTasks


class Kit:
    """A preemptive reply with fakes around it."""

    def __init__(self, tasks: SessionTasks, model: FakeChatModel | None = None) -> None:
        fakes = Fakes()
        self.synthesizer: FakeSynthesizer = fakes.synthesizer
        self.idle = asyncio.Event()
        self.idle.set()
        self.hooks = NotedHooks()
        stages = Stages(
            chat=(model or fakes.chat_model).open(),
            synthesizer=fakes.synthesizer,
            forecasts=Forecasts(),
            clock=LoopClock(),
            first_clause_words=2,
            max_reply_tokens=40,
        )
        self.reply = PreemptiveReply(1, stages, History(""), self.idle, tasks, self.hooks)

    @property
    def ready(self) -> int:
        return self.hooks.names().count("reply_ready")


def run(scenario: Callable[[Kit], Coroutine[Any, Any, None]], model: FakeChatModel | None = None) -> None:
    async def main() -> None:
        tasks = SessionTasks("test")
        async with asyncio.TaskGroup() as tasks.group:
            kit = Kit(tasks, model)
            await scenario(kit)
            kit.reply.stop()

    run_virtual(main())


async def heard(attempt: Attempt) -> str:
    """All clauses of a reply."""
    return " ".join([part.text async for part in attempt.parts if isinstance(part, ClauseBegun)])


WORDS = "What is the capital of France."


def test_a_draft_goes_no_further_than_its_first_clause() -> None:
    async def scenario(kit: Kit) -> None:
        assert kit.reply.begin(WORDS)
        await asyncio.sleep(60)
        draft = kit.reply.attempt
        assert draft is not None
        assert kit.ready == 1
        assert len(kit.synthesizer.clauses) == 1
        assert kit.reply.confirm(WORDS, Deadline.after(60, 300)) is draft
        assert (await heard(draft)).startswith("You said what is the capital of france.")
        assert kit.reply.wasted_tokens == 0

    run(scenario)


@pytest.mark.parametrize(
    "again", ["what is the capital of france", "What is the capital of France?", "What is the capital of France..."]
)
def test_the_same_words_keep_the_draft(again: str) -> None:
    async def scenario(kit: Kit) -> None:
        kit.reply.begin(WORDS)
        await asyncio.sleep(1)
        draft = kit.reply.attempt
        assert kit.reply.begin(again)
        assert kit.reply.confirm(again) is draft

    run(scenario)


def test_other_words_replace_the_draft_and_count_as_waste() -> None:
    async def scenario(kit: Kit) -> None:
        kit.reply.begin(WORDS)
        await asyncio.sleep(60)
        draft = kit.reply.attempt
        assert draft is not None
        settled = kit.reply.confirm("What is the capital of France and of Spain.")
        assert settled is not draft
        assert kit.reply.wasted_tokens == draft.tokens > 0
        assert "spain" in await heard(settled)

    run(scenario)


@pytest.mark.parametrize("said", ["", "Set a timer for the"])
def test_words_that_cannot_be_all_get_no_draft(said: str) -> None:
    async def scenario(kit: Kit) -> None:
        assert not kit.reply.begin(said)
        assert kit.reply.attempt is None

    run(scenario)


def test_a_draft_waits_while_something_more_urgent_needs_the_processor() -> None:
    async def scenario(kit: Kit) -> None:
        kit.reply.begin(WORDS)
        kit.idle.clear()
        await asyncio.sleep(60)
        assert kit.ready == 0
        assert not kit.synthesizer.clauses
        kit.idle.set()
        await asyncio.sleep(60)
        assert kit.ready == 1

    run(scenario)


def test_a_settled_reply_that_becomes_a_draft_again_stops_at_its_clause() -> None:
    async def scenario(kit: Kit) -> None:
        attempt = kit.reply.confirm(WORDS)
        kit.reply.hold_back()
        await asyncio.sleep(60)
        assert len(kit.synthesizer.clauses) == 1
        assert kit.reply.confirm(WORDS) is attempt
        await heard(attempt)
        assert len(kit.synthesizer.clauses) > 1

    run(scenario)


def test_what_could_not_be_recognised_is_apologised_for() -> None:
    async def scenario(kit: Kit) -> None:
        kit.reply.begin(WORDS)
        assert await heard(kit.reply.fail(AsrError("no"))) == APOLOGY

    run(scenario)
