import asyncio
import json
import ssl

import pytest

from tests.fakes.http import Exchange, http_server
from voice.cloud.check import CheckResult, certificate_cure, check, prices
from voice.core.config import CloudConfig


async def cloud(exchange: Exchange) -> None:
    """An endpoint with two models and a key."""
    if "Bearer right" not in exchange.head:
        await exchange.status(401)
    elif exchange.head.startswith("GET"):
        models = {"object": "list", "data": [{"id": "larger-1", "object": "model"}, {"id": "larger-2", "object": "model"}]}
        await exchange.status(200, body=json.dumps(models).encode())
    else:
        await exchange.answer(["Yes", "."])


def examine(key: str, **settings: object) -> list[CheckResult]:
    async def main() -> list[CheckResult]:
        async with http_server(cloud) as server:
            values = {"enabled": True, "base_url": server.base_url, "model": "larger-1", "api_key_env": "TEST_KEY", **settings}
            return await check(CloudConfig(**values))  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_KEY", key)
        return asyncio.run(main())


def test_a_cloud_that_is_right() -> None:
    found = examine("right", price_out=1.0)
    assert [finding.name for finding in found] == ["address", "certificate", "model", "answer", "prices"]
    assert {finding.state for finding in found} == {"ok"}


def test_a_wrong_key_is_named() -> None:
    *_, last = examine("wrong")
    assert (last.name, last.state) == ("key", "error")
    assert "TEST_KEY" in last.says


def test_a_wrong_model_is_named_with_those_that_are_near() -> None:
    *_, last = examine("right", model="larger")
    assert (last.name, last.state) == ("model", "error")
    assert "larger-1" in last.cure


def test_a_wrong_address_is_named() -> None:
    *_, last = examine("right", base_url="http://127.0.0.1:9/v1")
    assert (last.name, last.state) == ("address", "error")
    assert "nobody answers" in last.says


def test_a_certificate_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice.cloud.check.WITHIN_S", 0.5)

    async def main() -> list[CheckResult]:
        async with http_server(cloud) as server:
            url = server.base_url.replace("http://", "https://")
            return await check(CloudConfig(enabled=True, base_url=url, model="m"))

    *_, last = asyncio.run(main())
    assert (last.name, last.state) == ("certificate", "error")


def test_a_host_that_hangs_up_during_the_handshake_is_named() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def main() -> list[CheckResult]:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await check(CloudConfig(enabled=True, base_url=f"https://127.0.0.1:{port}/v1", model="m"))

    *_, last = asyncio.run(main())
    assert (last.name, last.state) == ("certificate", "error")
    assert "hangs up" in last.says
    assert last.cure


@pytest.mark.parametrize(
    ("code", "cure"), [(10, "clock"), (62, "made out to"), (18, "SSL_CERT_FILE"), (64, "made out to"), (20, "SSL_CERT_FILE")]
)
def test_each_wrong_certificate_has_its_cure(code: int, cure: str) -> None:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code, error.verify_message = code, "because"
    says, what = certificate_cure(error, "example.com")
    assert "because" in says
    assert cure in what


def test_without_prices_cloud_turns_look_free() -> None:
    assert prices(CloudConfig()).state == "warning"
