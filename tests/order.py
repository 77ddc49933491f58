"""A random order of tests that can be had again."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")


def shuffled(items: Sequence[Item], seed: int, file_of: Callable[[Item], Path]) -> list[Item]:
    """Files in random order, and the tests in each. A file stays together: what it loads once is loaded once."""
    chance = random.Random(seed)
    files = sorted({file_of(item) for item in items})
    place = {path: number for number, path in enumerate(chance.sample(files, len(files)))}
    return sorted(chance.sample(items, len(items)), key=lambda item: place[file_of(item)])
