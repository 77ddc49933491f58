from hypothesis import given
from hypothesis import strategies as st

from voice.privacy.gate import PrivacyPolicy, check
from voice.privacy.redact import Redactor

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
    restored = "".join(redactor.feed(piece) for piece in pieces) + redactor.flush()
    assert restored == "I will call 020 7946 0958 and tell anna [it is late]."


def test_what_was_redacted_once_is_hidden_wherever_it_stands_again() -> None:
    redactor = Redactor()
    redacted(redactor, TEXT)
    hidden = redactor.hide("Anna, I wrote down 020  7946 0958. Annapolis is far.")
    assert hidden == "[NAME_1], I wrote down [PHONE_1]. Annapolis is far."
    assert redactor.restore(hidden) == "anna, I wrote down 020 7946 0958. Annapolis is far."
