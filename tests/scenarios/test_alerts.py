"""Timers, alarms and reminders that outlive the conversation that they were set in, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.fakes.engines import Fakes
from tests.fakes.talk import Talk
from tests.fakes.virtual_time import LoopClock, run_virtual
from voice.core.config import Config
from voice.session import events as out
from voice.skills.registry import SkillRegistry
from voice.skills.session import RINGS, UNLABELLED_S

BEGAN_S = 1000.0
"""What the virtual clock shows first."""
BERLIN = ZoneInfo("Europe/Berlin")


class House:
    """A server's models, and the conversations that come and go."""

    def __init__(self, began: datetime) -> None:
        self.fakes = Fakes(skills=SkillRegistry(wall=lambda: later(began, LoopClock().now_s() - BEGAN_S)))

    @asynccontextmanager
    async def conversation(self, user: str | None = "") -> AsyncIterator[Talk]:
        """One conversation; ``None`` does not say whose it is."""
        talk = Talk(self.fakes, Config())
        async with asyncio.TaskGroup() as group:
            group.create_task(talk.conversation.run())
            group.create_task(talk.listen())
            await asyncio.sleep(0)
            if user is not None:
                talk.conversation.label(user=user)
            await asyncio.sleep(0.01)
            try:
                yield talk
            finally:
                talk.conversation.close()


def later(began: datetime, seconds: float) -> datetime:
    return (began.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(began.tzinfo)


def in_a_house(script: Callable[[House], Awaitable[None]], began: datetime | None = None) -> None:
    async def scenario() -> None:
        await script(House(began or datetime(2026, 11, 24, 15, 5, tzinfo=BERLIN)))
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left

    run_virtual(scenario())


async def ask(talk: Talk, text: str) -> str:
    """The answer to a typed turn."""
    seen = len(talk.all(out.ReplyText))
    talk.conversation.push_text(text)
    await ends(talk)
    return " ".join(event.text for event in talk.all(out.ReplyText)[seen:])


async def ends(talk: Talk) -> None:
    """Wait, without a microphone, until a turn is complete."""
    seen = completed(talk)
    async with asyncio.timeout(300):
        while completed(talk) == seen:
            await asyncio.sleep(0.05)


def completed(talk: Talk) -> int:
    return sum(event.reason == "completed" for event in talk.all(out.ReplyEnded))


def said(talk: Talk) -> set[str]:
    return {event.text for event in talk.all(out.ReplyText)}


def waiting(talk: Talk) -> list[int]:
    return [event.count for event in talk.all(out.AlertsWaiting)]


def test_a_timer_rings_in_the_next_conversation_when_its_own_has_ended() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as first:
            await ask(first, "set a timer for ten minutes")
            assert waiting(first) == [1]
        await asyncio.sleep(60)
        async with house.conversation() as second:
            assert waiting(second) == [1]
            await asyncio.sleep(530)
            assert not said(second)
            await ends(second)
            assert said(second) == {"Your 10 minute timer is done."}
            assert len(second.all(out.ReplyText)) == RINGS
            assert waiting(second) == [1, 0]

    in_a_house(script)


def test_a_timer_that_was_missed_says_when_it_was_done() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as first:
            await ask(first, "set a timer for ten minutes")
        await asyncio.sleep(720)
        async with house.conversation() as second:
            await ends(second)
            assert said(second) == {"Your 10 minute timer was done 2 minutes ago."}
            assert len(second.all(out.ReplyText)) == RINGS
        await asyncio.sleep(60)
        async with house.conversation() as third:
            await asyncio.sleep(60)
            assert not said(third), "it rings once"

    in_a_house(script)


def test_what_was_missed_long_ago_is_said_once_and_all_of_it() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as first:
            await ask(first, "set a timer for ten minutes")
            await ask(first, "remind me in one hour to call my mother")
            await ask(first, "wake me up in two hours")
        await asyncio.sleep(30 * 3600)
        async with house.conversation() as second:
            for _ in range(3):
                await ends(second)
            assert [event.text for event in second.all(out.ReplyText)] == [
                "Your 10 minute timer was done 1 day and 5 hours ago.",
                "Reminder from 1 day and 5 hours ago: call your mother.",
                "It is 9:05 PM. Your alarm was due 1 day and 4 hours ago.",
            ]

    in_a_house(script)


def test_a_conversation_that_ends_while_it_rings_leaves_the_ringing_to_the_next() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as first:
            await ask(first, "set a timer for one minutes")
            await asyncio.sleep(62)
            assert "Your 1 minute timer is done." in said(first)
        async with house.conversation() as second:
            assert waiting(second)[0] == 1
            await ends(second)
            assert said(second) == {"Your 1 minute timer is done."}

    in_a_house(script)


def test_what_belongs_to_one_user_rings_for_no_other() -> None:
    async def script(house: House) -> None:
        async with house.conversation("ann") as anns:
            await ask(anns, "set a timer for one minutes")
        async with house.conversation("ben") as bens, house.conversation() as anyones:
            assert await ask(bens, "how much time is left") == "No timer or alarm is set."
            await asyncio.sleep(90)
            assert waiting(bens) == waiting(anyones) == []
            assert not said(anyones)
        async with house.conversation("ann") as anns:
            await ends(anns)
            assert said(anns) == {"Your 1 minute timer was done 30 seconds ago."}

    in_a_house(script)


def test_a_client_that_does_not_say_whose_it_is_rings_for_the_default_user_after_a_moment() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as first:
            await ask(first, "set a timer for one minutes")
        await asyncio.sleep(100)
        async with house.conversation(None) as second:
            await asyncio.sleep(UNLABELLED_S - 0.1)
            assert not said(second)
            second.conversation.label(user="ann")
            await asyncio.sleep(60)
            assert not said(second), "it is ann's after all"
        async with house.conversation(None) as third:
            await asyncio.sleep(UNLABELLED_S + 1)
            assert said(third)

    in_a_house(script)


def test_of_two_conversations_the_one_used_last_rings_and_the_other_may_cancel() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as kitchen, house.conversation() as desk:
            await ask(desk, "set a timer for two minutes")
            await ask(kitchen, "set a timer for one minutes")
            assert waiting(kitchen) == waiting(desk) == [1, 2]
            await asyncio.sleep(61)
            assert "Your 1 minute timer is done." in said(kitchen)
            assert await ask(kitchen, "stop") == "Okay."
            assert await ask(desk, "cancel the timer") == "I cancelled the timer."
            await asyncio.sleep(120)
            assert waiting(kitchen) == waiting(desk) == [1, 2, 1, 0]
            rung = [event.text for talk in (kitchen, desk) for event in talk.all(out.ReplyText) if "done" in event.text]
            assert len(rung) == 1, "once, on one of them"

    in_a_house(script)


def test_when_the_one_used_last_goes_the_other_rings() -> None:
    async def script(house: House) -> None:
        async with house.conversation() as kitchen:
            async with house.conversation() as desk:
                await ask(desk, "set a timer for one minutes")
            await asyncio.sleep(62)
            assert said(kitchen) == {"Your 1 minute timer is done."}

    in_a_house(script)


@pytest.mark.parametrize(
    ("began", "asked", "rings", "text"),
    [
        (datetime(2026, 10, 24, 22, 0), "set an alarm for seven a.m.", datetime(2026, 10, 25, 7, 0), "7:00 AM"),
        (datetime(2027, 3, 27, 22, 0), "set an alarm for seven a.m.", datetime(2027, 3, 28, 7, 0), "7:00 AM"),
        (datetime(2027, 3, 27, 22, 0), "wake me up in eight hours", datetime(2027, 3, 28, 7, 0), "7:00 AM"),
        (datetime(2026, 10, 24, 22, 0), "wake me up in eight hours", datetime(2026, 10, 25, 5, 0), "5:00 AM"),
        (datetime(2027, 3, 27, 22, 0), "remind me at half past two a.m. to drink", datetime(2027, 3, 28, 3, 30), "drink"),
        (datetime(2026, 10, 25, 2, 45), "set an alarm for 2:30 a.m.", datetime(2026, 10, 25, 2, 30, fold=1), "2:30 AM"),
    ],
)
def test_an_alarm_over_a_clock_change_rings_when_the_clock_on_the_wall_shows_it(
    began: datetime, asked: str, rings: datetime, text: str
) -> None:
    began, rings = began.replace(tzinfo=BERLIN), rings.replace(tzinfo=BERLIN)

    async def script(house: House) -> None:
        async with house.conversation() as talk:
            await ask(talk, asked)
            seen = len(talk.all(out.ReplyText))
            wait_s = (rings.astimezone(UTC) - began.astimezone(UTC)).total_seconds()
            await asyncio.sleep(BEGAN_S + wait_s - LoopClock().now_s() - 1)
            assert len(talk.all(out.ReplyText)) == seen
            await asyncio.sleep(3)
            assert text in talk.all(out.ReplyText)[seen].text

    in_a_house(script, began)
