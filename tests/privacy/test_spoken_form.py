import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.privacy.spoken_form import read


def values(text: str) -> list[str]:
    return read(text).values


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("double oh seven", "00 7"),
        ("triple nine", "999"),
        ("forty-one eleven", "41 11"),
        ("nineteen eighty four", "19 84"),
        ("two hundred and five", "205"),
        ("twenty-three", "23"),
        ("four o one", "4 0 1"),
        ("seven double 5", "7 55"),
        ("٤٢", "42"),
    ],
)
def test_numbers_are_read_as_they_are_dialled(said: str, digits: str) -> None:
    found = [atom.value for atom in read(said).atoms if atom.kind == "digits"]
    assert found == digits.split()


@pytest.mark.parametrize(
    "amount", ["one million two hundred thousand", "fifteen dollars", "$40", "299,799", "12 miles", "three thousand euros"]
)
def test_amounts_are_no_digits_to_be_dialled(amount: str) -> None:
    assert [atom.kind for atom in read(amount).atoms if atom.value != "$" and not atom.value.isalpha()] == ["quantity"]


def test_oh_is_a_digit_only_beside_digits() -> None:
    assert "0" not in values("oh i see")
    assert values("five oh")[-1] == "0"


def test_the_radio_alphabet_spells_only_in_company() -> None:
    assert [atom.kind for atom in read("alpha bravo seven").atoms] == ["letter", "letter", "digits"]
    assert [atom.kind for atom in read("a trip to india").atoms][-1] == "word"


@given(st.text(max_size=300))
def test_every_atom_lies_in_the_text_in_order(text: str) -> None:
    at = 0
    for atom in read(text).atoms:
        assert at <= atom.start < atom.end <= len(text)
        at = atom.end


@given(
    st.lists(
        st.sampled_from("one oh double triple hundred thousand million and k seventy o - . two 7 a dot".split()), max_size=20
    )
)
def test_any_chain_of_number_words_ends(words: list[str]) -> None:
    speech = read(" ".join(words))
    assert len(speech.values) == len(speech.atoms)
