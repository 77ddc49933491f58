"""The fault proxy, between the real client and a small server."""

import asyncio

import pytest

from tests.fakes.http import Exchange, http_server
from voice.bench.faults import FAULTS, Fault, Kind, Line, Schedule, proxied
from voice.cloud.chat import CloudChat
from voice.config import CloudConfig
from voice.errors import CloudError
from voice.stages import Message

WORDS = ["Spain", " is", " in", " Europe", "."]


async def answer(exchange: Exchange) -> None:
    await exchange.answer(WORDS, every_s=0.005)


def ask(fault: Fault, *, line: Line | None = None) -> tuple[list[str], str | None, bytes, float]:
    """The pieces that arrive, the error's code, what the proxy kept, and the seconds it took."""

    async def main() -> tuple[list[str], str | None, bytes, float]:
        loop = asyncio.get_running_loop()
        async with http_server(answer) as server, proxied("127.0.0.1", server.port, lambda: fault) as proxy:
            proxy.line = line or Line()
            config = CloudConfig(enabled=True, base_url=proxy.base_url, model="m", first_token_ms=400, next_token_ms=400)
            chat = CloudChat(config)
            found: list[str] = []
            code, began_s = None, loop.time()
            try:
                question = [Message("user", "Where is Spain?")]
                async for token in chat.reply(question, max_tokens=50, prefix="", on_usage=lambda _: None):
                    found += [token.text]
            except CloudError as error:
                code = error.error_code
            took_s = loop.time() - began_s
            await chat.aclose()
            return found, code, bytes(proxy.sent), took_s

    return asyncio.run(main())


def test_without_a_fault_everything_arrives_and_everything_is_kept() -> None:
    found, code, kept, _ = ask(Fault())
    assert found == WORDS
    assert code is None
    assert b"Where is Spain?" in kept


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_one(kind: Kind) -> None:
    found, code, kept, took_s = ask(Fault(kind, after_events=2))
    assert code is not None
    assert found == WORDS[: len(found)] or kind is Kind.FLOOD
    assert len(found) < len(WORDS) or kind is Kind.FLOOD
    assert b"Where is Spain?" in kept
    assert took_s < 1.5


def test_the_line_adds_its_time() -> None:
    *_, took_s = ask(Fault(), line=Line(round_trip_ms=200))
    assert took_s >= 0.2


def test_a_schedule_strikes_with_every_kind_before_it_repeats_one() -> None:
    schedule = Schedule(seed=3)
    assert [schedule() for _ in range(5)] == [Fault()] * 5
    schedule.healthy = False
    for _ in range(3):
        assert {schedule().kind for _ in FAULTS} == set(FAULTS)
    schedule.only = Kind.RESET
    assert {schedule().kind for _ in range(9)} == {Kind.RESET}


def test_the_same_seed_gives_the_same_faults() -> None:
    one, other = Schedule(5), Schedule(5)
    one.healthy = other.healthy = False
    assert [one() for _ in range(50)] == [other() for _ in range(50)]
