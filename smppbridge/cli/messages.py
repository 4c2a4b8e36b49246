"""``smppbridge messages``: look messages up, and decide about Uncertain messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeApi, BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.decisions import decide
from smppbridge.cli.listing import (
    PAGE,
    Item,
    ShownFields,
    as_line,
    as_table,
    as_timeline,
    as_whole_line,
    listed,
    pages,
)
from smppbridge.cli.moments import as_moment, digits_of, rfc3339
from smppbridge.cli.refused_unmatched import refused, unmatched
from smppbridge.cli.store_option import give_up
from smppbridge.observe.shown import escaped
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt import STAT

STAGES = ("waiting", "submitting", "submitted", "finished")
STATES = {state.name.lower(): state.name for state in MessageState if state}
IN_RECEIPTS = {stat.decode().lower(): MessageState(state).name for state, stat in STAT.items()}


@click.group(invoke_without_command=True)
@bridge_options(store=True)
@click.option(
    "--id",
    "name",
    metavar="ID",
    help="One message: our id (decimal or hexadecimal), a segment's or a provider's; all of a"
    " submit_multi.",
)
@click.option(
    "--number", help="To this number, with or without + or 00; a national one with --account."
)
@click.option("--prefix", help="To numbers that begin with these digits.")
@click.option("--account", metavar="SYSTEM_ID", help="From this account.")
@click.option("--provider", metavar="NAME", help="At this provider, now or last.")
@click.option("--sender", metavar="ADDRESS", help="From this source address.")
@click.option(
    "--since",
    callback=as_moment,
    metavar="TIME",
    help="Accepted at or after: ISO, 10:00, 10m, 2h, today, yesterday; UTC.",
)
@click.option("--until", callback=as_moment, metavar="TIME", help="Accepted before.")
@click.option(
    "--state",
    type=click.Choice([*STAGES, *STATES, *IN_RECEIPTS], case_sensitive=False),
    metavar="WORD",
    help=f"A stage ({', '.join(STAGES)}), a message_state ({', '.join(STATES)}) or the same as in"
    f" receipts ({', '.join(IN_RECEIPTS)}).",
)
@click.option("--uncertain", is_flag=True, help="Only those that may or may not have been sent.")
@click.option(
    "--before",
    type=click.IntRange(0, 10**18),
    metavar="ID",
    help="Only older ones: the next page.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--show-text", is_flag=True, help="Show the texts of messages.")
@click.option("--show-numbers", is_flag=True, help="Show whole numbers.")
@click.option(
    "--because",
    metavar="WORDS",
    default="",
    help="Why numbers or texts are shown: it stands in the audit trail of the bridge.",
)
@click.pass_context
def messages(
    ctx: click.Context,
    /,
    where: BridgeOptions,
    name: str | None,
    limit: int,
    as_json: bool,
    show_text: bool,
    show_numbers: bool,
    because: str,
    **wanted: Any,
) -> None:
    """Look messages up, newest first; times are UTC.

    With --id, all steps in the life of one message.  The running bridge is asked; if none runs, its
    store is read.
    """
    ctx.obj = where
    if ctx.invoked_subcommand is not None:
        return
    asked, shown = chosen_bridge(where, stopped=True), ShownFields(show_text, show_numbers, because)
    if name is not None:
        _show(asked, name, limit, shown, as_json=as_json)
    else:
        _find(asked, query_of(**wanted), limit, shown, as_json=as_json)


def _find(
    asked: BridgeApi, query: dict[str, object], limit: int, shown: ShownFields, *, as_json: bool
) -> None:
    found, more = list[Item](), False
    for items, cursor in pages(asked, "/messages", query, limit):
        for item in items:
            found.append(shown.revealed(asked, item))
            if as_json:
                as_line(found.pop())
        more = cursor is not None
    if not as_json:
        as_table(found, more=more)


def _show(asked: BridgeApi, name: str, limit: int, shown: ShownFields, *, as_json: bool) -> None:
    named = listed(asked, "/messages", {"id": name}, PAGE)
    if not named:
        give_up(f"there is no message {escaped(name)}")
    show = as_whole_line if as_json else as_timeline
    for item in named[:limit]:
        path = f"/messages/{item['message_id']}"
        message = shown.revealed(asked, asked.ask("GET", path))
        show(message, asked.ask("GET", f"{path}/timeline")["items"])
    if not as_json and (more := len(named) - limit) > 0:
        click.echo(f"{more} more of this submit_multi: --limit {len(named)}")


messages.add_command(refused)
messages.add_command(unmatched)


@messages.command()
@bridge_options(store=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
def resend(ids: Sequence[int], yes: bool, as_json: bool, where: BridgeOptions) -> None:
    """Send Uncertain messages once more; a phone may get a second SMS."""
    decide(chosen_bridge(where, stopped=True), ids, "resend", yes=yes, as_json=as_json)


@messages.command()
@bridge_options(store=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
def fail(ids: Sequence[int], yes: bool, as_json: bool, where: BridgeOptions) -> None:
    """End Uncertain messages as UNDELIVERABLE."""
    decide(chosen_bridge(where, stopped=True), ids, "fail", yes=yes, as_json=as_json)


def query_of(
    *,
    number: str | None,
    prefix: str | None,
    since: float | None,
    until: float | None,
    state: str | None,
    uncertain: bool,
    before: int | None,
    **same: str | None,
) -> dict[str, object]:
    """Return the query of the API for the options."""
    state = (state or "").lower()
    query: dict[str, object | None] = {
        "number": None if number is None else number.replace("/", ""),
        "prefix": None if prefix is None else digits_of(prefix),
        "since": None if since is None else rfc3339(since),
        "until": None if until is None else rfc3339(until),
        "stage": state if state in STAGES else None,
        "state": (STATES | IN_RECEIPTS).get(state),
        "uncertain": "true" if uncertain else None,
        "cursor": None if before is None else f"{before:x}",
        **same,
    }
    return {name: value for name, value in query.items() if value is not None}
