import itertools

from hypothesis import given
from hypothesis import strategies as st

from voice.core.interfaces import Message
from voice.llm.history import common_prefix, cut_middle, first_kept, normalize, turns_of

tokens = st.lists(st.integers(0, 3), max_size=12)
messages = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), st.sampled_from(["", " ", "a", " b "]))
)


@given(tokens, tokens)
def test_the_common_prefix_is_common_and_longest(first: list[int], second: list[int]) -> None:
    length = common_prefix(first, second)
    assert first[:length] == second[:length]
    assert length == min(len(first), len(second)) or first[length] != second[length]


@given(messages)
def test_normal_conversations_alternate_and_keep_what_was_said(given_messages: list[Message]) -> None:
    normal = normalize(given_messages, "be brief")
    roles = [message.role for message in normal]
    assert roles[0] == "system"
    assert all(role != "system" for role in roles[1:])
    assert all(a != b for a, b in itertools.pairwise(roles))
    said = [m.text.strip() for m in given_messages if m.role == "user" and m.text.strip()]
    assert "\n".join(m.text for m in normal if m.role == "user") == "\n".join(said)


def test_the_systems_own_message_wins_over_the_default() -> None:
    assert normalize([Message("system", "shout"), Message("user", "hi")], "be brief")[0].text == "shout"


def test_turns_begin_with_the_user() -> None:
    greeting, hi, hello, bye = (
        Message("assistant", "welcome"),
        Message("user", "hi"),
        Message("assistant", "hello"),
        Message("user", "bye"),
    )
    assert turns_of([greeting, hi, hello, bye]) == [(greeting,), (hi, hello), (bye,)]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(10, 200), st.integers(0, 25))
def test_what_is_kept_fits_or_is_the_last_turn(costs: list[int], room: int, after: int) -> None:
    start = first_kept(costs, room=room, after=after)
    assert 0 <= start < len(costs)
    assert sum(costs[start:]) <= room or start == len(costs) - 1


def test_the_cut_stays_for_many_turns() -> None:
    cuts, start, costs = [], 0, []
    for _ in range(60):
        costs.append(10)
        start = first_kept(costs, room=200, after=start)
        cuts.append(start)
    assert len(set(cuts)) <= 6
    assert cuts == sorted(cuts)


@given(st.lists(st.integers(), max_size=30), st.integers(0, 40))
def test_cutting_keeps_both_ends(given_tokens: list[int], limit: int) -> None:
    kept = cut_middle(given_tokens, limit)
    assert len(kept) == min(len(given_tokens), limit)
    assert kept[: len(kept) // 2] == given_tokens[: len(kept) // 2]
    assert not kept or kept[-1] == given_tokens[-1]
