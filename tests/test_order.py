from itertools import groupby
from pathlib import Path

from tests.order import shuffled

ITEMS = [(Path(file), number) for file in "abcdef" for number in range(6)]


def order(seed: int) -> list[tuple[Path, int]]:
    return shuffled(ITEMS, seed, lambda item: item[0])


def test_the_same_seed_gives_the_same_order_and_another_one_another() -> None:
    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == ITEMS


def test_files_stay_together_and_change_places_as_their_tests_do() -> None:
    files = [file for file, _ in groupby(order(1), key=lambda item: item[0])]
    assert len(files) == 6
    assert files != sorted(files)
    assert [number for _, number in order(1)] != [number for _, number in ITEMS]
