"""Where a reply says something new: its first word that the question did not hold and that carries meaning (pure).

Strategy: "The capital of Norway is" says nothing that the user did not. The first word behind it is the first news, and what a
listener waits for. A list of function words, kept by hand, says which words carry none; a word counts as said before only if it
is the same one, but for a plural or a possessive ending.
"""

import re
from collections.abc import Iterable

_LIST_MARK = re.compile(r"\s*\d{1,2}[.)]\s+(?=\S)")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_FUNCTION_WORDS = frozenset(
    """
    a an the this that these those there here
    i you he she it we they me him her us them my your his its our their mine yours one ones
    who whom whose what which when where why how
    and or but nor so yet if then than as because while though although
    of in on at by for from to into onto with without about over under between through during before after out
    am is are was were be been being do does did done doing have has had having
    can could may might must shall should will would
    ok okay well oh ah hmm um uh sure right great please thanks thank
    very just also too only even still already again really actually
    let's let it's i'm i'd i'll i've you're that's there's here's he's she's we're they're what's who's
    call called known name named
    answer question think know say said tell see
    """.split()
)
"""Words that tell nothing by themselves: grammar, politeness, and talk about the talk. "Yes", "no" and "can't" are news."""


def normal_words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [_plain(match.group()) for match in _WORD.finditer(text)]


def first_news(text: str, known: Iterable[str]) -> float | None:
    """Where the first news of ``text`` begins, as the share of its characters before it (0 to 1); ``None`` without any.

    Args:
        text: a clause of the reply.
        known: the words of the question, as :func:`normal_words` gives them.
    """
    before = {_stem(word) for word in known}
    mark = _LIST_MARK.match(text)
    for match in _WORD.finditer(text, mark.end() if mark else 0):
        word = _plain(match.group())
        if word not in _FUNCTION_WORDS and _stem(word) not in before:
            return match.start() / len(text)
    return None


def _plain(word: str) -> str:
    return word.casefold().replace("\u2019", "'")


def _stem(word: str) -> str:
    """Without a possessive or a plural ending; "is" and "bus" keep theirs."""
    stem = word.removesuffix("'s")
    return stem[:-1] if len(stem) > 3 and stem.endswith("s") and not stem.endswith(("ss", "us", "is")) else stem
