from hypothesis import given
from hypothesis import strategies as st

from voice.turn.table import TABLE, Action, Input, State, mermaid, step


def test_every_state_can_be_reached_and_left() -> None:
    reachable = {State.IDLE}
    while True:
        further = {row.to for (state, _), row in TABLE.items() if state in reachable} | reachable
        if further == reachable:
            break
        reachable = further
    assert reachable == set(State)
    assert {state for (state, _), row in TABLE.items() if row.to is not state} == set(State)


def test_every_input_and_action_is_used() -> None:
    assert {happened for _, happened in TABLE} == set(Input)
    assert {action for row in TABLE.values() for action in row.actions} == set(Action)


@given(st.lists(st.sampled_from(Input), max_size=60))
def test_turns_open_and_close_in_pairs_and_the_gate_has_a_reply_behind_it(inputs: list[Input]) -> None:
    state, turn_open, prepared, gate = State.IDLE, False, False, False
    for happened in inputs:
        state, actions = step(state, happened)
        for action in actions:
            match action:
                case Action.OPEN_TURN:
                    assert not turn_open
                    turn_open, prepared, gate = True, False, False
                case Action.CLOSE_TURN:
                    assert turn_open
                    turn_open = gate = False
                case Action.PREPARE_REPLY:
                    assert turn_open
                    assert not prepared
                    prepared = True
                case Action.TAKE_BACK_REPLY:
                    assert prepared
                    prepared = False
                case Action.OPEN_GATE:
                    assert prepared
                    assert not gate
                    gate = True
                case Action.HOLD_AUDIO | Action.RESUME_AUDIO:
                    assert gate
                case Action.CLEAR_AUDIO:
                    assert gate
                    gate = False
                case Action.REOPEN_TURN:
                    assert turn_open
                    assert not prepared
        assert turn_open == (state is not State.IDLE)
        assert gate == (state in {State.REPLYING, State.HELD})


def test_the_diagram_shows_every_row() -> None:
    assert mermaid().count("-->") == len(TABLE) + 1
