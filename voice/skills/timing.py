"""Timers, alarms and reminders: setting, asking, cancelling."""

import re
from datetime import timedelta
from typing import Literal

from voice.skills import say
from voice.skills.local_time import later
from voice.skills.skill import Context, Reply, skill
from voice.skills.slots import ClockTime
from voice.skills.timers import MAX_TIMERS, Kind, Timer, Timers

Day = Literal["today", "tonight", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_NOT_A_NAME = re.compile(
    r"\b(is|was|are|were|has|had|have|did|does|do|will|would|not|but|because|when|if|that|which|what|why|how|who|and|or|"
    r"it|i|you|me|him|her|them|us|broke|broken|goes|went|to|from)\b"
)
_ARTICLE = re.compile(r"^(?:the|my|a|an|our|called|named|for) ")
_SET = "(set|start|make|create|begin|put on|add|run)"
FULL = f"I already keep {MAX_TIMERS}. Cancel one first."
NO_ROOM = "I keep too much for others just now."


def _name(words: str) -> str:
    """A name that a person may give to a timer.

    Raises:
        ValueError: the words say something else.
    """
    name = words.strip()
    while (shorter := _ARTICLE.sub("", name)) != name:
        name = shorter
    if _NOT_A_NAME.search(name):
        raise ValueError("not a name")
    return name.removesuffix(" timer")


def _add(timers: Timers, timer: Timer, text: str) -> Reply:
    if timers.full:
        return Reply(FULL if timers.count else NO_ROOM)

    async def add() -> None:
        timers.add(timer)

    return Reply(text, add)


@skill(
    f"{_SET} [a|an|another|the|me a] [new] timer [for|of] {{length}}",
    f"{_SET} [a|an|another|the|me a] {{length}} timer",
    f"{_SET} [a|an|another|the|me a] {{name}} timer [for|of] {{length}}",
    f"{_SET} [a|an|another|the|me a] {{length}} {{name}} timer",
    f"{_SET} [a|an|another|the|me a] [new] timer (called|named) {{name}} for {{length}}",
    f"{_SET} [a|an|another|the|me a] [new] timer [for|of] {{length}} (for|called|named) {{name}}",
    f"{_SET} [a|an|another|the|me a] [new] timer for {{name}} for {{length}}",
    f"{_SET} [a|an|another|the|me a] {{length}} timer (for|called|named) {{name}}",
    "[a|an|another] timer for {length}",
    "[a|an|another] {length} timer",
    "(time|timer) {length}",
)
def set_timer(length: timedelta, context: Context, name: str = "") -> Reply | None:
    """Set a timer."""
    try:
        name = _name(name)
    except ValueError:
        return None
    seconds = length.total_seconds()
    timer = Timer("timer", name, seconds, due_s=context.now_s + seconds)
    for_what = f" for the {name}" if name else ""
    return _add(context.timers, timer, f"{_capital(say.duration(seconds))}{for_what}, starting now.")


@skill(
    "remind me in {length} to {what}",
    "remind me to {what} in {length}",
    "remind me in {length} about {what}",
    "remind me in {length}",
    "set a reminder in {length} to {what}",
    "set a reminder (in|for) {length}",
)
def remind_in(length: timedelta, context: Context, what: str = "") -> Reply:
    """A reminder after some time."""
    seconds = length.total_seconds()
    timer = Timer("reminder", _turned(what), seconds, due_s=context.now_s + seconds)
    return _add(context.timers, timer, f"I will remind you in {say.duration(seconds)}.")


@skill(
    "(set|make|create|add|put on) [a|an|another|the|my] [new] alarm (for|at|to) {at} [for|on] {day}",
    "(set|make|create|add|put on) [a|an|another|the|my] [new] alarm (for|at|to) {at}",
    "(set|make|create|add|put on) [a|an|another|the|my] [new] alarm (for|on) {day} at {at}",
    "(set|make|create|add|put on) [a|an|another|the|my] {at} alarm [for|on] [{day}]",
    "wake me [up] at {at} [on] {day}",
    "wake me [up] [{day}] at {at}",
    "alarm (for|at) {at}",
)
def set_alarm(at: ClockTime, context: Context, day: Day | None = None) -> Reply:
    """Set an alarm."""
    return _at(at, str(day or ""), "alarm", "", context, "Alarm set for {}.")


@skill(
    "remind me at {at} to {what}",
    "remind me at {at} {day} to {what}",
    "remind me [{day}] at {at} to {what}",
    "remind me to {what} [{day}] at {at}",
    "remind me to {what} at {at} {day}",
)
def remind_at(at: ClockTime, what: str, context: Context, day: Day | None = None) -> Reply:
    """A reminder at a time of day."""
    return _at(at, str(day or ""), "reminder", _turned(what), context, "I will remind you at {}.")


def _at(at: ClockTime, day: str, kind: Kind, name: str, context: Context, text: str) -> Reply:
    try:
        due = at.next_after(context.now, day)
    except ValueError:
        return Reply(f"It is past that time {day}." if day else "That time is over.")
    when = f"{say.clock(due)} {say.day(due, context.now)}"
    return _add(context.timers, Timer(kind, name, due_at=due), text.format(when))


@skill(
    "wake me [up] in {length}",
    "set an alarm (in|for) {length} [from now]",
)
def wake_in(length: timedelta, context: Context) -> Reply:
    """An alarm after some time."""
    seconds = length.total_seconds()
    timer = Timer("alarm", "", seconds, due_at=later(context.now, seconds))
    return _add(context.timers, timer, f"I will wake you in {say.duration(seconds)}.")


# --- asking ------------------------------------------------------------------------------------------------------------------


@skill(
    "how (much time|long|many minutes) (is|are|do i have|have i got|does it have) left [on] [the|my|that] [timer|alarm]",
    "how much time is (remaining|left) [on (the|my) (timer|alarm)]",
    "how (much|long|much time|many minutes) (is|are|do i have) left on [the|my] {name} timer",
    "how much (time|longer) [is] left [on [the|my] {name} timer]",
    "how much longer [on (the|my) (timer|alarm)]",
    "how long until (the|my) (timer|alarm) (goes off|rings|is done|is up|ends)",
    "when (does|will|is) (the|my) (timer|alarm) (go off|ring|end|be done|done|up)",
    "(what|which) (timer|timers|alarm|alarms|reminders) (is|are|do i have|have i) [there|set|running|on]",
    "(list|show|read|tell me) [all] [of] [my|the] (timers|alarms|reminders|timers and alarms)",
    "(do i have|are there|have i got|did i set) (a|any) (timers|timer|alarms|alarm|reminders) [set|running|on]",
    "(what is|check) [the status of] (the|my) timer",
    "what (time|when) is (the|my) alarm [set] [for]",
    "what are my (timers|alarms|reminders)",
    "timer status",
)
def list_timers(context: Context, name: str = "") -> str:
    """What runs, and for how long yet."""
    now_s = context.now_s
    try:
        name = _name(name)
    except ValueError:
        name = ""
    running = context.timers.running(now_s, context.now, name=name)
    if not running:
        return f"There is no {name} timer." if name else "No timer or alarm is set."
    told = [_describe(timer, now_s, context) for timer in running[:5]]
    more = f" And {len(running) - 5} more." if len(running) > 5 else ""
    return " ".join(told) + more


def _describe(timer: Timer, now_s: float, context: Context) -> str:
    if timer.due_at is not None:
        what = f"Reminder to {timer.name}" if timer.kind == "reminder" else "The alarm is set"
        return f"{what} for {say.clock(timer.due_at)} {say.day(timer.due_at, context.now)}."
    left = say.duration(timer.left_s(now_s, context.now))
    if timer.kind == "reminder":
        return f"Reminder in {left}."
    which = f"the {timer.name} timer" if timer.name else f"the {say.long(timer.length_s)} timer"
    return f"{_capital(left)} left on {which}."


# --- cancelling --------------------------------------------------------------------------------------------------------------


@skill(
    "(cancel|stop|delete|remove|clear|turn off|switch off|end|kill) [the|my|that|this] {kind}",
    "(cancel|stop|delete|remove|clear|turn off|switch off|end|kill) (all|every one of) [of] [the|my] {kind}",
    "(turn|switch) [the|my] {kind} off",
    "(cancel|stop|delete|remove|clear|turn off|switch off|end|kill) [the|my] {name} {kind}",
    "(cancel|stop|delete|remove|clear|turn off|switch off|end|kill) [the|my] {length} {kind}",
)
def cancel(
    kind: Literal["timer", "timers", "alarm", "alarms", "reminder", "reminders"],
    context: Context,
    name: str = "",
    length: timedelta | None = None,
) -> Reply | None:
    """Cancel timers: the only one, a named one, all of a kind."""
    singular: Kind = "timer" if "timer" in kind else "alarm" if "alarm" in kind else "reminder"
    try:
        name = _name(name).removeprefix("all ").removesuffix(" all")
    except ValueError:
        return None
    everything = kind.endswith("s") or name == "all"
    name = "" if name == "all" else name
    found = context.timers.running(context.now_s, context.now, kind=singular, name=name)
    if length is not None:
        found = [timer for timer in found if timer.length_s == length.total_seconds()]
    if not found:
        return Reply(f"There is no {name + ' ' if name else ''}{singular} to cancel.")
    if len(found) > 1 and not everything:
        names = [timer.name or say.long(timer.length_s) for timer in found if timer.due_at is None]
        which = f": {', '.join(names)}" if names else ""
        return Reply(f"There are {len(found)} {singular}s{which}. Say which one, or cancel all {singular}s.")

    async def remove() -> None:
        context.timers.remove(found)

    what = f"the {name} {singular}" if name else f"the {singular}" if len(found) == 1 else f"all {len(found)} {singular}s"
    return Reply(f"I cancelled {what}.", remove)


@skill("add {length} to (the|my) timer", "add {length} to (the|my) {name} timer", "(extend|prolong) (the|my) timer by {length}")
def extend(length: timedelta, context: Context, name: str = "") -> Reply:
    """Let a timer run longer."""
    now_s = context.now_s
    found = context.timers.running(now_s, context.now, kind="timer", name=name)
    if len(found) != 1:
        return Reply("There is no such timer." if not found else "There are several timers; say which one.")
    old, seconds = found[0], length.total_seconds()
    left_s = old.left_s(now_s, context.now) + seconds
    longer = Timer("timer", old.name, old.length_s + seconds, due_s=now_s + left_s)

    async def replace() -> None:
        context.timers.remove([old])
        context.timers.add(longer)

    return Reply(f"Now {say.duration(left_s)}.", replace)


@skill("snooze", "snooze [for] {length}", "(ring|remind me) again in {length}")
def snooze(context: Context, length: timedelta = timedelta(minutes=9)) -> Reply:
    """Let what rang last ring again."""
    last = context.timers.rung
    if last is None:
        return Reply("Nothing has rung yet.")
    seconds = length.total_seconds()
    again = Timer(last.kind, last.name, seconds, due_s=context.now_s + seconds)
    return _add(context.timers, again, f"Again in {say.duration(seconds)}.")


_TURNED = {"my": "your", "me": "you", "i": "you", "mine": "yours", "myself": "yourself", "our": "your", "am": "are"}


def _turned(words: str) -> str:
    """What the user said of themselves, said to them."""
    return " ".join(_TURNED.get(word, word) for word in words.split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


SKILLS = (set_timer, remind_in, set_alarm, remind_at, wake_in, list_timers, cancel, extend, snooze)
