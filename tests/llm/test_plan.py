from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voice.llm.plan import Work, padded, plan_step

works = st.lists(st.builds(Work, st.integers(1, 300), st.booleans()), min_size=1, max_size=12)


@given(works)
def test_a_step_is_bounded_moves_on_and_holds_nobodys_next_token_back(given_works: list[Work]) -> None:
    counts = plan_step(given_works, alone=64, shared=16)
    running = [i for i, work in enumerate(given_works) if work.urgent and work.remaining == 1]
    assert all(counts[i] == 1 for i in running)
    assert 0 < sum(counts) <= 64
    assert all(0 <= count <= work.remaining for count, work in zip(counts, given_works, strict=True))
    if running:
        assert sum(counts) - len(running) <= 16


def test_who_is_waited_for_goes_first_and_the_shortest_of_these() -> None:
    long, short, ahead = Work(200, True), Work(10, True), Work(5, False)
    assert plan_step([ahead, long, short], alone=64, shared=16) == [0, 54, 10]
    assert plan_step([ahead, Work(1, True)], alone=64, shared=16) == [5, 1]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_padding_leaves_no_token_alone(counts: list[int]) -> None:
    found = padded(counts)
    assert all(0 <= more - count <= 1 for count, more in zip(counts, found, strict=True))
    steps = [0, *sorted(found)]
    assert all(later - earlier != 1 for earlier, later in pairwise(steps))
