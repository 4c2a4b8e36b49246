"""Figures that a bridge goes on with after a cold start: one row a bridge, of a day at most."""

from __future__ import annotations

from smppbridge.store.database import Database

KEPT = 86_400.0
"""Seconds after which the row of a bridge that writes no more is deleted."""


def keep(db: Database, node: str, at: float, figures: str) -> None:
    """Write the figures of a bridge in the place of its last ones; delete rows older than KEPT.

    *node* is empty for a bridge that has its store alone; *at* is UNIX seconds.
    """
    db.execute("delete from figures where at < ?", (at - KEPT,))
    db.execute(
        "insert into figures (node, at, kept) values (?, ?, ?) "
        "on conflict (node) do update set at = excluded.at, kept = excluded.kept",
        (node, at, figures),
    )


def kept(db: Database, node: str, since: float) -> str | None:
    """Return the figures that a bridge wrote last, None if that was before *since*."""
    row = db.execute(
        "select kept from figures where node = ? and at >= ?", (node, since)
    ).fetchone()
    return None if row is None else str(row[0])
