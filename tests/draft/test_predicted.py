"""OpenAI's predicted outputs, through the real client to a server of that shape."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes.engines import FakeChatModel
from tests.fakes.http import Exchange, HttpServer, http_server
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig, from_mapping
from voice.core.errors import CloudError, ConfigError
from voice.core.interfaces import Message, Usage
from voice.cost.prices import Prices
from voice.draft.predicted import PredictedCloud

QUESTION = [Message("user", "Why is the sky blue?")]
WORDS = [" sky", " is", " blue", "."]


def service(*, accepted: int, rejected: int, output: int) -> Any:
    """Answers with :data:`WORDS`, and says what it made of the prediction."""

    async def answer(exchange: Exchange) -> None:
        details = {"accepted_prediction_tokens": accepted, "rejected_prediction_tokens": rejected}
        usage = {
            "prompt_tokens": 9,
            "completion_tokens": output,
            "total_tokens": 9 + output,
            "completion_tokens_details": details,
        }
        await exchange.answer(WORDS, usage=usage)

    return answer


async def ask(
    server: HttpServer, edge: FakeChatModel, *, deadline_ms: float = 500, max_tokens: int = 20
) -> tuple[str, list[Usage]]:
    config = CloudConfig(enabled=True, base_url=server.base_url, model="gpt", continues="assistant")
    cloud = PredictedCloud(CloudChat(config), edge, deadline_ms=deadline_ms)
    usages: list[Usage] = []
    try:
        reply = cloud.reply(QUESTION, max_tokens=max_tokens, prefix="The", on_usage=usages.append, kind="fact")
        return "".join([token.text async for token in reply]), usages
    finally:
        await cloud.aclose()


def body(server: HttpServer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.requests[-1].body)
    return found


def edge(**more: Any) -> FakeChatModel:
    return FakeChatModel(answer=lambda _: "The sky is green, mostly.", first_token_s=0.01, token_s=0.001, **more)


@pytest.mark.parametrize("output", [4, 9])  # the service's figure without the rejected tokens, and with them
def test_the_edges_draft_goes_along_and_what_is_rejected_is_billed(output: int) -> None:
    async def main() -> tuple[str, list[Usage], dict[str, Any]]:
        async with http_server(service(accepted=3, rejected=6, output=output)) as server:
            return *await ask(server, edge()), body(server)

    text, (usage,), asked = asyncio.run(main())
    assert text == " sky is blue."
    assert asked["prediction"] == {"type": "content", "content": " sky is green, mostly."}
    assert "max_tokens" not in asked
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_drafted) == (9, 9, 4)
    assert usage.draft == {"kind": "fact", "mode": "predicted", "drafted": 4, "acceptance": 0.333, "rejected": 6, "wasted": 1}
    assert Prices(cloud_in=1.0, cloud_out=10.0).cloud(usage) == 9 + 90


@pytest.mark.parametrize(("slow", "failing", "expected"), [(5.0, None, None), (0.01, 0, None), (0.01, 2, " sky is")])
def test_a_late_or_broken_edge_does_not_hold_the_question_up(slow: float, failing: int | None, expected: str | None) -> None:
    async def main() -> tuple[str, dict[str, Any]]:
        model = edge(failing_after=failing)
        model.first_token_s = slow
        async with http_server(service(accepted=0, rejected=0, output=4)) as server:
            text, _ = await ask(server, model, deadline_ms=60)
            assert model.open_chats == 0
            return text, body(server)

    text, asked = asyncio.run(main())
    assert text == " sky is blue."
    assert asked.get("prediction", {}).get("content") == expected


def test_what_fails_fails_as_any_cloud_does() -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    async def main() -> None:
        async with http_server(broken) as server:
            with pytest.raises(CloudError) as caught:
                await ask(server, edge())
            assert caught.value.error_code == "cloud_failed"

    asyncio.run(main())


@pytest.mark.parametrize("cloud", [{}, {"enabled": True, "model": "m", "continues": "chatml"}])
def test_it_needs_a_chat_endpoint(cloud: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="predicted"):
        from_mapping({"draft": {"engine": "predicted"}, "cloud": cloud}, origin="test")
