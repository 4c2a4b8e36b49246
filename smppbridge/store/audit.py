"""The audit trail: acts of people, and the providers that people have paused."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from smppbridge.store.database import Database

KEPT = 400 * 86_400.0
"""Seconds that an act is kept."""
_FORGOTTEN = 100
_LARGEST = 2**63 - 1


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


def note(db: Database, entry: AuditEntry) -> None:
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


def listed(db: Database, before: int | None, limit: int) -> list[AuditRow]:
    """Return entries older than the entry *before*, newest first."""
    rows = db.execute(
        "select id, at, actor, via, address, action, object, detail from audit "
        "where id < ? order by id desc limit ?",
        (_LARGEST if before is None else before, limit),
    )
    names = ("at", "actor", "via", "address", "action", "object", "detail")
    return [AuditRow(row[0], AuditEntry(**dict(zip(names, row[1:], strict=True)))) for row in rows]


def paused(db: Database) -> frozenset[str]:
    """Return the providers that people have paused."""
    return frozenset(row[0] for row in db.execute("select provider from paused"))


def pause(db: Database, provider: str, at: float, actor: str) -> None:
    """Write that a person has paused a provider."""
    db.execute("insert into paused values (?, ?, ?) on conflict do nothing", (provider, at, actor))


def resume(db: Database, provider: str) -> None:
    """Write that a paused provider goes on."""
    db.execute("delete from paused where provider = ?", (provider,))
