"""``smppbridge store copy``: a store of SQLite in a database, from where several nodes go on."""

from __future__ import annotations

import os
import sys
import time

import click

from smppbridge.cli.store_option import failing_plainly, give_up, need_database, store_at
from smppbridge.observe.shown import escaped
from smppbridge.store.locked import StoreLocked, lock
from smppbridge.store.migrate import UnfitStore


@click.group()
def store() -> None:
    """Move a store from SQLite to PostgreSQL."""


@store.command()
@click.argument("source", metavar="sqlite:FILE")
@click.argument("target", metavar="postgresql:URL")
def copy(source: str, target: str) -> None:
    """Copy a whole store into an empty database that `migrate` has made; no bridge may run.

    All rows or none are written, and the file stays as it is. The node that starts first goes on
    with what was not sent. Numbers of rows are compared at the end. A password is better in
    PGPASSWORD or in .pgpass than in the URL, which other users of the machine see.
    """
    path = _file(source)
    found = need_database(None, target, "the target has to be postgresql:")
    import psycopg

    from smppbridge.store.postgres import copying

    with failing_plainly():
        total = copying.rows_in(path)
        descriptor = _lock(path)
        try:
            counts = _copied(path, found.address, total)
        except (UnfitStore, copying.Miscounted) as error:
            give_up(escaped(str(error)))
        except psycopg.Error as error:
            give_up(escaped(f"the database: {error}".strip()))
        finally:
            os.close(descriptor)
    width = max(map(len, counts))
    for table, rows in counts.items():
        if rows:
            click.echo(f"  {table:<{width}}  {rows:>12,}")
    click.echo(
        f"{path} is in {found.place}: {counts['message']:,} messages, {sum(counts.values()):,} rows"
    )


def _copied(path: str, address: str, total: int) -> dict[str, int]:
    """Copy, and show how far it is, on standard error if that is a terminal."""
    from smppbridge.store.postgres import copying

    with click.progressbar(length=total, label="rows", show_pos=True, file=sys.stderr) as bar:
        return copying.copy(path, address, time.time(), lambda table, rows: bar.update(rows))


def _file(source: str) -> str:
    found = store_at(None, source)
    if found.is_shared:
        give_up(f"{found.place} is a database: the source has to be sqlite:")
    return found.address


def _lock(path: str) -> int:
    try:
        return lock(path)
    except StoreLocked as error:
        give_up(f"{error}: stop the bridge")
    except OSError as error:
        give_up(f"{error.filename}: {error.strerror}")
