"""``voice trace report``: a log of turns as one HTML page that needs nothing else (pure: records in, text out).

It holds no script and no address; its pictures are SVG in the page. Every picture says in words what it shows, and what it
shows stands beside it in a table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any
from xml.etree.ElementTree import Element

from voice.traces import bars, charts
from voice.traces.markup import Child, document, make
from voice.traces.record import Record, Size, Text
from voice.traces.spans import STAGE_ENDS, STEPS
from voice.traces.summary import by, costs, forecast_errors, summarise
from voice.traces.tables import MOST_GROUPS, latency_table, percentile_table, table

SLOWEST = 12
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def report(records: Sequence[Record], *, source: str, bad_lines: int = 0, made_at_ms: float | None = None) -> str:
    """The page of one or more turns. ``source`` names the log; ``made_at_ms`` is now, since 1970."""
    found = summarise(records)
    main = make(
        "main",
        _tiles(found, records),
        *_latency(records, found),
        *_budget(records, found),
        *_groups(found),
        *_forecasts(records),
        *_money(records, found),
        *_events(found),
        *_slowest(records, found),
    )
    head = make(
        "head",
        make("meta", charset="utf-8"),
        make("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        make("meta", name="viewport", content="width=device-width, initial-scale=1"),
        make("title", f"voice: where the time of {len(records)} turns went"),
        make("style", files("voice").joinpath("traces/report.css").read_text(encoding="utf-8")),
    )
    footer = make(
        "footer",
        make("p", f"Made {charts.clock(made_at_ms)} from {source} by ", make("code", "voice trace report"), "."),
    )
    return document(head, make("body", _header(records, found, bad_lines), main, footer))


def _header(records: Sequence[Record], found: Mapping[str, Any], bad_lines: int) -> Element:
    times = [one.at_ms for one in records if one.at_ms is not None]
    span = f"{charts.clock(min(times))} to {charts.clock(max(times))}, " if times else ""
    bad = f"{bad_lines} lines of the log could not be read and are left out." if bad_lines else None
    return make(
        "header",
        make("h1", _verdict(records, found)),
        make(
            "p",
            f"{span}{_many(found['turns'], 'turn')} in {_many(found['conversations'], 'conversation')}. Times run "
            "from the user's last voiced sample to what the server sent. What counts is the reply's own words: a filler "
            "(“Well,”) that comes before them is not the reply.",
            class_="soft",
        ),
        make("p", bad, class_="notice") if bad else None,
    )


def _verdict(records: Sequence[Record], found: Mapping[str, Any]) -> str:
    times = _own(records)
    if not times:
        return "No turn had a reply that was heard"
    inside = sum(ms <= found["budget_ms"] for ms in times) / len(times)
    half = found["own_words_ms"]["p50"]
    return f"{inside:.0%} of replies began within {found['budget_ms']:g}\u00a0ms, half of all within {half:.0f}\u00a0ms"


def _tiles(found: Mapping[str, Any], records: Sequence[Record]) -> Element:
    own, first = found["own_words_ms"], found["first_sound_ms"]
    share, filled = found["wasted_share"], found["filler_share"]
    cloud = sum(one.tier == "cloud" for one in records)
    tiles = [
        _tile(_ms(own.get("p50")), "median to the reply's own words"),
        _tile(_ms(own.get("p95")), "95th percentile", bad=own.get("p95", 0) > found["budget_ms"]),
        _tile(_ms(first.get("p50")), f"median to the first sound of any kind, 95th percentile {_ms(first.get('p95'))}"),
        _tile(f"{found['fillers']:,}", f"opened by a filler, {0 if filled is None else filled:.0%} of replies"),
        _tile(f"{found['late']:,}", f"late {'turn' if found['late'] == 1 else 'turns'}", bad=found["late"] > 0),
        _tile(str(found["reopened_turns"]), "cut off: the user went on", bad=found["reopened_turns"] > 0),
        _tile(str(found["barge_ins"]), "barge-ins: the user spoke over the reply"),
        _tile(str(cloud), f"answered by the cloud, {_many(sum(found['fallbacks'].values()), 'fallback')}"),
        _tile("–" if share is None else f"{share:.0%}", "of the edge's tokens thrown away"),
    ]
    for row in found["cost"]:
        spent = row["edge"] + row["cloud"]
        saved = row["saved_against_all_cloud"]
        side = f"{charts.money(abs(saved))} {'less' if saved >= 0 else 'more'} than all in the cloud"
        tiles.append(_tile(f"{charts.money(spent)} {row['currency']}", f"spent, {side}"))
    return make("ul", *tiles, class_="tiles")


def _tile(value: str, what: str, *, bad: bool = False) -> Element:
    return make("li", make("b", value), make("span", what), class_="bad" if bad else None)


def _latency(records: Sequence[Record], found: Mapping[str, Any]) -> list[Element]:
    times = _own(records)
    if not times:
        return []
    budget = found["budget_ms"]
    first = [ms for one in records if (ms := one.first_sound_ms) is not None] if found["fillers"] else []
    both = bars.legend(["the reply's own words", "first sound of any kind"], ["spent", "first"]) if first else None
    newest = f", the newest {charts.MOST_POINTS:,}" if len(times) > charts.MOST_POINTS else ""
    tiers = bars.legend(["edge", "cloud"], ["edge", "cloud"])
    by_kind = by(records, lambda one: "skills" if one.skill else "typed" if one.typed else "spoken")
    kinds = {"": {"all": found}, "by tier": found["by_tier"], "by kind": by_kind}
    return [
        make("h2", "How soon the reply's own words came"),
        make(
            "div",
            _card("Distribution", charts.histogram(times, budget)),
            _card("Share of turns within a time", charts.ecdf(times, budget, first), both),
            _card(f"Turn by turn{newest}", charts.turn_by_turn(records, budget), tiers),
            _card("By tier and kind", latency_table(kinds, budget)),
            class_="grid-of-cards",
        ),
    ]


def _budget(records: Sequence[Record], found: Mapping[str, Any]) -> list[Element]:
    counts = _counted(found, records)
    steps = {name: found["steps_ms"][name] for name in counts}
    if not steps:
        return []
    eaten = found["late_because_of"]
    rows: list[list[Child]] = [
        [
            make("span", make("span", class_=f"swatch step-{number}"), step),
            *(f"{column[step]:.0f}" for column in steps.values()),
            str(eaten.get(step, 0)),
        ]
        for number, step in enumerate(STEPS)
    ]
    caption = "Medians in ms; in how many turns the step ate the budget: took most beyond its median in turns in time"
    by_step = table(caption, ["step", *steps, "ate it"], rows)
    bars_of = {f"{name} ({_many(counts[name], 'turn')})": row for name, row in steps.items()}
    return [
        make("h2", "What the first words waited for"),
        make(
            "p",
            "Work that is done while the user still speaks, or beside other work, costs nothing here: each step has the time "
            "that it adds to those before it. A filler, which comes before the reply's own words, is no step.",
            class_="soft",
        ),
        make(
            "div",
            _card(
                "The way to the first words",
                bars.stacked(bars_of, found["budget_ms"]),
                make("h3", "What ate the budget, in how many turns") if eaten else None,
                bars.counted(eaten, "What ate the budget, in how many turns") if eaten else None,
            ),
            _card("Step by step", by_step),
            class_="grid-of-cards",
        ),
    ]


def _counted(found: Mapping[str, Any], records: Sequence[Record]) -> dict[str, int]:
    """How many turns there are of each kind that has steps."""
    answered = [one for one in records if one.own_ms is not None]
    late = sum(one.is_late for one in answered)
    counts = {"in time": len(answered) - late, "late": late, "behind a filler": sum(one.is_filled for one in answered)}
    return {name: count for name, count in counts.items() if count and found["steps_ms"][name]}


def _groups(found: Mapping[str, Any]) -> list[Element]:
    stages = {bars.STAGE_NAMES[stage]: row for stage, row in found["stages"].items()}
    tasks = latency_table({"": found["by_task"]}, found["budget_ms"])
    return [
        make("h2", "By stage and task"),
        make(
            "div",
            _card("How long the stages took", percentile_table(stages)),
            _card("To the own words, by task", tasks) if found["by_task"] else None,
            class_="grid-of-cards",
        ),
    ]


def _forecasts(records: Sequence[Record]) -> list[Element]:
    rows: dict[str, tuple[float, float, float, float]] = {}
    lines: list[list[Child]] = []
    for stage in STAGE_ENDS:
        errors = sorted(forecast_errors(records, stage))
        if errors:
            p10, p50, p90 = (errors[min(len(errors) - 1, len(errors) * p // 100)] for p in (10, 50, 90))
            over = sum(error > 0 for error in errors) / len(errors)
            rows[bars.STAGE_NAMES[stage]] = (p10, p50, p90, over)
            lines.append([bars.STAGE_NAMES[stage], str(len(errors)), *(f"{ms:+.0f}" for ms in (p10, p50, p90)), f"{over:.0%}"])
    if not rows:
        return []
    headings = ["stage", "turns", "p10", "p50", "p90", "took longer"]
    return [
        make("h2", "Forecasts"),
        make(
            "div",
            _card("How far they were off, in ms", bars.forecasts(rows)),
            _card("In numbers", table("Took longer than forecast (+) or less (−), in ms", headings, lines)),
            class_="grid-of-cards",
        ),
    ]


def _money(records: Sequence[Record], found: Mapping[str, Any]) -> list[Element]:
    cards: list[Element] = []
    for row in found["cost"]:
        unit = row["currency"] or "money"
        priced = [one.cost for one in records if one.cost is not None and one.cost.currency == row["currency"]]
        series = {"spent": [one.spent for one in priced], "all cloud": [one.all_cloud for one in priced]}
        if row["all_edge"] is not None:
            series["all edge"] = [one.all_edge or 0.0 for one in priced]
        legend = bars.legend(list(series), [name.replace(" ", "-") for name in series])
        cards.append(_card(f"Running total, in {unit}", charts.sums(series, unit), legend))
        keys: dict[str, Callable[[Record], str | None]] = {
            "tier": lambda one: one.tier,
            "user": lambda one: one.user,
            "feature": lambda one: one.feature,
        }
        cards.append(_card(f"By tier, user and feature, in {unit}", _cost_table(records, row["currency"], keys)))
    return [make("h2", "Cost"), make("div", *cards, class_="grid-of-cards")] if cards else []


def _cost_table(records: Sequence[Record], currency: str, keys: Mapping[str, Callable[[Record], str | None]]) -> Element:
    priced = [one for one in records if one.cost is not None and one.cost.currency == currency]
    rows: list[list[Child]] = []
    for what, key in keys.items():
        names = sorted({name for one in priced if (name := key(one))})[:MOST_GROUPS]
        if what != "tier" and not names:
            continue
        rows += [[f"{what}: {name}", *_cost_cells(one for one in priced if key(one) == name)] for name in names]
    rows.append(["all", *_cost_cells(priced)])
    headings = ["", "turns", "edge", "cloud", "all cloud", "saved"]
    return table("Saved against the same turns all in the cloud; the machine's price is cost.edge_hour", headings, rows)


def _cost_cells(records: Iterable[Record]) -> list[str]:
    (row,) = costs(records)
    amounts = (row["edge"], row["cloud"], row["all_cloud"], row["saved_against_all_cloud"])
    return [f"{row['turns']:,}", *(charts.money(amount) for amount in amounts)]


def _events(found: Mapping[str, Any]) -> list[Element]:
    ended = [[name.replace("_", " "), str(count)] for name, count in found["end_reasons"].items()]
    happened = [
        ["replies taken back before they were heard", str(found["takebacks"])],
        ["turns reopened: the user went on", str(found["reopened_turns"])],
        ["barge-ins", str(found["barge_ins"])],
        ["“Let me see”, “One moment, please”: turns that were bridged", str(found["excuses"])],
        ["the edge's tokens thrown away", f"{found['wasted_tokens']:,}"],
        *([f"fallback: {code.replace('_', ' ')}", str(count)] for code, count in found["fallbacks"].items()),
        *([f"doubt: {what}", str(count)] for what, count in found["doubts"].items()),
    ]
    return [
        make("h2", "What happened"),
        make(
            "div",
            _card("How turns ended", table(None, ["", "turns"], ended)),
            _card("On the way", table(None, ["", "times"], happened)),
            _drafting(found) if found["drafted"] else None,
            class_="grid-of-cards",
        ),
    ]


def _drafting(found: Mapping[str, Any]) -> Element:
    rows = [[name.replace("_", " "), f"{value:,.3g}"] for name, value in found["draft"].items()]
    caption = f"Medians over the {_many(found['drafted'], 'turn')} that the edge drafted for the cloud"
    return _card("Drafting", table(caption, ["", "median"], rows))


def _slowest(records: Sequence[Record], found: Mapping[str, Any]) -> list[Element]:
    answered = [(ms, number, one) for number, one in enumerate(records) if (ms := one.own_ms) is not None]
    answered.sort(key=lambda item: (-item[0], item[1]))
    cards = [_turn(one, found["budget_ms"]) for _, _, one in answered[:SLOWEST]]
    if not cards:
        return []
    title = "The slowest turn" if len(cards) == 1 else f"The {len(cards)} slowest turns"
    note = "0 is the user's last sound, the dashed line the budget; the numbers are what each stage took, in ms."
    return [make("h2", title), make("p", note, class_="soft"), make("div", *cards, class_="grid-of-cards")]


def _turn(one: Record, usual_budget_ms: float) -> Element:
    budget = one.budget_ms if one.budget_ms is not None and one.budget_ms > 0 else usual_budget_ms
    badges: list[Child] = [make("li", _ms(one.own_ms), class_="late" if one.is_late else None), make("li", one.tier)]
    badges += [
        make("li", text) for text in (one.task and one.task.replace("_", " "), one.skill, charts.clock(one.at_ms)) if text
    ]
    if one.is_filled:
        badges.append(make("li", f"first sound after {_ms(one.first_sound_ms)}: {_words(one.filler_text) or 'a filler'}"))
    if one.fallback:
        badges.append(make("li", f"the edge stepped in: {one.fallback.replace('_', ' ')}", class_="late"))
    if one.end_reason != "completed":
        badges.append(make("li", one.end_reason.replace("_", " ")))
    if one.cost is not None:
        badges.append(make("li", f"{charts.money(one.cost.spent)} {one.cost.currency}"))
    return make(
        "article",
        make("h3", f"Turn {one.turn} of {one.conversation}"),
        make("ul", *badges, class_="badges"),
        _said(one),
        bars.waterfall(one, budget),
        class_="card turn",
    )


def _said(one: Record) -> Element | None:
    user, reply = _words(one.user_text), _words(one.reply_text)
    if not user and not reply:
        return None
    return make("blockquote", make("p", user, class_="said") if user else None, make("p", reply) if reply else None)


def _words(text: Text) -> str:
    """What was said, where the log has it; otherwise nothing."""
    if isinstance(text, Size):
        return ""
    return text if len(text) <= 400 else text[:399] + "…"


def _card(title: str, *children: Child, class_: str = "card") -> Element:
    return make("section", make("h3", title), *children, class_=class_)


def _own(records: Sequence[Record]) -> list[float]:
    return [ms for one in records if (ms := one.own_ms) is not None]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
