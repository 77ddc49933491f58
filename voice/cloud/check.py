"""Is the cloud what the settings say? Each step is tried for real, and the first that fails names its cause and its cure."""

import asyncio
import difflib
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from voice.cloud.chat import CloudChat, cloud_error
from voice.core.config import CloudConfig
from voice.core.errors import CloudError
from voice.core.interfaces import Message

WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found: the cause in ``says``, what to do about it in ``cure``."""

    name: str
    state: Literal["ok", "warning", "error"]
    says: str
    cure: str = ""


async def check(config: CloudConfig) -> list[CheckResult]:
    """Address, certificate, key, model, an answer and prices, in this order; what stands behind a failure is not tried."""
    found: list[CheckResult] = []
    for step in (_address, _certificate, _model, _answer):
        try:
            async with asyncio.timeout(WITHIN_S):
                finding = await step(config)
        except TimeoutError:
            finding = CheckResult(
                step.__name__.strip("_"), "error", f"{config.base_url} does not answer within {WITHIN_S:.0f} s"
            )
        found.append(finding)
        if finding.state == "error":
            return found
    return [*found, prices(config)]


def prices(config: CloudConfig) -> CheckResult:
    """Whether there are prices to reckon with (pure)."""
    if config.price_in == 0 and config.price_out == 0:
        return CheckResult(
            "prices",
            "warning",
            "cloud turns count as free of charge",
            "set cloud.price_in and cloud.price_out (a million tokens)",
        )
    return CheckResult("prices", "ok", f"{config.price_in:g} in, {config.price_out:g} out for a million tokens")


def address_of(base_url: str) -> tuple[str, int]:
    """The host and the port that an address names (pure).

    Raises:
        ValueError: it names none, or a port that cannot be.
    """
    parts = urlsplit(base_url)
    port = parts.port
    if not parts.hostname:
        raise ValueError("no host is named")
    parts.hostname.encode("idna")
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def certificate_cure(error: ssl.SSLError, host: str) -> tuple[str, str]:
    """What is wrong with a host's certificate, and what cures it (pure)."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"{host} speaks no TLS: {error.reason or error}", "check the port in cloud.base_url, or write http://"
    says = f"the certificate of {host} is not trusted: {error.verify_message}"
    if error.verify_code in _OUT_OF_DATE:
        return says, "check this machine's clock; otherwise the endpoint's owner must renew it"
    if error.verify_code in _OTHER_NAME:
        return says, "use in cloud.base_url the name that the certificate is made out to"
    return says, "for a certificate of your own set the environment variable SSL_CERT_FILE to its authority"


_OUT_OF_DATE = {9, 10}
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_OTHER_NAME = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


async def _address(config: CloudConfig) -> CheckResult:
    try:
        host, port = address_of(config.base_url)
    except ValueError as error:
        return CheckResult("address", "error", f"cloud.base_url is no address: {error}", "write it as https://host/v1")
    parts = urlsplit(config.base_url)
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return CheckResult(
            "address",
            "error",
            f"the name {host!r} is not found: {error.strerror}",
            "check cloud.base_url and the network's DNS",
        )
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        cure = (
            "start one with: voice cloud"
            if host in {"127.0.0.1", "localhost", "::1"}
            else "check cloud.base_url and the network"
        )
        return CheckResult("address", "error", f"nobody answers at {host}:{port} ({error.strerror or error})", cure)
    writer.close()
    plain = parts.scheme == "http" and host not in {"127.0.0.1", "localhost", "::1"}
    if plain:
        return CheckResult(
            "address", "warning", f"{host}:{port} is reached, but in the clear", "use https:// beyond this machine"
        )
    return CheckResult("address", "ok", f"{host}:{port} answers")


async def _certificate(config: CloudConfig) -> CheckResult:
    if not config.base_url.startswith("https://"):
        return CheckResult("certificate", "ok", "none is needed: plain http")
    host, port = address_of(config.base_url)
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except ssl.SSLError as error:
        return CheckResult("certificate", "error", *certificate_cure(error, host))
    except OSError as error:
        return CheckResult(
            "certificate", "error", f"{host} hangs up during the handshake: {error}", "check the port in cloud.base_url"
        )
    writer.close()
    return CheckResult("certificate", "ok", "trusted")


async def _model(config: CloudConfig) -> CheckResult:
    """The key and the model's name, from the endpoint's own list."""
    from openai import AsyncOpenAI

    key = os.environ.get(config.api_key_env)
    async with AsyncOpenAI(base_url=config.base_url, api_key=key or "none", max_retries=0, timeout=WITHIN_S) as client:
        try:
            names = [model.id async for model in client.models.list()]
        except Exception as error:
            mapped = cloud_error(error, config)
            if mapped.error_code == "cloud_refused":
                said = "is not accepted" if key else "is not set"
                return CheckResult("key", "error", f"the key in {config.api_key_env} {said}", f"export {config.api_key_env}=…")
            if mapped.error_code == "cloud_unknown":
                return CheckResult(
                    "model", "warning", "the endpoint does not list its models", "the next check tries the model itself"
                )
            return CheckResult("model", "error", str(mapped))
    if config.model in names:
        return CheckResult(
            "model", "ok", f"{config.model} is there" + ("" if key else "; no key is set, and none is asked for")
        )
    near = difflib.get_close_matches(config.model, names, 3, 0.3) or sorted(names)[:3]
    return CheckResult("model", "error", f"there is no model {config.model!r}", f"set cloud.model: {', '.join(near)} …")


async def _answer(config: CloudConfig) -> CheckResult:
    chat = CloudChat(config)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        reply = chat.reply([Message("user", "Say yes.")], max_tokens=4, prefix="", on_usage=lambda _: None)
        async for _ in reply:
            first_ms = (loop.time() - began_s) * 1000
            await reply.aclose()
            return CheckResult("answer", "ok", f"a first token after {first_ms:.0f} ms")
    except CloudError as error:
        return CheckResult("answer", "error", str(error))
    finally:
        await chat.aclose()
    return CheckResult("answer", "error", "the model answers with nothing", "try another cloud.model")
