"""Sums: arithmetic as it is spoken, worked out by simpleeval."""

import math
import re

from simpleeval import InvalidExpression, NumberTooHigh, SimpleEval

from voice.skills import say
from voice.skills.skill import Context, Reply, skill
from voice.skills.slots import NUMBER
from voice.skills.words import plain

_QUESTION = re.compile(
    r"^(?:(?:what|how much) (?:is|are|does|makes|make|do)|what is the (?:answer to|result of|value of)|calculate|compute|"
    r"work out|solve|how much|what) "
)
_N = rf"({NUMBER})"
_STEPS = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (rf"{_N} percent off(?: of)? {_N}", r"(\2*(1-\1/100))"),
        (rf"add {_N} percent to {_N}", r"(\2*(1+\1/100))"),
        (rf"{_N} plus {_N} percent\b(?! of)", r"(\1*(1+\2/100))"),
        (rf"{_N} minus {_N} percent\b(?! of)", r"(\1*(1-\2/100))"),
        (rf"(?:what )?percent(?:age)? of {_N} is {_N}", r"(\2/\1*100)"),
        (rf"{_N} percent of(?: the)? ", r"\1/100*"),
        (r"half of ", "0.5*"),
        (r"(?:a|1) (?:third|3rd) of ", "1/3*"),
        (r"(?:a|1) (?:quarter|fourth|4th) of ", "0.25*"),
        (r"(?:twice|double) ", "2*"),
        (r"(?:the )?square root of ", "sqrt "),
        (r"(?:the )?cube root of ", "cbrt "),
        (rf"(sqrt|cbrt) {_N}", r"\1(\2)"),
        (rf"(?:the )?sum of {_N} and {_N}", r"(\1+\2)"),
        (rf"(?:the )?product of {_N} and {_N}", r"(\1*\2)"),
        (rf"(?:the )?difference (?:between|of) {_N} and {_N}", r"(\1-\2)"),
        (rf"add {_N} (?:and|to) {_N}", r"(\1+\2)"),
        (rf"subtract {_N} from {_N}", r"(\2-\1)"),
        (rf"multiply {_N} (?:by|and|with) {_N}", r"(\1*\2)"),
        (rf"divide {_N} by {_N}", r"(\1/\2)"),
        (r" squared\b", "**2"),
        (r" cubed\b", "**3"),
        (r" (?:raised )?to the (?:power of )?(\d+)(?:st|nd|rd|th)?(?: power)?", r"**\1"),
        (r" (?:multiplied by|times) ", "*"),
        (r" (?:divided by|over) ", "/"),
        (r" (?:plus|and|added to) ", "+"),
        (r" (?:minus|less|take away) ", "-"),
        (r" (?:modulo|mod) ", "%"),
    )
)
_SUM = re.compile(r"(?:[\d.+\-*/%() ]|sqrt\(|cbrt\()+")

_evaluator = SimpleEval(
    operators={
        kind: function
        for kind, function in SimpleEval().operators.items()
        if kind.__name__ in {"Add", "Sub", "Mult", "Div", "Pow", "Mod", "USub", "UAdd"}
    },
    functions={"sqrt": math.sqrt, "cbrt": math.cbrt},
    names={},
)


def expression(words: str) -> str | None:
    """The sum in plain words as an expression; ``None`` when they are not a sum from end to end.

    >>> expression("what is 15 percent of 80")
    '15/100*80'
    """
    asked = _QUESTION.sub("", words)
    for pattern, by in _STEPS:
        asked = pattern.sub(by, asked)
    has_operator = re.search(r"[\d)][+\-*/%]+[\d.(s c-]|sqrt|cbrt", asked)
    return asked if has_operator and _SUM.fullmatch(asked) else None


def work_out(words: str) -> Reply | None:
    """The answer to a sum in plain words; ``None`` when they are not one."""
    wanted = expression(words)
    if wanted is None:
        return None
    try:
        value = _evaluator.eval(wanted)
    except ZeroDivisionError:
        return Reply("You cannot divide by zero.")
    except (NumberTooHigh, OverflowError):
        return Reply("That number is too large for me.")
    except (InvalidExpression, SyntaxError, ValueError, TypeError, KeyError):
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if abs(value) >= 1e15:
        return Reply("That number is too large for me.")
    percent = " percent" if re.search(r"percent(?:age)? of .* is \d", words) else ""
    result = say.number(float(value))
    return Reply(f"That is {result}{percent}.")


@skill()
def sums(context: Context) -> Reply | None:
    """Asked for every sentence: sums have a grammar of their own."""
    return work_out(plain(context.said))


SKILLS = (sums,)
