"""Phrases: ``"(set|start) [a] timer for {length}"`` as one regular expression.

Words stand for themselves, ``(a|b)`` for one of several, ``[x]`` for what may be left out, ``{name}`` for an argument. A phrase
must match the *whole* sentence: one that only mentions a timer asks for something else.
"""

import re
from collections.abc import Mapping

from voice.skills.slots import Slot

_TOKEN = re.compile(r"\{(\w+)\}|([()\[\]|])|([\w':]+)|(\s+)")


def compile_phrase(phrase: str, slots: Mapping[str, Slot]) -> re.Pattern[str]:
    """The expression that matches ``" " + plain words``; its named groups are the arguments.

    Raises:
        ValueError: the phrase is not well formed, or names an argument that there is no slot for.
    """
    pieces: list[str] = []
    open_brackets: list[str] = []
    position = 0
    while position < len(phrase):
        token = _TOKEN.match(phrase, position)
        if token is None:
            raise ValueError(f"phrase {phrase!r}: {phrase[position]!r} has no meaning here")
        position = token.end()
        name, mark, word, _ = token.groups()
        if name:
            if name not in slots:
                raise ValueError(f"phrase {phrase!r}: the function has no argument {name!r}")
            pieces.append(f"(?P<{name}>{slots[name].pattern})")
        elif word:
            pieces.append(" " + re.escape(word.lower()))
        elif mark and mark in "([":
            open_brackets.append(mark)
            pieces.append("(?:")
        elif mark and mark in ")]":
            if not open_brackets or open_brackets.pop() != {")": "(", "]": "["}[mark]:
                raise ValueError(f"phrase {phrase!r}: {mark!r} closes nothing")
            pieces.append(")" if mark == ")" else ")?")
        elif mark == "|":
            if not open_brackets:
                raise ValueError(f"phrase {phrase!r}: put alternatives in brackets")
            pieces.append("|")
    if open_brackets:
        raise ValueError(f"phrase {phrase!r}: {open_brackets[-1]!r} is never closed")
    try:
        return re.compile("".join(pieces))
    except re.error as error:
        raise ValueError(f"phrase {phrase!r}: {error} (an argument may stand in a phrase only once)") from error
