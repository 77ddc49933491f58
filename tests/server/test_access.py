import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.config import ServerConfig
from voice.errors import ConfigError
from voice.server.access import check_client, check_listening, is_loopback, query_of

OPEN = ServerConfig()
LOCKED = ServerConfig(token="sesame")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    check_listening(ServerConfig(host=host))


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
    ):
        assert status(LOCKED, headers) == 401
    assert status(LOCKED, {}, {"token": ""}) == 401


def test_origins() -> None:
    for origin in ("http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443"):
        assert status(OPEN, {"Origin": origin}) == 101
    for origin in ("https://evil.example", "http://localhost.evil.example", "null", "", "http://["):
        assert status(OPEN, {"Origin": origin}) == 403
    assert status(OPEN, {}) == 101
    assert status(LOCKED, {"Origin": "https://app.example", "Authorization": "Bearer sesame"}) == 101


def test_queries() -> None:
    assert query_of("/ws?rate=8000&token=a%20b&rate=16000") == {"rate": "16000", "token": "a b"}
    assert query_of("/") == {}


@given(st.text())
def test_no_host_name_is_too_strange(host: str) -> None:
    assert is_loopback(host) in (True, False)
    query_of("/?" + host)
