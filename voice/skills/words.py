"""What recognition wrote, as skills read it: small letters, figures for number words, nothing polite around it.

Recognition spells one sentence in many ways: "What's 15% of 80?", "what is fifteen percent of eighty". Phrases are written for
one of them only, so all are brought to it first. What is not sure to mean the same is left as it is: it then matches no phrase,
and the language model answers.
"""

import re

from text_to_num import alpha2digit

MAX_CHARS = 200
"""A longer sentence asks for something else."""

_SECOND = "sekund"  # the unit, hidden from the reader of ordinals
_QUOTES = str.maketrans({"’": "'", "‘": "'", "–": "-", "—": "-", "−": "-", "×": "*", "÷": "/", "\u00a0": " "})

_BEFORE = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\bseconds?\b", lambda m: m[0].replace("second", _SECOND)),
        (r"\b([ap])\.?\s?m\b\.?(?!')", r"\1m"),
        (r"(?<=\d)(?=[ap]m\b)", " "),
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"\bo'? ?clock\b", "oclock"),
        (r"°\s?([cf])\b", lambda m: " degrees " + {"c": "celsius", "f": "fahrenheit"}[m[1]]),
        (r"°", " degrees "),
        (r"%", " percent "),
        (r"\bper cent\b", "percent"),
        (r"½", " and a half"),
        (r"²", " squared "),
        (r"(?<=[\d)])\s*[*x]\s*(?=[\d(])", " times "),
        (r"(?<=[\d)])\s*/\s*(?=[\d(])", " divided by "),
        (r"\+", " plus "),
        (r"(?<=[\d)])\s*-\s+(?=[\d(])|(?<=[\d)])\s+-\s*(?=[\d(])", " minus "),
        (r"(?<![\d-])(\d{1,9})-(\d{1,9})(?=[\s?.]*$)", r"\1 minus \2"),
        (r"=\s*$|=\s*\?", " "),
    )
)
_AFTER = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (_SECOND, "second"),
        (r"(?<=[a-z])-(?=[a-z\d])|(?<=\d)-(?=[a-z])", " "),
        (r"(?<=\d)\.(?!\d)|(?<!\d)\.(?!\d)|(?<!\d):|:(?!\d)|[,;!?\"()]", " "),
        (r"\b(what|how|where|who|when|that|it|here|there)(?:'s| s\b)", r"\1 is"),
        (r"\bwhats\b", "what is"),
        (r"\b(?:i'd)\b", "i would"),
        (r"\b(?:i'm)\b", "i am"),
        (r"\b(?:minus|negative) (?=\d)(?<!\d minus )(?<!\d negative )", "-"),
        (r"\ban? (?=\d)", ""),
        (r"\btomorrow (morning|afternoon|evening)\b", r"in the \1 tomorrow"),
        (r"\bthis (morning|afternoon|evening)\b", r"in the \1 today"),
        (r"\s+", " "),
    )
)
_POLITE_BEFORE = re.compile(
    r"^(?:please|hey|hi|hello|okay|ok|alright|all right|so|well|now|um|uh|er|and|oh|"
    r"(?:can|could|would|will) you(?: please| kindly)?|i (?:would like|want|need) you to|i (?:would like|want) to|"
    r"i (?:would like|want|need)(?= (?:an?|another|\d+) )|go ahead and|tell me|do you know|let me know|give me)(?: |$)"
)
_POLITE_AFTER = re.compile(r" (?:please|for me|thanks|thank you|then|now|right now|will you|would you|okay|ok|if you can)$")


def plain(text: str) -> str:
    """``text`` as phrases are matched against it; empty when it is too long to be one.

    >>> plain("Could you set a timer for twenty-five minutes, please?")
    'set a timer for 25 minutes'
    """
    if len(text) > MAX_CHARS:
        return ""
    words = text.casefold().translate(_QUOTES)
    for pattern, by in _BEFORE:
        words = pattern.sub(by, words)
    words = str(alpha2digit(words, "en", threshold=0))
    for pattern, by in _AFTER:
        words = pattern.sub(by, words)
    return _without_politeness(words.strip(" .-'"))


def _without_politeness(words: str) -> str:
    while (shorter := _POLITE_AFTER.sub("", _POLITE_BEFORE.sub("", words))) != words:
        words = shorter
    return words
