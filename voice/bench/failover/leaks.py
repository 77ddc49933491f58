"""What of a private utterance stands in what was sent (pure).

Not the whole utterance is looked for, which a changed word would hide, but every four words of it in a row, and every value
that the gate finds in it: so an answer that quotes a number, or half of a turn, counts, too.
"""

from collections.abc import Iterable

from voice.privacy.gate import PrivacyPolicy, check

RUN_WORDS = 4
LEAST_CHARACTERS = 5
"""A shorter value alone ("nine", "mary") says nothing: it may be anybody's."""


def plain(text: str) -> str:
    """Lower case, letters and digits, one space between the words and at both ends: what is compared."""
    return f" {' '.join(''.join(char if char.isalnum() else ' ' for char in text.casefold()).split())} "


def pieces(text: str) -> set[str]:
    """What of an utterance must not be found outside."""
    words = plain(text).split()
    runs = {" ".join(words[at : at + RUN_WORDS]) for at in range(max(1, len(words) - RUN_WORDS + 1))}
    values = {plain(text[found.start : found.end]).strip() for found in check(text, PrivacyPolicy()).findings}
    return {f" {piece} " for piece in runs | values if len(piece) >= LEAST_CHARACTERS}


def leaked(private: Iterable[str], sent: str, public: Iterable[str] = ()) -> list[str]:
    """The utterances of which a piece was sent that is in nothing ``public``."""
    out, open_to_all = plain(sent), plain(" ".join(public))
    return [text for text in private if any(piece in out and piece not in open_to_all for piece in pieces(text))]
