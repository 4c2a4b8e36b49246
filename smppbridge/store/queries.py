"""The queries on SQLite: made by the writer thread, each after the writes before it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields

from smppbridge.model.identifiers import StoredIds, Tolerance, same_id, spelling_of
from smppbridge.model.message import Attempt, Segment, Stage
from smppbridge.model.report import Delivery
from smppbridge.smpp.constants import MessageState
from smppbridge.store import gathered, mo, parts
from smppbridge.store import records as rec
from smppbridge.store.port import EXACT, EarlyReport, Found, LineQuery, Restored, Waiting
from smppbridge.store.records import DeliveryRow, MessageRow, columns, marks
from smppbridge.store.statements import SqlRow

_MESSAGE, _DELIVERY = columns(MessageRow), columns(DeliveryRow)
_EARLY = ", ".join(each.name for each in fields(EarlyReport))
# Uncertain or SUBMITTED, word for word as in the partial index; some are out again
_PENDING = "stage in (2, 3) and due is not null"
IS_NOT_OUT = "message_id not in (select message_id from message where begun = 1)"
# A message is found by its own id and by the ids of its parts: one step, for most have none.
_BY_PROVIDER = (
    f"select provider_message_id, {_MESSAGE} from message where provider_message_id is not null "
    "and provider = ? and lower(ltrim(provider_message_id, '0')) = ? "
    f"union all select part_id, {_MESSAGE} from (select message_id as whole, provider_message_id "
    "as part_id from part where provider = ? and lower(ltrim(provider_message_id, '0')) = ?) "
    "join message on message_id = whole order by message_id desc limit ?"
)

AT_ONCE = 250  # ids in one statement
SAME_IDS = 256  # messages with one provider_message_id, the newest of them


def restore(db: sqlite3.Connection) -> Restored:
    """Return the counts and values that the bridge needs in memory to go on."""
    last = max(
        db.execute(f"select coalesce(max(message_id), 0) from {table}").fetchone()[0]
        for table in ("message", "segment", "mo")
    )
    waiting = db.execute(
        "select provider, system_id, priority, count(*) from message where stage = 1 "
        f"and {IS_NOT_OUT} group by provider, system_id, priority"
    )
    owed = dict(
        db.execute(
            "select system_id, count(*) from delivery where finished_at is null group by system_id"
        )
    )
    early = [EarlyReport(*row) for row in db.execute(f"select {_EARLY} from early order by at")]
    was_out = db.execute(f"select {_MESSAGE} from message where begun = 1 order by message_id")
    return Restored(
        last_id=last,
        waiting=list(map(Waiting._make, waiting)),
        interrupted=_attempts(db, was_out),
        segments=gathered.waiting(db),
        owed=owed,
        early=early,
        optouts=mo.optouts(db),
        stored_ids=_stored_ids(db),
        joined=gathered.joined_lately(db),
    )


def begun(db: sqlite3.Connection, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return those of *attempts* that the store has as begun."""
    numbers: dict[int, int] = {}
    ids = [attempt.message.message_id for attempt in attempts]
    for at in range(0, len(ids), AT_ONCE):
        chunk = ids[at : at + AT_ONCE]
        numbers |= db.execute(
            "select message_id, attempts from message where begun = 1 "
            f"and message_id in ({marks(chunk)})",
            chunk,
        )
    return [a for a in attempts if numbers.get(a.message.message_id) == a.number]


def _stored_ids(db: sqlite3.Connection) -> StoredIds:
    stored = StoredIds()
    for key in db.execute(
        f"select provider, provider_message_id from message where {_PENDING} "
        "and provider_message_id is not null union all select part.provider, "
        f"part.provider_message_id from message join part using (message_id) where {_PENDING} "
        "and parts > 0"
    ):
        stored.add(key)
    return stored


def waiting(
    db: sqlite3.Connection, provider: str, lines: Sequence[LineQuery], now: float, limit: int
) -> list[list[Attempt]]:
    """Return WAITING messages that are due, by line; found by the index alone."""
    found: list[list[Attempt]] = []
    for system_id, priority, skip in lines:
        ids = db.execute(
            "select message_id from message where stage = 1 and provider = ? and system_id = ? "
            f"and priority = ? and due <= ? and {IS_NOT_OUT} order by due limit ?",
            (provider, system_id, priority, now, limit + len(skip)),
        )
        wanted = [message_id for (message_id,) in ids if message_id not in skip]
        found.append(_in_order(db, wanted[:limit]))
    return found


def hasten(
    db: sqlite3.Connection,
    provider: str,
    lines: Sequence[tuple[str, int]],
    now: float,
    limit: int,
) -> int:
    """Make WAITING messages due that were tried and are not due yet; found by the index alone."""
    left = limit
    db.execute("begin immediate")
    for system_id, priority in lines:
        left -= db.execute(
            "update message set due = accepted_at where message_id in (select message_id "
            "from message where stage = 1 and provider = ? and system_id = ? and priority = ? "
            "and due > ? and attempts > 0 and begun = 0 order by due desc limit ?)",
            (provider, system_id, priority, now, left),
        ).rowcount
    db.execute("commit")
    return limit - left


def due(
    db: sqlite3.Connection, stage: Stage, provider: str, now: float, limit: int
) -> list[Attempt]:
    """Return SUBMITTING or SUBMITTED messages that are due; found by the index alone."""
    ids = db.execute(
        f"select message_id from message where {_PENDING} and stage = ? and provider = ? "
        f"and due <= ? and {IS_NOT_OUT} order by due limit ?",
        (int(stage), provider, now, limit),
    )
    return _in_order(db, [message_id for (message_id,) in ids])


def batches(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, list[Found]]:
    """Return the messages of shared requests, finished or not."""
    found: dict[str, list[Found]] = {}
    for key in keys:
        rows = db.execute(
            f"select {_MESSAGE} from message where batch is not null and batch = ? "
            "order by message_id",
            (key,),
        )
        found[key] = _found(db, [MessageRow._make(row) for row in rows])
    return found


def find(
    db: sqlite3.Connection,
    keys: Sequence[tuple[str, str] | int],
    tolerances: Mapping[str, Tolerance] = EXACT,
) -> dict[tuple[str, str] | int, Found]:
    """Return messages by (provider, provider_message_id) or by message_id."""
    found: dict[tuple[str, str] | int, Found] = {}
    for key in keys:
        if isinstance(key, int):
            row = _by_id(db, key)
        else:
            row = _by_provider(db, *key, tolerances.get(key[0], "exact"))
        if row is not None:
            (found[key],) = _found(db, [row])
    return found


def owed(
    db: sqlite3.Connection,
    system_id: str,
    now: float,
    limit: int,
    skip: Collection[tuple[int, int]],
) -> list[Delivery]:
    """Return due deliveries owed to an account, longest due first."""
    keys = db.execute(
        "select message_id, state from delivery where finished_at is null and system_id = ? "
        "and due <= ? order by due limit ?",
        (system_id, now, limit + len(skip)),
    )
    wanted = [key for key in keys if key not in skip][:limit]
    query = f"select {_DELIVERY} from delivery where message_id = ? and state = ?"
    read = [row for key in wanted if (row := db.execute(query, key).fetchone()) is not None]
    rows = [DeliveryRow._make(row) for row in read]
    messages = by_ids(db, sorted({row.parent for row in rows if row.state}))
    found = [
        rec.read_delivery(row, messages[row.parent], finished=_ended_so(db, row))
        for row in rows
        if row.parent in messages
    ]
    phones = [row for row in rows if not row.state]
    if phones:
        found = sorted(found + mo.owed(db, system_id, phones), key=lambda d: (d.due, d.message_id))
    return found


def _ended_so(db: sqlite3.Connection, row: DeliveryRow) -> bool:
    """Whether the message of a delivery ended ACCEPTED, a state that most messages leave again."""
    if row.state != MessageState.ACCEPTED:
        return False
    ended = "select 1 from message where message_id = ? and stage = 4 and state = ?"
    return db.execute(ended, (row.parent, row.state)).fetchone() is not None


def take_decisions(db: sqlite3.Connection) -> list[tuple[Found, str]]:
    """Return and delete the decisions of people about Uncertain messages."""
    if db.execute("select 1 from decision limit 1").fetchone() is None:
        return []  # without taking the lock that a delete takes
    rows = db.execute("delete from decision returning message_id, verb").fetchall()
    found = find(db, [row[0] for row in rows])
    return [(found[message_id], verb) for message_id, verb in rows if message_id in found]


def delete(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Delete messages with their attempts, parts, segments and deliveries."""
    db.execute("begin immediate")
    for at in range(0, len(ids), AT_ONCE):
        chunk = ids[at : at + AT_ONCE]
        held = f"({marks(chunk)})"
        segments = [
            r[0]
            for r in db.execute(f"select message_id from segment where parent in {held}", chunk)
        ]
        owners = [*chunk, *segments]
        for table, of in (
            ("delivery", owners),
            ("attempt", chunk),
            ("part", chunk),
            ("segment", segments),
            ("message", chunk),
        ):
            db.execute(f"delete from {table} where message_id in ({marks(of)})", of)
    db.execute("commit")


def open_messages(db: sqlite3.Connection, provider: str) -> bool:
    """Whether a provider has messages that are not FINISHED."""
    places = ("stage = 1", "begun = 1", f"{_PENDING} and stage = 2", f"{_PENDING} and stage = 3")
    queries = (f"select 1 from message where {place} and provider = ? limit 1" for place in places)
    return any(db.execute(query, (provider,)).fetchone() for query in queries)


def measure(db: sqlite3.Connection, path: str) -> dict[str, float]:
    """Return figures for gauges: messages, reports; octets of the file, its log and its disk."""
    uncertain = f"select count(*) from message where {_PENDING} and stage = 2 and {IS_NOT_OUT}"
    disk = os.statvfs(os.path.dirname(os.path.abspath(path)))
    unmatched = "select count(*) from unmatched where kind = 'report'"
    wal = f"{path}-wal"
    return {
        "uncertain": db.execute(uncertain).fetchone()[0],
        "unmatched": db.execute(unmatched).fetchone()[0],
        "bytes": os.path.getsize(path),
        "wal_bytes": os.path.getsize(wal) if os.path.exists(wal) else 0,
        "free_bytes": disk.f_bavail * disk.f_frsize,
    }


def _in_order(db: sqlite3.Connection, ids: Sequence[int]) -> list[Attempt]:
    found = by_ids(db, ids)
    return [attempt for each in ids if (attempt := found.get(each)) is not None]


def by_ids(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Attempt]:
    """Return the latest attempts of messages by message_id."""
    return {message_id: each.attempt for message_id, each in found_by_ids(db, ids).items()}


def found_by_ids(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Found]:
    """Return messages by message_id."""
    found: dict[int, Found] = {}
    for at in range(0, len(ids), AT_ONCE):
        chunk = ids[at : at + AT_ONCE]
        rows = db.execute(
            f"select {_MESSAGE} from message where message_id in ({marks(chunk)})", chunk
        )
        messages = _found(db, [MessageRow._make(row) for row in rows])
        found.update((each.attempt.message.message_id, each) for each in messages)
    return found


def _attempts(db: sqlite3.Connection, read: Iterable[SqlRow]) -> list[Attempt]:
    return [message.attempt for message in _found(db, [MessageRow._make(row) for row in read])]


def _found(db: sqlite3.Connection, rows: Sequence[MessageRow]) -> list[Found]:
    """Return messages with their segments, parts and latest attempts."""
    segments = _segments(db, rows)
    several = [row.message_id for row in rows if row.parts]
    named = parts.of_messages(db, several) if several else {}
    return [
        Found(
            rec.read_attempt(row, segments.get(row.message_id, ()), named.get(row.message_id, ())),
            Stage(row.stage),
        )
        for row in rows
    ]


def _segments(db: sqlite3.Connection, rows: Sequence[MessageRow]) -> dict[int, tuple[Segment, ...]]:
    parents = [row.message_id for row in rows if row.segments]
    found: dict[int, tuple[Segment, ...]] = {}
    for at in range(0, len(parents), AT_ONCE):
        chunk = parents[at : at + AT_ONCE]
        found |= rec.read_segments(
            db.execute(
                "select parent, message_id, number, registered_delivery, received_at "
                f"from segment where parent is not null and parent in ({marks(chunk)})",
                chunk,
            )
        )
    return found


def _by_id(db: sqlite3.Connection, message_id: int) -> MessageRow | None:
    query = f"select {_MESSAGE} from message where message_id = ?"
    row = db.execute(query, (message_id,)).fetchone()
    return None if row is None else MessageRow._make(row)


def _by_provider(
    db: sqlite3.Connection, provider: str, provider_message_id: str, tolerance: Tolerance
) -> MessageRow | None:
    like = (provider, same_id(provider_message_id))
    read = db.execute(_BY_PROVIDER, (*like, *like, SAME_IDS))
    named = [(name, MessageRow._make(row)) for name, *row in read]
    spelling = spelling_of(provider_message_id, {name for name, _ in named}, tolerance)
    rows = [row for name, row in named if name == spelling]
    open_ = [row for row in rows if row.stage != Stage.FINISHED]
    if open_:
        return min(open_, key=lambda row: (row.answered_at or 0.0, row.message_id))
    return rows[0] if rows else None
