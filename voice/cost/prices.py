"""Money (pure). Amounts are in millionths of the currency: tokens times the price of a million of them, without rounding."""

from dataclasses import dataclass

from voice.core.config import CloudConfig, CostConfig
from voice.core.interfaces import Usage

CHARS_PER_TOKEN = 4.0
"""English, most tokenisers: for what nobody has counted."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost.

    Attributes:
        cloud_in, cloud_out, cloud_cached: a million tokens.
        edge_hour: the machine, while it serves a turn: its price over its life in hours, and its power.
        edge_out: a million tokens of the edge's, if that is how the machine is accounted for.
    """

    cloud_in: float = 0.0
    cloud_out: float = 0.0
    cloud_cached: float = 0.0
    edge_hour: float = 0.0
    edge_out: float = 0.0

    @classmethod
    def of(cls, cloud: CloudConfig, cost: CostConfig) -> "Prices":
        """The prices in the settings."""
        return cls(cloud.price_in, cloud.price_out, cloud.price_cached, cost.edge_hour, cost.edge_out)

    def cloud(self, usage: Usage) -> float:
        """What the cloud asks for a request, in millionths."""
        fresh = usage.tokens_in - usage.tokens_cached
        return fresh * self.cloud_in + usage.tokens_cached * self.cloud_cached + usage.tokens_out * self.cloud_out

    def edge(self, seconds: float, tokens: int) -> float:
        """What the edge costs for so much time and so many tokens, in millionths."""
        return seconds / 3600 * self.edge_hour * 1e6 + tokens * self.edge_out


def estimated_tokens(chars: int) -> int:
    """About how many tokens so much text is."""
    return round(chars / CHARS_PER_TOKEN)
