import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voice.mic.player import MAX_S, Player


@given(st.lists(st.integers(0, 700), max_size=20), st.integers(1, 480))
def test_every_sample_is_played_once_in_order_and_silence_behind_it(sizes: list[int], block: int) -> None:
    player = Player()
    total = sum(sizes)
    everything = np.arange(1, total + 1, dtype=np.float32)
    at = 0
    for size in sizes:
        player.put(everything[at : at + size])
        at += size
    blocks = [player.take(block) for _ in range(total // block + 2)]
    played = np.concatenate(blocks)
    assert np.array_equal(played[:total], everything)
    assert not played[total:].any()
    assert player.played == total


def test_clearing_is_instant() -> None:
    player = Player()
    player.put(np.ones(16_000, dtype=np.float32))
    player.take(160)
    player.clear()
    assert not player.take(160).any()
    assert player.played == 160
    assert player.starved == 0


def test_running_dry_in_the_middle_is_counted_once() -> None:
    player = Player()
    player.put(np.ones(100, dtype=np.float32))
    for _ in range(5):
        player.take(160)
    assert player.starved == 1
    player.put(np.ones(100, dtype=np.float32))
    player.finish()
    player.take(160)
    assert player.starved == 1


def test_it_is_bounded() -> None:
    player = Player()
    for _ in range(100):
        player.put(np.ones(16_000, dtype=np.float32))
    assert player.waiting_s <= MAX_S
