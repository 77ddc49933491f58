"""``voice cost``."""

from datetime import datetime
from typing import Annotated, Any

import typer

from voice.commands.common import console, print_json, results, settings
from voice.errors import ConfigError


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
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"what it cost, in {currency}")
    for heading in ("", "turns", "in the cloud", "tokens in", "cached", "out", "on the edge", "wasted"):
        table.add_column(heading, justify="left" if not heading else "right")
    for heading in ("cloud", "edge", "saved against all cloud", "beyond all edge"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            escape(row["group"]),
            *(str(row[key]) for key in ("turns", "cloud_turns")),
            *(f"{row[key]:,}" for key in ("tokens_in", "tokens_cached", "tokens_out", "tokens_edge", "tokens_wasted")),
            *(f"{row[key]:.4f}" for key in ("cost_cloud", "cost_edge", "saved_against_all_cloud", "spent_beyond_all_edge")),
            end_section=row is rows[-2] if len(rows) > 1 else False,
        )
    people = results()
    people.print(table)
    if any(row["estimated"] for row in rows):
        people.print("Some tokens are estimated: the cloud did not say what it counted.")
