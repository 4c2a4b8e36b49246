"""``smppbridge messages refused`` and ``unmatched``: what never became a message, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from smppbridge.cli.listing import state_name, when
from smppbridge.cli.located import failing_plainly, given_path, located
from smppbridge.cli.moments import as_moment
from smppbridge.cli.rows import as_table
from smppbridge.model.masking import masked_forms
from smppbridge.model.noted import RefusedSubmission, Unmatched
from smppbridge.model.reasons import remedy, sentence
from smppbridge.smpp.constants import status_name
from smppbridge.store import noted
from smppbridge.store.lookup import open_store
from smppbridge.store.noted import NoteQuery

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
    return located(click.pass_context(command))


@click.command()
@_sought
@click.option("--account", "name", metavar="SYSTEM_ID", help="From this account.")
def refused(ctx: click.Context, /, **options: Any) -> None:
    """Look up submissions refused at the door in the last 24 hours, newest first.

    Numbers are masked: they are kept so. Of an account and a reason the first 60 a minute have
    their addresses, the others are counted.
    """
    _print(ctx, options, noted.refused, _refused_row, "nothing was refused")


@click.command()
@_sought
@click.option("--provider", "name", metavar="NAME", help="Of this provider.")
@click.option("--id", "provider_message_id", metavar="ID", help="With this id of the provider.")
def unmatched(ctx: click.Context, /, **options: Any) -> None:
    """Look up reports and MO messages that belong to nothing, of 24 hours, newest first.

    A report with the reason "early" may find its message yet.
    """
    _print(ctx, options, noted.unmatched, _unmatched_row, "everything belongs to something")


def _print(
    ctx: click.Context,
    options: dict[str, Any],
    look: Callable[[Any, NoteQuery], Sequence[Any]],
    row: Callable[[Any], dict[str, Any]],
    nothing: str,
) -> None:
    config: Path | None = options.pop("config")
    as_json, number = options.pop("as_json"), options.pop("number")
    path = given_path(ctx, config, options.pop("store"))
    numbers = () if number is None else masked_forms(number)
    query = NoteQuery(numbers=numbers, **options)
    with failing_plainly(), closing(open_store(path)) as db:
        rows = [row(found) for found in look(db, query)]
    if not as_json:
        as_table([{k: v for k, v in each.items() if k != "do"} for each in rows], nothing)
        return
    for each in rows:
        click.echo(json.dumps(each))


def _refused_row(found: RefusedSubmission) -> dict[str, Any]:
    detail = f" ({found.detail})" if found.detail else ""
    return {
        "at": when(found.at),
        "account": found.system_id,
        "from": found.source,
        "to": found.destination,
        "status": status_name(found.command_status),
        "reason": found.reason,
        "count": found.count,
        "why": f"{sentence(found.reason)}{detail}",
        "do": remedy(found.reason),
    }


def _unmatched_row(found: Unmatched) -> dict[str, Any]:
    facts = {"provider": found.provider}
    return {
        "at": when(found.at),
        "kind": found.kind,
        "provider": found.provider,
        "id": found.provider_message_id,
        "state": state_name(found.state) if found.state else "",
        "error": found.error or "",
        "from": found.source,
        "to": found.destination,
        "reason": found.reason,
        "why": sentence(found.reason, facts),
        "do": remedy(found.reason, facts),
    }
