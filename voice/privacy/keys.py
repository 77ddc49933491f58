"""Secrets as they are typed or pasted: keys and tokens of known shapes, private keys, passwords in addresses, long random text.

Strategy: most services give their keys a prefix that nothing else has, so the shape alone is sure. What has none is told by
the words before it ("my api key is …") or by its look: long, without a word in it, changing between capitals, small letters and
digits at every other character.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from voice.privacy.findings import Finding, Kind
from voice.privacy.lexicon import NOT_A_NAME
from voice.privacy.people import common_words
from voice.privacy.spoken_form import Speech

SHAPES = re.compile(
    r"""
    -----BEGIN[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----.*?(?:-----END[ ][A-Z0-9 ]+-----|\Z)
    | \b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{8,}              # Amazon
    | \bsk-[\w-]{12,}                                              # OpenAI, Anthropic and those that copy them
    | \b(?:[rsp]k_(?:live|test)|whsec)_\w{8,}                      # Stripe
    | \b(?:gh[opsur]_\w{16,}|github_pat_\w{16,}|gl(?:pat|dt|rt)-[\w-]{12,})
    | \bx(?:ox[a-z]|app)-[\w-]{8,}                                 # Slack
    | \bAIza[\w-]{20,} | \bya29\.[\w-]{12,}                        # Google
    | \b(?:hf|npm|dop_v1|shpat|pat|lin_api|r8|gsk)_\w{16,}
    | \bpypi-[\w-]{16,} | \bSG\.[\w-]{12,}\.[\w-]{12,}
    | \beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?                       # a JSON Web Token
    | (?<=\b[Bb]earer[ ])(?=\S*\d)[\w.~+/=-]{12,} | (?<=\bBasic[ ])(?=\S*\d)[\w.~+/=-]{12,}
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)                              # a password in an address
    """,
    re.VERBOSE | re.DOTALL,
)
HEX_DIGITS = 32
"""So many hexadecimal digits in a row are a key, or a digest: a commit's stays, too."""
RANDOM_LENGTH = 20
RANDOM_CHANGES = 0.3
"""Of neighbouring characters in random text so many at least are of two sorts; in names like "getHttp2Url" far fewer are."""

_LONG = re.compile(rf"(?<![\w+=-])[\w+=-]{{{RANDOM_LENGTH},}}")
_HEX = re.compile(rf"[0-9a-fA-F]{{{HEX_DIGITS},}}")
_CALLED = re.compile(
    r"\b(?:(?:api|access|secret|private|signing|encryption|ssh|deploy|service|license|licence|product|recovery|bot|auth)"
    r"[ _-]*){1,3}(?:key|token|secret|code)(?:[ ]id)?['\"]?[ ]*(?:\bis\b|\bwas\b|=|:)[ ]*['\"]?(?P<value>[^\s'\",;]{4,})",
    re.IGNORECASE,
)


def find(speech: Speech) -> Iterator[Finding]:
    """Every secret in ``speech`` that has the shape of one or is called one; findings may overlap."""
    text = speech.text
    for match in SHAPES.finditer(text):
        yield Finding(Kind.SECRET, *match.span(), 0.995, "shape of a key")
    for match in _CALLED.finditer(text):
        if _is_value(match["value"]):
            yield Finding(Kind.SECRET, *match.span("value"), 0.9, "cue: key")
    for match in _LONG.finditer(text):
        if _HEX.fullmatch(match[0]) or _is_random(match[0]):
            yield Finding(Kind.SECRET, *match.span(), 0.9, "random text")


def _is_value(word: str) -> bool:
    """Whether what is called a key looks like one: not "missing", "revoked" or "on"."""
    plain = word.strip(".!?…").lower()
    return any(c.isdigit() for c in plain) or word.isupper() or (plain not in common_words() and plain not in NOT_A_NAME)


def _is_random(text: str) -> bool:
    """Whether capitals, small letters and digits follow each other without order."""
    sorts = [0 if c.isdigit() else 1 if c.isupper() else 2 if c.islower() else 3 for c in text]
    changes = sum(a != b for a, b in pairwise(sorts))
    return {0, 1, 2} <= set(sorts) and sorts.count(0) >= 2 and changes >= RANDOM_CHANGES * len(text)
