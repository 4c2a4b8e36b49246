"""``smppbridge messages refused`` and ``unmatched``: what never became a message, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.listing import Item, listed
from smppbridge.cli.moments import as_moment, rfc3339
from smppbridge.cli.rows import as_table

Command = Callable[..., None]


def _sought(command: Command) -> Command:
    """Add the options of a look-up in what the bridge noted of the last day."""
    number = click.option(
        "--number", help="With this number, as it was written or without + or 00."
    )
    reason = click.option("--reason", metavar="WORD", help="For this reason.")
    since = click.option(
        "--since", callback=as_moment, metavar="TIME", help="At or after: ISO, 10:00, 10m, 2h; UTC."
    )
    until = click.option("--until", callback=as_moment, metavar="TIME", help="Before.")
    limit = click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
    json_ = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    for option in (json_, limit, until, since, reason, number):
        command = option(command)
    return bridge_options(store=True)(command)


@click.command()
@_sought
@click.option("--account", metavar="SYSTEM_ID", help="From this account.")
def refused(**options: Any) -> None:
    """Look up submissions refused at the door in the last 24 hours, newest first.

    Numbers are masked: they are kept so. Of an account and a reason the first 60 a minute have
    their addresses, the others are counted.
    """
    _print("/refused", _refused_row, "nothing was refused", **options)


@click.command()
@_sought
@click.option("--provider", metavar="NAME", help="Of this provider.")
@click.option("--id", metavar="ID", help="With this id of the provider.")
def unmatched(**options: Any) -> None:
    """Look up reports and MO messages that belong to nothing, of 24 hours, newest first.

    A report with the reason "early" may find its message yet.
    """
    _print("/unmatched", _unmatched_row, "everything belongs to something", **options)


def _print(
    operation: str,
    row: Callable[[Item], dict[str, Any]],
    nothing: str,
    *,
    where: BridgeOptions,
    limit: int,
    as_json: bool,
    since: float | None,
    until: float | None,
    **given: str | None,
) -> None:
    times = {name: at and rfc3339(at) for name, at in (("since", since), ("until", until))}
    query = {name: value for name, value in {**given, **times}.items() if value is not None}
    rows = [
        row(item) for item in listed(chosen_bridge(where, stopped=True), operation, query, limit)
    ]
    if not as_json:
        as_table([{k: v for k, v in each.items() if k != "do"} for each in rows], nothing)
        return
    for each in rows:
        click.echo(json.dumps(each))


def _refused_row(found: Item) -> dict[str, Any]:
    detail = f" ({found['detail']})" if found["detail"] else ""
    return {
        "at": found["at"],
        "account": found["account"],
        "from": found["source"],
        "to": found["destination"],
        "status": found["status"],
        "reason": found["reason"],
        "count": found["count"],
        "why": f"{found['says']}{detail}",
        "do": found["remedy"],
    }


def _unmatched_row(found: Item) -> dict[str, Any]:
    return {
        "at": found["at"],
        "kind": found["kind"],
        "provider": found["provider"],
        "id": found["provider_message_id"],
        "state": found["state"] or "",
        "error": found["error"] or "",
        "from": found["source"],
        "to": found["destination"],
        "reason": found["reason"],
        "why": found["says"],
        "do": found["remedy"],
    }
