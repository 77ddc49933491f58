import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.config import ServerConfig
from voice.core.errors import ConfigError
from voice.server.access import check_client, check_host, check_listening, is_loopback, query_of

OPEN = ServerConfig()
LOCKED = ServerConfig(token="sesame")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    check_listening(ServerConfig(host=host))
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org"])
def test_a_network_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match=r"set server\.token"):
        check_listening(ServerConfig(host=host))
    check_listening(ServerConfig(host=host, token="sesame"))


def status(config: ServerConfig, headers: dict[str, str], query: dict[str, str] | None = None) -> int:
    refusal = check_client(config, headers, query or {})
    return refusal.status if refusal is not None else 101


def test_tokens() -> None:
    assert status(LOCKED, {"Authorization": "Bearer sesame"}) == 101
    assert status(LOCKED, {}, {"token": "sesame"}) == 101
    for headers in (
        {},
        {"Authorization": "Bearer nope"},
        {"Authorization": "Bearer sesame2"},
        {"Authorization": "Bearer é\udcff"},
        {"Sec-WebSocket-Protocol": "voice, bearer.bm9wZQ"},
        {"Sec-WebSocket-Protocol": "voice, bearer.c"},
        {"Sec-WebSocket-Protocol": "bearer.é, bearer., voice"},
        {"Sec-WebSocket-Protocol": "sesame, xbearer.c2VzYW1l"},
    ):
        assert status(LOCKED, headers) == 401
    assert status(LOCKED, {}, {"token": ""}) == 401


@given(st.text(min_size=1).filter(lambda token: token == token.strip()))
def test_a_token_of_any_characters_travels_three_ways(token: str) -> None:
    config = ServerConfig(token=token)
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    assert status(config, {"Sec-WebSocket-Protocol": f"voice, bearer.{encoded}"}) == 101
    assert status(config, {}, {"token": token}) == 101
    header = token.encode().decode("iso-8859-1")
    assert status(config, {"Authorization": f"Bearer {header}"}) == (101 if header == header.strip() else 401)


HERE = {"Host": "127.0.0.1:8765"}


def test_pages_of_this_machine_may_connect() -> None:
    for origin in ("http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443", "http://127.0.0.1:8765"):
        assert status(OPEN, {"Origin": origin, **HERE}) == 101
    assert status(OPEN, {}) == 101
    assert status(OPEN, {"Host": "anything"}) == 101


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "null", "", "http://[",
        "file://", "http://evil@127.0.0.1.example", "chrome-extension://abcdef", "127.0.0.1:8765", "https://evil.example:8765",
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", ["127.0.0.1:8765", "evil.example:8765", "", "["])
def test_pages_from_elsewhere_may_not(origin: str, host: str) -> None:
    assert status(OPEN, {"Origin": origin, "Host": host}) == 403


def test_a_name_pointed_here_is_not_this_server() -> None:
    rebound = {"Origin": "http://evil.example:8765", "Host": "evil.example:8765"}
    assert status(OPEN, rebound) == 403
    refusal = check_host(OPEN, rebound)
    assert refusal is not None
    assert refusal.status == 421
    for host in ("127.0.0.1:8765", "localhost:1", "[::1]:8765", "LOCALHOST"):
        assert check_host(OPEN, {"Host": host}) is None
    assert check_host(OPEN, {}) is not None
    assert check_host(LOCKED, rebound) is None


def test_an_origin_may_be_allowed() -> None:
    config = ServerConfig(allowed_origins=("https://app.example", "https://voice.example:8443"))
    assert status(config, {"Origin": "https://app.example", **HERE}) == 101
    assert status(config, {"Origin": "https://app.example:444", **HERE}) == 403
    assert status(config, {"Origin": "http://app.example", **HERE}) == 403
    assert check_host(config, {"Host": "voice.example:8443"}) is None
    for bad in ("app.example", "https://app.example/", "*", "https://a b", ""):
        with pytest.raises(ValueError, match="is not an origin"):
            ServerConfig(allowed_origins=(bad,))


def test_with_a_token_the_server_s_own_page_may_have_any_name() -> None:
    page = {"Origin": "http://house.lan:8765", "Host": "house.lan:8765"}
    assert status(LOCKED, page) == 401
    assert status(LOCKED, page, {"token": "sesame"}) == 101
    assert status(LOCKED, {"Origin": "https://voice.example", "Host": "voice.example:443"}, {"token": "sesame"}) == 101
    for other in ("https://evil.example", "http://house.lan:3000", "http://localhost:8765"):
        assert status(LOCKED, {**page, "Origin": other}, {"token": "sesame"}) == 403


def test_queries() -> None:
    assert query_of("/ws?rate=8000&token=a%20b&rate=16000") == {"rate": "16000", "token": "a b"}
    assert query_of("/") == {}


@given(st.text())
def test_no_host_name_is_too_strange(host: str) -> None:
    assert is_loopback(host) in (True, False)
    query_of("/?" + host)
