"""``smppbridge messages``: look messages up, and decide about Uncertain messages."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from smppbridge.cli.check import EX_CONFIG, print_faults
from smppbridge.cli.listing import Shown, as_lines, as_table, as_timeline
from smppbridge.model.message import Stage
from smppbridge.settings.document import read
from smppbridge.settings.values import seconds
from smppbridge.smpp.constants import MessageState
from smppbridge.store import lookup
from smppbridge.store.migrate import TooNew

DEFAULT_STORE = "sqlite:/var/lib/smppbridge/bridge.db"
STAGES = {stage.name.lower(): stage for stage in Stage if stage is not Stage.GATHERING}
STATES = {state.name.lower(): state for state in MessageState if state}
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
        help="The bridge's configuration; only its store is read.",
    )
    store = click.option("--store", metavar="PATH", help="The store's file, instead.")
    return config(store(command))


def as_moment(ctx: click.Context, param: click.Parameter, word: str | None) -> float | None:
    """Read a time from an option: ISO (UTC without an offset), how long ago, now or today."""
    try:
        return None if word is None else moment(word, time.time())
    except ValueError:
        raise click.BadParameter(f"{word!r}: write 2026-11-20T14:00, 10m, 2h or today") from None


def moment(word: str, now: float) -> float:
    """Return UNIX seconds for a time in words, read at *now*; raises ValueError."""
    if word in ("now", "today"):
        return now if word == "now" else now // 86_400 * 86_400
    try:
        return now - float(seconds(word))
    except ValueError:
        when = datetime.fromisoformat(word)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


@click.group(invoke_without_command=True)
@located
@click.option(
    "--id", "word", metavar="ID", help="One message: our id, a segment's or a provider's."
)
@click.option("--number", help="To this number, with or without + or 00.")
@click.option("--account", metavar="SYSTEM_ID", help="From this account.")
@click.option(
    "--since", callback=as_moment, metavar="TIME", help="Accepted at or after: ISO, 10m, 2h, today."
)
@click.option("--until", callback=as_moment, metavar="TIME", help="Accepted before.")
@click.option(
    "--state",
    type=click.Choice([*STAGES, *STATES], case_sensitive=False),
    metavar="WORD",
    help=f"A stage ({', '.join(STAGES)}) or a message_state ({', '.join(STATES)}).",
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
            found = lookup.named(db, word)
            timelines = [lookup.timeline(db, message) for message in found]
        else:
            found, timelines = lookup.search(db, query_of(**wanted)), []
    if word is not None and not found:
        give_up(f"there is no message {word}")
    if as_json:
        as_lines(found, timelines, shown)
    elif timelines:
        as_timeline(found, timelines, shown)
    else:
        as_table(found, shown, more=len(found) == wanted["limit"])


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
    *, account: str | None, number: str | None, state: str | None, **same: Any
) -> lookup.MessageQuery:
    """Return the query for the options."""
    return lookup.MessageQuery(
        system_id=account,
        number=None if number is None else digits_of(number),
        stage=STAGES.get(state or ""),
        state=STATES.get(state or ""),
        **same,
    )


def digits_of(number: str) -> str:
    """Return a number as in the store: E.164 digits, or a short code."""
    digits = "".join(c for c in number if c not in " -.()/")
    return digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")


def store_path(config: Path | None, store: str | None) -> str:
    """Return the store's file: *store*, or the file of the configuration, or the default."""
    if config is not None and store is None:
        document = read(config, os.environ)
        faults = [fault for key, fault in document.faults.items() if key in ("", "store")]
        if faults:
            print_faults(faults, as_json=False)
            raise SystemExit(EX_CONFIG)
        values = document.values if isinstance(document.values, dict) else {}
        store = str(values.get("store", DEFAULT_STORE))
    return (store or DEFAULT_STORE).removeprefix("sqlite:")


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
