"""Which language a transcript is in, as far as privacy needs it: the rules read English, and nothing else.

Strategy: the share of everyday English words says most, for nothing: nobody speaks German in English words. Where it is low, a
kept library (py3langid, a naive Bayes classifier over byte n-grams, its model in the package) is asked how likely English is;
the fewer English words, the less it takes to call a text foreign. Then the same for stretches of four and six words between
two marks, so that a foreign clause in an English sentence is seen. Two words are too few to tell by, three are enough. What is
to be played or put on a playlist is a title in any language.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Protocol

from voice.privacy.people import common_words

NAMES = dict(pair.split("=") for pair in (
    "af=Afrikaans ar=Arabic az=Azerbaijani be=Belarusian bg=Bulgarian bn=Bengali bs=Bosnian ca=Catalan cs=Czech cy=Welsh "
    "da=Danish de=German el=Greek en=English es=Spanish et=Estonian eu=Basque fa=Persian fi=Finnish fr=French ga=Irish "
    "gl=Galician gu=Gujarati ha=Hausa he=Hebrew hi=Hindi hr=Croatian ht=Haitian hu=Hungarian hy=Armenian id=Indonesian "
    "is=Icelandic it=Italian ja=Japanese ka=Georgian kk=Kazakh km=Khmer kn=Kannada ko=Korean lb=Luxembourgish lo=Lao "
    "lt=Lithuanian lv=Latvian mk=Macedonian ml=Malayalam mn=Mongolian mr=Marathi ms=Malay mt=Maltese my=Burmese ne=Nepali "
    "nl=Dutch no=Norwegian pa=Punjabi pl=Polish ps=Pashto pt=Portuguese ro=Romanian ru=Russian si=Sinhala sk=Slovak "
    "sl=Slovenian so=Somali sq=Albanian sr=Serbian sv=Swedish sw=Swahili ta=Tamil te=Telugu th=Thai tl=Tagalog tr=Turkish "
    "uk=Ukrainian ur=Urdu uz=Uzbek vi=Vietnamese yo=Yoruba zh=Chinese zu=Zulu").split())  # fmt: skip
"""The languages to choose from. Rarer ones fall to a neighbour, which is as foreign to the rules."""
SHARED = frozenset(
    "aber ai al ale als alt an auch auf aus bin cent chi code con das dass de del dem den der des die due e ein eine "
    "einem einer el en er es et euro euros gegen grand ha haben hat hatte ho il im in is ist la las le les los man me "
    "mein met mi min mit motor na ne nicht no noch non null o oder on op ore par para per piano pin se sein seine "
    "sich sie sin sind solo son su te tu tumor un und van via von vor was wir wird wurde y yo zu zum zur".split()
)
"""Words of the English list that are everyday words of another language, too: they are no sign of English."""
EMPTY = frozenset("ah haha hey hm hmm huh mhm mm mmm nah oh ok okay uh uhm um wow yeah yep yup".split())
"""Sounds that belong to no language."""
SPELLED = frozenset("bcdfghjklmnpqrstuvwxz")
"""Letters that are no word of the languages most spoken: somebody spells, or says "R and B"."""
MEDIA = frozenset("play playing shuffle".split())
CALLING = frozenset("call dial email message phone ring text".split())
PLAYLISTS = frozenset("album albums artist band playlist playlists song songs track tracks tune tunes".split())
ADDING = frozenset("add put include".split())

LEAST_WORDS = 3
ENGLISH_SHARE = 0.7
"""With so many English words among its words a text is English: the library is not asked."""
LONGEST = 60
"""Only so many words are asked about at once; in a longer text its stretches are."""
MOST_PLAYED = 12
"""Words of a command to play something: what is longer is no title."""
MOST_CALLED = 3
"""Words of a command to call somebody by a foreign name."""
STRETCHES = ((4, 0.25, 0.01), (6, 0.34, 0.02))
"""Words of a stretch, the share of English words up to which it is looked at, how likely English must be for it to pass."""
MOST_ASKED = 16
"""So many stretches at most are asked about; of more, every second or third: they overlap."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_BREAK = re.compile(r"[^\w\s'’‘`´-]")
_ENDING = re.compile(r"'(?:s|re|ve|ll|d|m|t)$")


class _Identifier(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]: ...


def foreign(text: str) -> str | None:
    """The English name of the language that ``text``, or a stretch of it, is in; None where it is English or too short to tell.

    Pure and thread-safe; any string is fine. Microseconds for English, a tenth of a millisecond for other languages. The
    first call loads the model, which takes half a second: :func:`load` does so beforehand.
    """
    spoken = list(_WORD.finditer(text := unicodedata.normalize("NFC", text)))
    words = [found[0].lower().replace("’", "'") for found in spoken]
    if not words:
        return None
    if not text.isascii() and (written := _other_script(words)) is not None:
        return written
    if _is_media(words) or (len(words) <= MOST_CALLED and words[0] in CALLING):
        return None
    kept = [i for i, word in enumerate(words) if word not in EMPTY and word not in SPELLED]
    breaks = list(accumulate(bool(i and _BREAK.search(text, spoken[i - 1].end(), spoken[i].start())) for i in kept))
    words = [words[i] for i in kept]
    known = [is_english(word) for word in words]
    if len(words) <= LONGEST and (named := _whole(words, known)) is not None:
        return named
    return _stretch(words, known, breaks)


@cache
def load() -> _Identifier:
    """The library's model, loaded once. Takes about half a second and 90 MB of memory."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(NAMES))
    found: _Identifier = identifier
    return found


def is_english(word: str) -> bool:
    """Whether a word in lower case is an everyday English one, and of no other language that is often spoken."""
    word = _ENDING.sub("", word)
    return word == "i" or (word in common_words() and word not in SHARED)


def _whole(words: Sequence[str], known: Sequence[bool]) -> str | None:
    """The language of a whole text, if that is not English."""
    distinct = set(words)
    if len(distinct) < LEAST_WORDS:
        if len(distinct) == 2 and not any(known) and not all(word.isascii() for word in words):
            name, english = _asked(words)
            return name if english < 0.005 else None  # "tengo cáncer"
        return None
    share = sum(known) / (len(words) - words.count("a"))  # it is one in half of Europe
    if share >= ENGLISH_SHARE:
        return None
    name, english = _asked(words)
    return name if english < _least(share) else None


def _stretch(words: Sequence[str], known: Sequence[bool], breaks: Sequence[int]) -> str | None:
    """The language of the first stretch that is not English; ``breaks`` counts the marks before each word: none is inside."""
    for length, most, likely in STRETCHES:
        low = [
            at
            for at in range(len(words) - length + 1)
            if breaks[at] == breaks[at + length - 1]
            and sum(known[at : at + length]) <= most * length
            and len(set(words[at : at + length])) >= LEAST_WORDS
        ]
        for at in low[:: len(low) // MOST_ASKED + 1]:
            name, english = _asked(words[at : at + length])
            if english < likely:
                return name
    return None


def _least(share: float) -> float:
    """How likely English must be for a text with that share of English words to pass for English."""
    if share < 0.21:
        return 0.5
    return 0.2 if share < 0.34 else 0.05 if share < 0.55 else 0.005


def _asked(words: Sequence[str]) -> tuple[str, float]:
    """The likeliest language that is not English, and how likely English is."""
    ranked = load().rank(" ".join(words))
    return NAMES[next(code for code, _ in ranked if code != "en")], dict(ranked)["en"]


def _is_media(words: Sequence[str]) -> bool:
    """Whether the text asks to play something, or to put it on a playlist."""
    if len(words) > MOST_PLAYED:
        return False
    for i, word in enumerate(words[:4]):
        if word in MEDIA:
            return True
        if word in ADDING:
            return bool(PLAYLISTS & set(words[i:]))
        if not is_english(word) and word not in EMPTY and word not in {"siri", "alexa"}:
            return False
    return False


def _other_script(words: Sequence[str]) -> str | None:
    """The language of what is written in another script: most of the text, or a stretch of several words or signs."""
    others = [word for word in words if (len(word) > 1 or word >= "\u2e80") and not any(map(_is_latin, word))]
    if not others:
        return None
    signs = sum(map(len, others))
    if 2 * signs > sum(map(len, words)) or len(others) > 1 or (signs >= 4 and any(c >= "\u2e80" for c in others[0])):
        return _asked(others)[0]
    return None


def _is_latin(letter: str) -> bool:
    """Whether a letter is Latin, or an accent or apostrophe beside one."""
    return letter < "\u0250" or not letter.isalpha() or unicodedata.name(letter, "").startswith(("LATIN", "MODIFIER"))
