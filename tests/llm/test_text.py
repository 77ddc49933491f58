import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from voice.llm.text import TextStream


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.text(), st.lists(st.integers(0, 60), max_size=8))
def test_however_the_bytes_come_the_text_is_the_same(text: str, cuts: list[int]) -> None:
    stream = TextStream(["<|im_end|>", "<end>"])
    found = "".join(stream.feed(piece) for piece in pieces(text.encode(), cuts)) + stream.end()
    assert found == re.split(r"<\|im_end\|>|<end>", text, maxsplit=1)[0]


@given(st.text("ab<|>", max_size=12), st.text("ab<|>", max_size=12), st.lists(st.integers(0, 40), max_size=6))
def test_nothing_of_a_marker_or_behind_it_comes_out(before: str, behind: str, cuts: list[int]) -> None:
    whole = before + "<|a|>" + behind
    stream = TextStream(["<|a|>"])
    found = "".join(stream.feed(piece) for piece in pieces(whole.encode(), cuts)) + stream.end()
    assert found == whole[: whole.find("<|a|>")]
    assert stream.stopped


def test_half_a_character_waits_for_its_rest_and_is_replaced_at_the_end() -> None:
    stream = TextStream()
    assert stream.feed("日".encode()[:2]) == ""
    assert stream.feed("日".encode()[2:] + b"\xe6") == "日"
    assert stream.end() == "\ufffd"
