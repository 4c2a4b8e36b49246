"""``smppbridge nodes``: the bridges that share a store on PostgreSQL."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smppbridge.cli.rows import as_table
from smppbridge.cli.store_option import database_of, give_up, located
from smppbridge.observe.shown import escaped

if TYPE_CHECKING:
    import psycopg

    from smppbridge.store.postgres.members import Members

ASKED_EVERY = 0.5


@click.group(invoke_without_command=True)
@located
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def nodes(ctx: click.Context, /, config: Path | None, store: str | None, as_json: bool) -> None:
    """Show the bridges that share a store on PostgreSQL, and what each of them has.

    The database is asked: no bridge need run.  A version or a configuration that differs from most
    of the others' is marked with a star.
    """
    ctx.obj = database_of(config, store, "one bridge has it, and there are no nodes")
    if ctx.invoked_subcommand is not None:
        return
    from smppbridge.store.postgres.members import members

    with connected(ctx.obj) as db:
        found = members(db)
    if as_json:
        shown = [asdict(each) for each in found.nodes]
        click.echo(json.dumps({"nodes": shown, "nobodys": list(found.nobodys)}))
    else:
        _print(found)


@nodes.command()
@click.argument("name", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def evict(address: str, name: str, yes: bool) -> None:
    """Let the others go on with a node's messages now, whether it lives or not.

    What it had begun and not recorded becomes Uncertain.  A node that runs after all ends as soon
    as it finds out, and starts anew.
    """
    from smppbridge.store.postgres.members import NoSuchNode, evict

    if not yes:
        click.confirm(f"Take node {escaped(name)} out, though it may be running?", abort=True)
    with connected(address) as db:
        try:
            slot, interrupted = evict(db, name)
        except NoSuchNode as error:
            give_up(escaped(str(error)))
    click.echo(f"{escaped(name)} is out, slot {slot}: {interrupted} messages become Uncertain")


@nodes.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    help="Seconds to wait until it has ended.",
)
@click.pass_obj
def drain(address: str, name: str, wait: float) -> None:
    """Have a node end as at SIGTERM: its requests end, its sessions are unbound, others go on."""
    from smppbridge.store.postgres.members import NoSuchNode, drain

    with connected(address) as db:
        try:
            drain(db, name)
            ended = _until(lambda: not _tell(db, name), wait)
        except NoSuchNode as error:
            give_up(escaped(str(error)))
    if not ended:
        give_up(f"{escaped(name)} has not ended within {wait:g} s; it may be ending still")
    click.echo(f"{escaped(name)} has ended, and handed its messages over")


def _tell(db: psycopg.Connection[Any], name: str) -> bool:
    """Tell a node once more, for a notification may be lost; return whether it lives."""
    from smppbridge.store.postgres.members import NoSuchNode, drain

    try:
        drain(db, name)
    except NoSuchNode:
        return False
    return True


def _until(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= end:
            return False
        time.sleep(ASKED_EVERY)
    return True


@contextmanager
def connected(address: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the store; its errors become a line on standard error and exit 1."""
    import psycopg

    try:
        with psycopg.connect(
            address, autocommit=True, connect_timeout=5, application_name="smppbridge nodes"
        ) as db:
            db.execute("set statement_timeout = '5s'")
            yield db
    except psycopg.Error as error:
        give_up(escaped(f"the store: {error}".strip()))


def _print(found: Members) -> None:
    versions = Counter(each.version for each in found.nodes)
    configs = Counter(each.config for each in found.nodes)
    rows = [
        {
            "node": each.name,
            "slot": each.slot,
            "version": _marked(each.version, versions),
            "beat": "" if each.beat is None else f"{each.beat:.1f} s ago",
            "shards": " ".join(map(str, each.shards)),
            "waiting": each.waiting,
            "out": each.out,
            "Uncertain": each.uncertain,
            "binds": each.binds,
            "jobs": " ".join(each.jobs),
            "config": _marked(each.config, configs),
        }
        for each in found.nodes
    ]
    as_table(rows, "no node lives")
    if found.nobodys:
        slots = ", ".join(map(str, found.nobodys))
        click.echo(f"handed over, and taken by no node yet: {slots}")


def _marked(value: str, values: Counter[str]) -> str:
    """Return a value, with a star if fewer nodes have it than another one."""
    rare = values[value] < max(values.values()) or (len(values) > 1 and values[value] == 1)
    return f"{value} *" if rare else value
