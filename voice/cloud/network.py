"""Which network this is, and whether the cloud may be asked over it.

Strategy: only NetworkManager knows names and who pays by volume. It is asked where a setting makes it matter, by the tools that
come with it and with systemd. What nobody knows has no name, and is not taken for metered.
"""

import asyncio
from dataclasses import dataclass

from voice.core.config import CloudConfig

WITHIN_S = 2.0
NAMES = ("nmcli", "--terse", "--fields", "NAME", "connection", "show", "--active")
_MANAGER = "org.freedesktop.NetworkManager"
METERED = ("busctl", "--system", "get-property", _MANAGER, "/org/freedesktop/NetworkManager", _MANAGER, "Metered")
_PAID = {"u 1", "u 3"}
"""NMMetered in NetworkManager's interface: yes, and probably yes."""


@dataclass(frozen=True, slots=True)
class Network:
    """The connections that are up, and whether what goes out is metered."""

    names: frozenset[str] = frozenset()
    metered: bool = False


def restricted(config: CloudConfig) -> bool:
    """Whether it matters which network it is."""
    return bool(config.networks) or config.metered == "avoid"


def refusal(network: Network, config: CloudConfig) -> str:
    """Why the cloud is not asked over ``network``, in words for the trace; empty when it may be."""
    if config.metered == "avoid" and network.metered:
        return "the network is metered"
    if config.networks and not network.names & set(config.networks):
        here = ", ".join(sorted(network.names)) or "unknown"
        return f"the network ({here}) is none of cloud.networks"
    return ""


def parsed(names: str, metered: str) -> Network:
    """What the two tools say: a name a line with its colons escaped, and a number of D-Bus's."""
    lines = (line.replace("\\:", ":").replace("\\\\", "\\") for line in names.splitlines())
    return Network(frozenset(line for line in lines if line not in {"", "lo"}), metered.strip() in _PAID)


async def look() -> Network:
    """The network at this moment; one without a name when NetworkManager does not say. Never raises."""
    names, metered = await asyncio.gather(_said(*NAMES), _said(*METERED))
    return parsed(names, metered)


async def _said(*command: str) -> str:
    """What a tool prints; nothing when there is none, or it takes too long."""
    try:
        asked = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(WITHIN_S):
            printed, _ = await asked.communicate()
    except TimeoutError:
        return ""
    finally:
        if asked.returncode is None:
            asked.kill()
            await asked.wait()
    return printed.decode(errors="replace")
