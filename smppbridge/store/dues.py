"""Dues that were written before the machine's clock was set back, brought near again."""

from __future__ import annotations

import os
import sqlite3

from smppbridge.model.identifiers import given_at

_SLACK = 1.0
LONGEST_PAUSE = 600.0
"""Seconds until the next attempt at a delivery, at most (``relay.deliver``)."""

_STAMP = "max(accepted_at, coalesce(begun_at, 0), coalesce(answered_at, 0))"
_NEARER = (
    f"""update message set due = due - ({_STAMP} - :now) where stage < 4 and due > :now
        and {_STAMP} > :ahead and (stage > 1 or attempts > 0 or due <= accepted_at)""",
    "update segment set received_at = :now where parent is null and received_at > :now",
    "update delivery set due = :now where finished_at is null and due > :longest",
)


def written_at(path: str) -> float:
    """Return when a store's file was written last (UNIX seconds), 0.0 for a file to be made."""
    names = [name for name in (path, f"{path}-wal") if os.path.exists(name)]
    return max((os.stat(name).st_mtime for name in names), default=0.0)


def bring_near(db: sqlite3.Connection, written: float, now: float) -> int:
    """Move dues nearer if the store was *written* at a time still to come; return their number.

    A due moves by as much as the latest time of its message lies ahead of *now*.  A message that is
    scheduled keeps its time: no provider has been tried yet.
    """
    last = db.execute("select coalesce(max(message_id), 0) from message").fetchone()[0]
    if max(written, given_at(last)) <= now + _SLACK:
        return 0
    times = {"now": now, "ahead": now + _SLACK, "longest": now + LONGEST_PAUSE}
    db.execute("begin immediate")
    moved = sum(db.execute(statement, times).rowcount for statement in _NEARER)
    db.execute("commit")
    return moved
