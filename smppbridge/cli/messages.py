"""``smppbridge messages``: look messages up, and decide about Uncertain messages."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, time
from pathlib import Path
from time import time as wall
from typing import Any, NoReturn

import click

from smppbridge.cli.check import EX_CONFIG, print_faults
from smppbridge.cli.listing import (
    Life,
    Shown,
    as_lines,
    as_table,
    as_timeline,
    as_whole_lines,
)
from smppbridge.cli.places import CONFIGURATION, STORE
from smppbridge.model.message import Stage
from smppbridge.model.verdicts import verdict
from smppbridge.settings.document import read
from smppbridge.settings.values import seconds
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt import STAT
from smppbridge.store import lookup
from smppbridge.store.cases import case_of
from smppbridge.store.migrate import TooNew
from smppbridge.store.timeline import timeline

STAGES = {stage.name.lower(): stage for stage in Stage if stage is not Stage.GATHERING}
STATES = {state.name.lower(): state for state in MessageState if state}
IN_RECEIPTS = {stat.decode().lower(): MessageState(state) for state, stat in STAT.items()}
WHAT_HAPPENS = {
    "resend": "sent once more: if the provider did take it, its phone gets a second SMS",
    "fail": "ended as UNDELIVERABLE: if the provider did take it, its phone gets it all the same",
}

Command = Callable[..., None]


def located(command: Command) -> Command:
    """Add the options for the store's file."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"The configuration; only its store is read. Default: {CONFIGURATION}, if there.",
    )
    store = click.option("--store", metavar="PATH", help="The store's file, instead.")
    return config(store(command))


def as_moment(ctx: click.Context, param: click.Parameter, word: str | None) -> float | None:
    """Read a time from an option: ISO (UTC without an offset), how long ago, now or today."""
    try:
        return None if word is None else moment(word, wall())
    except ValueError:
        raise click.BadParameter(
            f"{word!r}: write 2026-11-20T14:00, 14:00, 10m, 2h, today or yesterday"
        ) from None


def moment(word: str, now: float) -> float:
    """Return UNIX seconds for a time in words, read at *now*; raises ValueError.

    A time of day is the latest one: of today, or of yesterday.
    """
    today = now // 86_400 * 86_400
    days = {"now": now, "today": today, "yesterday": today - 86_400}
    if word in days:
        return days[word]
    with suppress(ValueError):
        return now - float(seconds(word))
    with suppress(ValueError):
        clock = time.fromisoformat(word)
        at = today + clock.hour * 3_600 + clock.minute * 60 + clock.second
        return at if at <= now else at - 86_400
    when = datetime.fromisoformat(word)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


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


def digits_of(number: str) -> str:
    """Return a number as in the store: E.164 digits, or a short code."""
    digits = "".join(c for c in number if c not in " -.()/")
    return digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")


def store_path(config: Path | None, store: str | None) -> str:
    """Return the store's file: *store*, or the file of the configuration, or the default."""
    if config is None and store is None and os.access(CONFIGURATION, os.R_OK):
        config = CONFIGURATION
    if config is not None and store is None:
        document = read(config, os.environ)
        faults = [fault for key, fault in document.faults.items() if key in ("", "store")]
        if faults:
            print_faults(faults, as_json=False)
            raise SystemExit(EX_CONFIG)
        values = document.values if isinstance(document.values, dict) else {}
        store = str(values.get("store", STORE))
    return (store or STORE).removeprefix("sqlite:")


def given_path(ctx: click.Context, config: Path | None, store: str | None) -> str:
    """Return the store's file from the options after the subcommand, or before the subcommand."""
    path: str = ctx.obj
    return store_path(config, store) if config or store else path


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn an error of the store into a line on standard error and exit 1."""
    try:
        yield
    except (lookup.NotAStore, TooNew) as error:
        give_up(str(error))
    except sqlite3.Error as error:
        give_up(f"the store: {error}")


def give_up(why: str) -> NoReturn:
    """Print a reason, and exit with 1."""
    raise click.ClickException(why)
