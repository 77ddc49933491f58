"""Writes numbers, codes, e-mail addresses and dates the way people say them, and a recogniser without numerals writes them.

Used to make spoken test and training text out of written values. All functions draw from the ``random.Random`` they are given:
the same seed gives the same words.
"""

import random
import re

ONES = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
MONTHS = "January February March April May June July August September October November December".split()
NATO = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra "
    "tango uniform victor whiskey x-ray yankee zulu"
).split()
SYMBOLS = {".": "dot", "@": "at", "_": "underscore", "-": "dash", "/": "slash", "+": "plus"}
FILLERS = ("um", "uh", "er", "erm", "hmm", "you know", "like", "let me see", "let's see", "hang on")
CORRECTIONS = ("no wait", "sorry", "no sorry", "I mean", "scratch that", "no, make that", "wait no", "correction", "oops")


def cardinal(n: int) -> str:
    """``n`` (0 to 999,999,999) as a cardinal: "one hundred twenty-three"."""
    if n < 10:
        return ONES[n]
    if n < 20:
        return TEENS[n - 10]
    if n < 100:
        return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")
    for size, word in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            rest = f" {cardinal(n % size)}" if n % size else ""
            return f"{cardinal(n // size)} {word}{rest}"
    raise AssertionError(n)


def ordinal(n: int) -> str:
    """``n`` (1 to 31) as an ordinal: "twenty-first"."""
    if n <= 20:
        return ORDINALS[n - 1]
    return "thirtieth" if n == 30 else f"{TENS[n // 10]}-{ORDINALS[n % 10 - 1]}"


def year(n: int) -> str:
    """``n`` (1000 to 2099) as a year: "nineteen eighty-four"."""
    if 2000 <= n < 2010:
        return "two thousand" + (f" and {ONES[n % 10]}" if n % 10 else "")
    rest = n % 100
    tail = "hundred" if rest == 0 else f"oh {ONES[rest]}" if rest < 10 else cardinal(rest)
    return f"{cardinal(n // 100)} {tail}"


def _digit(d: str, rng: random.Random) -> str:
    return ("oh" if rng.random() < 0.5 else "zero") if d == "0" else ONES[int(d)]


def _group(digits: str, rng: random.Random, style: str) -> list[str]:
    """One group of digits in one style: single digits, pairs, or repeats said as double and triple."""
    words: list[str] = []
    i = 0
    while i < len(digits):
        run = len(digits[i:]) - len(digits[i:].lstrip(digits[i]))
        if style == "repeats" and run in {2, 3}:
            words += ["double" if run == 2 else "triple", _digit(digits[i], rng)]
            i += run
        elif style == "pairs" and i + 2 <= len(digits) and digits[i] != "0":
            words.append(cardinal(int(digits[i : i + 2])))
            i += 2
        else:
            words.append(_digit(digits[i], rng))
            i += 1
    return words


def digits(value: str, rng: random.Random, *, slips: bool = True) -> str:
    """The digits of ``value`` said aloud; what stands between them is a pause.

    With ``slips``, one in seven has a filler and one in ten a self-correction inside.
    """
    groups = re.findall(r"\d+", value)
    if len(groups) == 1 and len(groups[0]) > 6:
        size = rng.choice((3, 4, len(groups[0])))
        groups = [groups[0][i : i + size] for i in range(0, len(groups[0]), size)]
    style = rng.choices(("single", "pairs", "repeats"), (6, 1.5, 2.5))[0]
    said = [" ".join(_group(group, rng, style)) for group in groups]
    if slips and len(said) > 1:
        at = rng.randrange(1, len(said))
        if rng.random() < 0.14:
            said.insert(at, rng.choice(FILLERS))
        elif rng.random() < 0.1:
            wrong = " ".join(_digit(rng.choice("0123456789"), rng) for _ in range(2))
            said.insert(at, f"{wrong} {rng.choice(CORRECTIONS)}")
    between = rng.choices((" ", ", ", " dash ", " then "), (8, 3, 0.7, 0.3))[0]
    return between.join(said)


def letter(char: str, rng: random.Random) -> str:
    """One letter said aloud: mostly itself, now and then with a word to make it clear."""
    position = ord(char.lower()) - ord("a")
    if not 0 <= position < 26:
        return char
    draw = rng.random()
    if draw < 0.06:
        return f"{char.lower()} as in {NATO[position]}"
    return NATO[position] if draw < 0.1 else char.lower()


def code(value: str, rng: random.Random) -> str:
    """Letters and digits one by one: "d e eight nine three seven"."""
    return " ".join(_digit(c, rng) if c.isdigit() else letter(c, rng) for c in value if c.isalnum())


def spelled(word: str, rng: random.Random) -> str:
    """A word letter by letter, as people do and as recognisers write it."""
    letters = [c for c in word if c.isalpha()]
    if rng.random() < 0.3:
        return "-".join(c.upper() for c in letters)
    return " ".join(letter(c, rng) for c in letters)


def email(value: str, rng: random.Random) -> str:
    """An e-mail or web address: "jay dot smith at gmail dot com"."""
    value = re.sub(r"^https?://(www\.)?", "", value).rstrip("/")
    local, at, domain = value.rpartition("@")
    said = []
    for part in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]", local):
        if part.isalpha():
            said.append(spelled(part, rng) if len(part) < 3 or rng.random() < 0.12 else part.lower())
        else:
            said.append(digits(part, rng, slips=False) if part.isdigit() else SYMBOLS.get(part, part))
    said += ["at"] if at else []
    for part in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]", domain):
        said.append(digits(part, rng, slips=False) if part.isdigit() else SYMBOLS.get(part, part.lower()))
    return " ".join(said)


def house_number(value: str, rng: random.Random) -> str:
    """A house, flat or room number: "twelve forty-five", "two oh seven"."""
    if not value.isdigit() or len(value) > 5 or value.startswith("0"):
        return code(value, rng)
    n = int(value)
    if n < 100 or (n < 1000 and rng.random() < 0.2):
        return cardinal(n)
    if len(value) == 3:
        tail = n % 100
        return f"{ONES[n // 100]} {'hundred' if not tail else 'oh ' + ONES[tail] if tail < 10 else cardinal(tail)}"
    if len(value) == 4 and n // 100 % 10:
        return year(n) if n < 2000 or n > 2100 else code(value, rng)
    return code(value, rng)


def date(day: int, month: int, of_year: int | None, rng: random.Random) -> str:
    """A date: "the third of May nineteen eighty-four", "May third", "five three eighty four"."""
    name = MONTHS[month - 1]
    styles = [f"{name} {ordinal(day)}", f"the {ordinal(day)} of {name}", f"{name} {day}"]
    said = rng.choice(styles)
    return said if of_year is None else f"{said} {year(of_year)}" if rng.random() < 0.8 else f"{said}, {of_year}"


def address(value: str, rng: random.Random) -> str:
    """A street address on one line, its numbers said aloud."""
    one_line = " ".join(value.replace("\n", " ").split())

    def say(match: re.Match[str]) -> str:
        return house_number(match[0], rng)

    short = {
        "Apt.": "apartment",
        "Apt": "apartment",
        "St.": "street",
        "Ave": "avenue",
        "Rd": "road",
        "Dr.": "drive",
        "No.": "number",
    }
    words = [short.get(word, word) for word in one_line.split()]
    return re.sub(r"\d+", say, " ".join(words))


def hesitate(text: str, rng: random.Random) -> str:
    """``text`` with a filler at a random place."""
    words = text.split()
    words.insert(rng.randrange(len(words) + 1), rng.choice(FILLERS[:5]))
    return " ".join(words)


def plain(text: str) -> str:
    """As a recogniser without case and punctuation writes it."""
    return " ".join(re.sub(r"[^\w\s'@.+-]|[.](?=\s|$)", " ", text).lower().split())
