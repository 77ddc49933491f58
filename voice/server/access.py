"""Who may connect: decisions about one HTTP request, without I/O."""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from voice.core.config import ServerConfig
from voice.core.errors import ConfigError

SUBPROTOCOL = "voice"
"""What a browser's WebSocket offers beside ``bearer.`` and its token in base64url: it cannot send an ``Authorization``."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served: the HTTP status and a sentence for a person."""

    status: int
    why: str


def check_listening(config: ServerConfig) -> None:
    """Refuse to open the machine to a network without a token.

    Raises:
        ConfigError: the host is not loopback and there is no token.
    """
    if not config.token and not is_loopback(config.host):
        raise ConfigError(
            f"server.host is {config.host!r}, so anyone on the network could listen in; "
            "set server.token to a secret, or use server.host = '127.0.0.1'"
        )


def check_client(config: ServerConfig, headers: Mapping[str, str], query: Mapping[str, str]) -> Refusal | None:
    """Whether this client may open a conversation: a browser's page must come from here, and everyone needs the token, if any.

    Only browsers send an origin; without the check a web page from elsewhere could use the user's browser as its way in.
    """
    origin = headers.get("Origin")
    if origin is not None and not _may_connect(config, origin, headers.get("Host", "")):
        return Refusal(403, "Pages of other sites may not connect; list this page's origin in server.allowed_origins.")
    if not config.token:
        return None
    if any(hmac.compare_digest(offered, config.token.encode()) for offered in _offered_tokens(headers, query)):
        return None
    return Refusal(401, "This server needs its token: send 'Authorization: Bearer TOKEN' or add ?token=TOKEN to the address.")


def _offered_tokens(headers: Mapping[str, str], query: Mapping[str, str]) -> list[bytes]:
    """Every token of a request: in its headers (bytes that were read as Latin-1), its subprotocols, its address."""
    tokens = [headers.get("Authorization", "").removeprefix("Bearer ").strip().encode("iso-8859-1", "replace")]
    for name in headers.get("Sec-WebSocket-Protocol", "").split(","):
        kind, _, text = name.strip().partition("bearer.")
        if not kind and text.isascii():
            with suppress(binascii.Error):
                tokens.append(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    tokens.append(query.get("token", "").encode("utf-8", "replace"))
    return tokens


def check_host(config: ServerConfig, headers: Mapping[str, str]) -> Refusal | None:
    """Whether the page may be served under the name that the browser knows this server by.

    Without a token a name is trusted that is loopback or configured: any other may have been pointed here by its owner (DNS
    rebinding), whose page would then share this server's origin.
    """
    host = headers.get("Host", "")
    if config.token or is_loopback(_host_name(host)) or host in {urlsplit(known).netloc for known in config.allowed_origins}:
        return None
    return Refusal(
        421,
        f"This server is not known as {host[:100]!r}; open it as 127.0.0.1, or list that origin in server.allowed_origins.",
    )


def _may_connect(config: ServerConfig, origin: str, host: str) -> bool:
    if origin in config.allowed_origins:
        return True
    try:
        parts = urlsplit(origin)
        name = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not name:
        return False
    if is_loopback(name) and is_loopback(_host_name(host)):
        return True  # this machine's own pages, on whichever port
    same = parts.netloc == host or (parts.port is None and host in {f"{name}:80", f"{name}:443"})
    return same and check_host(config, {"Host": host}) is None


def _host_name(host: str) -> str:
    """The name in a ``Host`` header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def query_of(target: str) -> dict[str, str]:
    """The last value of each parameter of a request target."""
    _, _, query = target.partition("?")
    return {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
