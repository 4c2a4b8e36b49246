"""fence: the row of a node, counted up by each of its transactions under its slot and epoch.

Whoever takes a node over changes the epoch of its row: every later transaction of the node fails.
The count is absolute, so that a node whose COMMIT was not answered finds out whether its last
transaction came through.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors

FENCE: Final = (
    "with mine as (update node set txn = $1::bigint where slot = $2::smallint"
    " and epoch = $3::bigint and not ended returning 1) select 1 / count(*) from mine"
)
"""The first statement of every transaction: (txn, slot, epoch).  Divides by zero if fenced."""
BEAT: Final = "update node set beat_at = clock_timestamp() where slot = $1::smallint"
"""After the fence, each beat: the time by the database, for people alone."""
SILENT: Final = "update node set silent_for = %s where slot = %s"
"""Within a fenced transaction: for how many seconds the others wait for us, if that is long."""
ADOPTED: Final = "select slot from node where adopter = %s and ended order by slot"
"""The shards that a node has taken over."""
FENCED: Final = errors.DivisionByZero.sqlstate
"""The SQLSTATE of a fence that let nothing through."""

_RESUME = (
    "update node set epoch = epoch + 1, beat_at = clock_timestamp() where slot = %s and epoch = %s"
    " and not ended returning epoch, txn"
)
_TERMINATE = (
    "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() and application_name = %s"
)


class Fenced(Exception):
    """Another node has taken this node's messages over; this process has to end."""


class Resumed(NamedTuple):
    """The row of a node after a lost connection; *txn* is the last transaction there."""

    epoch: int
    txn: int
    shards: tuple[int, ...]


def application_name(name: str, slot: int, epoch: int) -> str:
    """Return the name by which the backends of a node's writer are known to the others."""
    return f"smppbridge {name} {slot} {epoch}"


def terminate(db: psycopg.Connection[Any], name: str, slot: int, epoch: int) -> None:
    """End the backends of a node's writer: one that was stopped holds its node's row for ever.

    By their name, never by a pid alone: after a fail-over a pid is another's.
    """
    db.execute(_TERMINATE, (application_name(name, slot, epoch),))


def resume(db: psycopg.Connection[Any], name: str, slot: int, epoch: int) -> Resumed:
    """Begin a new epoch after a lost connection; *db* commits each statement by itself.

    The update waits for the end of whatever the old backend does, so that the count of the row is
    final.  An old backend that never ends (it was lost in the middle of a transaction) is ended as
    soon as it has held the row for the connection's lock_timeout.

    Raises Fenced, psycopg.Error.
    """
    try:
        row = db.execute(_RESUME, (slot, epoch)).fetchone()
    except errors.LockNotAvailable:
        terminate(db, name, slot, epoch)
        row = db.execute(_RESUME, (slot, epoch)).fetchone()
    if row is None:
        raise Fenced
    db.execute(
        "select set_config('application_name', %s, false)", (application_name(name, slot, row[0]),)
    )
    adopted = db.execute(ADOPTED, (slot,)).fetchall()
    return Resumed(row[0], row[1], (slot, *(each for (each,) in adopted)))
