"""Who owns what is ending, and that a verifier cannot fill the memory."""

import asyncio

import pytest

from tests.draft.test_remote import verifier_that
from voice.core.errors import BadVerdict, VerifierError
from voice.draft import wire
from voice.draft.acceptance import GREEDY
from voice.draft.remote import RemoteVerifier
from voice.draft.tasks import LeavingTasks


async def test_what_is_ending_is_owned_until_it_has_ended() -> None:
    leaving, gate = LeavingTasks(), asyncio.Event()
    leaving.add(asyncio.create_task(gate.wait()))
    assert len(leaving) == 1
    asyncio.get_running_loop().call_soon(gate.set)
    await leaving.ended()
    assert len(leaving) == 0


async def test_of_too_many_the_oldest_is_cancelled() -> None:
    leaving, never = LeavingTasks(most=2), asyncio.Event()
    tasks = [asyncio.create_task(never.wait()) for _ in range(4)]
    for task in tasks:
        leaving.add(task)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.cancelled() for task in tasks] == [True, True, False, False]
    assert len(leaving) == 2
    for task in tasks:
        task.cancel()
    await leaving.ended()


async def test_an_error_that_nobody_waits_for_is_taken_note_of() -> None:
    async def fail() -> None:
        raise VerifierError("gone")

    leaving = LeavingTasks()
    leaving.add(asyncio.create_task(fail()))
    await leaving.ended()
    assert len(leaving) == 0


async def test_a_stream_of_more_tokens_than_were_asked_for_is_dropped() -> None:
    def answers(question: wire.Verify | wire.Stream) -> list[wire.Answer | bytes | str]:
        return [wire.Tokens(question.id, [4, 5, 6], [-0.1] * 3) for _ in range(4)]

    async with verifier_that(answers) as url:
        verifier = await RemoteVerifier.connect(url)
        with pytest.raises(BadVerdict, match="more tokens than were asked for"):
            assert len([chosen async for chosen in verifier.stream((1, 2), max_tokens=8, sampling=GREEDY)]) <= 8
        assert verifier.broken
        await verifier.aclose()
