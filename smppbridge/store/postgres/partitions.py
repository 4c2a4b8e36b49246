"""Partitions: the days of the tables that are only appended to.

A message_id is microseconds times SLOTS, so a day is a range of message_ids.  A message that is
older than the first day, as one copied from another store is, has a partition of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier, Literal

from smppbridge.model.identifiers import SLOTS

TABLES = (
    "message",
    "named",
    "fate",
    "attempt",
    "note",
    "part",
    "shared",
    "joined",
    "ended",
)
AHEAD = 14
"""Days that are made in advance."""
FEWEST = 2
"""Days in advance without which a bridge is not ready: a row without a partition is refused."""
DAY = 86_400 * 1_000_000 * SLOTS
"""Message_ids of a day."""
_SLACK = DAY // 24  # a segment may be an hour older than its message, and younger
_BOUNDS = (
    "select c.relname, pg_get_expr(c.relpartbound, c.oid), i.inhdetachpending from pg_inherits i "
    "join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent "
    "join pg_namespace n on n.oid = p.relnamespace "
    "where p.relname = %s and n.nspname = current_schema()"
)
# Rows of work: while there is one, its message's day is needed.
_WORK = ("waiting", "out", "segment", "delivery")


def day_of(at: float) -> int:
    """Return the day of a time (UNIX seconds), counted from 1970."""
    return int(at // 86_400)


def make(db: Connection[Any], now: float, ahead: int = AHEAD) -> list[str]:
    """Make the partitions of today and of *ahead* days that are missing; return their names.

    The first call makes those of all days before today too.  *db* commits by itself; raises
    psycopg.Error.
    """
    today, made = day_of(now), []
    for table in TABLES:
        there = {name for name, *_ in _partitions(db, table)}
        if not there:
            made.append(_attach(db, table, f"{table}_old", None, today))
        for day in range(today, today + ahead + 1):
            if (name := _name(table, day)) not in there:
                made.append(_attach(db, table, name, day, day + 1))
    return made


def fill(db: Connection[Any], now: float) -> list[str]:
    """Make the partitions that are missing between the first day and the coming ones, as `make`.

    Days are missing where no bridge has run since an earlier call.
    """
    first = next((upper for name, upper, _ in _partitions(db, TABLES[0]) if _is_old(name)), None)
    day = day_of(now) if first is None else first // DAY
    return make(db, day * 86_400.0, max(0, day_of(now) - day) + AHEAD)


def _is_old(name: str) -> bool:
    return name.endswith("_old")


def ahead(db: Connection[Any], now: float) -> int:
    """Return how many days after today have all their partitions, without a gap.

    -1: today has not.
    """
    days = [{name for name, *_ in _partitions(db, table)} for table in TABLES]
    count, day = -1, day_of(now)
    while all(_name(table, day) in there for table, there in zip(TABLES, days, strict=True)):
        count, day = count + 1, day + 1
    return count


def held_from(db: Connection[Any]) -> int | None:
    """Return the message_id below which no partition is needed by work; None: no work at all."""
    oldest = [
        row[0]
        for table in _WORK
        for row in db.execute(SQL("select min(message_id) from {}").format(Identifier(table)))
        if row[0] is not None
    ]
    return min(oldest) - _SLACK if oldest else None


def drop(db: Connection[Any], below: int) -> list[str]:
    """Drop the partitions that have only message_ids below *below*, and that no work needs.

    Returns their names.  Other transactions go on meanwhile.  *db* commits by itself.
    """
    held = held_from(db)
    end = below if held is None else min(below, held)
    dropped = []
    for table in TABLES:
        for name, upper, is_pending in _partitions(db, table):
            if upper > end:
                continue
            _detach(db, table, name, is_pending=is_pending)
            db.execute(SQL("drop table {}").format(Identifier(name)))
            dropped.append(name)
    return dropped


def droppable(db: Connection[Any], below: int) -> Sequence[str]:
    """Return the names of the partitions that have only message_ids below *below*."""
    return [name for table in TABLES for name, upper, _ in _partitions(db, table) if upper <= below]


def _partitions(db: Connection[Any], table: str) -> Iterator[tuple[str, int, bool]]:
    """Yield name, upper bound and whether a detaching was interrupted, of each partition."""
    for name, bounds, is_pending in db.execute(_BOUNDS, (table,)).fetchall():
        upper = str(bounds).rpartition("TO (")[2].rstrip(")").strip("'")
        yield name, 2**63 if upper == "MAXVALUE" else int(upper), is_pending


def _name(table: str, day: int) -> str:
    return f"{table}_{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}"


def _attach(db: Connection[Any], table: str, name: str, first: int | None, beyond: int) -> str:
    """Make a partition beside its table and attach it: that holds no writer of the table up."""
    low = SQL("minvalue") if first is None else Literal(first * DAY)
    parts = {
        "p": Identifier(name),
        "t": Identifier(table),
        "low": low,
        "high": Literal(beyond * DAY),
    }
    with db.transaction():
        _run(db, SQL("create table if not exists {p} (like {t} including all)").format(**parts))
        _run(
            db,
            SQL("alter table {t} attach partition {p} for values from ({low}) to ({high})").format(
                **parts
            ),
        )
    return name


def _detach(db: Connection[Any], table: str, name: str, *, is_pending: bool) -> None:
    how = SQL("finalize") if is_pending else SQL("concurrently")
    _run(
        db,
        SQL("alter table {} detach partition {} {}").format(
            Identifier(table), Identifier(name), how
        ),
    )


def _run(db: Connection[Any], statement: Composed) -> None:
    db.execute(statement)
