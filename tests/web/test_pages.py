"""The page's files over plain HTTP, and what else HTTP gets on the WebSocket's port."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.fakes.conversation import House
from voice.core.config import ServerConfig
from voice.server import pages
from voice.server.websocket import VoiceServer

FILES = sorted(path.name for path in files("voice").joinpath("web").iterdir() if path.is_file())
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[VoiceServer]:
    async with VoiceServer(ServerConfig(port=0, **settings)) as server:
        server.open_with(House())
        yield server


async def ask(server: VoiceServer, target: str, *, method: str = "GET", host: str | None = None, more: str = "") -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{server.port}'}\r\n{more}\r\n".encode())
    async with asyncio.timeout(5):
        response = (await reader.read()).decode()
    writer.close()
    head, _, body = response.partition("\r\n\r\n")
    line, *fields = head.split("\r\n")
    headers = dict(field.lower().split(": ", 1) for field in fields)
    return Answer(int(line.split()[1]), headers, body)


async def test_the_page_and_all_its_files() -> None:
    assert "index.html" in FILES
    async with serving() as server:
        for name in FILES:
            answer = await ask(server, "/?theme=x" if name == "index.html" else f"/web/{name}")
            assert answer.status == 200, name
            assert answer.headers["content-type"].split(";")[0] == TYPES[name.rpartition(".")[2]]
            assert answer.body == files("voice").joinpath("web", name).read_text(encoding="utf-8")


def test_what_the_files_name_is_there_and_nothing_is_from_elsewhere() -> None:
    for name in FILES:
        source = files("voice").joinpath("web", name).read_text(encoding="utf-8")
        for found in re.findall(r"""(?:src|href)="([^"]+)"|from "([^"]+)"|(@import|\burl\()""", source):
            assert pages.page(f"/web/{''.join(found).removeprefix('web/').removeprefix('./')}") is not None, (name, found)
        assert set(re.findall(r"https?://[^\s\"'<>]+", source)) <= {"http://www.w3.org/2000/svg", "http://localhost:8765."}
        assert not re.search(r"""\bstyle="|\son\w+="|innerHTML|<script>|eval\(""", source), name


async def test_headers() -> None:
    async with serving() as server:
        for target in ("/", "/web/app.js"):
            headers = (await ask(server, target)).headers
            policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
            assert policy["default-src"] == "'none'"
            assert all(policy[kind] == "'self'" for kind in ("script-src", "style-src", "connect-src"))
            assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert "microphone=(self)" in headers["permissions-policy"]
        health = await ask(server, "/health")
        assert health.headers["cache-control"] == "no-store"
        assert health.headers["x-content-type-options"] == "nosniff"


async def test_head_has_the_headers_alone() -> None:
    async with serving() as server:
        for target in ("/", "/web/style.css", "/health", "/nothing"):
            whole, head = await ask(server, target), await ask(server, target, method="HEAD")
            assert head.body == ""
            assert (head.status, head.headers["content-length"]) == (whole.status, str(len(whole.body.encode())))


@pytest.mark.parametrize(
    "target",
    [
        "/web", "/web/", "/web/index.html", "/index.html", "/web/../server/pages.py", "/web/..%2f..%2fetc/passwd",
        "/../etc/passwd",
        "/web//app.js", "//web/app.js", "/web/app.js/", "/web/APP.JS", "/web/app.js%00.html", "/web/.", "/etc/passwd", "*",
        "http://127.0.0.1/web/app.js", "/web\\app.js",
    ],
)  # fmt: skip
async def test_nothing_else_is_there(target: str) -> None:
    async with serving() as server:
        answer = await ask(server, target)
    assert answer.status == 404
    assert "web page at /" in answer.body


@given(st.text())
def test_no_path_reaches_the_disk(path: str) -> None:
    assert pages.page(path) is None or path == "/" or path.removeprefix("/web/") in FILES


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
async def test_other_methods(method: str) -> None:
    async with serving() as server:
        for target in ("/", "/ws", "/health"):
            answer = await ask(server, target, method=method)
            assert answer.status == 405
            assert answer.headers["allow"] == "get, head"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 900000\r\n\r\n" + 900_000 * "x", 400),
        ("POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET /wéb HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),  # TLS
        ("\x00\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: " + 20_000 * "a" + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: {host}\r\n" + 500 * "A: b\r\n" + "\r\n", 431),
        ("GET /" + 20_000 * "a" + " HTTP/1.1\r\nHost: {host}\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\n\r\n", 421),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", 400),
    ],
    ids=lambda value: str(value)[:40].encode("unicode_escape").decode(),
)
async def test_what_cannot_be_read_is_told(request_: str, status: int) -> None:
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_.replace("{host}", f"127.0.0.1:{server.port}").encode())
        async with asyncio.timeout(5):
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        assert int(head.split()[1]) == status
        assert len(body) > 20
        assert (await ask(server, "/health")).status == 200


async def test_plain_http_on_the_socket_s_path_says_why_no_conversation_can_be_opened() -> None:
    async with serving() as server:
        answer = await ask(server, "/ws")
        assert answer.status == 426
        assert answer.headers["upgrade"] == "websocket"
        assert "ws://" in answer.body
        assert (await ask(server, "/ws?rate=7")).status == 400
    async with serving(token="sesame") as server:
        assert (await ask(server, "/")).status == 200
        assert (await ask(server, "/ws")).status == 401
        assert (await ask(server, "/ws?token=sesame")).status == 426
    async with VoiceServer(ServerConfig(port=0)) as server:
        answer = await ask(server, "/ws")
        assert (answer.status, answer.headers["retry-after"]) == (503, "3")


async def test_who_may_open_the_socket() -> None:
    async with serving(allowed_origins=("https://app.example",)) as server:
        for origin in (None, server.page_url.rstrip("/"), "https://app.example"):
            async with connect(server.url, origin=origin):  # type: ignore[arg-type]
                pass
        for origin in ("https://evil.example", "null"):
            with pytest.raises(InvalidStatus) as caught:
                await connect(server.url, origin=origin)  # type: ignore[arg-type]
            assert caught.value.response.status_code == 403
            assert b"server.allowed_origins" in (caught.value.response.body or b"")


async def test_a_browser_s_token_is_a_subprotocol() -> None:
    async with serving(token="sesame") as server:
        async with connect(server.url, subprotocols=["voice", "bearer.c2VzYW1l"]) as client:  # type: ignore[list-item]
            assert client.subprotocol == "voice"
        for wrong in ("bearer.b3Blbg", "bearer.", "bearer.c", "sesame"):
            with pytest.raises(InvalidStatus) as caught:
                await connect(server.url, subprotocols=["voice", wrong])  # type: ignore[list-item]
            assert caught.value.response.status_code == 401
    async with serving() as server, connect(server.url, subprotocols=["chat"]) as client:  # type: ignore[list-item]
        assert client.subprotocol is None


async def test_a_name_that_was_pointed_here_gets_no_page() -> None:
    async with serving() as server:
        for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "["):
            answer = await ask(server, "/", host=host)
            assert answer.status == 421
            assert "server.allowed_origins" in answer.body
        for host in ("localhost", "[::1]:80", "127.0.0.1"):
            assert (await ask(server, "/", host=host)).status == 200
        assert (await ask(server, "/health", host="voice.internal")).status == 200
    async with serving(token="sesame") as server:
        assert (await ask(server, "/", host="house.lan")).status == 200


async def test_a_header_sent_twice() -> None:
    async with serving() as server:
        answer = await ask(server, "/ws", more="Origin: http://a\r\nOrigin: http://b\r\n")
        assert answer.status == 400
        assert "Origin" in answer.body


async def test_many_files_at_once_while_somebody_talks() -> None:
    async with serving() as server, connect(server.url) as client:
        answers = await asyncio.gather(*(ask(server, f"/web/{name}") for name in FILES * 5 if name != "index.html"))
        assert {answer.status for answer in answers} == {200}
        await client.send('{"type":"text","text":"still there?"}')
        assert "transcript" in str(await client.recv())
