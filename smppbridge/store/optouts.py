"""Opt-outs for people: looked up beside a running bridge, and ended by hand.

An ended opt-out is only marked as ended: the bridge reads the mark and deletes the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smppbridge.store.database import Database, dialect_of
from smppbridge.store.lookup import open_store


@dataclass(frozen=True, slots=True)
class OptOutRow:
    """An opt-out in the store: a number at a provider, since *at* (UNIX seconds)."""

    provider: str
    number: str
    at: float


def listed(
    db: Database,
    number: str | None = None,
    limit: int = 50,
    place: tuple[float, int] | None = None,
) -> list[OptOutRow]:
    """Return the latest opt-outs, newest first; only those of *number* where given.

    A page begins after *place*: a time, and how many opt-outs of that time were on pages before.
    """
    at, skipped = place or (None, 0)
    given = {"number = ?": number, "at <= ?": at}
    bounds = {where: value for where, value in given.items() if value is not None}
    wheres, values = [dialect_of(db).optout_held, *bounds], list(bounds.values())
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


def ended(db: Database, number: str, provider: str | None = None) -> list[str]:
    """End opt-outs in a store that is open for writing, as `end` does."""
    dialect = dialect_of(db)
    where = f"{dialect.optout_held} and number = ?"
    values = [number]
    if provider is not None:
        where, values = f"{where} and provider = ?", [number, provider]
    rows = db.execute(
        f"update optout set {dialect.end_optout} where {where} returning provider", values
    ).fetchall()
    return sorted(row[0] for row in rows)
