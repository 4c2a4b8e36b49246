"""counts: how many messages the store has at a stage, for people who look at all of them."""

from __future__ import annotations

import sqlite3

from smppbridge.store.lookup import LONGEST_GATHERING, first_since

_SUBMITTED = "select count(*) from message where stage in (2, 3) and due is not null and stage = 3"


def submitted(db: sqlite3.Connection) -> int:
    """Return how many messages providers have accepted and not reported the end of."""
    count: int = db.execute(_SUBMITTED).fetchone()[0]
    return count


def finished_since(db: sqlite3.Connection, at: float) -> int:
    """Return how many messages finished at *at* (UNIX seconds) or later.

    Those accepted an hour or more before *at* are left out: nothing finds them fast.
    """
    first = first_since(db, at - LONGEST_GATHERING)
    count: int = db.execute(
        "select count(*) from message where message_id >= ? and stage = 4 and done_at >= ?",
        (first, at),
    ).fetchone()[0]
    return count
