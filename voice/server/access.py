"""Who may connect: decisions about one HTTP request, without I/O."""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from voice.config import ServerConfig
from voice.errors import ConfigError


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
    """Whether this client may open a conversation.

    With a token, the token decides. Without one only programs of this machine can reach the server, and the origin is checked
    so that a web page from elsewhere cannot use the user's browser as its way in.
    """
    if config.token:
        offered = headers.get("Authorization", "").removeprefix("Bearer ").strip() or query.get("token", "")
        if hmac.compare_digest(offered.encode("utf-8", "surrogateescape"), config.token.encode()):
            return None
        return Refusal(
            401, "This server needs its token: send 'Authorization: Bearer TOKEN' or add ?token=TOKEN to the address."
        )
    origin = headers.get("Origin")
    if origin is None:
        return None
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        host = None
    if host is not None and is_loopback(host):
        return None
    return Refusal(403, "Pages of other sites may not connect; set server.token and present it to allow them.")


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
