"""When not to believe a transcript (pure).

Strategy: Whisper was trained on 30 s windows. In a shorter one its decoder now and then does not find the end: it says the
same phrase over and over, or very many tokens. On noise it invents a sentence. Both leave marks in what it returns, so a
hypothesis is judged by itself: believed, heard again in a longer context, or taken as silence.

Sources: Radford et al. 2022, section 4.5 (compression ratio 2.4, log probability -1, no-speech 0.6); the tail-repetition rule
is ours, and is needed because one repeated short command compresses less than 2.4.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_COMPRESSION_RATIO = 2.4
MIN_AVG_LOGPROB = -1.0
MAX_NO_SPEECH = 0.6
CERTAIN_NO_SPEECH = 0.9
GUESS_AVG_LOGPROB = -1.5
GUESS_NO_SPEECH = 0.25
"""A guess this wild, with this much doubt that anyone spoke, is "you" over a running tap."""
MAX_NO_SPEECH_IN_LOOP = 0.4
"""Barks, cries and knocks loop at 0.4 to 0.6; real speech stays below 0.35."""

_TOKENS_PER_S = 8
_SPARE_TOKENS = 12
_LONGEST_REPLY_TOKENS = 224  # half of Whisper's text context


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One decoding.

    Attributes:
        text: stripped.
        tokens: text tokens, without the special ones.
        avg_logprob: mean natural-log probability of the tokens and of the end.
        no_speech: the probability that there is no speech, 0 to 1.
        complete: the decoder ended by itself, not at the bound.
        trails_off: the probability of "..." behind the last word, where it is known.
        breaks_off: the probability of "-" there.
    """

    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech: float
    complete: bool = True
    trails_off: float | None = None
    breaks_off: float | None = None


class Doubt(StrEnum):
    """Why a hypothesis should be heard again."""

    LOOP = "loop"
    RUNAWAY = "runaway"
    UNSURE = "unsure"


def max_tokens(seconds: float) -> int:
    """The most tokens that a person says in ``seconds``: fast English is 4 to 6 a second."""
    return min(_LONGEST_REPLY_TOKENS, _SPARE_TOKENS + round(_TOKENS_PER_S * max(0.0, seconds)))


def repeated_tail(tokens: Sequence[int]) -> int:
    """How many tokens at the end only repeat what stands before them; 0 when that is no more than people do.

    One token four times, two tokens three times, three or more tokens twice. The last copy may be cut off.
    """
    count = len(tokens)
    for period in range(1, count // 2 + 1):
        matched = 0
        while matched < count - period and tokens[count - 1 - matched] == tokens[count - 1 - matched - period]:
            matched += 1
        copies_wanted = {1: 4, 2: 3}.get(period, 2)
        if matched >= (copies_wanted - 1) * period:
            return matched
    return 0


def compression_ratio(text: str) -> float:
    """Bytes of ``text`` over its bytes when deflated: prose is below 2, loops are above 2.4."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def doubt(hypothesis: Hypothesis) -> Doubt | None:
    """Why to hear again, or ``None``."""
    if repeated_tail(hypothesis.tokens) or compression_ratio(hypothesis.text) > MAX_COMPRESSION_RATIO:
        return Doubt.LOOP
    if not hypothesis.complete:
        return Doubt.RUNAWAY
    if hypothesis.avg_logprob < MIN_AVG_LOGPROB:
        return Doubt.UNSURE
    return None


def is_silence(hypothesis: Hypothesis) -> bool:
    """Whether the words are an invention over silence or noise."""
    if hypothesis.no_speech > CERTAIN_NO_SPEECH:
        return True
    if hypothesis.no_speech > MAX_NO_SPEECH and hypothesis.avg_logprob < MIN_AVG_LOGPROB:
        return True
    if hypothesis.no_speech > GUESS_NO_SPEECH and hypothesis.avg_logprob < GUESS_AVG_LOGPROB:
        return True
    return hypothesis.no_speech > MAX_NO_SPEECH_IN_LOOP and doubt(hypothesis) in {Doubt.LOOP, Doubt.RUNAWAY}


def better(first: Hypothesis, second: Hypothesis) -> Hypothesis:
    """The more credible of two: one that ended over one that ran on, then the likelier; the second on a tie."""
    return max(second, first, key=lambda h: (doubt(h) not in {Doubt.LOOP, Doubt.RUNAWAY}, h.avg_logprob))
