"""What drafting costs: rejected tokens were computed, and are paid for."""

from voice.core.interfaces import Usage
from voice.cost.prices import Prices
from voice.draft.cloud import usage_of
from voice.reply.attribution import Attribution
from voice.session.costs import used

TRACE = {"prompt": 50, "tokens": 20, "by_edge": 3, "drafted": 30, "rejected": 5}


def test_rejected_tokens_are_output_and_drafted_ones_are_made_here() -> None:
    usage = usage_of(TRACE)
    assert usage == Usage(50, 20 - 3 + 5, 0, 30, TRACE)
    assert Prices(cloud_in=1.0, cloud_out=10.0).cloud(usage) == 50 + 220


def test_what_was_drafted_survives_a_request_that_nobody_counted() -> None:
    account = Attribution(requests=2, counted=1, usage=usage_of(TRACE), chars_sent=800, cloud_tokens=30, drafts=[TRACE])
    usage, counted = used(account)
    assert not counted
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_drafted) == (50 + 100, 30, 30)
    assert account.record()["draft"] == TRACE
    account.drafts.append({**TRACE, "tokens": 7})
    assert account.record()["draft"] == {**TRACE, "tokens": 7, "earlier": [TRACE]}
    assert "draft" not in Attribution(requests=1).record()
