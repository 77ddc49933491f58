"""The typed parts of a phrase: how each type of argument is written, and what it is made into.

Each :class:`Slot` has the regular expression of what may stand there (in :func:`~voice.skills.words.plain` words, with a space
before) and a parser, which may still refuse with ``ValueError``: the phrase then does not match.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin


@dataclass(frozen=True, slots=True)
class Slot:
    """How one type of argument is said."""

    pattern: str
    parse: Callable[[str], Any]


NUMBER = r"-?\d+(?:\.\d+)?"

# --- lengths of time ---------------------------------------------------------------------------------------------------------

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_UNIT = r"(?:hours?|hrs?|minutes?|mins?|seconds?|secs?|days?)"
_AMOUNT = rf"(?:\d+(?:\.\d+)?(?: and a half)?|half(?: an?)?|(?:a |3 )quarters?(?: of)? an|a couple of|an?)"  # noqa: F541
_ITEM = rf" (?:{_AMOUNT}) {_UNIT}(?: and a (?:half|quarter))?"
_DURATION = rf"{_ITEM}(?:(?: and)?{_ITEM}){{0,3}}"
_ITEM_PARTS = re.compile(rf" ({_AMOUNT}) ({_UNIT})(?: and a (half|quarter))?")


def _amount(words: str) -> float:
    if words[0].isdigit() and "quarter" not in words:
        number, _, half = words.partition(" ")
        return float(number) + (0.5 if half else 0.0)
    if "quarter" in words:
        return 0.75 if words.startswith("3") else 0.25
    return 0.5 if words.startswith("half") else 2.0 if "couple" in words else 1.0


def duration(words: str) -> timedelta:
    """A length of time of at least a second and at most a week.

    Raises:
        ValueError: it is shorter or longer.
    """
    seconds = 0.0
    for amount, unit, more in _ITEM_PARTS.findall(f" {words.strip()}"):
        seconds += (_amount(amount) + {"half": 0.5, "quarter": 0.25}.get(more, 0.0)) * _SECONDS[unit[0]]
    if not 1 <= seconds <= 7 * 86_400:
        raise ValueError(f"{words} is no length of time to wait for")
    return timedelta(seconds=round(seconds))


# --- times of day ------------------------------------------------------------------------------------------------------------

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HALF = r"(?: (am|pm)| in the (morning|afternoon|evening)| at (night))?"
_CLOCK = rf"(?:(?: (\d{{1,2}})(?:(?::| oh | )(\d{{1,2}}))?(?: oclock)?| (half|quarter|\d{{1,2}})(?: minutes?)? (past|to|after) (\d{{1,2}})){_HALF}| (noon|midday|midnight))"  # noqa: E501 - one grammar
_CLOCK_PARTS = re.compile(_CLOCK)


class ClockTime(NamedTuple):
    """A time of day as it is said. ``either_half``: it may be before or after noon."""

    hour: int
    minute: int
    either_half: bool

    def next_after(self, now: datetime, day: str = "") -> datetime:
        """The next moment of that time, on a day ("today", "tonight", "tomorrow", a weekday) if one is named.

        By the rules of ``now``'s zone: of a time that a clock change brings twice, the first that is still ahead; one that it
        leaves out is as much behind the change.

        Raises:
            ValueError: it is over already.
        """
        ahead = {"": None, "today": 0, "tonight": 0, "tomorrow": 1}.get(day, -1)
        if ahead == -1:
            ahead = (DAYS.index(day) - now.weekday()) % 7
        hours = [self.hour]
        if self.either_half and (ahead != 0 or day != "tonight"):
            hours.append(self.hour + 12)
        elif self.either_half:
            hours = [self.hour + 12]
        days = (0, 1) if ahead is None else (ahead, 7) if day in DAYS and ahead == 0 else (ahead,)
        for extra in days:
            for hour in hours:
                at = datetime.combine(now.date() + timedelta(days=extra), time(hour, self.minute), now.tzinfo)
                for once in (at.astimezone(UTC), at.replace(fold=1).astimezone(UTC)):
                    if once > now.astimezone(UTC):
                        return once.astimezone(now.tzinfo)
        raise ValueError("that time is over")


def clock_time(words: str) -> ClockTime:
    """A time of day: "7", "7:30", "half past 7", "6 oh 5 pm", "19 30", "noon".

    Raises:
        ValueError: there is no such time.
    """
    match = _CLOCK_PARTS.fullmatch(f" {words.strip()}")
    if match is None:
        raise ValueError(f"{words!r} is no time of day")
    hour, minute, part, side, of, am_pm, day_part, night, named = match.groups()
    if named:
        return ClockTime(0 if named == "midnight" else 12, 0, either_half=False)
    if of is not None:
        minutes = {"half": 30, "quarter": 15}.get(part) or int(part)
        time(int(of) % 24 if int(of) <= 24 else 99, minutes)
        total = int(of) * 60 + (-minutes if side == "to" else minutes)
        hour_value, minute_value = total // 60 % 24, total % 60
    else:
        hour_value, minute_value = int(hour), int(minute or 0)
    time(hour_value, minute_value)
    half = am_pm or {"morning": "am", "afternoon": "pm", "evening": "pm"}.get(day_part or "") or ("pm" if night else "")
    if half and hour_value <= 12:
        return ClockTime(hour_value % 12 + (12 if half == "pm" else 0), minute_value, either_half=False)
    return ClockTime(hour_value % 12 if hour_value <= 12 else hour_value, minute_value, either_half=0 < hour_value <= 12)


# --- by type -----------------------------------------------------------------------------------------------------------------

_WORDS = r"(?: [a-z][a-z']*){1,4}?"
_BY_TYPE: dict[Any, Slot] = {
    int: Slot(r" \d{1,15}", int),
    float: Slot(rf" {NUMBER}", float),
    str: Slot(_WORDS, str.strip),
    timedelta: Slot(_DURATION, duration),
    ClockTime: Slot(re.sub(r"\((?!\?)", "(?:", _CLOCK), clock_time),
}


def slot_of(annotation: object) -> Slot:
    """How an argument annotated so is said.

    ``int``, ``float``, ``str`` (1 to 4 words), ``timedelta``, ``ClockTime``, a ``Literal`` of words; or one of them, or none.

    Raises:
        TypeError: there is no way to say it.
    """
    if get_origin(annotation) in {Union, UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        annotation = kinds[0] if len(kinds) == 1 else annotation
    if get_origin(annotation) is Literal:
        words = sorted((str(word) for word in get_args(annotation)), key=len, reverse=True)
        return Slot(f" (?:{'|'.join(map(re.escape, words))})", str.strip)
    try:
        return _BY_TYPE[annotation]
    except (KeyError, TypeError):
        known = ", ".join(kind.__name__ for kind in _BY_TYPE)
        raise TypeError(f"an argument cannot be annotated {annotation!r}; use {known} or a Literal of words") from None
