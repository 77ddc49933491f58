"""Who answers: the settings of each arm that is compared (pure)."""

from dataclasses import dataclass

import msgspec

from voice.core.config import Config
from voice.core.errors import ConfigError

SHARED_EDGE = "llm-qwen2.5-coder-0.5b"
"""Drafts for the larger model of its family: the two share a vocabulary."""
WARM_MS = 60_000
PRICES = {"price_in": 0.15, "price_out": 0.60}
"""Of a small model at a large provider, for a million tokens, where the settings have no price."""

_ALONE = ("cloud.enabled=false", 'draft.engine="off"')
_NO_SECOND = 'llm.large=""'
ARMS: dict[str, str] = {
    "edge": "the small model of the device alone",
    "two": "the device's two speeds, without a cloud",
    "cloud": "the cloud for every turn that may leave",
    "hybrid": "the cloud where the router wants it; the device has one speed",
    "hybrid-two": "the same, and the device has two speeds",
    "speculative": "the device drafts, voice verifier judges",
    "large": "the cloud's model asked straight, as text: what it is worth",
}
PACED = ("cloud", "hybrid", "hybrid-two")
"""Measured once for each time to the cloud's first token."""


@dataclass(frozen=True, slots=True)
class ArmPlaces:
    """Where the helpers of the arms are: the paced cloud, its model's name there, and the verifier."""

    cloud_url: str = ""
    model: str = ""
    verifier_url: str = ""


def chosen_arms(text: str) -> list[str]:
    """The arms of a comma-separated list, in their order.

    Raises:
        ConfigError: one is not known, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in ARMS]:
        raise ConfigError(f"--arms: there is no {unknown[0]!r}; choose from {', '.join(ARMS)}")
    if not names:
        raise ConfigError(f"--arms: name at least one of {', '.join(ARMS)}")
    return list(dict.fromkeys(names))


def first_token_times(text: str) -> list[int]:
    """The milliseconds of a comma-separated list.

    Raises:
        ConfigError: one is no whole number from 0 to 60000, or there is none.
    """
    try:
        found = [int(one) for one in text.split(",") if one.strip()]
    except ValueError:
        found = []
    if not found or not all(0 <= ms <= WARM_MS for ms in found):
        raise ConfigError(f"--cloud-first-token-ms {text!r}: write milliseconds up to {WARM_MS}, such as 150,600,1500")
    return list(dict.fromkeys(found))


def arm_settings(arm: str, places: ArmPlaces) -> list[str]:
    """What distinguishes an arm, as ``section.key=value``."""
    cloud = [
        "cloud.enabled=true",
        'draft.engine="off"',
        f'cloud.base_url="{places.cloud_url}"',
        f'cloud.model="{places.model}"',
        'cloud.continues="assistant"',
        f"route.mode={'cloud' if arm == 'cloud' else 'hybrid'}",
    ]
    match arm:
        case "edge":
            return [*_ALONE, _NO_SECOND]
        case "two":
            return [*_ALONE]
        case "cloud" | "hybrid":
            return [*cloud, _NO_SECOND]
        case "hybrid-two":
            return cloud
        case "speculative":
            draft = ["draft.engine=voice", f'draft.url="{places.verifier_url}"', "route.mode=cloud"]
            return ["cloud.enabled=false", *draft, f'llm.model="{SHARED_EDGE}"', _NO_SECOND]
        case _:
            raise ValueError(f"{arm} has no server")


def warm_settings() -> list[str]:
    """Of a pass that fills the recording: the cloud is waited for, however slow this machine computes it."""
    return [f"route.patience_ms={WARM_MS}", f"cloud.first_token_ms={WARM_MS}", f"cloud.next_token_ms={WARM_MS}"]


def priced(config: Config) -> Config:
    """The settings with a price for the cloud: theirs, or :data:`PRICES`."""
    if config.cloud.price_in or config.cloud.price_out:
        return config
    return msgspec.structs.replace(config, cloud=msgspec.structs.replace(config.cloud, **PRICES))


def server_settings(arm: str, places: ArmPlaces, config: Config, *, warm: bool) -> list[str]:
    """What an arm's server is given behind the user's own settings, which are those of ``config``."""
    prices = [f"cloud.price_in={config.cloud.price_in}", f"cloud.price_out={config.cloud.price_out}"]
    return [*prices, 'cost.ledger="off"', *arm_settings(arm, places), *(warm_settings() if warm else ())]
