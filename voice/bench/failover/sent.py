"""What can be read in bytes that were sent (pure): text, whatever it was wrapped in on its way.

A value may leave as it is, with escapes in JSON, percent-encoded in an address, in Base64 or, a number, with other
separators. A search that knows one of these forms only would find nothing and prove nothing.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote_plus

LEAST_DIGITS = 5
"""Shorter numbers are in everything: times, lengths, identifiers."""
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([\\"/bfnrt]))')
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_NUMBER = re.compile(r"[\d\s().\-/_,:+]+")
_NOT_DIGITS = re.compile(r"\D+")
_SEPARATORS = re.compile(r"(?<=\d)[\s().\-/_,:+]+(?=\d)")


def readings(sent: bytes) -> str:
    """All that can be read in ``sent``, as one text: as it is, and with each wrapping taken off. For one search in it."""
    text = sent.decode("utf-8", "replace")
    unwrapped = [text, _unescaped(text), unquote_plus(text), unquote_plus(_unescaped(text))]
    unwrapped += filter(None, (_decoded(word) for word in _BASE64.findall(text)))
    return "\n".join(dict.fromkeys(unwrapped))


def found(values: Iterable[str], sent: bytes) -> list[str]:
    """Those of the values that stand in what was sent, in any form, case, width and spacing; numbers by their digits alone."""
    text = readings(sent)
    words, digits = _words(text), _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    return [value for value in values if _stands(value, words, digits)]


def _stands(value: str, words: str, digits: str) -> bool:
    normal = unicodedata.normalize("NFKC", value)
    if _NUMBER.fullmatch(normal) and len(number := _NOT_DIGITS.sub("", normal)) >= LEAST_DIGITS:
        return number in digits
    plain = _words(value)
    return bool(plain.strip()) and plain in words


def _words(text: str) -> str:
    """Letters and digits in lower case, one space between words and at both ends; accents composed."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return f" {' '.join(''.join(char if char.isalnum() else ' ' for char in folded).split())} "


def _unescaped(text: str) -> str:
    """JSON's escapes taken off, also where the JSON around them is broken off."""

    def one(match: re.Match[str]) -> str:
        code, simple = match.groups()
        return chr(int(code, 16)) if code else _SIMPLE.get(simple, simple)

    unescaped = _ESCAPE.sub(one, text)
    return unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins pairs of surrogates


def _decoded(word: str) -> str:
    try:
        data = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_" if set(word) & set("-_") else None)
        return data.decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
