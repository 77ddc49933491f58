"""A search of bytes that were sent: it must find what is there, in whatever form, and nothing else."""

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.bench.failover.sent import found, readings

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), min_size=1).filter(
    lambda text: any(char.isalnum() for char in text)
)


@pytest.mark.parametrize("ascii_only", [True, False])
@given(value=TEXT)
def test_json_hides_nothing(value: str, ascii_only: bool) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": f"I am {value} !"}]}, ensure_ascii=ascii_only).encode()
    assert found([value], body) == [value]


@given(value=TEXT)
def test_an_address_hides_nothing(value: str) -> None:
    for query in (quote(value), quote_plus(value), urlencode({"q": value})):
        assert found([value], f"GET /v1?q={query} HTTP/1.1".encode()) == [value]


@given(value=TEXT, more=TEXT)
def test_base64_hides_nothing(value: str, more: str) -> None:
    wrapped = base64.b64encode(f"{value} and what is long enough {more}".encode())
    assert found([value], b"Authorization: Basic " + wrapped) == [value]
    assert found([value], base64.urlsafe_b64encode(f"{value} and what is long enough {more}".encode())) == [value]


@pytest.mark.parametrize("value", ["½½½", "፩ ፩ ፩ ፩ ፩", "⑴⑵⑶⑷⑸", "²³ ⁴⁵⁶", "१२३ ४५६"])
def test_numerals_of_any_kind_are_found(value: str) -> None:
    assert found([value], f"it is {value} now".encode()) == [value]


@given(sent=st.binary())
def test_any_bytes_can_be_read(sent: bytes) -> None:
    assert isinstance(readings(sent), str)
    found(["x"], sent)


@pytest.mark.parametrize(
    "sent",
    ["02079460958", "020 7946 0958", "(020) 7946-0958", "020.7946.0958", "0 2 0 7 9 4 6 0 9 5 8", "０２０ ７９４６ ０９５８"],
)
def test_a_number_is_its_digits(sent: str) -> None:
    assert found(["020 7946 0958"], json.dumps({"content": f"call {sent} now"}).encode()) == ["020 7946 0958"]


def test_words_are_whole_and_case_and_accents_do_not_hide_them() -> None:
    sent = json.dumps({"content": "JOSE\u0301 MARTI\u0301NEZ said it"}).encode()
    assert found(["José Martínez", "Jos", "Martin"], sent) == ["José Martínez"]


def test_what_is_not_there_is_not_found() -> None:
    assert found(["Mary Smith", "4111 1111", "", " - ", "12 34"], b"smith mary 4111 2222 1234") == []


def test_a_body_that_is_broken_off_is_read_as_far_as_it_goes() -> None:
    assert found(["M\u00fcller"], b'{"content": "M\\u00fcller is my na') == ["M\u00fcller"]
