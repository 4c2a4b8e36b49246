"""Notes in the store: written in batches, deleted when they are old, looked up by people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.store import statements as sql
from smppbridge.store.conditions import condition
from smppbridge.store.database import Database
from smppbridge.store.records import marks
from smppbridge.store.statements import Many, SqlRow

DELETED_AT_ONCE = 5_000  # rows of a table
_DAILY = ("refused", "unmatched")
_REFUSED = "at, system_id, source, destination, command_status, reason, detail, count"
_UNMATCHED = "at, kind, provider, provider_message_id, reason, state, error, source, destination"
Place = tuple[float, int]
"""The place of a row in a list by time: its time, and its number among rows of one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteQuery:
    """A search for refused submissions or unmatched reports; None does not matter.

    *numbers* are a number as it may have been written, masked; *since* and *until* are UNIX
    seconds.
    """

    name: str | None = None  # the account, or the provider
    kind: str | None = None  # of unmatched ones: report, mo
    reason: str | None = None
    provider_message_id: str | None = None
    numbers: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    limit: int = 50


def writes(
    notes: Sequence[Note], refused: Sequence[RefusedSubmission], unmatched: Sequence[Unmatched]
) -> list[tuple[Many, list[SqlRow]]]:
    """Return the rows of notes by the statement that writes them."""
    return [
        (sql.INSERT_NOTE, [note_row(each) for each in notes]),
        (sql.INSERT_REFUSED, [refused_row(each) for each in refused]),
        (sql.INSERT_UNMATCHED, [unmatched_row(each) for each in unmatched]),
    ]


def forget(db: Database, before: float, most: int) -> int:
    """Delete rows of a day ago, and those above *most*; return how many.  The oldest go first.

    Rows are written in the order of their time, but for reports that were early for a while.
    """
    gone = 0
    for table in _DAILY:
        first = db.execute(f"select id, at from {table} order by id limit 1").fetchone()
        last = db.execute(f"select max(id) from {table}").fetchone()[0]
        if first is None or (first[1] >= before and first[0] > last - most):
            continue
        upto = last - most
        old = db.execute(
            f"select id, at from {table} order by id limit ?", (DELETED_AT_ONCE,)
        ).fetchall()
        gone += db.execute(
            f"delete from {table} where id <= ? and (at < ? or id <= ?)",
            (old[-1][0], before, upto),
        ).rowcount
    return gone


def forget_notes(db: Database, before: float, limit: int) -> int:
    """Delete notes older than *before*, when their messages are forgotten too; return how many."""
    old = db.execute("select id, at from note order by id limit ?", (limit,)).fetchall()
    ids = [row_id for row_id, at in old if at < before]
    if ids:
        db.execute("delete from note where id >= ? and id <= ?", (ids[0], ids[-1]))
    return len(ids)


def notes_of(db: Database, message_ids: Sequence[int]) -> list[Note]:
    """Return the notes of messages, in the order in which they were written."""
    rows = db.execute(
        "select message_id, at, code, facts from note "
        f"where message_id in ({marks(message_ids)}) order by id",
        message_ids,
    )
    return [Note(message_id, at, code, json.loads(facts)) for message_id, at, code, facts in rows]


def refused_page(
    db: Database, query: NoteQuery, before: int | None = None
) -> list[tuple[int, RefusedSubmission]]:
    """Return refused submissions with their places, the newest first, below a place."""
    where, values = _condition("system_id", query)
    if before is not None:
        where, values = f"{where} and id < ?", [*values, before]
    rows = db.execute(
        f"select id, {_REFUSED} from refused where {where} order by id desc limit ?",
        (*values, query.limit),
    )
    return [(row_id, RefusedSubmission(*row)) for row_id, *row in rows]


def unmatched_page(
    db: Database, query: NoteQuery, before: Place | None = None
) -> list[tuple[Place, Unmatched]]:
    """Return unmatched reports and MO messages with their places, below a place, newest first.

    A report that waits for its message yet is among them, with the reason "early".
    """
    early = (
        "select 0 as id, at, 'report' as kind, provider, provider_message_id, 'early' as reason, "
        "state, error, '' as source, '' as destination from early"
    )
    where, values = _condition("provider", query)
    if before is not None:
        where, values = f"{where} and (at, id) < (?, ?)", [*values, *before]
    rows = db.execute(
        f"select * from (select id, {_UNMATCHED} from unmatched union all {early}) as stray "
        f"where {where} order by at desc, id desc limit ?",
        (*values, query.limit),
    )
    return [((row[0], row_id), Unmatched(*row)) for row_id, *row in rows]


def dismiss(db: Database, provider: str, before: float) -> int:
    """Delete unmatched reports and MO messages of a provider, older than *before*.

    Returns how many rows, at most DELETED_AT_ONCE.  Early reports stay: they may be settled yet.
    """
    return db.execute(
        "delete from unmatched where id in (select id from unmatched where provider = ? "
        "and at < ? limit ?)",
        (provider, before, DELETED_AT_ONCE),
    ).rowcount


def _condition(named: str, query: NoteQuery) -> tuple[str, list[Any]]:
    given = {
        f"{named} = ?": query.name,
        "kind = ?": query.kind,
        "reason = ?": query.reason,
        "provider_message_id = ?": query.provider_message_id,
        "at >= ?": query.since,
        "at < ?": query.until,
    }
    return condition(given, query.numbers)


def note_row(n: Note) -> SqlRow:
    """Return the row of a note."""
    return n.message_id, n.at, n.code, json.dumps(dict(n.facts))


def refused_row(r: RefusedSubmission) -> SqlRow:
    """Return the row of a refused submission."""
    addresses = _sound(r.source), _sound(r.destination)
    return (r.at, r.system_id, *addresses, r.command_status, r.reason, _sound(r.detail), r.count)


def unmatched_row(u: Unmatched) -> SqlRow:
    """Return the row of a report or an MO message that belongs to nothing."""
    name, addresses = _sound(u.provider_message_id), (_sound(u.source), _sound(u.destination))
    return (u.at, u.kind, u.provider, name, u.reason, u.state, u.error, *addresses)


def _sound(text: str) -> str:
    """Return a text that SQLite can have, whatever its characters."""
    return text.encode("utf-8", "replace").decode("utf-8")
