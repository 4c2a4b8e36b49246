"""MO messages and opt-outs as rows of the store, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from smppbridge.model.report import Delivery, MoContent
from smppbridge.store.database import Database
from smppbridge.store.port import MoEntry
from smppbridge.store.records import DeliveryRow, marks, read_address
from smppbridge.store.statements import SqlRow

AT_ONCE = 250  # ids in one statement
MOST_OPTOUTS = 1_000_000


def entry_rows(entry: MoEntry) -> list[SqlRow]:
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


def kept(db: Database, ids: Sequence[int]) -> set[int]:
    """Return the message_ids of *ids* that MO messages in the store have."""
    found: set[int] = set()
    for at in range(0, len(ids), AT_ONCE):
        chunk = ids[at : at + AT_ONCE]
        rows = db.execute(f"select message_id from mo where message_id in ({marks(chunk)})", chunk)
        found.update(row[0] for row in rows)
    return found


def owed(db: Database, system_id: str, deliveries: Iterable[DeliveryRow]) -> list[Delivery]:
    """Return the deliveries of MO messages that rows stand for."""
    found = []
    for delivery in deliveries:
        row = db.execute(
            "select source, source_plan, destination, destination_plan, octets, data_coding, "
            "esm_class, heard_at from mo where message_id = ?",
            (delivery.message_id,),
        ).fetchone()
        if row is None:
            continue
        found.append(read_mo(system_id, delivery, row))
    return found


def read_mo(system_id: str, row: DeliveryRow, contents: Sequence[Any]) -> Delivery:
    """Read the delivery of an MO message: its row, and the columns of the message."""
    source, source_plan, destination, destination_plan, octets, coding, esm_class, at = contents
    return Delivery(
        message_id=row.message_id,
        parent=row.parent,
        system_id=system_id,
        source=read_address(source, source_plan),
        destination=read_address(destination, destination_plan),
        state=row.state,
        error=row.error,
        submitted_at=at,
        done_at=row.done_at,
        due=row.due,
        expires_at=row.expires_at,
        attempts=row.attempts,
        content=MoContent(octets, coding, esm_class),
    )


def forget(db: Database, before: float, limit: int) -> int:
    """Delete MO messages received before *before* and owed no more; return how many segments."""
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
        chunk = gone[at : at + AT_ONCE]
        db.execute(
            f"delete from delivery where state = 0 and message_id in ({marks(chunk)})", chunk
        )
        db.execute(f"delete from mo where message_id in ({marks(chunk)})", chunk)
    db.execute("commit")
    return len(gone)


def optouts(db: Database) -> list[tuple[str, str]]:
    """Return opt-outs as (provider, number), the latest of them if they are very many."""
    return db.execute(
        "select provider, number from optout where ended = 0 order by at desc limit ?",
        (MOST_OPTOUTS,),
    ).fetchall()


def take_ended(db: Database) -> list[tuple[str, str]]:
    """Return and delete the opt-outs that a person has ended."""
    if db.execute("select 1 from optout where ended = 1 limit 1").fetchone() is None:
        return []  # without taking the lock that a delete takes
    return db.execute("delete from optout where ended = 1 returning provider, number").fetchall()
