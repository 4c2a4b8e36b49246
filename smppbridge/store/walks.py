"""Walks over the store: messages and deliveries past their time are found without an index.

An index by time would be written for every message, and read to find next to nothing.
"""

from __future__ import annotations

import sqlite3

from smppbridge.model.message import Attempt
from smppbridge.store import queries
from smppbridge.store.cdr import Exported
from smppbridge.store.lookup import first_since
from smppbridge.store.statements import SqlRow

AT_ONCE = 20_000  # entries of an index that a step looks at: some milliseconds
ROWS_AT_ONCE = 5_000  # rows of messages
_START: SqlRow = ("", -1, 0.0, 0.0, 0)  # before every key of an index

# Each walks an index from beyond a key on; the columns are the key.
_WAITING = (
    "select system_id, priority, due, expires_at, message_id from message where stage = 1 "
    "and provider = ? and (system_id, priority, due, expires_at, message_id) > (?, ?, ?, ?, ?) "
    "order by system_id, priority, due, expires_at, message_id limit ?"
)
_OWED = (
    "select system_id, due, expires_at, message_id, state from delivery where finished_at is null "
    "and (system_id, due, expires_at, message_id, state) > (?, ?, ?, ?, ?) "
    "order by system_id, due, expires_at, message_id, state limit ?"
)
_OLD = (
    "select message_id, stage, done_at from message where message_id > ? and message_id < ? "
    "order by message_id limit ?"
)


class Walks:
    """The walks over one store; only its writer thread makes them.

    A walk goes on where the one before it ended, and begins again once it has come to the end.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, SqlRow] = {}  # the keys that were looked at last
        self._owed = _START
        self._old: SqlRow = (0,)

    def expired(
        self, db: sqlite3.Connection, provider: str, now: float, limit: int
    ) -> list[Attempt]:
        """Return WAITING messages whose deadline has passed."""
        values = provider, *self._waiting.get(provider, _START)
        past = f"expires_at <= ? and {queries.IS_NOT_OUT}"
        found, self._waiting[provider] = _step(
            db, _WAITING, (*values, AT_ONCE), past, (now, limit), _START
        )
        return list(queries.by_ids(db, [row[-1] for row in found]).values())

    def lapse(self, db: sqlite3.Connection, now: float, limit: int) -> dict[str, int]:
        """Conclude deliveries past their *expires_at*; return how many by system_id."""
        found, following = _step(
            db, _OWED, (*self._owed, AT_ONCE), "expires_at <= ?", (now, limit), _START
        )
        lapsed: dict[str, int] = {}
        if not found:
            self._owed = following
            return lapsed  # without taking the lock that an update takes
        db.execute("begin immediate")
        for system_id, *_, message_id, state in found:
            lapsed[system_id] = lapsed.get(system_id, 0) + 1
            db.execute(
                "update delivery set finished_at = ?, command_status = null "
                "where message_id = ? and state = ?",
                (now, message_id, state),
            )
        db.execute("commit")
        self._owed = following
        return lapsed

    def forget(
        self, db: sqlite3.Connection, before: float, limit: int, exported: Exported | None = None
    ) -> int:
        """Delete messages FINISHED before *before*, with their attempts, segments, deliveries.

        With *exported* no message is deleted that is not covered by it.
        """
        beyond = first_since(db, before)  # nothing younger can be FINISHED before that
        if exported is not None:
            beyond = min(beyond, exported.below)
        values = *self._old, beyond, ROWS_AT_ONCE
        found, following = _step(
            db, _OLD, values, "stage = 4 and done_at < ?", (before, limit), (0,)
        )
        kept = exported.besides if exported is not None else ()
        if gone := [row[0] for row in found if row[0] not in kept]:
            queries.delete(db, gone)
        self._old = following[:1]
        return len(found)


def _step(
    db: sqlite3.Connection,
    walk: str,
    values: SqlRow,
    past: str,
    bounds: tuple[float, int],
    start: SqlRow,
) -> tuple[list[SqlRow], SqlRow]:
    """Return the rows of a step that are past their time, and the key where the next step begins.

    *bounds* are that time and how many rows to find at most.
    """
    found = db.execute(
        f"select * from ({walk}) where {past} limit ?", (*values, *bounds)
    ).fetchall()
    if len(found) == bounds[-1]:
        return found, found[-1]
    *key, at_once = values
    last = db.execute(f"{walk} offset ?", (*key, 1, at_once - 1)).fetchone()
    return found, last or start
