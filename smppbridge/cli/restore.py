"""``smppbridge restore``: a backup in the place of the store; nothing is sent again unasked."""

from __future__ import annotations

import os
from pathlib import Path
from time import time as wall
from typing import Literal

import click

from smppbridge.cli.backup import without_traceback
from smppbridge.cli.moments import as_moment
from smppbridge.cli.store_option import failing_plainly, file_of, give_up, located
from smppbridge.store.backup import Others, RestoredCounts, StoreThere
from smppbridge.store.backup import restore as put_in_place
from smppbridge.store.locked import StoreLocked, lock
from smppbridge.store.migrate import NotOurs


@click.command()
@located
@click.option(
    "--send-since",
    callback=as_moment,
    metavar="TIME",
    help="Send the unsent messages accepted at this time or later: ISO, 14:00, 2h, today; UTC."
    " Default: none.",
)
@click.option(
    "--others",
    type=click.Choice(["hold", "fail"]),
    default="hold",
    show_default=True,
    help="The other unsent messages: held as Uncertain, or ended as UNDELIVERABLE.",
)
@click.option("--drop-receipts", is_flag=True, help="Receipts owed in the backup are not sent.")
@click.option("--replace", is_flag=True, help="Rename the store that is there first.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def restore(
    config: Path | None,
    store: str | None,
    send_since: float | None,
    others: Literal["hold", "fail"],
    drop_receipts: bool,
    replace: bool,
    file: Path,
) -> None:
    """Put the backup FILE in the place of the store; the bridge must be stopped.

    What had not been sent when the backup was made may have been sent since: none of it is sent
    again but what --send-since names.  Message_ids go on above those of the lost store, as long as
    the clock is right.
    """
    path = file_of(
        config, store, "PostgreSQL's own tools put a backup of it back (see pg_basebackup)"
    )
    now = wall()
    with failing_plainly(), without_traceback():
        descriptor = _lock(path)
        try:
            counts = put_in_place(
                file,
                path,
                now,
                since=send_since,
                others=others,
                receipts=not drop_receipts,
                replace=replace,
            )
        except (StoreThere, NotOurs) as error:
            give_up(str(error))
        finally:
            os.close(descriptor)
    _print_counts(path, counts, others)
    if drop_receipts:
        click.echo(f"{counts.receipts} receipts are not sent")
    if counts.unsent and others == "hold":
        click.echo("decide about them: smppbridge messages --uncertain")


def _print_counts(path: str, counts: RestoredCounts, others: Others) -> None:
    if counts.aside:
        click.echo(f"the store that was there is {counts.aside} now")
    click.echo(f"{path}: {_sent(counts.sent)}, {_unsent(counts.unsent, others)}")


def _sent(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'} will be sent"


def _unsent(count: int, others: Literal["hold", "fail"]) -> str:
    if others == "fail":
        return f"{count:,} end{'s' if count == 1 else ''} as UNDELIVERABLE when the bridge runs"
    return f"{count:,} {'is' if count == 1 else 'are'} Uncertain"


def _lock(path: str) -> int:
    try:
        return lock(path)
    except StoreLocked as error:
        give_up(f"{error}: stop the bridge")
