import itertools
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.tts.clauses import MAX_CHARS, MAX_WORDS, ClauseSplitter, normalise


def split(text: str | Sequence[str], first_words: int = 4) -> list[str]:
    splitter = ClauseSplitter(first_words)
    clauses = [clause for piece in text for clause in splitter.feed(piece)]
    return clauses + splitter.finish()


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Sure, I can help you. What now?", ["Sure,", " I can help you.", " What now?"]),
        ("Yes.", ["Yes."]),
        ("The capital of France is Paris.", ["The capital of France is Paris."]),
        ("Dr. Smith is in. Mr. X is not.", ["Dr. Smith is in.", " Mr. X is not."]),
        ("J. R. R. Tolkien wrote it. Good.", ["J. R. R. Tolkien wrote it.", " Good."]),
        ("It is 3.14 or 1,234. Right?", ["It is 3.14 or 1,234.", " Right?"]),
        ("Come at 10:30 a.m. The door is open.", ["Come at 10:30 a.m.", " The door is open."]),
        ("Come at 10 a.m. tomorrow.", ["Come at 10 a.m. tomorrow."]),
        ("The U.S. Senate met.", ["The U.S. Senate met."]),
        ("On May 3, 2024, it rained.", ["On May 3, 2024,", " it rained."]),
        ("See https://example.com/a,b.html now. Ok?", ["See https://example.com/a,b.html now.", " Ok?"]),
        ("Write to me@example.com. Bye.", ["Write to me@example.com.", " Bye."]),
        ("Use v2.0 now. It is new.", ["Use v2.0 now.", " It is new."]),
        ("Well... maybe. Wait... No.", ["Well...", " maybe.", " Wait...", " No."]),
        ('He said "Stop!" and left.', ['He said "Stop!"', " and left."]),
        ("(Yes.) She knows.", ["(Yes.)", " She knows."]),
        ("1. Eggs\n2. Milk\n- Salt", ["1. Eggs", "\n2. Milk", "\n- Salt"]),
        ("Use e.g. a spoon. Fine.", ["Use e.g. a spoon.", " Fine."]),
        ("No. 5 is alive. No. Really.", ["No. 5 is alive.", " No.", " Really."]),
        ("Wait—what?", ["Wait—", "what?"]),
        ("I came - no, I ran. Ok.", ["I came -", " no, I ran.", " Ok."]),
        ("好。是。", ["好。", "是。"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_where_it_breathes(text: str, clauses: list[str]) -> None:
    assert split(text) == clauses


def test_the_first_clause_goes_out_before_the_sentence_is_complete() -> None:
    splitter = ClauseSplitter(4)
    assert splitter.feed("Sure,") == []
    assert splitter.feed(" I") == ["Sure,"]
    assert splitter.feed(" can help") == []


def test_without_a_pause_the_first_clause_ends_where_a_phrase_begins() -> None:
    splitter = ClauseSplitter(4)
    assert splitter.feed("Photosynthesis is the process plants use to make ") == ["Photosynthesis is the process plants use"]


def test_a_stop_is_not_believed_before_the_text_behind_it_is_seen() -> None:
    splitter = ClauseSplitter(4)
    assert splitter.feed("It is 3.") == []
    assert splitter.feed("5 kilos. ") == []
    assert splitter.feed("G") == ["It is 3.5 kilos."]
    assert splitter.finish() == [" G"]


def test_later_clauses_are_longer() -> None:
    text = "One two three, four five six, " + "seven eight nine, " * 12
    words = [len(clause.split()) for clause in split(text)]
    assert words[0] == 3
    assert max(words[2:-1]) >= 8


def test_it_can_be_used_again_after_finish() -> None:
    splitter = ClauseSplitter(4)
    for _ in range(2):
        assert splitter.feed("Sure, yes. No") == ["Sure,", " yes."]
        assert splitter.finish() == [" No"]


prose = st.lists(
    st.sampled_from(
        [
            "Dr.",
            "U.S.",
            "a.m.",
            "etc.",
            "yes",
            "The",
            "and",
            "of",
            "No.",
            "3.",
            "14",
            "1,",
            "—",
            "-",
            "...",
            "?!",
            '"',
            ")",
            "\n",
            "  ",
            *["word", "Sure,", "so;", "thus:", "end.", "I.", "J.", "é", "。", "好", "😀", "https://a.b/c?d=e,f", "x" * 300],
        ]
    ).flatmap(lambda word: st.sampled_from([word, word + " ", " " + word])),
    max_size=80,
).map("".join)
anything = st.one_of(prose, st.text(max_size=400), st.text(alphabet=string.printable, max_size=400))


@given(anything, st.lists(st.integers(0, 400), max_size=20), st.integers(1, 12))
def test_chunking_makes_no_difference(text: str, cuts: list[int], first_words: int) -> None:
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert split(pieces, first_words) == split(text, first_words)


@given(anything, st.integers(1, 12))
def test_nothing_is_lost_and_no_clause_is_blank_or_too_long(text: str, first_words: int) -> None:
    clauses = split(text, first_words)
    assert "".join(clauses) == normalise(text)
    for clause in clauses:
        assert clause.strip()
        assert len(clause) <= MAX_CHARS
        assert sum(any(map(str.isalnum, word)) for word in clause.split()) <= MAX_WORDS


@given(anything)
def test_no_more_than_a_clause_is_held_back(text: str) -> None:
    splitter = ClauseSplitter(4)
    given_out = sum(len(clause) for char in text for clause in splitter.feed(char))
    assert len(normalise(text)) - given_out <= MAX_CHARS


@given(anything)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("I am sorry for any confusion that this has caused you today.", "I am sorry"),
        ("The date is 2023 by most of the calendars that people use.", "The date"),
        ("The voice of Emil is a gentle one.", "The voice of Emil"),
        ("Yes, that is so.", "Yes,"),
    ],
)
def test_a_hurried_first_clause_is_short_but_can_be_spoken(text: str, first: str) -> None:
    splitter = ClauseSplitter(2)
    splitter.hurry(1)
    clauses = splitter.feed(text) + splitter.finish()
    assert clauses[0] == first
    assert "".join(clauses) == text


def test_only_the_first_clause_is_hurried() -> None:
    text = "That is a very good question. It has been asked by many people over the last few years in many places."
    splitter = ClauseSplitter(2)
    splitter.hurry(3)
    hurried = splitter.feed(text) + splitter.finish()
    assert len(hurried[0].split()) <= 4
    assert max(len(clause.split()) for clause in hurried[1:]) > 4


def test_a_forced_clause_does_not_wait_for_the_next_word_to_end() -> None:
    splitter = ClauseSplitter(2)
    splitter.hurry(3)
    assert splitter.feed("The old house") == []
    assert splitter.feed(" l") == ["The old house"]
