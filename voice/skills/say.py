"""How skills say numbers, lengths of time and moments."""

import re
from datetime import datetime, timedelta


def number(value: float) -> str:
    """A number to be spoken: whole where it is whole, otherwise to four decimals, with "about" where that is not all of it."""
    near = round(value, 4)
    if near == 0 and value != 0:
        return f"about {value:.2g}"
    exact = abs(near - value) <= 1e-9 * max(1.0, abs(value))
    text = f"{near:,.4f}".rstrip("0").rstrip(".")
    return text if exact else f"about {text}"


def rounded(value: float) -> str:
    """A measured quantity, to four figures and the whole part: nobody hears more. "about" where that is not all of it."""
    value = float(f"{value:.10g}")
    digits = len(str(int(abs(value))))
    near = round(value, max(0, 4 - digits)) if abs(value) >= 1 else float(f"{value:.4g}")
    text = number(near).removeprefix("about ")
    return text if abs(near - value) <= 1e-9 * max(1.0, abs(value)) else f"about {text}"


def duration(seconds: float) -> str:
    """A length of time, to the second: "1 hour and 30 minutes"."""
    left = max(0, round(seconds))
    parts = []
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    if not parts:
        return "no time"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def long(seconds: float) -> str:
    """The same before a noun: "10 minute", "1 hour and 30 minute"."""
    return re.sub(r"s\b", "", duration(seconds))


def clock(at: datetime) -> str:
    """A time of day: "7:30 AM"."""
    return at.strftime("%I:%M %p").lstrip("0")


def date(at: datetime) -> str:
    """A date: "Tuesday, November 24, 2026"."""
    return f"{at:%A}, {at:%B} {at.day}, {at.year}"


def day(at: datetime, now: datetime) -> str:
    """A day as seen from today: "today", "tomorrow", "on Monday", "on November 24"."""
    days = (at.date() - now.date()).days
    if days in {0, 1}:
        return ("today", "tomorrow")[days]
    return f"on {at:%A}" if timedelta(days=days) < timedelta(days=7) else f"on {at:%B} {at.day}"
