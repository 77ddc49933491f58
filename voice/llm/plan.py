"""What goes into the next step of the model (pure).

Strategy: a step costs one pass over the weights whatever is in it, so every reply that runs gets its next token in the same
step (continuous batching), and the rest of the step's tokens goes to prompts. While others wait for their next token
a prompt advances in small chunks. Prompts that a user waits for go first, the shortest before the others; a prompt that is
computed ahead of time waits for all of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """One job, as the plan sees it.

    Attributes:
        remaining: tokens to compute before the job has its next result; 1 for a reply that runs.
        urgent: a user waits for it.
    """

    remaining: int
    urgent: bool


def padded(counts: Sequence[int]) -> list[int]:
    """How many tokens to give each sequence of a step, at least ``counts``, so that none is ever computed alone.

    llama.cpp cuts a step into parts in which all sequences have equally many tokens: as many as the shortest has, then as many
    as the next one has more, and so on. Attention of one token is another kernel than that of several, and rounds otherwise:
    its logits differ by up to one. With two tokens or more in each part, a token's logits do not depend on what else
    is in the step. At most one token is added to each.
    """
    found, before = list(counts), 0
    for i in sorted(range(len(counts)), key=lambda i: counts[i]):
        found[i] = max(counts[i], before)
        found[i] += found[i] - before == 1
        before = found[i]
    return found


def plan_step(works: Sequence[Work], *, alone: int, shared: int) -> list[int]:
    """How many tokens of each work to compute now; 0 for those that wait.

    Args:
        works: in order of arrival; at most ``alone`` of them.
        alone: tokens in a step in which no reply waits for its next token; also the most that a step holds.
        shared: prompt tokens in a step in which one does.
    """
    counts = [int(work.urgent and work.remaining == 1) for work in works]
    running = sum(counts)
    room = min(shared, alone - running) if running else alone
    prompts = [i for i, count in enumerate(counts) if not count]
    urgent = sorted((i for i in prompts if works[i].urgent), key=lambda i: works[i].remaining)
    for i in urgent or [i for i in prompts if not works[i].urgent]:
        counts[i] = min(works[i].remaining, room)
        room -= counts[i]
    return counts
