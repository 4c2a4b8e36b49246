"""``smppbridge migrate``: the schema of a store on PostgreSQL, made or brought up to date."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

import click

from smppbridge.cli.faults import EX_CONFIG, EX_TEMPFAIL
from smppbridge.cli.store_option import located, need_database
from smppbridge.observe.shown import escaped
from smppbridge.store.migrate import UnfitStore


@click.command()
@located
@click.option(
    "--post",
    is_flag=True,
    help="Take away too what only older versions needed: once every node runs this version.",
)
def migrate(config: Path | None, store: str | None, post: bool) -> None:
    """Make the tables of a store on PostgreSQL, or bring them up to date; nodes run on meanwhile.

    Before the first node of a new version starts; with --post after the last node of the old one
    has ended. The tables of the coming days are made too. A database that cannot be migrated exits
    with 78; one that cannot be migrated now (it is away, tables are locked, a node of an older
    version lives) with 75.
    """
    found = need_database(config, store, "the bridge migrates it at its start")
    import psycopg

    from smppbridge.store.postgres import migrate as migrations

    try:
        done = migrations.migrate(
            found.address, time.time(), post=post, ahead=found.partitions_ahead
        )
        with psycopg.connect(found.address, autocommit=True) as db:
            waiting = migrations.waiting(db)
    except UnfitStore as error:
        _end(EX_CONFIG, str(error))
    except migrations.OldNode as error:
        _end(EX_TEMPFAIL, f"{error}: end it first")
    except psycopg.Error as error:
        _end(EX_TEMPFAIL, f"the store: {error}".strip())
    numbers = ", ".join(map(str, done))
    click.echo(f"{found.place}: {f'made schema {numbers}' if done else 'nothing to do'}")
    if waiting:
        numbers = ", ".join(map(str, waiting))
        click.echo(f"schema {numbers} waits for --post, once no node of an older version lives")


def _end(status: int, why: str) -> NoReturn:
    """Print a reason, and exit with a status."""
    click.echo(f"Error: {escaped(why)}", err=True)
    raise SystemExit(status)
