"""``voice cost``."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voice.commands.common import console, print_json, results, settings
from voice.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table


def cost(
    context: typer.Context,
    *,
    by: Annotated[str, typer.Option(help="day, session, user, feature, tier or turn.")] = "day",
    since: Annotated[str, typer.Option(metavar="DATE", help="Only turns from this day on: 2026-11-01.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a group.")] = False,
) -> None:
    """What the turns cost, and what they would have cost all in the cloud or all here.

    Turns bear the user and the feature that the settings (cost.user, cost.feature) or the client's hello name.
    Cloud prices are cloud.price_in, price_out and price_cached; the edge's are cost.edge_hour and edge_out.
    """
    from voice.cost.ledger import GROUPS, OFF, report, url_of

    config = settings(context)
    if by not in GROUPS:
        raise typer.BadParameter(f"--by takes {', '.join(GROUPS)}")
    url = url_of(config.cost)
    if url == OFF:
        raise ConfigError('there is no ledger: cost.ledger is "off"')
    rows = report(url, by=by, since_s=_since_s(since))
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        _show(rows, config.cost.currency)
    else:
        console().print(f"No turn is in {url} yet; talk to the assistant first: voice ask")


def _since_s(since: str) -> float:
    if not since:
        return 0.0
    try:
        return datetime.fromisoformat(since).astimezone().timestamp()
    except ValueError as error:
        raise typer.BadParameter(f"--since {since!r} is no date; write it as 2026-11-01") from error


def _show(rows: list[dict[str, Any]], currency: str) -> None:
    from voice.traces.charts import money

    def amounts(row: dict[str, Any]) -> list[str]:
        saved = (row["saved_against_all_cloud"], -row["spent_beyond_all_edge"])
        return [money(row["cost_cloud"]), money(row["cost_edge"]), *map(money, saved)]

    def tokens(row: dict[str, Any]) -> list[str]:
        return [f"{row[key]:,}" for key in ("tokens_in", "tokens_cached", "tokens_out", "tokens_edge", "tokens_wasted")]

    people = results()
    spent = ["turns", "in the cloud", "cloud", "edge", "saved: all cloud", "saved: all edge"]
    people.print(_table(f"what it cost, in {currency}", spent, rows, lambda row: [*_turns(row), *amounts(row)]))
    people.print(_table("tokens", ["cloud in", "cached", "cloud out", "edge", "of these wasted"], rows, tokens))
    people.print("Saved is against the same turns answered all in the cloud, or all here.")
    if any(row["estimated"] for row in rows):
        people.print("Some tokens are estimated: the cloud did not say what it counted.")


def _turns(row: dict[str, Any]) -> list[str]:
    return [f"{row[key]:,}" for key in ("turns", "cloud_turns")]


def _table(
    title: str, headings: list[str], rows: list[dict[str, Any]], cells: Callable[[dict[str, Any]], list[str]]
) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title)
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(Text(row["group"]), *cells(row), end_section=len(rows) > 1 and row is rows[-2])
    return table
