"""Messages for CDR files: read beside the bridge by short steps that hold no log of SQLite back.

No index is on the final time, for every message would pay for it.  Message_ids grow with time: a
walk begins at the first message_id that has no record yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smppbridge.store.database import Database, dialect_of
from smppbridge.store.lookup import first_since
from smppbridge.store.records import marks

ROWS_AT_ONCE = 5_000
MOST_ID = 10**18  # above every message_id
_IDS_AT_ONCE = 250
SETTLED_AFTER = 600.0  # seconds: a message_id that was given before is in the store, or in no store
_DONE = "select message_id, case stage when 4 then done_at end from message"


@dataclass(frozen=True, slots=True)
class Exported:
    """The messages that have their record: those below the message_id *below*, but *besides*.

    *until* is the end of the last hour that has a file (UNIX seconds).
    """

    below: int = 0
    besides: frozenset[int] = frozenset()
    until: float = 0.0


class CdrRow(NamedTuple):
    """A FINISHED message, as its record needs it; *binary* is 1 for a message of octets."""

    message_id: int
    system_id: str
    source: str
    destination: str
    number: str
    segments: int
    data_coding: int
    binary: int
    state: int
    error: int
    provider: str
    provider_message_id: str | None
    attempts: int
    route: str
    accepted_at: float
    begun_at: float | None
    answered_at: float | None
    done_at: float
    report_source: str | None
    multi: int | None
    service_type: str | None
    priority: int


_WRITTEN = {
    "destination": "coalesce(destination, number)",
    "segments": "case when segments > 1 then segments else 1 end",
    "binary": "case typeof(body) when 'blob' then 1 else 0 end",
    "multi": "cast(json_extract(traits, '$.multi') as bigint)",
    "service_type": "json_extract(traits, '$.service_type')",
}
_COLUMNS = ", ".join(_WRITTEN.get(name, name) for name in CdrRow._fields)


class AcceptedRow(NamedTuple):
    """A message as reconciliation counts it; *joined* is how many segments name it as their own."""

    message_id: int
    system_id: str
    segments: int
    joined: int
    finished: int


def unexported(db: Database, exported: Exported) -> Iterator[Sequence[tuple[int, float | None]]]:
    """Yield lists of (message_id, done_at) of all messages that *exported* does not cover.

    A message that is open has None for its final time.  The order is that of the message_ids.
    """
    besides = sorted(exported.besides)
    for at in range(0, len(besides), _IDS_AT_ONCE):
        chunk = besides[at : at + _IDS_AT_ONCE]
        where = f"where message_id in ({marks(chunk)}) order by message_id"
        yield db.execute(f"{_DONE} {where}", chunk).fetchall()
    last = exported.below - 1
    query = f"{_DONE} where message_id > ? order by message_id limit ?"
    while rows := db.execute(query, (last, ROWS_AT_ONCE)).fetchall():
        yield rows
        last = rows[-1][0]


def finished(db: Database, ids: Sequence[int]) -> Iterator[list[CdrRow]]:
    """Yield the FINISHED messages among *ids* in lists, in the order of the message_ids."""
    for at in range(0, len(ids), _IDS_AT_ONCE):
        chunk = list(ids[at : at + _IDS_AT_ONCE])
        query = f"select {_COLUMNS} from message where stage = 4 and message_id in ({marks(chunk)})"
        rows = db.execute(f"{query} order by message_id", chunk).fetchall()
        yield list(map(CdrRow._make, rows))


def still_to_come(db: Database, now: float) -> int:
    """Return the message_id from which on messages may come into the store yet.

    A joined message has the message_id of a segment, and a message_id is given before it is stored.
    """
    gathering = db.execute("select min(message_id) from segment where parent is null").fetchone()[0]
    lately = first_since(db, now - SETTLED_AFTER)
    return lately if gathering is None else min(lately, int(gathering))


def accepted(db: Database, since: int = 0, below: int = MOST_ID) -> Iterator[list[AcceptedRow]]:
    """Yield messages in lists, each list with its segments from one moment.

    They have message_ids from *since* on and below *below*.
    """
    last = since - 1
    while rows := db.execute(
        "select message_id, system_id, segments, case when segments > 0 then (select count(*) from "
        "segment where parent is not null and parent = message.message_id) else 1 end, "
        "case stage when 4 then 1 else 0 end "
        "from message where message_id > ? and message_id < ? order by message_id limit ?",
        (last, below, ROWS_AT_ONCE),
    ).fetchall():
        yield list(map(AcceptedRow._make, rows))
        last = rows[-1][0]


def gathering(
    db: Database, since: float | None = None, until: float | None = None
) -> dict[str, int]:
    """Return how many segments wait for the rest of their messages, by account.

    Of those received at *since* or later and before *until*, UNIX seconds.
    """
    given = {"received_at >= ?": since, "received_at < ?": until}
    bounds = {where: value for where, value in given.items() if value is not None}
    return dict(
        db.execute(
            "select json_extract(context, '$.key[0]'), count(*) from segment "
            f"where {' and '.join(('parent is null', *bounds))} group by 1",
            tuple(bounds.values()),
        ).fetchall()
    )


def oldest_end(db: Database) -> float | None:
    """Return the earliest final time of all FINISHED messages, or less; None without any."""
    found: float | None = db.execute(dialect_of(db).oldest_end).fetchone()[0]
    return found
