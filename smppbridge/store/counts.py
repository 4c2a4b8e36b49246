"""counts: how many messages the store has at a stage, for people who look at all of them."""

from __future__ import annotations

from smppbridge.store.database import Database, dialect_of
from smppbridge.store.lookup import LONGEST_GATHERING, first_since


def submitted(db: Database) -> int:
    """Return how many messages providers have accepted and not reported the end of."""
    count: int = db.execute(dialect_of(db).submitted).fetchone()[0]
    return count


def finished_since(db: Database, at: float) -> int:
    """Return how many messages finished at *at* (UNIX seconds) or later.

    Those accepted an hour or more before *at* are left out: nothing finds them fast.
    """
    first = first_since(db, at - LONGEST_GATHERING)
    count: int = db.execute(dialect_of(db).finished_since, (first, at)).fetchone()[0]
    return count
