"""``smppbridge optouts``: list the opt-outs of phones, and end them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeApi, BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.decisions import place
from smppbridge.cli.listing import PAGE, Item, listed
from smppbridge.cli.moments import digits_of
from smppbridge.cli.store_option import give_up
from smppbridge.observe.shown import escaped


@click.group()
@bridge_options(store=True)
@click.pass_context
def optouts(ctx: click.Context, /, where: BridgeOptions) -> None:
    """Numbers that opted out, by the provider that reported the opt-out.

    Messages to these numbers are refused where a provider's `optouts` is refuse.  The running
    bridge is asked; if none runs, its store is read.
    """
    ctx.obj = where


@optouts.command("list")
@bridge_options(store=True)
@click.option("--number", help="Only this one.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--show-numbers", is_flag=True, help="Show whole numbers.")
@click.option(
    "--because",
    metavar="WORDS",
    default="",
    help="Why numbers are shown: it stands in the audit trail of the bridge.",
)
def list_(
    where: BridgeOptions,
    number: str | None,
    limit: int,
    as_json: bool,
    show_numbers: bool,
    because: str,
) -> None:
    """List numbers that opted out, newest first; times are UTC."""
    asked = chosen_bridge(where, stopped=True)
    query: dict[str, object] = {} if number is None else {"number": digits_of(number)}
    if show_numbers:
        found = _revealed(asked, {**query, "reason": because}, limit)
    else:
        found = iter(listed(asked, "/optouts", query, limit))
    optout: Item | None = None
    for optout in found:
        if as_json:
            names = {"since": "at", "number": "number", "provider": "provider"}
            click.echo(json.dumps({name: optout[key] for name, key in names.items()}))
        else:
            click.echo(f"{optout['at']}  {optout['number']:<15}  {escaped(optout['provider'])}")
    if optout is None and not as_json:
        click.echo("nobody opted out")


def _revealed(asked: BridgeApi, body: dict[str, object], limit: int) -> Iterator[Item]:
    """Yield opt-outs with their whole numbers, at most *limit*."""
    cursor: dict[str, Any] = {}
    while True:
        page = {**body, **cursor, "limit": min(limit, PAGE)}
        found = asked.ask("POST", "/optouts/reveal", body=page)
        yield from found["items"]
        limit -= len(found["items"])
        cursor = {"cursor": found["next"]}
        if found["next"] is None or limit <= 0:
            return


@optouts.command()
@bridge_options(store=True)
@click.option("--provider", metavar="NAME", help="Only as reported by this provider.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.argument("number")
def remove(where: BridgeOptions, number: str, provider: str | None, as_json: bool) -> None:
    """Let NUMBER have messages again.

    A provider keeps its own list of opt-outs and may go on refusing: see `smppbridge account`.
    """
    asked, digits = chosen_bridge(where, stopped=True), digits_of(number)
    found = listed(asked, "/optouts", {"number": digits}, PAGE)
    names = sorted(each["provider"] for each in found if provider in (None, each["provider"]))
    if not names:
        give_up("this number has not opted out")
    for name in names:
        asked.ask("DELETE", f"/optouts/{place(name)}/{place(digits)}")
    if as_json:
        click.echo(json.dumps({"ended": names}))
        return
    click.echo(
        f"Ended the opt-out at {', '.join(map(escaped, names))}. The bridge goes by that within a"
        " second, or when it starts."
    )
