"""What is private never reaches the cloud's socket: every byte that arrives there is searched."""

import asyncio

import pytest

from tests.fakes.engines import FakeChatModel, Fakes
from tests.fakes.http import Exchange, HttpServer, http_server
from voice.bench.failover.leaks import leaked
from voice.bench.failover.sent import found, readings
from voice.bench.router.private import by_hand, fresh
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig, Config, RouteConfig
from voice.route.router import Router, locate, policy_of
from voice.session import events as out
from voice.session.conversation import Conversation

pytestmark = pytest.mark.real
QUESTIONS = ("why did the roman empire fall", "explain how a rainbow is made", "and how is it in the south")
MAY_ASK = {0, 3, 4}
"""The turns of a conversation below that the cloud is asked: not the private one, the second, and not the one behind it."""
EVERY = 12
"""Of the private utterances, every so many is tried here; `voice bench failover` tries as many as it is told to."""


async def answer(exchange: Exchange) -> None:
    await exchange.answer([" and", " that", " is", " all", "."])


async def talk(server: HttpServer, router: Router, texts: list[str]) -> list[int]:
    """How many requests each turn made; the next interrupts it as soon as it has made one, or in a moment."""
    cloud = CloudChat(CloudConfig(enabled=True, base_url=server.base_url, model="m"))
    fakes = Fakes(router=router, chat_model=FakeChatModel(first_token_s=0.005, token_s=0.001))
    fakes.synthesizer.first_chunk_s = 0.005
    conversation = Conversation(
        fakes.engines(cloud=cloud), Config(cloud=CloudConfig(enabled=True, base_url=server.base_url, model="m"))
    )
    events: list[out.Event] = []
    made: list[int] = []

    async def listen() -> None:
        events.extend([event async for event in conversation.events])

    async with asyncio.TaskGroup() as group:
        group.create_task(conversation.run())
        group.create_task(listen())
        await asyncio.sleep(0)
        for number, text in enumerate(texts):
            before = len(server.requests)
            conversation.push_text(text)
            for _ in range(200 if number in MAY_ASK else 12):  # a slow machine is no leak
                await asyncio.sleep(0.01)
                if len(server.requests) > before:
                    break
            made.append(len(server.requests) - before)
        conversation.close()
    await cloud.aclose()
    assert [event.turn for event in events if isinstance(event, out.TurnTraced)] == list(range(1, len(texts) + 1))
    return made


def test_no_private_utterance_nor_its_echo_is_seen_at_the_socket() -> None:
    private = [case.text for case in (*by_hand(), *fresh()) if case.private][::EVERY]
    router = Router(locate(), policy_of(RouteConfig(mode="cloud")))

    async def main() -> tuple[str, list[list[int]]]:
        async with http_server(answer) as server:
            made = [await talk(server, router, [QUESTIONS[0], text, *QUESTIONS]) for text in private]
            came = [*server.knocks, *server.requests]
            return "\n".join(exchange.head + exchange.body.decode() for exchange in came), made

    sent, made = asyncio.run(main())
    assert {(turns[0], turns[3], turns[4]) for turns in made} == {(1, 1, 1)}  # the socket is used: the search below can fail
    assert {(turns[1], turns[2]) for turns in made} == {(0, 0)}  # the private turn, and the one that follows it
    assert QUESTIONS[0] in sent
    assert found(private, sent.encode()) == []
    public = (*QUESTIONS, Config().llm.system_prompt)
    assert leaked(private, readings(sent.encode()), public) == []


def test_the_search_finds_what_is_allowed_to_leave() -> None:
    text = "my pin is four eight one five"
    findings = Router(locate(), policy_of(RouteConfig(mode="cloud"))).decide(text).verdict.findings
    router = Router(locate(), policy_of(RouteConfig(mode="cloud", allow=tuple({str(one.kind) for one in findings}))))

    async def main() -> str:
        async with http_server(answer) as server:
            await talk(server, router, [text])
            return "\n".join(exchange.body.decode() for exchange in server.requests)

    assert findings
    assert found([text], asyncio.run(main()).encode()) == [text]
