"""Skills that other packages bring: what they may do, and what they cannot break."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.skills import Context, Reply, Skill, skill
from voice.skills.phrase import compile_phrase
from voice.skills.registry import Found, SkillRegistry, loaded
from voice.skills.timers import Timers
from voice.skills.volume import Volume


def context() -> Context:
    return Context("", datetime.now(UTC), "", 0.0, Timers(), Volume())


def ask(said: str, *skills: Skill) -> Found | None:
    async def asking() -> Found | None:
        library = SkillRegistry([(added.name, added) for added in skills])
        try:
            return await library.ask(said, context)
        finally:
            library.close()

    return asyncio.run(asking())


@skill("roll [(a|{count})] (die|dice) [with {sides} sides]")
def roll(count: int = 1, sides: int = 6) -> str:
    return f"{count} of {sides}"


@skill("dim the {room} lights to {level} percent [for {length}]", "dim the lights {how}")
def dim(
    context: Context,
    room: str = "",
    level: float = 50.0,
    length: timedelta | None = None,
    how: Literal["a bit", "a lot"] | None = None,
) -> Reply:
    assert context.timers is not None
    return Reply(f"{room} {level} {length} {how}")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Roll a die.", "1 of 6"),
        ("Roll three dice", "3 of 6"),
        ("Roll two dice with twenty sides, please.", "2 of 20"),
        ("Dim the living room lights to thirty percent.", "living room 30.0 None None"),
        ("Dim the hall lights to 30% for half an hour", "hall 30.0 0:30:00 None"),
        ("Dim the lights a lot", " 50.0 None a lot"),
    ],
)
def test_arguments_come_in_their_types(said: str, answer: str) -> None:
    found = ask(said, roll, dim)
    assert found is not None
    assert found.reply.text == answer


def test_skills_of_the_house_come_first() -> None:
    @skill("what time is it")
    def wrong() -> str:
        return "Time for tea."

    found = ask("What time is it?", wrong)
    assert found is not None
    assert found.skill == "time"


@pytest.mark.parametrize("answer", [7, "", "   ", "x" * 5000, Reply("fine", effect=3), Reply(4), object()])  # type: ignore[arg-type]
def test_a_skill_that_answers_nonsense_is_passed_over(answer: Any) -> None:
    @skill("nonsense")
    def nonsense() -> Any:
        return answer

    assert ask("nonsense", nonsense) is None


def test_a_skill_that_fails_is_passed_over_and_the_next_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    @skill("open the door")
    def broken() -> str:
        raise RuntimeError("no door")

    @skill("open the door")
    def works() -> str:
        return "Open."

    found = ask("Open the door.", broken, works)
    assert found == Found("works", Reply("Open."))
    assert "no door" in caplog.text


def test_a_skill_that_hangs_holds_nobody_up_for_long_and_is_not_asked_again() -> None:
    let_go = threading.Event()

    @skill("hang")
    def hangs() -> str:
        let_go.wait(60)
        return "late"

    async def asking() -> None:
        library = SkillRegistry([("hangs", hangs)])
        async with asyncio.timeout(30):
            assert await library.ask("hang", context) is None
        assert "hangs" not in library.names
        let_go.set()
        library.close()

    asyncio.run(asking())


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module_here:x", "No module named"),
        ("voice.skills.registry:no_such_thing", "no_such_thing"),
        ("voice.skills.registry:SkillRegistry", "not iterable"),
        ("voice.skills.sums:SKILLS", "phrase"),
        ("os:sep", "phrase"),
    ],
)
def test_what_cannot_be_loaded_is_left_out_with_a_reason(value: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    assert loaded(EntryPoint("bad", value, "voice.skills")) == []
    assert why in caplog.text


def test_an_entry_point_may_bring_one_skill_or_several() -> None:
    assert [name for name, _ in loaded(EntryPoint("dice", f"{__name__}:roll", "voice.skills"))] == ["dice"]
    names = [name for name, _ in loaded(EntryPoint("clock", "voice.skills.clock:SKILLS", "voice.skills"))]
    assert names[:2] == ["clock.time", "clock.time_elsewhere"]


def test_skills_can_be_switched_off() -> None:
    library = SkillRegistry([("roll", roll)], off=("roll", "sums"))
    assert "roll" not in library.names
    assert "sums" not in library.names
    library.close()


@pytest.mark.parametrize("phrase", ["(a|b", "a]", "a|b", "[a)", "{nobody}", "what?", "{count} {count}"])
def test_a_phrase_that_is_not_well_formed_is_refused_where_it_is_written(phrase: str) -> None:
    with pytest.raises(ValueError, match="phrase"):
        skill(phrase)(roll.handler)


def test_an_argument_that_cannot_be_said_is_refused() -> None:
    def bad(what: dict[str, int]) -> str:
        return str(what)

    with pytest.raises(TypeError, match="cannot be annotated"):
        skill("x {what}")(bad)


@given(st.text(alphabet="ab()[]|{} ", max_size=12))
def test_any_phrase_is_taken_or_refused(phrase: str) -> None:
    words = "".join(f" {word}" for word in phrase.split())
    plain = not set(phrase) & set("()[]|{}")
    try:
        pattern = compile_phrase(phrase, {})
    except ValueError:
        assert not plain
        return
    assert (pattern.fullmatch(words) is not None) or not plain
    assert pattern.fullmatch(" c") is None
