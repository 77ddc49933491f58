"""The opening: what a small model may say before a larger one answers, without binding it to anything (pure).

Strategy: only what the user has given may be restated. The small model's reply is let go up to its first *new* word: one that
is neither a function word nor a word of the question. "The month after August is" binds nobody; "December" would. What a
question leaves open is no more given than what it does not hold: the alternatives of "a penguin or a sparrow", the predicate of
"is the earth flat", a number where a number is asked for, a word a second time ("the opposite of ancient is ancient"). Of
earlier turns what the user called things may be said again, but no name and no number: "and of Sweden?" asks for another one.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

MOST_WORDS = 12
"""A longer opening would still be spoken when the answer is there."""
LEAST_WORDS = 2
EARLIER_TURNS = 2
"""So many earlier questions may be what a follow-up goes on from."""

_WORD = re.compile(r"[A-Za-z0-9]+(?:['’][A-Za-z]+)*")
_PIECE = re.compile(r"\S+\s*")
_FUNCTION_WORDS = frozenset(
    "the a an is are was were be been being am of in on at by to and for from with as that this these those it its there here "
    "you your i my me he him his she her we us our they them their who which has have had do does did can could will would "
    "should may might called known about because so then than when where i'm it's there's here's that's you're they're we're "
    "he's she's i'd you'd i'll you'll let's".split()
)
_NEGATIONS = frozenset("no not never none nobody nothing neither nor without cannot".split())
_FIRST_PERSON = frozenset("i i'm i'd i'll i've my me mine myself we we're our us".split())
_PRONOUNS = frozenset("it there you i he she they we this that".split())
_ARTICLES = frozenset("a an the".split())
_QUESTION_WORDS = frozenset("what who whom whose which when where why how".split())
_AUXILIARIES = frozenset(
    "is are was were am do does did can could will would should may might has have had isn't aren't wasn't weren't don't "
    "doesn't didn't can't couldn't won't wouldn't shouldn't hasn't haven't hadn't".split()
)
_NUMBERS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half quarter dozen first "
    "second third".split()
)
_AMOUNTS = frozenset("many much old long far tall high big deep heavy often fast wide".split())
_IRREGULAR = {
    form: forms.split()[0]
    for forms in (
        "write wrote written writes", "speak spoke spoken", "make made making", "give gave given giving",
        "take took taken taking", "go goes went gone", "come came coming", "say said", "see saw seen", "eat ate eaten",
        "drink drank drunk", "fly flew flown flies", "grow grew grown", "know knew", "find found", "sing sang sung",
        "win won winning", "begin began begun beginning", "build built", "buy bought", "bring brought", "teach taught",
        "think thought", "tell told", "sell sold", "hold held", "keep kept", "mean meant", "meet met", "lead led",
        "lose lost losing", "run ran running", "swim swam swum swimming", "sit sat sitting", "get got getting",
        "put putting", "cut cutting", "freeze froze frozen", "drive drove driven driving", "ride rode ridden riding",
        "rise rose risen", "fall fell fallen", "draw drew drawn", "throw threw thrown", "wear wore worn",
        "break broke broken", "choose chose chosen", "live living lives lived", "man men", "woman women", "child children",
        "foot feet", "tooth teeth", "mouse mice", "person people", "country countries", "use using used uses",
    )
    for form in forms.split()
}  # fmt: skip

_SUFFIXES = (
    ("ies", 3, "y"), ("ied", 3, "y"), ("sses", 2, "ss"), ("ing", 4, ""), ("ion", 4, ""), ("ed", 3, ""), ("es", 3, ""),
    ("er", 4, ""), ("or", 4, ""),
)  # fmt: skip


def stem(word: str) -> str:
    """What a word has in common with its other forms, for English: "capitals" and "capital", "wrote" and "written"."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for suffix, least, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) >= len(suffix) + least:
            return _undoubled(word.removesuffix(suffix) + instead)
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def _undoubled(word: str) -> str:
    """A stem without its doubled last letter: "stopp" is "stop", and "call" stays."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


class Given:
    """What the user has given: the words that may be said again, and how often.

    Args:
        said: the turn at hand.
        earlier: what the user said before, oldest first.
    """

    def __init__(self, said: str, earlier: Sequence[str] = ()) -> None:
        self.said = said
        words = _words(said)
        lower = [word.lower() for word in words]
        self._asks_amount = any(a == "how" and b in _AMOUNTS for a, b in itertools.pairwise(lower))
        self._is_request = not said.rstrip().endswith("?") and not (set(lower[:3]) & (_QUESTION_WORDS | _AUXILIARIES))
        left_open = _alternatives(said)
        self._states = self._is_request and bool(set(lower) & _FIRST_PERSON)
        self._begins_with = lower[0] if self._is_request and lower else ""
        if lower and lower[0] in _AUXILIARIES:
            content = [stem(word) for word in words[1:] if word.lower() not in _FUNCTION_WORDS]
            left_open |= set(content if len(lower) > 1 and lower[1] in _PRONOUNS else content[-1:])
        self._left = Counter(stem(word) for word in words if word.lower() not in _FUNCTION_WORDS)
        for word in left_open:
            del self._left[word]
        for text in earlier[-EARLIER_TURNS:]:
            for word in _words(text):
                if word.islower() and word not in _NUMBERS and word not in _NEGATIONS and word not in _FUNCTION_WORDS:
                    self._left[stem(word)] = max(1, self._left[stem(word)])
        self._own = {stem(word) for word in words} - left_open

    @property
    def is_request(self) -> bool:
        """Whether something is to be done or told, not asked: only its own words are worth restating."""
        return self._is_request

    def take(self, word: str, *, begins: bool) -> bool:
        """Whether the next word of the reply is given; it is then used up. ``begins``: it is the reply's first."""
        lower = word.lower().replace("’", "'")
        if begins and (lower.removesuffix("'s").removesuffix("'re") in _QUESTION_WORDS or lower == self._begins_with):
            return False  # a question back, or the request once more
        if self._states and lower in _FIRST_PERSON:
            return False  # who says "I" there is the user
        if lower in _NEGATIONS or lower.endswith("n't"):
            return self._spend(lower)
        if lower in _NUMBERS or any(map(str.isdigit, lower)):
            return not self._asks_amount and stem(lower) in self._own and self._spend(stem(lower))
        if lower in _FUNCTION_WORDS:
            return True
        found = stem(lower)
        if not begins and word[0].isupper() and found not in self._own:
            return False
        return self._spend(found)

    def _spend(self, found: str) -> bool:
        if self._left[found] < 1:
            return False
        self._left[found] -= 1
        return True


class Opening:
    """The opening of one reply, as its text streams in.

    Args:
        given: made for this reply alone: it is used up.
    """

    def __init__(self, given: Given) -> None:
        self._given = given
        self._text = ""
        self._taken = 0  # characters of the text that are part of the opening
        self._words = 0
        self._told = False
        self.known = False
        """Nothing that may still come changes it."""

    def feed(self, text: str) -> bool:
        """Take more of the reply; whether the opening is known."""
        self._text += text
        while not self.known and (match := _PIECE.match(self._text, self._taken)) is not None and match.end() < len(self._text):
            self._judge(match[0])  # something stands behind it: the word is whole
        return self.known

    def _judge(self, piece: str) -> None:
        words = _words(piece)
        plain = piece.strip().rstrip(",:").strip("\"'“”‘’")
        if not words or "".join(words) != plain.replace("-", ""):
            self.known = True  # a sentence's end, or nothing that one says
        for word in words if not self.known else ():
            if not self._given.take(word, begins=self._words == 0):
                self.known = True
                return
            self._words += 1
            self._told = self._told or word.lower() not in _FUNCTION_WORDS
        if not self.known:
            self._taken += len(piece)
            self.known = self._words >= MOST_WORDS or piece.rstrip().endswith(":")

    @property
    def text(self) -> str:
        """What may be spoken; empty where it is nothing worth it. No article is left at its end: the next word chooses it."""
        pieces = self._text[: self._taken].split()
        while pieces and _plain(pieces[-1]) in _ARTICLES:
            pieces.pop()
        return self._worth(pieces)

    @property
    def so_far(self) -> str:
        """As much of it as can be spoken before it is known: up to the end of a phrase, behind which a function word came."""
        pieces = self._text[: self._taken].split()
        ends = [at for at in range(LEAST_WORDS, len(pieces)) if _plain(pieces[at]) in _FUNCTION_WORDS]
        phrases = [at for at in ends if _plain(pieces[at - 1]) not in _FUNCTION_WORDS]
        return self._worth(pieces[: phrases[-1]]) if phrases else ""

    def _worth(self, pieces: list[str]) -> str:
        said = " ".join(pieces)
        if len(pieces) < LEAST_WORDS or (self._given.is_request and not self._told):
            return ""
        if self._given.is_request and said.lower() in self._given.said.lower():
            return ""  # the request once more
        return said.rstrip(":\"'“”‘’")


def _plain(piece: str) -> str:
    return piece.strip("\"'“”‘’,:").lower()


def opening_of(reply: str, said: str, earlier: Sequence[str] = ()) -> str:
    """The opening of a reply that is there."""
    opening = Opening(Given(said, earlier))
    opening.feed(reply + " ")
    return opening.text


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _alternatives(said: str) -> set[str]:
    """The stems of what stands on both sides of an "or"."""
    found: set[str] = set()
    for part in re.split(r"[,.;:?!]", said):
        words = [word.lower() for word in _words(part)]
        for at in (i for i, word in enumerate(words) if word == "or"):
            found |= _nearest(reversed(words[:at])) | _nearest(iter(words[at + 1 :]))
    return found


def _nearest(words: Iterable[str]) -> set[str]:
    """The stems of the first words that are no function words, as far as they stand together."""
    found: set[str] = set()
    for word in words:
        if word in _FUNCTION_WORDS:
            if found:
                break
        else:
            found.add(stem(word))
    return found
