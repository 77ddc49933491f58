"""Whether a reply says what was said before (pure).

Small models fall into loops: one joke becomes the answer to every later question, or a sentence goes round and round. Sentences
are compared by their words, without case, marks and spaces; a short one ("You're welcome.") is rightly said often, and one in
which only a figure or a negation differs says something else.
"""

import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Final, Literal, TypeVar

from voice.reply.length import ends_sentence
from voice.reply.opening import stem
from voice.tts.clauses import ClauseSplitter

Verdict = Literal["new", "earlier", "itself"]
Words = tuple[str, ...]
S = TypeVar("S", bound=str)

NOTHING_NEW = "I have nothing new to say about that."
"""Said where all that a model has to say was said before."""

LEAST_WORDS: Final = 4
"""A shorter sentence never counts as said again."""
LEAST_NEAR_WORDS: Final = 6
NEAR: Final = 0.9
"""Sentences of so many words that have this share of their words in common are alike."""
LEAST_TIMES: Final = 3
"""So often one after the other, words are a loop; a single word ("very, very, very") takes more."""
_LEAST_TIMES_OF_ONE = 5
_LONGEST_LOOP = 12
_MANY_WORDS = 30
_SHORT = 3
"""Words of so many letters say little of what a question is about."""

REPLIES = 24
"""So many of the newest replies are compared with: each is taken apart once."""
REPLY_CHARS = 1000
LONGEST_CHARS = 160
"""No more of a reply, and of a sentence, is looked at."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_DECIDES = frozenset(
    "no not never none nothing without zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand "
    "million first second third monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday am pm on "
    "off".split()
)
"""Where sentences that are otherwise alike differ in one of these, each says its own."""
_MAY_END = re.compile(r"[.!?…。！？\n]")
_AGAIN = re.compile(
    r"\b(?:again|repeat|once more|one more time|pardon|come again|say (?:that|it|this)|what did you (?:just )?say|"
    r"what was that|(?:didn't|did not|couldn't|could not|can't) (?:hear|catch|understand|get) (?:that|you|it))\b"
)
_OTHER = frozenset("another other else different new more".split())
_POLITE = frozenset("please hey hi hello okay ok so well um uh and".split())


class SaysAgain(Exception):
    """A reply says what was said before; ``verdict``: in an earlier one, or in itself."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class Repeats:
    """Judges one reply, clause by clause as it streams in.

    Args:
        earlier: the replies of the conversation so far. Give none where the user :func:`asks_again`.
    """

    def __init__(self, earlier: Sequence[str] = ()) -> None:
        self._earlier = {words for text in earlier[-REPLIES:] for words in _sentences(text)}
        self._own: list[Words] = []
        self._open = ""
        self._said: list[str] = []

    @property
    def may_be_earlier(self) -> bool:
        """Whether the sentence that is not complete yet is, so far, word for word the beginning of one of an earlier reply."""
        words = _words(self._open)
        return bool(words) and any(known[: len(words)] == words for known in self._earlier if len(known) >= LEAST_WORDS)

    def feed(self, clause: str) -> Verdict:
        """Take the next clause: whether a sentence that ends with it was said in an earlier reply, or in this one, or loops."""
        verdict: Verdict = "new"
        so_far = self._open[-LONGEST_CHARS:] + clause
        *complete, self._open = _split(so_far) if _MAY_END.search(clause) else [so_far]  # to take it apart costs milliseconds
        for sentence in map(_words, complete):
            if len(sentence) < LEAST_WORDS:
                continue
            if _is_among(sentence, self._own):
                verdict = "itself"
            elif verdict == "new" and _is_among(sentence, self._earlier):
                verdict = "earlier"
            self._own.append(sentence)
        before = len(self._said)
        self._said += _words(clause)
        if _loops(self._said, before):
            verdict = "itself"
        del self._said[: -_LONGEST_LOOP * LEAST_TIMES]
        return verdict


def asks_again(text: str, earlier_user_texts: Iterable[str]) -> bool:
    """Whether the user wants to hear something once more: they say so, or ask what they asked before."""
    if _AGAIN.search(text.casefold().replace("’", "'")):
        return True
    words = _question(text)
    return bool(words) and any(_question(earlier) == words for earlier in earlier_user_texts)


def is_wanted(sentence: str, said: str) -> bool:
    """Whether a sentence of an earlier reply is the answer once more: it holds most of what the question is about."""
    words = _words(said)
    about = {stem(word) for word in words if len(word) > _SHORT} - {stem(word) for word in _POLITE}
    found = {stem(word) for word in _words(sentence)}
    return not _OTHER.intersection(words) and bool(about) and 2 * len(about & found) >= len(about)


async def fresh(
    parts: AsyncGenerator[tuple[S, str], None], repeats: Sequence[Repeats], said: str
) -> AsyncGenerator[tuple[S, str], None]:
    """The parts of an answer to ``said`` (who says it, and a clause), until one says what was said before.

    A sentence that has begun like one of an earlier reply is held until it ends otherwise. What is a ``"bridge"`` passes. It is
    judged by each of ``repeats``.

    Raises:
        SaysAgain: what was given so far is new; what follows is not.
    """
    held: list[tuple[S, str]] = []
    async with aclosing(parts):
        async for source, clause in parts:
            if source == "bridge":
                yield source, clause
                continue
            held.append((source, clause))
            verdict: Verdict = "new"
            for one in repeats:
                verdict = found if (found := one.feed(clause)) != "new" else verdict
            if verdict == "itself" or (verdict == "earlier" and not is_wanted("".join(text for _, text in held), said)):
                raise SaysAgain(verdict)
            if verdict == "new" and any(one.may_be_earlier for one in repeats):
                continue
            for part in held:
                yield part
            held.clear()
    for part in held:
        yield part


def _question(text: str) -> Words:
    return tuple(word for word in _words(text) if word not in _POLITE)


@lru_cache(4 * REPLIES)
def _sentences(text: str) -> tuple[Words, ...]:
    return tuple(words for words in map(_words, _split(text[:REPLY_CHARS])) if len(words) >= LEAST_WORDS)


def _split(text: str) -> list[str]:
    """The sentences, and last what is not complete (or nothing)."""
    splitter = ClauseSplitter(_MANY_WORDS, spoken_words=_MANY_WORDS)
    found = [""]
    for clause in [*splitter.feed(text), *splitter.finish()]:
        if clause.startswith("\n") and found[-1]:
            found.append("")
        found[-1] += clause
        if ends_sentence(clause):
            found.append("")
    return found


def _words(text: str) -> Words:
    return tuple(_WORD.findall(text.casefold().replace("’", "'")))


def _is_among(sentence: Words, known: Iterable[Words]) -> bool:
    return any(sentence == other or _alike(sentence, other) for other in known)


def _alike(one: Words, other: Words) -> bool:
    if min(len(one), len(other)) < LEAST_NEAR_WORDS:
        return False
    a, b = set(one), set(other)
    return len(a & b) >= NEAR * len(a | b) and not any(map(_decides, a ^ b))


def _decides(word: str) -> bool:
    return word in _DECIDES or word.endswith("n't") or any(map(str.isdigit, word))


def _loops(words: Sequence[str], before: int) -> bool:
    """Whether the same words come again and again, the last time within those from ``before`` on. Figures do not count."""
    for size in range(1, _LONGEST_LOOP + 1):
        span = size * (LEAST_TIMES if size > 1 else _LEAST_TIMES_OF_ONE)
        for end in range(max(span, before + 1), len(words) + 1):
            run = words[end - span : end]
            if run[size:] == run[:-size] and not all(word in _DECIDES or len(word) == 1 or word.isdigit() for word in run):
                return True
    return False
