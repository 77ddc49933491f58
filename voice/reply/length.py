"""A reply that met its token limit in the middle of a sentence: what of it is said, and whether the user wants the rest (pure).

Strategy: it ends with its last whole sentence, and with an offer. An answer to the offer is one when nothing but agreement, or
nothing but refusal, stands in it: "Yes, but what about Rome?" asks for something else.
"""

import re

from voice.tts.clauses import ClauseSplitter

OFFER = "Shall I go on?"
"""Said behind the last whole sentence."""

_MANY_WORDS = 30
"""So much is taken to be spoken: clauses then end at sentences, or where they would be too long."""
_ENDS = (".", "!", "?", "…", "。", "！", "？")
_CLOSERS = "\"'”’»)]}*_`"
_MANNERS = "please|um|uh|er|well|oh|then|now|so|thanks|thank you"
_AGREES = (
    "yes|yeah|yep|yup|sure|sure thing|ok|okay|alright|all right|right|fine|of course|absolutely|definitely|certainly|"
    "by all means|why not|i would|i do|i'd like that|i would like that|i'd love that|that would be (?:nice|great|good|lovely)|"
    "(?:please )?do|(?:do |just )?(?:go on|go ahead|continue|carry on|keep going|proceed)(?: with (?:it|that))?|go for it|"
    "(?:and )?(?:tell|give) me (?:the rest|more)|the rest|more|some more|"
    "you (?:may|can|should)(?: go on| continue)?|mhm|mm hm|uh huh"
)
_REFUSES = (
    "no|nope|nah|not now|not really|no need|(?:no )?(?:that's|that is|it's|it is) (?:enough|all|fine|okay|ok|it|plenty|good)|"
    "(?:that's|that is) (?:quite )?enough|enough|stop|stop it|stop there|never mind|nevermind|don't|do not|"
    "(?:please )?(?:don't|do not) (?:go on|continue|bother)|i'm (?:good|fine|okay|ok)|i am (?:good|fine|okay|ok)|"
    "maybe later|later|another time|"
    "i (?:don't|do not) (?:want|need) (?:it|that|more|you to|any more)|you (?:don't|do not) (?:have|need) to"
)
_ACCEPTS = re.compile(rf"(?:(?:{_MANNERS}) )*(?:(?:{_AGREES}) )(?:(?:{_AGREES}|{_MANNERS}) )*")
_DECLINES = re.compile(rf"(?:(?:{_MANNERS}|ok|okay) )*(?:(?:{_REFUSES}) )(?:(?:{_REFUSES}|{_MANNERS}) )*")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def whole_sentences(text: str) -> str:
    """The part of ``text`` that ends with its last whole sentence; empty when there is none.

    A line that is complete (another follows) is whole without a mark at its end, as in a list.

    >>> whole_sentences("It is 3.5 km long. Dr. Smith once swam half of")
    'It is 3.5 km long.'
    """
    splitter = ClauseSplitter(_MANY_WORDS, spoken_words=_MANY_WORDS)
    kept = so_far = ""
    for clause in [*splitter.feed(text), *splitter.finish()]:
        if clause.startswith("\n"):
            kept = so_far
        so_far += clause
        if ends_sentence(clause):
            kept = so_far
    return kept


def ends_sentence(clause: str) -> bool:
    """Whether a clause, as :class:`~voice.tts.clauses.ClauseSplitter` cut it, is the end of a sentence."""
    return clause.rstrip(_CLOSERS + " \n").endswith(_ENDS)


def accepts_offer(user_text: str) -> bool:
    """Whether this, said to :data:`OFFER`, is a yes and nothing else."""
    return _ACCEPTS.fullmatch(_plain(user_text)) is not None


def declines_offer(user_text: str) -> bool:
    """Whether this, said to :data:`OFFER`, is a no and nothing else."""
    return _DECLINES.fullmatch(_plain(user_text)) is not None


def _plain(text: str) -> str:
    """Small letters, a space behind every word."""
    return "".join(f"{word} " for word in _WORD.findall(text.casefold().replace("’", "'")))
