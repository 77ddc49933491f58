"""What the skills of the house answer, and what they leave to the language model."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from voice.skills import Context
from voice.skills.registry import Found, SkillRegistry
from voice.skills.timers import Timer, Timers
from voice.skills.volume import Volume

NOW = datetime(2026, 11, 24, 15, 5, tzinfo=timezone(timedelta(hours=1)))  # a Tuesday


def asked(said: str, timers: Timers | None = None, last_reply: str = "") -> Found | None:
    library = SkillRegistry()
    context = Context(said, NOW, last_reply, 1000.0, timers or Timers(), Volume())
    try:
        return asyncio.run(library.ask(said, lambda: context))
    finally:
        library.close()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("What time is it?", "It is 3:05 PM."),
        ("Can you tell me what time it is?", "It is 3:05 PM."),
        ("What's the date?", "Today is Tuesday, November 24, 2026."),
        ("What day is it tomorrow?", "Tomorrow is Wednesday, November 25, 2026."),
        ("What time is it in Tokyo?", "In Tokyo it is 11:05 PM."),
        ("What's fifteen percent of eighty?", "That is 12."),
        ("What is 15% of 80?", "That is 12."),
        ("How much is 144 divided by 12?", "That is 12."),
        ("What's 12 x 7?", "That is 84."),
        ("two plus two", "That is 4."),
        ("What's 0.1 plus 0.2?", "That is 0.3."),
        ("What's ten divided by three?", "That is about 3.3333."),
        ("What's two to the power of ten?", "That is 1,024."),
        ("What's the square root of 81?", "That is 9."),
        ("20% off 50", "That is 40."),
        ("What percent of 80 is 20?", "That is 25 percent."),
        ("What's ten divided by zero?", "You cannot divide by zero."),
        ("What's nine to the power of ninety nine million?", "That number is too large for me."),
        ("How many feet in two miles?", "2 miles is 10,560 feet."),
        ("How many feet are there in a mile?", "1 mile is 5,280 feet."),
        ("Convert 100 Fahrenheit to Celsius.", "100 fahrenheit is about 37.78 celsius."),
        ("What is 98.6°F in Celsius?", "98.6 degrees fahrenheit is 37 celsius."),
        ("How many ounces in a cup?", "1 cup is 8 ounces."),
        ("How many pounds in five miles?", "Miles and pounds do not measure the same thing."),
        ("Set a timer for twenty five minutes.", "25 minutes, starting now."),
        ("Set a 10-minute timer.", "10 minutes, starting now."),
        ("Set a timer for an hour and a half called laundry", "1 hour and 30 minutes for the laundry, starting now."),
        ("Please start a five minute pasta timer.", "5 minutes for the pasta, starting now."),
        ("Set an egg timer for three and a half minutes", "3 minutes and 30 seconds for the egg, starting now."),
        ("Can you set a half hour timer?", "30 minutes, starting now."),
        ("Set an alarm for 7:30 a.m.", "Alarm set for 7:30 AM tomorrow."),
        ("Set an alarm for seven", "Alarm set for 7:00 PM today."),
        ("Wake me up at quarter to six tomorrow", "Alarm set for 5:45 AM tomorrow."),
        ("Set an alarm for noon on Tuesday", "Alarm set for 12:00 PM on December 1."),
        ("Set an alarm for 3 p.m. today", "It is past that time today."),
        ("Remind me in ten minutes to take out my trash.", "I will remind you in 10 minutes."),
        ("How much time is left?", "No timer or alarm is set."),
        ("Cancel the timer.", "There is no timer to cancel."),
        ("Stop!", "Okay."),
        ("Never mind.", "Okay."),
        ("Repeat that.", "I have not said anything yet."),
        ("Speak up, please.", "Louder."),
        ("A little quieter", "Softer."),
    ],
)
def test_an_answer(said: str, answer: str) -> None:
    found = asked(said)
    assert found is not None
    assert found.reply.text == answer


@pytest.mark.parametrize(
    "said",
    [
        "My egg timer is broken, what now?",
        "Don't set a timer for ten minutes.",
        "How do I set a timer for ten minutes on my oven?",
        "I set a timer for ten minutes but it never rang.",
        "Set a timer for ten",
        "Set a timer for ten minutes and another one for five minutes",
        "Set a timer for zero minutes",
        "Tell me about timers.",
        "What's the time complexity of quicksort?",
        "What is seven?",
        "What is the capital of France?",
        "How many dogs in five cats?",
        "How many people live in two cities?",
        "What is five in binary?",
        "Help me with my homework.",
        "Stop the music.",
        "Cancel my subscription.",
        "What time is it in Narnia?",
        "Repeat after me: I am a robot.",
        "What is 20/20 vision?",
        "Call 555-1234",
        "What happened on 9/11?",
        "Is two plus two really four?",
        "Who wrote nineteen eighty four?",
        "",
        "?!",
    ],
)
def test_what_only_mentions_a_skill_is_for_the_language_model(said: str) -> None:
    assert asked(said) is None


def three() -> Timers:
    timers = Timers()
    timers.add(Timer("timer", "pasta", 480, due_s=1400.0))
    timers.add(Timer("timer", "", 60, due_s=1030.0))
    timers.add(Timer("alarm", "", due_at=NOW + timedelta(hours=2)))
    return timers


def test_timers_are_listed_the_next_one_first() -> None:
    found = asked("How much time is left?", three())
    assert found is not None
    assert found.reply.text == (
        "30 seconds left on the 1 minute timer. 6 minutes and 40 seconds left on the pasta timer. "
        "The alarm is set for 5:05 PM today."
    )


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Cancel the pasta timer.", 2),
        ("Cancel all timers.", 1),
        ("Cancel the alarm", 2),
        ("Cancel the one minute timer", 2),
        ("Cancel the timer", 3),
        ("Cancel the rice timer", 3),
    ],
)
def test_cancelling(said: str, left: int) -> None:
    timers = three()
    found = asked(said, timers)
    assert found is not None
    assert len(timers.running(1000.0, NOW)) == 3, "nothing is done before the effect"
    if found.reply.effect is not None:
        effect = found.reply.effect()
        assert effect is not None
        asyncio.run(effect)  # type: ignore[arg-type]
    assert len(timers.running(1000.0, NOW)) == left


def test_the_newest_reply_is_repeated() -> None:
    found = asked("Say that again, please.", last_reply="It is Paris.")
    assert found is not None
    assert found.reply.text == "It is Paris."
    assert not found.reply.repeatable
