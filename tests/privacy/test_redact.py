import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.privacy.gate import PrivacyPolicy, check
from voice.privacy.redact import Covered, Redactor, Restorer

TEXT = "tell anna that my number is 020 7946 0958"


def redacted(redactor: Redactor, text: str) -> str:
    return redactor.redact(text, check(text, PrivacyPolicy()).findings)


def test_placeholders_go_out_and_come_back() -> None:
    redactor = Redactor()
    out = redacted(redactor, TEXT)
    assert "7946" not in out
    assert "anna" not in out
    assert redactor.restore(out) == TEXT


def test_the_same_value_keeps_its_placeholder_over_turns() -> None:
    redactor = Redactor()
    first = redacted(redactor, "call anna")
    again = redacted(redactor, "tell Anna that my boss maria called anna")
    assert first == "call [NAME_1]"
    assert again.count("[NAME_1]") == 2
    assert "[NAME_2]" in again


def test_an_unknown_placeholder_stays() -> None:
    assert Redactor().restore("hello [NAME_7]") == "hello [NAME_7]"


@given(st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_a_streamed_reply_is_restored_however_it_is_cut(cuts: list[int]) -> None:
    redactor = Redactor()
    redacted(redactor, TEXT)
    reply = "I will call [PHONE_1] and tell [NAME_1] [it is late]."
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(reply[at : at + cut])
        at += cut
    pieces.append(reply[at:])
    stream = Restorer(redactor)
    restored = "".join(stream.feed(piece) for piece in pieces) + stream.rest()
    assert restored == "I will call 020 7946 0958 and tell anna [it is late]."


def test_what_was_redacted_once_is_hidden_wherever_it_stands_again() -> None:
    redactor = Redactor()
    redacted(redactor, TEXT)
    hidden = redactor.hide("Anna, I wrote down 020  7946 0958. Annapolis is far.")
    assert hidden == "[NAME_1], I wrote down [PHONE_1]. Annapolis is far."
    assert redactor.restore(hidden) == "anna, I wrote down 020 7946 0958. Annapolis is far."


def test_half_a_placeholder_of_one_reply_is_not_spoken_in_the_next() -> None:
    redactor = Redactor()
    redacted(redactor, TEXT)
    broken_off, following = Restorer(redactor), Restorer(redactor)
    assert broken_off.feed("I will call [PHO") == "I will call "
    assert following.feed("Good morning.") + following.rest() == "Good morning."


SPOKEN = "my number is five five five one two one two eight nine"
HOME = "i live at twelve forty-five maple avenue"


@pytest.mark.parametrize(
    ("said", "text", "hidden"),
    [
        (SPOKEN, "Okay five five five one, then?", "Okay [PHONE_1], then?"),
        (SPOKEN, "555-1212", "[PHONE_1]"),
        (SPOKEN, "It ends with 1289.", "It ends with [PHONE_1]."),
        (SPOKEN, "So triple five, um, one two.", "So [PHONE_1]."),
        (SPOKEN, "Five five five one. Two one two eight nine.", "[PHONE_1]."),
        (SPOKEN, "I have 55 dogs and 1 cat.", "I have 55 dogs and 1 cat."),
        (HOME, "At 1245 Maple Avenue?", "At [ADDRESS_1]?"),
        (HOME, "Is the street long, and the avenue?", "Is the street long, and the avenue?"),
        ("my name is katharina kowalczyk", "Katharina's, k o w a l c z y k.", "[NAME_1]."),
        ("i have type two diabetes", "Type 2 diabetes is common.", "[MEDICAL_1] is common."),
    ],
)
def test_a_piece_of_a_value_is_hidden_however_it_is_said(said: str, text: str, hidden: str) -> None:
    redactor = Redactor()
    redacted(redactor, said)
    assert redactor.hide(text) == hidden


def test_what_is_learnt_later_is_covered_in_what_was_read_before() -> None:
    redactor = Redactor()
    redacted(redactor, TEXT)
    message = Covered("Anna's number is 020 7946, and she has type two diabetes.")
    first = redactor.hidden(message)
    redacted(redactor, "i have type two diabetes")
    assert first == "[NAME_1]'s number is [PHONE_1], and she has type two diabetes."
    assert redactor.hidden(message) == "[NAME_1]'s number is [PHONE_1], and she has [MEDICAL_1]."


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8))
def test_covers_never_overlap_and_leave_nothing_open(spans: list[tuple[int, int]]) -> None:
    text = "abcdefghij klmnopqrst uvwxyz 1"
    covered = Covered(text)
    for start, end in spans:
        covered.cover(start, end, "_")
    open_ = {i for i, char in enumerate(text) if char.isalnum() and not any(s <= i < e for s, e in spans)}
    assert "".join(filter(str.isalnum, covered.render())) == "".join(text[i] for i in sorted(open_))
