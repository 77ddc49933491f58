"""What a reply sounds like: markup, addresses and symbols turned into words that the voice can say.

Strategy: espeak-ng, which turns text into phonemes inside the voice, reads plain numbers, decimals, percentages, ordinals and
acronyms well; those are left to it. Rewritten is what it gets wrong (it says "dollars five" for $5, "dash" for a range,
"chinese letter" for 語) or what would only be heard as noise (markup, code, emoji). Every rule is a regular expression over a
single clause; the one thing remembered from clause to clause is whether a block of code is open.

The words are English ones; a voice of another language gets the same clean-up with English names for symbols.
"""

import re
import unicodedata
from collections.abc import Callable

MAX_CHARS = 20_000
"""Text beyond this is not spoken."""

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_FENCE = re.compile(r"```|~~~")


class Speakable:
    """Makes the clauses of one reply speakable, in order."""

    def __init__(self) -> None:
        self._in_code = False

    def __call__(self, clause: str) -> str:
        """The words to say for ``clause``; empty when there is nothing to say. Never raises.

        The result is one line without control characters or markup, and at most about twelve times as long as what
        it came from. Plain prose comes back as it is.
        """
        spoken: list[str] = []
        for index, part in enumerate(_FENCE.split(clause[:MAX_CHARS])):
            if index:
                self._in_code = not self._in_code
                part = part.partition("\n")[2] if self._in_code else part  # noqa: PLW2901 - the language's name
            if not self._in_code:
                spoken.append(part)
        text = " ".join(spoken)
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        text = "".join(map(_sayable, text))
        text = _PAUSES.sub(_pause, _SPACES.sub(" ", text))
        text = _STOPS.sub(r"\1", text).strip().lstrip(" ,;:.!?")
        return text if any(map(str.isalnum, text)) else ""


def speakable(text: str) -> str:
    """A whole text made speakable: see :class:`Speakable`."""
    return Speakable()(text)


def _sayable(char: str) -> str:
    """``char``, or a space for what no voice can say: controls, symbols, emoji and scripts that the voice spells as names."""
    if char in _KEPT or (char.isascii() and char.isalnum()):
        return char
    category = unicodedata.category(char)
    if category in {"Mn", "Mc"}:
        return char
    if category == "Cf":
        return ""
    if category[0] in "LN" and not _UNREADABLE.match(char):
        return char
    return _PUNCTUATION.get(char, " ")


_KEPT = frozenset(" .,;:!?'-")
_PUNCTUATION = {"’": "'", "‘": "'", "…": ".", "–": ", ", "—": ", ", "。": ". ", "！": "! ", "？": "? ", "，": ", ", "、": ", "}
_UNREADABLE = re.compile(r"[ก-๿\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]")
_SPACES = re.compile(r"\s+")
_PAUSES = re.compile(r"[ ,;:]{2,}")
_STOPS = re.compile(r"[ ,;:]+([.!?]+)(?=\s|$)")


def _pause(match: re.Match[str]) -> str:
    """One pause in place of several."""
    mark = match[0].strip()[:1]
    return f"{mark} "


# --- numbers -----------------------------------------------------------------------------------------------------------------

_MONTHS = "January February March April May June July August September October November December".split()
_ORDINALS = {
    1: "first",
    2: "second",
    3: "third",
    5: "fifth",
    8: "eighth",
    9: "ninth",
    12: "twelfth",
    20: "twentieth",
    30: "thirtieth",
}
_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_GLYPHS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}
_CURRENCIES = {
    "$": ("dollar", "dollars", "cents"),
    "€": ("euro", "euros", "cents"),
    "£": ("pound", "pounds", "pence"),
    "¥": ("yen", "yen", ""),
    "₹": ("rupee", "rupees", "paise"),
}
_UNITS = {
    "km/h": "kilometers per hour",
    "mph": "miles per hour",
    "m/s": "meters per second",
    "km": "kilometers",
    "cm": "centimeters",
    "mm": "millimeters",
    "kg": "kilograms",
    "mg": "milligrams",
    "g": "grams",
    "ml": "milliliters",
    "l": "liters",
    "ft": "feet",
    "lb": "pounds",
    "lbs": "pounds",
    "oz": "ounces",
    "m": "meters",
    "kW": "kilowatts",
    "kWh": "kilowatt hours",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "KB": "kilobytes",
    "MB": "megabytes",
    "GB": "gigabytes",
    "TB": "terabytes",
    "ms": "milliseconds",
}


def _ordinal(day: int) -> str:
    return _ORDINALS.get(
        day, f"{day}th" if 10 <= day <= 20 or day % 10 not in (1, 2, 3) else f"{day}{'st nd rd'.split()[day % 10 - 1]}"
    )


def _year(year: str) -> str:
    """A year as two numbers, the way that it is said."""
    century, rest = year[:2], year[2:]
    if year[1:3] == "00":
        return year
    if rest == "00":
        return f"{century} hundred"
    return f"{century} oh {rest[1]}" if rest[0] == "0" else f"{century} {rest}"


def _date(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return match[0].replace("-", " ")
    return f"{_MONTHS[int(month) - 1]} {_ordinal(int(day))}, {_year(year)}"


def _money(match: re.Match[str]) -> str:
    one, many, cents = _CURRENCIES[match[1]]
    amount, fraction, scale = match[2], match[3], match[4]
    if scale:
        return f"{amount}{fraction or ''} {scale.strip()} {many}"
    unit = one if amount == "1" else many
    if not fraction or fraction == ".00":
        return f"{amount} {unit}"
    if len(fraction) != 3 or not cents:
        return f"{amount}{fraction} {many}"
    return f"{amount} {unit} and {int(fraction[1:])} {cents}" if amount != "0" else f"{int(fraction[1:])} {cents}"


def _time(match: re.Match[str]) -> str:
    hour, minute, half = match[1], match[2], match[3]
    half = f" {half.strip()}" if half else ""
    if minute == "00":
        return f"{hour}{half}" if half else f"{hour} o'clock" if 1 <= int(hour) <= 12 else f"{hour} hundred hours"
    spoken = f"oh {minute[1]}" if minute[0] == "0" else minute
    return f"{int(hour)} {spoken}{half}"


def _digits(match: re.Match[str]) -> str:
    """A telephone number: groups of single digits with a pause between them."""
    groups = re.findall(r"\d+", match[0])
    return ", ".join(" ".join(group) for group in groups)


def _unit(match: re.Match[str]) -> str:
    number, unit = match[1], match[2]
    name = _UNITS[unit]
    if number == "1":
        name = "foot" if name == "feet" else re.sub(r"s\b", "", name, count=1) if name != "hertz" else name
    return f"{number} {name}"


# --- addresses ---------------------------------------------------------------------------------------------------------------

_ADDRESS_MARKS = {".": " dot ", "/": " slash ", "@": " at ", "-": " dash ", "_": " underscore ", ":": " colon "}


def _spell(address: str) -> str:
    return "".join(_ADDRESS_MARKS.get(char, char) for char in address)


def _url(match: re.Match[str]) -> str:
    """Host and path; what follows a ``?`` or ``#`` is for machines. The punctuation at its end is the sentence's."""
    address, stop = _split_stop(match[0])
    address = re.split(r"[?#]", re.sub(r"^(?:https?|ftp)://(?:www\.)?", "", address, flags=re.IGNORECASE))[0]
    return _spell(address.rstrip("/")) + stop


def _email(match: re.Match[str]) -> str:
    address, stop = _split_stop(match[0])
    return _spell(address) + stop


def _split_stop(text: str) -> tuple[str, str]:
    bare = text.rstrip(".,;:!?)]}'\"")
    return bare, text[len(bare) :][:1].strip(")]}'\"")


def _table_row(match: re.Match[str]) -> str:
    cells = [cell.strip() for cell in match[0].strip().strip("|").split("|")]
    return ", ".join(cell for cell in cells if cell.strip("-: ")) + "."


_NUMBER = r"(?<![\d,])\d{1,24}(?:,\d{3}){0,8}(?:\.\d{1,24})?"
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"), " "),
    # markup
    (re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE), _table_row),
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE), " "),
    (re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?)", re.MULTILINE), ""),
    (re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+(?=\S)", re.MULTILINE), r"\1, "),
    (re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s[^()]*)?\)"), r"\1"),
    (re.compile(r"<(https?://[^<>\s]+)>"), r"\1"),
    (re.compile(r"</?[a-zA-Z][^<>]{0,200}>"), " "),
    (re.compile(r"\*{1,3}(?=\S)([^*]+?)(?<=\S)\*{1,3}|(?<!\w)_{1,3}(?=\S)([^_]+?)(?<=\S)_{1,3}(?!\w)"), lambda m: m[1] or m[2]),
    (re.compile(r"~~([^~]+)~~|`+([^`]+)`+"), lambda m: m[1] or m[2]),
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r"(?<=[^\s.,;:!?])\s*\n"), ", "),
    # addresses
    (re.compile(r"\b(?:https?|ftp)://[^\s<>]+|\bwww\.[^\s<>]+", re.IGNORECASE), _url),
    (re.compile(r"\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+[.,;:!?]?"), _email),
    (
        re.compile(
            r"(?<![\w.-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|org|net|edu|gov|io|dev)(?:/[^\s<>]*)?(?![\w.]*\w)",
            re.IGNORECASE,
        ),
        _url,
    ),
    # numbers
    (re.compile("[½⅓⅔¼¾]"), lambda m: f" {_GLYPHS[m[0]]}"),
    (re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])"), _date),
    (re.compile(r"(?<![\w.])(?:\+\d{1,3}[ -])?(?:\(\d{2,4}\)[ -]?|\d{3}[ -])?\d{3}-\d{4}(?![\w-])"), _digits),
    (re.compile(r"([$€£¥₹]) ?(\d{1,24}(?:,\d{3})*)(\.\d+)?( (?:thousand|million|billion|trillion)\b)?"), _money),
    (re.compile(rf"({_NUMBER}) ?€"), r"\1 euros"),
    (re.compile(r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])( ?[ap]\.?m\b)?", re.IGNORECASE), _time),
    (re.compile(rf"(?<![\w.]){_NUMBER}(?: ?[-–—] ?)(?={_NUMBER}(?![\w-]))"), lambda m: m[0].rstrip(" -–—") + " to "),
    (re.compile(r"(?<![\w/])([1-3]/[2-4])(?![\w/])"), lambda m: _FRACTIONS.get(m[1], m[1])),
    (re.compile(r"(?<![\w/.])(\d+)/(\d+)(?![\w/])"), r"\1 over \2"),
    (re.compile(rf"({_NUMBER}) ?({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![\w/])"), _unit),
    (re.compile(r"(?<![\w.])[-−](?=\d)"), "minus "),
    (re.compile(r"(?<![\w.,$€£])((?:1[1-9]|20)\d\d)(?=s?\b)(?![.,]\d|%| ?°)"), lambda m: _year(m[1])),
    (re.compile(r"(?<![\w'])(\d)'(\d{1,2})(?:\"|''|(?!\w))"), r"\1 foot \2"),
    # symbols
    (re.compile(r" ?°\s?C\b"), " degrees Celsius"),
    (re.compile(r" ?°\s?F\b"), " degrees Fahrenheit"),
    (re.compile(r" ?°"), " degrees "),
    (re.compile(r" ?%"), " percent"),
    (re.compile(r"\bC\+\+"), "C plus plus"),
    (re.compile(r"\bC#"), "C sharp"),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(r"(?<!\w)~(?=\d)"), "about "),
    (re.compile(r" ?& ?"), " and "),
    (re.compile(r"(?<=\w) ?\+ ?(?=\w)"), " plus "),
    (re.compile(r" ?[=] ?"), " equals "),
    (re.compile(r"(?<=\d) ?[×*] ?(?=\d)"), " times "),
    (re.compile(r"(?<=\d) ?÷ ?(?=\d)"), " divided by "),
    (re.compile(r"(?<=\w)\^2\b|²"), " squared"),
    (re.compile(r"(?<=\w)\^3\b|³"), " cubed"),
    (re.compile(r"(?<=\w)/(?=\w)"), " "),
    (re.compile(r"(?<=\w)_+(?=\w)"), " "),
    (re.compile(r"@"), " at "),
    (re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof|St)\.(?= [A-Z])"), r"\1"),
    (re.compile(r" [-–—]+(?: |$)"), ", "),
    (re.compile(r"\.{2,}"), "."),
)
