"""The audit trail: acts of people, and the providers that people have paused."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass

KEPT = 400 * 86_400.0
"""Seconds that an act is kept."""
_FORGOTTEN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An act of a person; *detail* is JSON without secrets, *at* is UNIX seconds."""

    at: float
    actor: str
    via: str
    address: str
    action: str
    object: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry of the audit trail, as the store numbers it."""

    id: int
    entry: AuditEntry


def note(db: sqlite3.Connection, entry: AuditEntry) -> None:
    """Write an entry, and forget a few that are older than KEPT."""
    db.execute(
        "insert into audit (at, actor, via, address, action, object, detail) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        astuple(entry),
    )
    db.execute(
        "delete from audit where id in (select id from audit where at < ? order by at limit ?)",
        (entry.at - KEPT, _FORGOTTEN),
    )


def listed(db: sqlite3.Connection, before: int | None, limit: int) -> list[AuditRow]:
    """Return entries older than the entry *before*, newest first."""
    rows = db.execute(
        "select id, at, actor, via, address, action, object, detail from audit "
        "where ? is null or id < ? order by id desc limit ?",
        (before, before, limit),
    )
    names = ("at", "actor", "via", "address", "action", "object", "detail")
    return [AuditRow(row[0], AuditEntry(**dict(zip(names, row[1:], strict=True)))) for row in rows]


def paused(db: sqlite3.Connection) -> frozenset[str]:
    """Return the providers that people have paused."""
    return frozenset(row[0] for row in db.execute("select provider from paused"))


def pause(db: sqlite3.Connection, provider: str, at: float, actor: str) -> None:
    """Write that a person has paused a provider."""
    db.execute("insert or ignore into paused values (?, ?, ?)", (provider, at, actor))


def resume(db: sqlite3.Connection, provider: str) -> None:
    """Write that a paused provider goes on."""
    db.execute("delete from paused where provider = ?", (provider,))
