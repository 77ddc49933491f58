"""What a server says of itself while a model does not serve, and what a client gets."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.fakes.conversation import FakeConversation, House
from tests.fakes.engines import Fakes
from tests.server.test_websocket import closed, get, goes_on, message
from voice.client import health
from voice.core.config import ServerConfig
from voice.core.errors import AsrError, ChatError, DetectorError
from voice.core.worker import FAILURES_IN_A_ROW, Worker
from voice.server.websocket import VoiceServer


def fail() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


async def state(server: VoiceServer) -> tuple[int, Any]:
    line, body = await get(server.port, "/health")
    return int(line.split()[1]), json.loads(body)


async def test_a_model_that_does_not_serve_makes_503_and_its_recovery_200() -> None:
    worker = Worker("asr", fails_with=AsrError)
    try:
        async with VoiceServer(ServerConfig(port=0)) as server:
            status, said = await state(server)
            assert (status, said["ready"], said["why"]) == (503, False, "the models are still loading")
            server.open_with(House(), problems=lambda: [worker.problem] if worker.problem else [])
            assert (await state(server))[0] == 200
            for _ in range(FAILURES_IN_A_ROW):
                with pytest.raises(AsrError):
                    await worker.run(fail)
            status, said = await state(server)
            assert (status, said["ready"]) == (HTTPStatus.SERVICE_UNAVAILABLE, False)
            assert said["why"] == (
                "the asr model has failed 3 times in a row: CUDA error: an illegal memory access was encountered"
            )
            assert (await health(server.url)) == said
            async with connect(server.url) as client:
                await goes_on(client)  # it may recover with this turn
            await worker.run(lambda: None)
            status, said = await state(server)
            assert (status, said["ready"], said["why"]) == (200, True, "")
    finally:
        worker.close()


def test_the_engines_say_what_does_not_serve() -> None:
    fakes = Fakes()
    engines = fakes.engines()
    assert engines.problems() == []
    for model, problem in ((fakes.recognizer, "no ears"), (fakes.chat_model, "no wits")):
        model.problem = problem  # type: ignore[union-attr]
    assert engines.problems() == ["no ears", "no wits"]


@pytest.mark.parametrize(
    "error",
    [DetectorError("the detector failed"), ExceptionGroup("a task", [ExceptionGroup("group", [ChatError("it failed")])])],
)
async def test_what_ends_a_conversation_is_said_and_is_no_traceback(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(house)
        client = await connect(server.url)
        await goes_on(client)
        conversations: Sequence[FakeConversation] = house.conversations
        conversations[0].fail(error)
        while (said := await message(client))["type"] != "error":
            pass
        assert "failed" in said["message"]
        assert (await closed(client))[0] == 1013
        async with connect(server.url) as other:
            await goes_on(other)
    assert "Traceback" not in caplog.text
