"""Is this a whole thing to say? A few cheap, pure observations on a transcript.

Whisper puts a full stop after almost anything, so punctuation is weak evidence; the last words are strong evidence: nobody
ends on "the", "and" or "my number is".
"""

import re
from typing import Final

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?", re.IGNORECASE)

_DANGLING: Final = frozenset(
    """
    a an the this these those my your his her its our their some any every each another no
    and or but so because if when while although unless until since than that which who whose where
    of in on at to for from with without by about into onto over under between through during before after as like via per
    is are was were am be been being has have had do does did can could will would shall should may might must
    i'm you're he's she's it's we're they're i'll i'd i've let's there's that's what's where's who's
    i you we they he she
    very really quite too more most less
    um uh er erm hmm mm well
    """.split()
)
"""Words that a turn hardly ever ends on."""

_MAY_END: Final = frozenset(
    "on in off up down over about for with to from like that this it do did have can will so more no".split()
)
"""Dangling words that also end whole turns ("turn it on", "what's it for", "yes I did"): weaker evidence."""

_SHORT_ANSWERS: Final = frozenset(
    """
    yes yeah yep no nope stop cancel next okay ok sure thanks continue pause resume repeat louder quieter softer help
    hello hi goodbye bye please wait back previous skip play mute unmute
    """.split()
)

_CUES: Final = re.compile(
    r"""(?:
      \bset\ (?:a|the|an|my)?\ ?(?:timer|alarm)(?:\ for)? | \bremind\ me(?:\ to)? | \bmy\ (?:number|name|address|email)\ is
    | \bnumber\ is | \bi(?:'d|\ would)\ like(?:\ to|\ a)? | \bi\ want(?:\ to|\ a)? | \bcan\ (?:you|i)(?:\ get)?(?:\ a)?
    | \bi\ need(?:\ to|\ a)? | \bwhat\ (?:is|are|about) | \bhow\ (?:do|does|about|many|much) | \bthe\ (?:first|second|last)
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
"""Openings that ask for more."""

_NUMBER: Final = re.compile(r"^(?:\d+|zero|one|two|three|four|five|six|seven|eight|nine|oh|double|triple)$", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """The lower-case words of a transcript."""
    return [word.lower() for word in _WORD.findall(text)]


def completeness(text: str) -> float:
    """How whole a transcript looks: from -1 (must go on) over 0 (cannot say) to 1 (a whole thing to say)."""
    words = words_of(text)
    if not words:
        return 0.0
    stripped = text.rstrip()
    last = words[-1]
    if stripped.endswith(("...", "…", "-", ",")) or _CUES.search(" ".join(words)):
        return -1.0
    if last in _DANGLING:
        return -0.3 if last in _MAY_END and len(words) > 1 else -1.0
    if all(word in _SHORT_ANSWERS for word in words) and len(words) <= 3:
        return 1.0
    if len(words) >= 2 and all(_NUMBER.match(word) for word in words[-2:]):
        return -0.2  # digits are said in groups
    if stripped.endswith("?"):
        return 1.0
    if len(words) == 1:
        return 0.0
    return 0.6 if stripped.endswith((".", "!")) else 0.3
