"""Tables of the page that ``voice trace report`` writes (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from voice.traces import bars
from voice.traces.markup import Child, make
from voice.traces.summary import PERCENTILES

MOST_GROUPS = 40


def percentile_table(rows: Mapping[str, Mapping[str, float]]) -> Element:
    """Percentiles in ms, a row a group."""
    headings: list[Child] = [make("td"), _heading("turns"), *(_heading(f"p{p}") for p in PERCENTILES)]
    lines: list[Child] = [
        make("tr", _name(name), make("td", f"{row['n']:,}"), *(make("td", _figure(row.get(f"p{p}"))) for p in PERCENTILES))
        for name, row in list(rows.items())[:MOST_GROUPS]
    ]
    return _whole(make("caption", "Milliseconds"), headings, lines)


def latency_table(sections: Mapping[str, Mapping[str, Mapping[str, Any]]], budget: float) -> Element:
    """Own words, first sound and fillers in ms, a row a group; with the spread of the own words at a glance."""
    rows = [row["own_words_ms"] for groups in sections.values() for row in groups.values()]
    high = max([*(row["p95"] for row in rows if "p95" in row), budget, 1.0]) * 1.05
    headings: list[Child] = [make("td"), _heading("turns"), *(_heading(f"own p{p}") for p in PERCENTILES)]
    headings += [_heading("first p50"), _heading("first p95"), _heading("fillers"), _heading("own, median to p95", "glance")]
    lines: list[Child] = []
    for title, groups in sections.items():
        if title and groups:
            lines.append(make("tr", make("th", title, scope="rowgroup", colspan=len(headings), class_="group")))
        for name, row in list(groups.items())[:MOST_GROUPS]:
            own, first = row["own_words_ms"], row["first_sound_ms"]
            cells = [make("td", _figure(own.get(f"p{p}")), class_=_late(own.get(f"p{p}"), budget)) for p in PERCENTILES]
            cells += [make("td", _figure(first.get(p))) for p in ("p50", "p95")]
            glance = make("td", bars.spread(own, high, budget), class_="glance")
            count = make("td", f"{first['n']:,}")
            lines.append(make("tr", _name(name), count, *cells, make("td", f"{row['fillers']:,}"), glance))
    caption = "Milliseconds to the reply's own words, and to the first sound of any kind; own words beyond "
    return _whole(make("caption", f"{caption}{budget:g} stand out"), headings, lines)


def _whole(caption: Element, headings: Sequence[Child], lines: Sequence[Child]) -> Element:
    return _scroll(make("table", caption, make("thead", make("tr", *headings)), make("tbody", *lines)))


def _heading(title: str, kind: str | None = None) -> Element:
    return make("th", title, scope="col", class_=kind)


def _name(name: str) -> Element:
    return make("th", name.replace("_", " "), scope="row")


def _figure(ms: float | None) -> str:
    return "–" if ms is None else f"{ms:,.0f}"


def _late(ms: float | None, budget: float) -> str | None:
    return "late" if ms is not None and ms > budget else None


def table(caption: str | None, headings: Sequence[str], rows: Sequence[Sequence[Child]]) -> Element:
    """Names down the side, ``headings`` above."""
    head = make("tr", *(make("th" if title else "td", title, scope="col" if title else None) for title in headings))
    body = [make("tr", make("th", first, scope="row"), *(make("td", cell) for cell in rest)) for first, *rest in rows]
    return _scroll(make("table", make("caption", caption) if caption else None, make("thead", head), make("tbody", *body)))


def _scroll(table: Element) -> Element:
    """A table that is too wide scrolls by itself, by keyboard too."""
    return make("div", table, class_="scroll", tabindex=0, role="group", aria_label="table")
