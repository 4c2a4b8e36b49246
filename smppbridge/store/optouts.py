"""Opt-outs for people: looked up beside a running bridge, and ended by hand.

An ended opt-out is only marked as ended: the bridge reads the mark and deletes the row.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from smppbridge.store.lookup import open_store


@dataclass(frozen=True, slots=True)
class OptOutRow:
    """An opt-out in the store: a number at a provider, since *at* (UNIX seconds)."""

    provider: str
    number: str
    at: float


def listed(db: sqlite3.Connection, number: str | None = None, limit: int = 50) -> list[OptOutRow]:
    """Return the latest opt-outs, newest first; only those of *number* where given."""
    where = "ended = 0" if number is None else "ended = 0 and number = ?"
    values = () if number is None else (number,)
    rows = db.execute(
        f"select provider, number, at from optout where {where} order by at desc limit ?",
        (*values, limit),
    )
    return [OptOutRow(*row) for row in rows]


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
