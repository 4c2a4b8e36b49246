"""``smppbridge messages``: look messages up, and decide about Uncertain messages."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import time as wall
from typing import Any

import click

from smppbridge.cli.listing import (
    Life,
    Shown,
    as_lines,
    as_table,
    as_timeline,
    as_whole_lines,
)
from smppbridge.cli.located import failing_plainly, give_up, given_path, located, store_path
from smppbridge.cli.moments import as_moment, digits_of
from smppbridge.cli.noted import refused, unmatched
from smppbridge.model.message import Stage
from smppbridge.model.verdicts import verdict
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt import STAT
from smppbridge.store import lookup
from smppbridge.store.cases import case_of
from smppbridge.store.timeline import timeline

STAGES = {stage.name.lower(): stage for stage in Stage if stage is not Stage.GATHERING}
STATES = {state.name.lower(): state for state in MessageState if state}
IN_RECEIPTS = {stat.decode().lower(): MessageState(state) for state, stat in STAT.items()}
WHAT_HAPPENS = {
    "resend": "sent once more: if the provider did take it, its phone gets a second SMS",
    "fail": "ended as UNDELIVERABLE: if the provider did take it, its phone gets it all the same",
}


@click.group(invoke_without_command=True)
@located
@click.option(
    "--id",
    "word",
    metavar="ID",
    help="One message: our id (decimal or hexadecimal), a segment's or a provider's; all of a"
    " submit_multi.",
)
@click.option("--number", help="To this number, with or without + or 00.")
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
@click.option("--before", type=int, metavar="ID", help="Only older ones: the next page.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--show-text", is_flag=True, help="Show the texts of messages.")
@click.option("--show-numbers", is_flag=True, help="Show whole numbers.")
@click.pass_context
def messages(
    ctx: click.Context,
    /,
    config: Path | None,
    store: str | None,
    word: str | None,
    as_json: bool,
    show_text: bool,
    show_numbers: bool,
    **wanted: Any,
) -> None:
    """Look messages up, newest first; times are UTC.

    With --id, all steps in the life of one message.  The bridge may run meanwhile.
    """
    ctx.obj = store_path(config, store)
    if ctx.invoked_subcommand is not None:
        return
    shown = Shown(show_text, show_numbers)
    with failing_plainly(), closing(lookup.open_store(ctx.obj)) as db:
        if word is not None:
            named = lookup.named(db, word)
            found = named[: wanted["limit"]]
            lives = [life(db, message) for message in found]
        else:
            named, found, lives = [], lookup.search(db, query_of(**wanted)), []
    if word is None:
        if as_json:
            as_lines(found, shown)
        else:
            as_table(found, shown, more=len(found) == wanted["limit"])
        return
    if not found:
        give_up(f"there is no message {word}")
    if as_json:
        as_whole_lines(lives, shown)
        return
    as_timeline(lives, shown)
    if (more := len(named) - len(found)) > 0:
        click.echo(f"{more} more of this submit_multi: --limit {len(named)}")


def life(db: sqlite3.Connection, message: lookup.ListedMessage) -> Life:
    """Return the steps in the life of a message, and the verdict on the message."""
    return message, timeline(db, message), verdict(case_of(db, message, wall()))


messages.add_command(refused)
messages.add_command(unmatched)


@messages.command()
@located
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
@click.pass_context
def resend(ctx: click.Context, /, ids: Sequence[int], yes: bool, **where: Any) -> None:
    """Send Uncertain messages once more; a phone may get a second SMS."""
    decide(given_path(ctx, **where), ids, "resend", yes)


@messages.command()
@located
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
@click.pass_context
def fail(ctx: click.Context, /, ids: Sequence[int], yes: bool, **where: Any) -> None:
    """End Uncertain messages as UNDELIVERABLE."""
    decide(given_path(ctx, **where), ids, "fail", yes)


def decide(path: str, ids: Sequence[int], verb: str, yes: bool) -> None:
    """Ask, and write the decision on all Uncertain messages of *ids*; exit 1 after any other id."""
    with failing_plainly(), closing(lookup.open_store(path)) as db:
        reasons = {message_id: why_not(db, message_id) for message_id in ids}
    good = [message_id for message_id, why in reasons.items() if not why]
    if good:
        click.echo(f"{', '.join(map(str, good))}: {WHAT_HAPPENS[verb]}.", err=True)
        if not yes:
            click.confirm("Go on?", abort=True, err=True)
        with failing_plainly():
            taken = lookup.decide(path, good, verb)
        reasons |= dict.fromkeys(set(good) - set(taken), "is not Uncertain any more")
        if taken:
            click.echo(
                f"{verb}: {', '.join(map(str, taken))}. The bridge does it within a second, "
                "or when it starts."
            )
    bad = [f"{message_id} {why}" for message_id, why in reasons.items() if why]
    if bad:
        give_up("; ".join(bad))


def why_not(db: sqlite3.Connection, message_id: int) -> str:
    """Return why a message admits no decision; an empty text if it does."""
    found = next((m for m in lookup.named(db, str(message_id)) if m.message_id == message_id), None)
    if found is None:
        return "is no message"
    if found.stage == Stage.FINISHED:
        return f"is not Uncertain but {MessageState(found.state).name}"
    if not found.uncertain:
        return f"is not Uncertain but {Stage(found.stage).name}"
    return ""


def query_of(
    *,
    account: str | None,
    sender: str | None,
    number: str | None,
    prefix: str | None,
    state: str | None,
    **same: Any,
) -> lookup.MessageQuery:
    """Return the query for the options."""
    word = (state or "").lower()
    return lookup.MessageQuery(
        system_id=account,
        source=sender,
        number=None if number is None else digits_of(number),
        prefix=None if prefix is None else digits_of(prefix),
        stage=STAGES.get(word),
        state=(STATES | IN_RECEIPTS).get(word),
        **same,
    )
