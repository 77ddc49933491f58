"""Plots of many turns as SVG (pure). Colours are classes, so that one picture serves light and dark pages."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from voice.traces.markup import make, picture
from voice.traces.record import Record

WIDTH = 440.0
_TOP, _BOTTOM = 20.0, 38.0
MOST_POINTS = 2_000
_DAY_MS = 86_400_000
_MOST_VERTICES = 400


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot's area and scales: from values to places in the picture."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    left: float = 52.0
    right: float = WIDTH - 14.0
    height: float = 230.0

    def x(self, value: float) -> float:
        """How far from the left."""
        share = (value - self.x_low) / (self.x_high - self.x_low or 1.0)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def y(self, value: float) -> float:
        """How far from the top."""
        share = (value - self.y_low) / (self.y_high - self.y_low or 1.0)
        return self.height - _BOTTOM - min(1.0, max(0.0, share)) * (self.height - _TOP - _BOTTOM)

    def axes(self, x_title: str, x_label: Callable[[float], str], y_label: Callable[[float], str]) -> list[Element]:
        """Grid, labels and the title of the horizontal axis."""
        left, right, floor = self.left, self.right, self.height - _BOTTOM
        parts: list[Element] = []
        for value in ticks(self.y_low, self.y_high, 4):
            y = self.y(value)
            parts.append(make("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(make("text", y_label(value), x=left - 6, y=y + 4, class_="end"))
        parts += [
            make("text", x_label(value), x=self.x(value), y=floor + 15, class_="middle")
            for value in ticks(self.x_low, self.x_high, 6)
        ]
        parts.append(make("line", x1=left, x2=right, y1=floor, y2=floor, class_="axis"))
        parts.append(make("text", x_title, x=right, y=self.height - 4, class_="end soft"))
        return parts

    def upright(self, value: float, label: str) -> list[Element]:
        """The budget, as a line from top to bottom."""
        x = self.x(value)
        return [
            make("line", x1=x, x2=x, y1=_TOP - 4, y2=self.height - _BOTTOM, class_="budget"),
            make("text", label, x=x, y=_TOP - 8, class_="middle late"),
        ]

    def level(self, value: float, label: str) -> list[Element]:
        """The budget, as a line from left to right."""
        y = self.y(value)
        return [
            make("line", x1=self.left, x2=self.right, y1=y, y2=y, class_="budget"),
            make("text", label, x=self.right + 6, y=y + 4, class_="late"),
        ]


def histogram(values: Sequence[float], budget_ms: float) -> Element:
    """How many turns had their own words when. The last bar holds all that came later."""
    high = _limit(values, budget_ms)
    width = next(width for width in (5, 10, 20, 25, 50, 100, 250, 500, 1000, 10**16) if high / width <= 36)
    bins = [0] * math.ceil(high / width)
    for value in values:
        bins[min(len(bins) - 1, max(0, int(value // width)))] += 1
    frame = Frame(0, len(bins) * width, 0, max(bins))
    bars = []
    for number, count in enumerate(bins):
        if count:
            start, end = frame.x(number * width), frame.x((number + 1) * width)
            beyond = number == len(bins) - 1 and max(values) >= len(bins) * width
            span = f"{number * width} ms and more" if beyond else f"{number * width} to {(number + 1) * width} ms"
            bars.append(
                make(
                    "rect",
                    make("title", f"{span}: {count} turns"),
                    x=start + 0.5,
                    y=frame.y(count),
                    width=max(1.0, end - start - 1),
                    height=frame.y(0) - frame.y(count),
                    rx=1.5,
                    class_="fill-late" if number * width >= budget_ms else "fill",
                )
            )
    late = sum(value > budget_ms for value in values)
    sentence = f"Histogram of the time to the own words: {len(values) - late} of {len(values)} turns within {budget_ms:g} ms."
    axes = frame.axes("ms to the own words", _plain, _whole)
    return picture(WIDTH, frame.height, sentence, *axes, *bars, *frame.upright(budget_ms, f"{budget_ms:g} ms"))


def ecdf(own: Sequence[float], budget_ms: float, first: Sequence[float] = ()) -> Element:
    """The share of turns whose ``own`` words came within so many ms; and the ``first`` sound, where that differs."""
    high = _limit([*own, *first], budget_ms)
    frame = Frame(0, high, 0, 100)
    inside = sum(value <= budget_ms for value in own) / len(own)
    marker = [
        make("circle", cx=frame.x(budget_ms), cy=frame.y(inside * 100), r=4.0, class_="dot"),
        make("text", f"{inside:.0%}", x=frame.x(budget_ms) - 9, y=frame.y(inside * 100) - 7, class_="end strong halo"),
    ]
    sentence = f"Share of turns whose own words came within a time: {inside:.0%} within {budget_ms:g} ms."
    axes = frame.axes("ms to the own words" if not first else "ms", _plain, lambda value: f"{value:g}%")
    curves = [make("path", d=_path(frame, _shares(own, high)), class_="curve")]
    if first:
        curves.insert(0, make("path", d=_path(frame, _shares(first, high)), class_="curve first"))
    return picture(WIDTH, frame.height, sentence, *axes, *frame.upright(budget_ms, f"{budget_ms:g} ms"), *curves, *marker)


def _shares(values: Sequence[float], high: float) -> Sequence[tuple[float, float]]:
    """The steps of the distribution, in percent."""
    points = [(0.0, 0.0)]
    for number, value in enumerate(sorted(values), 1):
        if value > high:
            break
        points += [(value, points[-1][1]), (value, 100 * number / len(values))]
    return thinned([*points, (high, points[-1][1])])


def turn_by_turn(records: Sequence[Record], budget_ms: float) -> Element:
    """The own words of each turn, in order; the newest two thousand."""
    known = [(one, ms) for one in records if (ms := one.own_ms) is not None][-MOST_POINTS:]
    high = _limit([ms for _, ms in known], budget_ms)
    frame = Frame(0, max(1, len(known) - 1), 0, high, right=WIDTH - 60)
    times = [one.at_ms for one, _ in known if one.at_ms is not None]
    pattern = "%H:%M" if times and max(times) - min(times) < _DAY_MS else "%d %b"

    def when(value: float) -> str:
        number = round(value)
        whole = number < len(known) and abs(value - number) < 0.01
        return clock(known[number][0].at_ms, pattern) if whole else ""

    dots = [
        make(
            "circle",
            make("title", f"turn {one.turn} of {one.conversation}, {clock(one.at_ms)}: {ms:.0f} ms, {one.tier}"),
            cx=frame.x(number),
            cy=frame.y(ms),
            r=2.6 if len(known) < 400 else 1.5,
            class_=f"point {'cloud' if one.tier == 'cloud' else 'edge'}{' beyond' if ms > high else ''}",
        )
        for number, (one, ms) in enumerate(known)
    ]
    sentence = f"The time to the own words of {len(known)} turns in order; the points above the line are late."
    axes = frame.axes("turns in order, and when they were", when, _plain)
    return picture(WIDTH, frame.height, sentence, *axes, *dots, *frame.level(budget_ms, f"{budget_ms:g} ms"))


def sums(series: Mapping[str, Sequence[float]], unit: str) -> Element:
    """Running sums over the turns, one curve each; labelled at their ends."""
    totals: dict[str, list[tuple[float, float]]] = {}
    for name, amounts in series.items():
        reached, curve = 0.0, [(0.0, 0.0)]
        for number, amount in enumerate(amounts, 1):
            reached += amount
            curve.append((float(number), reached))
        totals[name] = curve
    turns = max(len(curve) for curve in totals.values()) - 1
    highest = max(y for curve in totals.values() for _, y in curve)
    frame = Frame(0, turns, 0, highest * 1.05 or 1.0, left=66.0)
    curves = [
        make("path", d=_path(frame, thinned(curve)), class_=f"curve {name.replace(' ', '-')}") for name, curve in totals.items()
    ]
    sentence = f"Running totals in {unit} over {turns} turns: " + ", ".join(
        f"{name} {money(curve[-1][1])}" for name, curve in totals.items()
    )
    return picture(WIDTH, frame.height, sentence, *frame.axes("turns", _whole, money), *curves)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round values between two, about so many."""
    if high <= low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / about))
    step *= min((1, 2, 5, 10), key=lambda factor: abs((high - low) / (step * factor) - about))
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, first + 4 * about) if number * step <= high + step * 1e-9]


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """No more vertices than can be seen; the first and the last stay."""
    if len(points) <= _MOST_VERTICES:
        return points
    step = (len(points) - 1) / (_MOST_VERTICES - 1)
    return [points[round(number * step)] for number in range(_MOST_VERTICES)]


def clock(at_ms: float | None, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """When, in the local time of whoever reads."""
    if at_ms is None:
        return ""
    try:
        return time.strftime(pattern, time.localtime(at_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return ""


def money(amount: float) -> str:
    """Two figures and no more, never as a power of ten."""
    if not amount:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(abs(amount))))
    return f"{amount:,.{digits}f}" if digits < 13 else "0"


def _limit(values: Sequence[float], budget_ms: float) -> float:
    """Where the axis ends: behind the budget and nearly all turns."""
    ordered = sorted(values)
    nearly_all, many = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.97, 0.75))
    most = min(nearly_all, 3 * many)
    return max(budget_ms * 4 / 3, math.ceil(max(1.0, most) / 50) * 50)


def _path(frame: Frame, points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)


def _plain(value: float) -> str:
    return f"{value:,.0f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-9 else ""
