import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turn.table import IGNORED, TABLE, IllegalInput, TurnAction, TurnInput, TurnState, mermaid, step


def test_every_state_can_be_reached_and_left() -> None:
    reachable = {TurnState.IDLE}
    while True:
        further = {row.to for (state, _), row in TABLE.items() if state in reachable} | reachable
        if further == reachable:
            break
        reachable = further
    assert reachable == set(TurnState)
    assert {state for (state, _), row in TABLE.items() if row.to is not state} == set(TurnState)


def test_every_input_and_action_is_used() -> None:
    assert {happened for _, happened in TABLE} == set(TurnInput)
    assert {action for row in TABLE.values() for action in row.actions} == set(TurnAction)


@given(st.lists(st.sampled_from(TurnInput), max_size=60))
def test_turns_open_and_close_in_pairs_and_the_gate_has_a_reply_behind_it(inputs: list[TurnInput]) -> None:
    state, turn_open, prepared, gate = TurnState.IDLE, False, False, False
    for happened in inputs:
        if (state, happened) not in TABLE and (state, happened) not in IGNORED:
            with pytest.raises(IllegalInput):
                step(state, happened)
            continue
        state, actions = step(state, happened)
        for action in actions:
            match action:
                case TurnAction.OPEN_TURN:
                    assert not turn_open
                    turn_open, prepared, gate = True, False, False
                case TurnAction.CLOSE_TURN:
                    assert turn_open
                    turn_open = gate = False
                case TurnAction.PREPARE_REPLY:
                    assert turn_open
                    assert not prepared
                    prepared = True
                case TurnAction.TAKE_BACK_REPLY:
                    assert prepared
                    prepared = False
                case TurnAction.OPEN_GATE:
                    assert prepared
                    assert not gate
                    gate = True
                case TurnAction.HOLD_AUDIO | TurnAction.RESUME_AUDIO:
                    assert gate
                case TurnAction.CLEAR_AUDIO:
                    assert gate
                    gate = False
                case TurnAction.REOPEN_TURN:
                    assert turn_open
                    assert not prepared
        assert turn_open == (state is not TurnState.IDLE)
        assert gate == (state in {TurnState.REPLYING, TurnState.HELD})


def test_what_is_ignored_has_no_row_and_a_reason() -> None:
    assert not IGNORED.keys() & TABLE.keys()
    assert all(IGNORED.values())


def test_the_diagram_shows_every_row() -> None:
    assert mermaid().count("-->") == len(TABLE) + 1
