"""``smppbridge optouts``: list the opt-outs of phones, and end them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from smppbridge.cli.listing import Shown, when
from smppbridge.cli.located import failing_plainly, give_up, given_path, located, store_path
from smppbridge.cli.moments import digits_of
from smppbridge.observe.shown import escaped
from smppbridge.store import optouts as stored
from smppbridge.store.lookup import open_store


@click.group()
@located
@click.pass_context
def optouts(ctx: click.Context, /, config: Path | None, store: str | None) -> None:
    """Numbers that opted out, by the provider that reported the opt-out.

    Messages to these numbers are refused where a provider's `optouts` is refuse.  The bridge may
    run meanwhile.
    """
    ctx.obj = store_path(config, store)


@optouts.command("list")
@located
@click.option("--number", help="Only this one.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--show-numbers", is_flag=True, help="Show whole numbers.")
@click.pass_context
def list_(
    ctx: click.Context,
    /,
    number: str | None,
    limit: int,
    as_json: bool,
    show_numbers: bool,
    **where: Any,
) -> None:
    """List numbers that opted out, newest first; times are UTC."""
    with failing_plainly(), closing(open_store(given_path(ctx, **where))) as db:
        found = stored.listed(db, None if number is None else digits_of(number), limit)
    shown = Shown(text=False, numbers=show_numbers)
    for optout in found:
        number, provider = shown.number(optout.number), escaped(optout.provider)
        if as_json:
            line = {"since": when(optout.at), "number": number, "provider": provider}
            click.echo(json.dumps(line))
        else:
            click.echo(f"{when(optout.at)}  {number:<15}  {provider}")
    if not (found or as_json):
        click.echo("nobody opted out")


@optouts.command()
@located
@click.option("--provider", metavar="NAME", help="Only as reported by this provider.")
@click.argument("number")
@click.pass_context
def remove(ctx: click.Context, /, number: str, provider: str | None, **where: Any) -> None:
    """Let NUMBER have messages again.

    A provider keeps its own list of opt-outs and may go on refusing: see `smppbridge account`.
    """
    with failing_plainly():
        found = stored.end(given_path(ctx, **where), digits_of(number), provider)
    if not found:
        give_up("this number has not opted out")
    click.echo(
        f"Ended the opt-out at {', '.join(map(escaped, found))}. The bridge goes by that within a"
        " second, or when it starts."
    )
