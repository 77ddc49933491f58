"""What is private never reaches the verifier's socket: every token that arrives there is decoded and searched."""

import asyncio

import pytest

from tests.draft.scripted import Scripted, scripted, texts
from tests.fakes.engines import FakeChatModel, Fakes
from voice.bench.failover.leaks import leaked
from voice.bench.failover.sent import found, readings
from voice.bench.router.private import by_hand, fresh
from voice.core.config import CloudConfig, Config, DraftConfig, LlmConfig, RouteConfig
from voice.draft.cloud import DraftedCloud
from voice.draft.connect import drafted_model
from voice.draft.health import Health
from voice.llm.edge import EdgeModel
from voice.route.router import Router, locate, policy_of
from voice.session import events as out
from voice.session.conversation import Conversation

pytestmark = pytest.mark.real
QUESTIONS = ("why did the roman empire fall", "explain how a rainbow is made", "and how is it in the south")
MAY_ASK = {0, 3, 4}
EVERY = 24
"""Of the private utterances, every so many; `voice bench failover --draft` tries as many as it is told to."""


async def talk(cloud: DraftedCloud, server: Scripted, router: Router, said: list[str]) -> list[int]:
    """How many questions each turn asked; the next turn interrupts it as soon as it has asked one, or in a moment."""
    fakes = Fakes(router=router, chat_model=FakeChatModel(first_token_s=0.005, token_s=0.001))
    fakes.synthesizer.first_chunk_s = 0.005
    conversation = Conversation(fakes.engines(cloud=cloud), Config(cloud=CloudConfig(max_tokens=12)))
    made: list[int] = []
    records: list[dict[str, object]] = []

    async def listen() -> None:
        records.extend([dict(event.record) async for event in conversation.events if isinstance(event, out.TurnTraced)])

    async with asyncio.TaskGroup() as group:
        group.create_task(conversation.run())
        group.create_task(listen())
        await asyncio.sleep(0)
        for number, text in enumerate(said):
            before = len(server.asked)
            conversation.push_text(text)
            for _ in range(300 if number in MAY_ASK else 12):  # a slow machine is no leak
                await asyncio.sleep(0.01)
                if len(server.asked) > before:
                    break
            made.append(len(server.asked) - before)
        conversation.close()
    assert len(records) == len(said)
    assert not any("draft" in record and not count for record, count in zip(records, made, strict=True))
    return made


async def test_no_private_utterance_nor_its_echo_is_seen_by_the_verifier() -> None:
    private = [case.text for case in (*by_hand(), *fresh()) if case.private][::EVERY]
    router = Router(locate(), policy_of(RouteConfig(mode="cloud")))
    edge = EdgeModel(LlmConfig(conversations=4, context_tokens=512, threads=1))
    try:
        async with scripted(edge) as server:
            model = drafted_model(edge, DraftConfig(engine="voice", url=server.url, patience_ms=10_000))
            model.health = Health(None)
            cloud = DraftedCloud(model)
            async with asyncio.timeout(10):
                while cloud.forecast_ms is None:
                    await asyncio.sleep(0.01)
            made = [await talk(cloud, server, router, [QUESTIONS[0], text, *QUESTIONS]) for text in private]
            await cloud.aclose()
        sent = texts(edge, [*server.asked, *server.offered])
    finally:
        edge.close()
    assert {(turns[0], turns[3], turns[4]) for turns in made} == {(1, 1, 1)}  # the socket is used: the search below can fail
    assert {(turns[1], turns[2]) for turns in made} == {(0, 0)}  # the private turn, and the one that follows it
    assert QUESTIONS[0] in sent
    assert found(private, sent.encode()) == []
    public = (*QUESTIONS, Config().llm.system_prompt)
    assert leaked(private, readings(sent.encode()), public) == []
