"""A beginning made of the user's own words: at once, before any model has a word (pure).

Strategy: a few frames of English turn a question or a wish around without answering it: "who invented the telephone" begins an
answer with "The telephone was invented by", "could I get a latte" one with "You would like a latte". What no frame fits has no
such beginning. Nothing is added but the frame, so nothing can be false that the user did not say.
"""

import re
from collections.abc import Callable

from voice.reply.opening import MOST_WORDS

LEAST_WORDS = 3

_LEAD = re.compile(
    r"^(?:(?:um|uh|er|hmm|hi|hello|hey|oh|so|well|alright|all right|okay|ok|yes|yeah|and|then|now|please|just|hi there|"
    r"good morning|hey voice)\b[,.!]*\s*"
    r"|(?:can|could|would|will) you (?:please )?(?=(?:tell|give|write|read|show|name)\b)"
    r"|(?:do you know|(?:can|could) you tell me|tell me|i(?:'d| would) like to know|i want to know) "
    r"(?=(?:who|how|what|where)\b))+",
    re.IGNORECASE,
)
_TRAIL = re.compile(r"[,\s]*\b(?:please|thanks|thank you|to go)?[\s.?!]*$", re.IGNORECASE)
_PARTICIPLES = {
    "wrote": "written", "sang": "sung", "built": "built", "made": "made", "found": "found", "won": "won", "led": "led",
    "drew": "drawn", "taught": "taught", "said": "said", "began": "begun", "bought": "bought", "sold": "sold",
}  # fmt: skip
_PERSON = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you are", "i've": "you have",
    "am": "are", "your": "my", "you": "me",
}  # fmt: skip
_DIMENSIONS = "tall|old|big|long|far|deep|high|heavy|large|wide|fast|hot|cold|expensive|small"
_NO_END = frozenset(
    "like called made for of with to in from about on at by mean means do does did be been born known time date it this that "
    "there up going happening weather wrong new".split()
)
"""Behind these a thing does not end, or it is no thing."""
_MADE_UP = (
    "joke|story|poem|song|recipe|tip|tips|idea|ideas|example|examples|fact|facts|riddle|quote|list|summary|name|names|"
    "haiku|limerick|tongue twister|fairy tale|fun fact|short story|bedtime story|suggestion|suggestions"
)


def restated(said: str) -> str:
    """The beginning of an answer to ``said``; empty where no frame fits.

    >>> restated("Who invented the telephone?")
    'The telephone was invented by'
    """
    plain = _TRAIL.sub("", _LEAD.sub("", said.strip()))
    if not plain or re.search(r"[.!?;:]", plain):
        return ""
    for pattern, make in _FRAMES:
        if match := pattern.fullmatch(plain):
            found = make(match)
            words = found.split()
            if LEAST_WORDS <= len(words) <= MOST_WORDS or (words and pattern is _WISH and len(words) > MOST_WORDS):
                return _shortened(words)
            return ""
    return ""


def _shortened(words: list[str]) -> str:
    """A long wish up to where one can breathe."""
    if len(words) > MOST_WORDS:
        ends = [at for at in range(LEAST_WORDS, MOST_WORDS + 1) if words[at - 1].endswith(",") or words[at] in {"and", "with"}]
        words = words[: ends[-1]] if ends else []
    text = " ".join(words).rstrip(",")
    return text[:1].upper() + text[1:]


def _turned(words: str) -> str:
    """The words as the other one says them."""
    return " ".join(_PERSON.get(word.lower(), word) for word in words.split())


def _by(match: "re.Match[str]") -> str:
    verb = match["verb"].lower()
    participle = _PARTICIPLES.get(verb) or (verb if verb.endswith("ed") else "")
    return f"{_turned(match['what'])} was {participle} by" if participle else ""


def _wished(match: "re.Match[str]") -> str:
    verb = "need" if "need" in match["how"].lower() else "would like"
    return f"you {verb} {_turned(match['what'])}"


def _then(match: "re.Match[str]") -> str:
    return f"{_turned(match['what'])} {match['be']} {match['done']} in"


def _is(match: "re.Match[str]") -> str:
    words = match["what"].lower().split()
    if words[-1] in _NO_END or words[-1].endswith(("ed", "ing")) or {"or", "if"} & set(words):
        return ""
    be = match["be"] if match["be"].isalpha() else "is"
    return f"{_turned(match['what'])} {be}"


def _there(match: "re.Match[str]") -> str:
    return f"in {match['where']} there are"


_ARTICLE = r"(?:the|a|an|this|that|my|your|his|her|our|their)\s"
_NAME = r"[A-Z][\w'’.-]*"
_THING = rf"(?:{_ARTICLE}|{_NAME}).{{1,60}}"
_WISH = re.compile(
    r"(?P<how>(?:i'd|i would|we'd|we would|i) (?:really |just |also )?(?:like|love|want|need)|"
    r"i(?:'ll| will) (?:just )?(?:have|take|get)|i'm (?:going to|gonna) (?:have|take|get)|"
    r"(?:can|could|may) (?:i|we) (?:please |just )?(?:get|have|order)|let me (?:please |just )?(?:get|have)|"
    r"(?:can|could|would) you (?:please )?(?:get|give|make) me|(?:get|give|make|brew|mix|order)(?: me| us)?|"
    r"may have|i have|i'm looking for)"
    r"\s(?:please )?(?P<what>(?:to (?:order|book|buy|get|have|reserve)\s)?"
    r"(?:a|an|the|some|one|two|three|four|five|six|my|another|just|\d+)\b.*)",
    re.IGNORECASE,
)
_FRAMES: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (
        re.compile(
            rf"(?:when|where) (?P<be>was|were) (?P<what>{_THING}) (?P<done>born|built|made|written|found|[a-z]+ed)",
            re.IGNORECASE,
        ),
        _then,
    ),
    (re.compile(rf"(?:what|who) ?(?P<be>is|are|was|were|'s|’s) (?P<what>{_ARTICLE}.{{1,60}})", re.IGNORECASE), _is),
    (re.compile(rf"who (?P<verb>[a-z]+) (?P<what>{_THING})", re.IGNORECASE), _by),
    (
        re.compile(rf"how (?:{_DIMENSIONS}) (?P<be>is|are|was|were) (?P<what>.+)", re.IGNORECASE),
        lambda match: f"{_turned(match['what'])} {match['be']}",
    ),
    (re.compile(r"how many [a-z -]+? (?:are there|are) in (?P<where>(?:a|an|one|the) [a-z ]+)", re.IGNORECASE), _there),
    (
        re.compile(r"how many [a-z -]+? does (?P<what>(?:a|an|the) [a-z -]+?) have", re.IGNORECASE),
        lambda match: f"{match['what']} has",
    ),
    (
        re.compile(
            r"which (?P<what>[a-z]+) (?P<how>(?!was |does |is (?:he|she|it|this|that)\b)[a-z]+s (?:(?!or\b)[a-z]+ ?){1,6})",
            re.IGNORECASE,
        ),
        lambda match: f"the {match['what']} that {match['how'].strip()} is",
    ),
    (
        re.compile(rf"where (?P<be>is|are|was) (?P<what>{_THING})", re.IGNORECASE),
        lambda match: f"{_turned(match['what'])} {match['be']}",
    ),
    (
        re.compile(
            rf"(?:tell|give|write|read|show|make)(?: me| us)? (?P<what>(?:a|an|another|some|one)(?: [a-z]+)? (?:{_MADE_UP})\b.*"
            rf"|something [a-z]+ about .+)",
            re.IGNORECASE,
        ),
        lambda match: f"here is {match['what']}:",
    ),
    (
        re.compile(r"(?:name|list) (?P<what>(?:two|three|four|five|six|some|\d) [a-z ]+)", re.IGNORECASE),
        lambda match: f"{match['what']} are",
    ),
    (_WISH, _wished),
]
