"""Opt-outs for people: looked up beside a running bridge, and ended by hand.

An ended opt-out is only marked as ended: the bridge reads the mark and deletes the row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smppbridge.store.lookup import open_store


@dataclass(frozen=True, slots=True)
class OptOutRow:
    """An opt-out in the store: a number at a provider, since *at* (UNIX seconds)."""

    provider: str
    number: str
    at: float


def listed(
    db: sqlite3.Connection,
    number: str | None = None,
    limit: int = 50,
    place: tuple[float, int] | None = None,
) -> list[OptOutRow]:
    """Return the latest opt-outs, newest first; only those of *number* where given.

    A page begins after *place*: a time, and how many opt-outs of that time were on pages before.
    """
    at, skipped = place or (None, 0)
    given = {"number = ?": number, "at <= ?": at}
    wheres = ["ended = 0", *(where for where, value in given.items() if value is not None)]
    values = [value for value in given.values() if value is not None]
    rows = db.execute(
        f"select provider, number, at from optout where {' and '.join(wheres)} "
        "order by at desc, number, provider limit ? offset ?",
        (*values, limit, skipped),
    )
    return [OptOutRow(*row) for row in rows]


def place_after(rows: Sequence[OptOutRow], before: tuple[float, int] | None) -> tuple[float, int]:
    """Return where the page after *rows* begins, which themselves began after *before*."""
    at = rows[-1].at
    same = sum(row.at == at for row in rows)
    return at, same + (before[1] if before is not None and before[0] == at else 0)


def end(path: str | Path, number: str, provider: str | None = None) -> list[str]:
    """End the opt-outs of a number, at all providers or at *provider*; return the providers.

    Raises NotAStore, TooNew, sqlite3.Error.
    """
    db = open_store(path, "rw")
    try:
        return ended(db, number, provider)
    finally:
        db.close()


def ended(db: sqlite3.Connection, number: str, provider: str | None = None) -> list[str]:
    """End opt-outs in a store that is open for writing, as `end` does."""
    where = "ended = 0 and number = ?" + ("" if provider is None else " and provider = ?")
    values = (number,) if provider is None else (number, provider)
    rows = db.execute(
        f"update optout set ended = 1 where {where} returning provider", values
    ).fetchall()
    return sorted(row[0] for row in rows)
