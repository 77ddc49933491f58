import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.core.interfaces import Usage
from voice.cost.prices import Prices

counts = st.integers(0, 10**7)


def test_a_million_tokens_cost_their_price() -> None:
    prices = Prices(cloud_in=0.15, cloud_out=0.6, cloud_cached=0.075, edge_hour=0.02)
    assert prices.cloud(Usage(1_000_000, 0, 0)) == pytest.approx(0.15e6)
    assert prices.cloud(Usage(1_000_000, 0, 1_000_000)) == pytest.approx(0.075e6)
    assert prices.cloud(Usage(0, 2_000_000, 0)) == pytest.approx(1.2e6)
    assert prices.edge(3600, 500) == pytest.approx(0.02e6)


@given(st.lists(st.tuples(counts, counts), max_size=20))
def test_requests_add_up(requests: list[tuple[int, int]]) -> None:
    prices = Prices(cloud_in=3.0, cloud_out=15.0)
    apart = sum(prices.cloud(Usage(read, written)) for read, written in requests)
    together = prices.cloud(Usage(sum(read for read, _ in requests), sum(written for _, written in requests)))
    assert apart == pytest.approx(together)
