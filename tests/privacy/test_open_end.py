"""A pause in the middle of something private: what the gate holds back, what it lets go, and that nothing leaves."""

import os
from functools import lru_cache

import pytest

from tests.privacy import pauses
from voice.bench.router.private import by_hand, fresh
from voice.core.config import RouteConfig
from voice.privacy.findings import Kind
from voice.privacy.gate import PrivacyPolicy, check
from voice.route.policy import Mode
from voice.route.router import Router, locate, policy_of

pytestmark = pytest.mark.real
OPEN = PrivacyPolicy()
EVERY = 1 if os.environ.get("VOICE_ALL_PAUSES") else 4
"""Of the private utterances every so many is broken at every word; with ``VOICE_ALL_PAUSES=1`` each of them."""


def router(mode: Mode, redact: tuple[Kind, ...] = ()) -> Router:
    made = Router(locate(), policy_of(RouteConfig(mode=mode, redact=redact)))
    made._read = lru_cache(100_000)(made._read)  # type: ignore[method-assign]  # halves come again and again
    return made


@pytest.mark.parametrize(
    "text",
    [
        "my number is five six seven eight",
        "her address is forty one",
        "call katharina",
        "my name is",
        "i was diagnosed",
        "my wife",
        "the code for the gate is",
        "j a y at",
        "four one one one",
        "My number is 5678.",
        "could you please text",
        "please tell my daughter",
        "so the safe opens with nineteen",
        "last year i made eighty five thousand",
        "the password for the laptop",
        "is capital t seven nine x",
        "to four eight one five",
        "i've got type one",
        "we have about twenty thousand pounds",
        "send it to b underscore",
    ],
)
def test_what_may_be_a_half_of_something_private_is_held(text: str) -> None:
    verdict = check(text, OPEN)
    assert verdict.open_end or verdict.treatment == "edge"
    assert not verdict.harmless


@pytest.mark.parametrize(
    "text",
    [
        "please tell me more about spain",
        "why did the roman empire fall",
        "explain how a rainbow is made",
        "what is the capital of france",
        "what is the population of france",
        "who won the world cup in 1998",
        "write a long story about a dog",
        "what is twenty times thirty",
        "how far is the moon",
        "set a timer for ten minutes",
        "wake me up at six forty five",
        "where is he from",
        "turn the music on",
        "tell me how many days are left",
        "stop",
        "",
        "?!",
    ],
)
def test_a_whole_request_is_not_held(text: str) -> None:
    assert not check(text, OPEN).open_end


def test_a_request_about_nobody_is_settled_to_its_last_word() -> None:
    for text in ("why did the roman empire fall", "explain how a rainbow is made"):
        assert check(text, OPEN, final=False).settled == len(text)
    for text in ("what is my", "who is katharina", "what is the number of jay", "explain to me how to treat my"):
        assert check(text, OPEN, final=False).settled < len(text)


@pytest.mark.parametrize("redact", [(), tuple(Kind)], ids=["plain", "redacted"])
def test_no_half_of_a_private_value_leaves_at_any_pause(redact: tuple[Kind, ...]) -> None:
    texts = pauses.private_texts()[::EVERY]
    assert pauses.leaks(router("cloud", redact), texts) == []


def test_hybrid_lets_go_no_more_than_cloud() -> None:
    assert pauses.leaks(router("hybrid"), pauses.private_texts()[:: 4 * EVERY]) == []


def test_the_search_finds_what_is_allowed_to_leave() -> None:
    text = "my pin is four eight one five"
    values: dict[str, tuple[str, ...]] = {text: ("four eight one five",)}
    allowing = Router(locate(), policy_of(RouteConfig(mode="cloud", allow=tuple(Kind))))
    assert {leak.part for leak in pauses.leaks(allowing, [text], values)} == {"whole"}
    assert pauses.stands("four eight one five", "it is 4815")
    assert pauses.stands("katharina maria kowalczyk", "so kowalczyk is how it is written") is None
    assert pauses.stands("katharina kowalczyk", "so Kowalczyk is how it is written")


def test_few_public_lines_are_held() -> None:
    lines = [case.text for case in (*by_hand(), *fresh()) if not case.private]
    held = [text for text in lines if check(text, OPEN).open_end]
    assert len(held) < len(lines) / 4, held  # near misses: lone numbers, statements about people
