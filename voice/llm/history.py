"""Which part of a conversation goes to the model (pure)."""

from collections.abc import Sequence
from itertools import groupby

from voice.core.interfaces import Message


def normalize(messages: Sequence[Message], system_prompt: str = "") -> tuple[Message, ...]:
    """The conversation as chat templates want it: one system message first, then user and assistant by turns.

    Texts are stripped; empty messages go; neighbours of one role are joined (a reply that nobody heard leaves two of them).
    ``system_prompt`` is used where ``messages`` has no system message; a system message in the middle is moved to the front.
    """
    stripped = [Message(message.role, text) for message in messages if (text := message.text.strip())]
    system = [message.text for message in stripped if message.role == "system"] or [system_prompt.strip()]
    spoken = [message for message in stripped if message.role != "system"]
    joined = [
        Message(role, "\n".join(message.text for message in group))
        for role, group in groupby(spoken, lambda message: message.role)
    ]
    head = "\n".join(system)
    return ((Message("system", head),) if head else ()) + tuple(joined)


def first_kept(costs: Sequence[int], *, room: int, after: int = 0) -> int:
    """The turn to begin with, so that the turns from there on fit.

    When too much is there, half of the room is cleared at once: otherwise every turn would drop another one, and each time the
    whole cache behind it would have to be computed again. ``after`` is the answer of the turn before, which stays if it fits.

    Args:
        costs: tokens of each turn (a user's message with the assistant's answer), oldest first.
        room: tokens that all of them may take.
        after: turns that were left out before.
    """
    start = after if after < len(costs) else 0
    if sum(costs[start:]) <= room:
        return start
    while start < len(costs) - 1 and sum(costs[start:]) > room // 2:
        start += 1
    return start


def turns_of(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Normalised messages without the system's, by turns: each begins with what the user said (the first may not)."""
    turns: list[tuple[Message, ...]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append((message,))
        else:
            turns[-1] += (message,)
    return turns


def cut_middle(tokens: Sequence[int], limit: int) -> list[int]:
    """At most ``limit`` tokens: the beginning and the end."""
    if len(tokens) <= limit:
        return list(tokens)
    head = limit // 2
    return [*tokens[:head], *tokens[len(tokens) - (limit - head) :]] if limit > 0 else []


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading tokens are the same."""
    length = min(len(first), len(second))
    if first[:length] == second[:length]:
        return length
    return next(i for i in range(length) if first[i] != second[i])
