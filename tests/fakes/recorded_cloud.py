"""The real client of a cloud over a transport in memory: what would have gone to the socket is kept, and answered."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
from openai import AsyncOpenAI

from tests.fakes.virtual_time import LoopClock
from voice.cloud.chat import CloudChat
from voice.cloud.connection import CloudConnection
from voice.core.config import CloudConfig

ANSWER = ("and", " that", " is", " all", " there", " is", " to", " say", ".")


@dataclass
class RecordedCloud:
    """A cloud at nobody's address. ``sent``: the heads and bodies of its requests, in order."""

    config: CloudConfig
    sent: list[bytes] = field(default_factory=list)
    answered: int = 0

    def chat(self, kind: type[CloudChat] = CloudChat) -> CloudChat:
        """The client; it belongs to one event loop."""
        chat = kind(self.config, LoopClock())
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        chat._link = CloudConnection(self.config, http, LoopClock())
        chat._client = AsyncOpenAI(base_url=self.config.base_url, api_key="none", max_retries=0, timeout=60.0, http_client=http)
        chat._client._platform = "Linux"  # looked up in a thread, for which virtual time does not wait
        return chat

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        head = "\n".join([f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers.items())])
        self.sent.append(f"{head}\n\n".encode() + await request.aread())
        if request.method != "POST":
            return httpx2.Response(200, json={"data": []})
        self.answered += 1
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(_events()))


def _events() -> Iterator[bytes]:
    for word in ANSWER:
        yield _event({"content": word}, None)
    yield _event({}, "stop")
    yield b"data: [DONE]\n\n"


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()
