"""MO messages and opt-outs, as rows and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import count

from smppbridge.model.address import Address
from smppbridge.model.report import Delivery, MoContent
from smppbridge.store.port import MoEntry
from smppbridge.store.records import Row, marks

AT_ONCE = 250  # ids in one statement
MOST_OPTOUTS = 1_000_000


def entry_rows(entry: MoEntry) -> list[Row]:
    """Return a row for each deliver_sm of an MO message."""
    return [
        (
            d.message_id,
            d.parent,
            entry.provider,
            entry.provider_message_id or None,
            segment,
            d.source.addr,
            d.source.ton << 8 | d.source.npi,
            d.destination.addr,
            d.destination.ton << 8 | d.destination.npi,
            d.content.data_coding,
            d.content.esm_class,
            d.content.octets,
            d.submitted_at,
        )
        for segment, d in zip(count(entry.segment), entry.deliveries, strict=False)
        if d.content is not None
    ]


def kept(db: sqlite3.Connection, ids: Sequence[int]) -> set[int]:
    """Return which of these MO messages are there."""
    found: set[int] = set()
    for at in range(0, len(ids), AT_ONCE):
        some = ids[at : at + AT_ONCE]
        rows = db.execute(f"select message_id from mo where message_id in ({marks(some)})", some)
        found.update(row[0] for row in rows)
    return found


def owed(db: sqlite3.Connection, system_id: str, deliveries: Iterable[Row]) -> list[Delivery]:
    """Return what is owed by rows of deliveries (DELIVERY_COLUMNS) that are no receipts."""
    found = []
    for message_id, state, parent, error, done_at, due, expires_at, attempts in deliveries:
        row = db.execute(
            "select source, source_plan, destination, destination_plan, octets, data_coding, "
            "esm_class, heard_at from mo where message_id = ?",
            (message_id,),
        ).fetchone()
        if row is None:
            continue
        source, source_plan, destination, destination_plan, octets, coding, esm_class, at = row
        found.append(
            Delivery(
                message_id,
                parent,
                system_id,
                Address(source, source_plan >> 8, source_plan & 0xFF),
                Address(destination, destination_plan >> 8, destination_plan & 0xFF),
                state,
                error,
                at,
                done_at,
                due,
                expires_at,
                attempts,
                content=MoContent(octets, coding, esm_class),
            )
        )
    return found


def forget(db: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete MO messages heard before *before* that are owed no more; return how many segments."""
    rows = db.execute(
        "select message_id from mo where heard_at < ? and not exists (select 1 from delivery "
        "where delivery.message_id = mo.message_id and state = 0 and finished_at is null) "
        "order by heard_at limit ?",
        (before, limit),
    ).fetchall()
    gone = [row[0] for row in rows]
    if not gone:
        return 0  # without taking the lock that a delete takes
    db.execute("begin immediate")
    for at in range(0, len(gone), AT_ONCE):
        some = gone[at : at + AT_ONCE]
        db.execute(f"delete from delivery where state = 0 and message_id in ({marks(some)})", some)
        db.execute(f"delete from mo where message_id in ({marks(some)})", some)
    db.execute("commit")
    return len(gone)


def optouts(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return (provider, number), the latest ones if there are very many."""
    return db.execute(
        "select provider, number from optout where ended = 0 order by at desc limit ?",
        (MOST_OPTOUTS,),
    ).fetchall()


def take_ended(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Take the opt-outs that were ended by hand."""
    if db.execute("select 1 from optout where ended = 1 limit 1").fetchone() is None:
        return []  # without taking the lock that a delete takes
    return db.execute("delete from optout where ended = 1 returning provider, number").fetchall()
