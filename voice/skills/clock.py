"""The time and the date."""

from datetime import timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from voice.skills import say
from voice.skills.skill import Context, skill


@skill(
    "what time is it [here] [now]",
    "what time it is [now]",
    "what is the [current] time",
    "the time",
    "what time do we have",
    "time check",
    "do you have the time",
    "have you got the time",
)
def time(context: Context) -> str:
    """The time here."""
    return f"It is {say.clock(context.now)}."


@skill("what time is it [now] in {place}", "what is the [current] time in {place}", "what time it is in {place}")
def time_elsewhere(place: str, context: Context) -> str | None:
    """The time in a city that has a time zone of its own name."""
    zone = zones().get(place)
    if zone is None:
        return None
    try:
        there = context.now.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    day = "" if there.date() == context.now.date() else f" {say.day(there, context.now)}" if there > context.now else ""
    return f"In {place.title()} it is {say.clock(there)}{day}."


@cache
def zones() -> dict[str, str]:
    """Cities by their names, and their time zones."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/")))
    return {zone.rpartition("/")[2].replace("_", " ").casefold(): zone for zone in zones}


@skill(
    "what is the date [today]",
    "what is today's date",
    "what date is it [today]",
    "what day is it [today]",
    "what day is today",
    "what is today",
    "what is the day today",
    "what day of the week is it [today]",
    "today's date",
    "what day it is",
)
def date(context: Context) -> str:
    """Today's date."""
    return f"Today is {say.date(context.now)}."


@skill(
    "what (day|date) (is|is it|was|was it|will it be) {day}",
    "what day of the week (is|was|will it be) {day}",
    "what is {day}'s date",
    "what (is|was) the date {day}",
)
def date_of(day: Literal["tomorrow", "yesterday"], context: Context) -> str:
    """The date of tomorrow or yesterday."""
    at = context.now + timedelta(days=1 if day == "tomorrow" else -1)
    return f"{day.title()} {'is' if day == 'tomorrow' else 'was'} {say.date(at)}."


@skill("what (year|month) is it", "what is the (year|month)", "what (year|month) are we in")
def year(context: Context) -> str:
    """The month and the year."""
    return f"It is {context.now:%B} {context.now.year}."


SKILLS = (time, time_elsewhere, date, date_of, year)
