"""Migrations of a database: numbered scripts, each applied once, in order, by a command of its own.

A bridge never migrates: several would race.  A script named ``pre`` only adds, so that bridges of
the version before go on beside it; a script named ``post`` takes away, once every living bridge
knows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from smppbridge.store.migrate import NotOurs, TooNew, UnfitStore
from smppbridge.store.postgres import partitions

LOCK = 0x736D7070  # "smpp": the advisory lock of migrations
WAITED = 2.0
"""Seconds that a migration waits for a lock, and holds up who waits behind."""
TRIES = 30
T = TypeVar("T")


class OldNode(Exception):
    """A living bridge does not know the schema that a migration would make."""


class NotUtf8(NotOurs):
    """The database cannot keep every text."""


class NotMigrated(UnfitStore):
    """The database has an older schema than the program needs, or none."""


class Migration(NamedTuple):
    """A script; *is_post* is whether it waits for every living bridge to know it."""

    number: int
    is_post: bool
    script: str


def migrations() -> list[Migration]:
    """Return every migration, in order."""
    folder = files("smppbridge.store.postgres").joinpath("sql")
    found = []
    for entry in folder.iterdir():
        if entry.name.endswith(".sql"):
            number, when, _ = entry.name.split("_", 2)
            found.append(Migration(int(number), when == "post", entry.read_text()))
    return sorted(found)


def newest() -> int:
    """Return the number of the newest schema that this program knows."""
    return migrations()[-1].number


def applied(db: Connection[Any]) -> set[int]:
    """Return the numbers of the migrations that a database has.  Raises NotOurs, NotUtf8."""
    encoding = db.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        made = "create database ... encoding 'UTF8' template template0"
        raise NotUtf8(f"the database's encoding is {encoding}, not UTF8; {made}")
    tables = {
        row[0]
        for row in db.execute("select tablename from pg_tables where schemaname = current_schema()")
    }
    if not tables:
        return set()
    if not {"schema", "node", "decision"} <= tables:
        raise NotOurs("the database is one of another program")
    return {row[0] for row in db.execute("select number from schema")}


def check(db: Connection[Any]) -> int:
    """Return the schema's number if this program can work with it.

    Raises NotOurs, TooNew, NotMigrated.
    """
    there, known = applied(db), migrations()
    if there and max(there) > known[-1].number:
        raise TooNew(f"the store has schema {max(there)}, this program knows {known[-1].number}")
    missing = [each.number for each in known if not each.is_post and each.number not in there]
    if missing:
        raise NotMigrated(f"the store lacks schema {missing[0]}: `smppbridge migrate` makes it")
    return max(there)


def waiting(db: Connection[Any]) -> list[int]:
    """Return the numbers of the migrations that take away and have not been applied."""
    there = applied(db)
    return [each.number for each in migrations() if each.is_post and each.number not in there]


def migrate(
    dsn: str,
    now: float,
    *,
    post: bool = False,
    ahead: int = partitions.AHEAD,
    pause: Callable[[float], None] = time.sleep,
) -> list[int]:
    """Apply the missing migrations, with *post* those too that take away; return their numbers.

    The partitions of *ahead* coming days are made too.  Bridges go on meanwhile: a lock that is not
    had within WAITED seconds is tried for again.  Raises NotOurs, TooNew, OldNode, psycopg.Error.
    """
    with psycopg.connect(dsn, autocommit=True, application_name="smppbridge migrate") as db:
        db.execute(f"set lock_timeout = {WAITED * 1000:.0f}")
        _again(lambda: db.execute("select pg_advisory_lock(%s)", (LOCK,)), pause)
        there, known = applied(db), migrations()
        if there and max(there) > known[-1].number:
            raise TooNew(
                f"the store has schema {max(there)}, this program knows {known[-1].number}"
            )
        done = []
        for each in known:
            if each.number in there or (each.is_post and not post):
                continue
            if each.is_post:
                _refuse_old(db, each.number)
            _again(lambda each=each: _apply(db, each), pause)  # type: ignore[misc]
            done.append(each.number)
        _again(lambda: partitions.make(db, now, ahead), pause)
        return done


def _apply(db: Connection[Any], migration: Migration) -> None:
    with db.transaction():
        db.execute(migration.script.encode())
        db.execute("insert into schema (number) values (%s)", (migration.number,))


def _refuse_old(db: Connection[Any], number: int) -> None:
    old = db.execute(
        "select name, version from node where not ended and coalesce(schema, 0) < %s limit 1",
        (number,),
    ).fetchone()
    if old is not None:
        raise OldNode(f"node {old[0]!r} runs {old[1]}, which does not know schema {number}")


def _again(act: Callable[[], T], pause: Callable[[float], None]) -> T:
    """Try again for a lock that others have: they go on in between."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except LockNotAvailable:
            pause(WAITED / 2)
    return act()
