"""What a turn cost, as the ledger's entry (pure)."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from voice.core.config import CostConfig
from voice.core.interfaces import Message, Usage
from voice.cost.ledger import Entry
from voice.cost.prices import Prices, estimated_tokens
from voice.reply.attribution import Attribution
from voice.session.turn import Turn


def turn_cost(
    turn: Turn, session: str, history: Sequence[Message], *, prices: Prices, cost: CostConfig, seconds: float, at_s: float
) -> Entry:
    """The entry of a turn that has ended, after ``history``, and that the machine served for so many ``seconds``."""
    attempt = turn.reply.attempt
    attribution = Attribution() if attempt is None else attempt.attribution
    reply_tokens = 0 if attempt is None else estimated_tokens(len(attempt.reply))
    read_tokens = estimated_tokens(sum(len(message.text) for message in history) + len(turn.said))
    usage, counted = used(attribution)
    made = attribution.edge_tokens + attribution.large_tokens + usage.tokens_drafted + turn.reply.wasted_tokens
    return Entry(
        session=session,
        turn=turn.number,
        at_s=at_s,
        tier=turn.tier,
        user=cost.user,
        feature=cost.feature,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        counted=counted,
        tokens_edge=made,
        tokens_wasted=turn.reply.wasted_tokens,
        seconds=seconds,
        cost_cloud=prices.cloud(usage),
        cost_edge=prices.edge(seconds, made),
        cost_all_cloud=prices.cloud(Usage(read_tokens, reply_tokens)),
        cost_all_edge=prices.edge(seconds, max(made, reply_tokens)),
    )


def labelled(cost: CostConfig, *, user: str, feature: str) -> CostConfig:
    """The same prices for another user or feature; what is empty stays."""
    return msgspec.structs.replace(cost, user=user or cost.user, feature=feature or cost.feature)


def labels(entry: Entry) -> dict[str, str]:
    """Whom and what the turn was for, for the trace, as far as that is known."""
    return {name: label for name, label in (("user", entry.user), ("feature", entry.feature)) if label}


def spent(entry: Entry, currency: str) -> dict[str, str | float]:
    """What the turn cost here and elsewhere, for the trace: in whole units of the currency, and the tokens behind it."""
    return {
        "currency": currency,
        "edge": round(entry.cost_edge / 1e6, 9),
        "cloud": round(entry.cost_cloud / 1e6, 9),
        "all_cloud": round(entry.cost_all_cloud / 1e6, 9),
        "all_edge": round(entry.cost_all_edge / 1e6, 9),
        "tokens_in": entry.tokens_in,
        "tokens_out": entry.tokens_out,
        "tokens_cached": entry.tokens_cached,
        "tokens_edge": entry.tokens_edge,
        "tokens_wasted": entry.tokens_wasted,
    }


def used(attribution: Attribution) -> tuple[Usage, bool]:
    """What the cloud counted, and whether it counted every request; the others are estimated."""
    known = attribution.usage or Usage()
    asked = attribution.requests + attribution.warmed
    if attribution.counted == asked:
        return known, True
    share = 1 - attribution.counted / asked
    tokens_in = known.tokens_in + round(share * estimated_tokens(attribution.chars_sent))
    tokens_out = max(known.tokens_out, attribution.cloud_tokens)
    return replace(known, tokens_in=tokens_in, tokens_out=tokens_out), False
