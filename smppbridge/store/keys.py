"""Idempotency-Keys: which message a request has made that may come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from smppbridge.store.database import Database

MOST = 100_000
Name = tuple[str, str]
"""Who gave a key, and the key."""


class Claim(NamedTuple):
    """A claimed key and its message: *new* has to be accepted, *sent* is in the store already.

    *other*: the key is that of another request; *full*: no key can be kept any more.  *busy*: its
    message is not in the store, and whoever has given the message_id may be accepting it.
    """

    verdict: Literal["new", "sent", "other", "full", "busy"]
    message_id: int = 0


def claim(
    db: Database,
    name: Name,
    fingerprint: str,
    message_id: int,
    now: float,
    keep: float,
    is_idle: Callable[[int], bool] = lambda _: True,
) -> Claim:
    """Write a key with the id of the message that is to be accepted, unless the key is known.

    Keys older than *keep* seconds are forgotten.  A known key whose message is not in the store
    gets the new id if *is_idle* says that no request is accepting the former id: nothing was sent
    by it.
    """
    db.execute("delete from sent_key where at < ?", (now - keep,))
    while (found := _claimed(db, name, fingerprint, message_id, now, is_idle)) is None:
        pass
    return found


def _claimed(
    db: Database,
    name: Name,
    fingerprint: str,
    message_id: int,
    now: float,
    is_idle: Callable[[int], bool],
) -> Claim | None:
    """Return a claim; None: another bridge has claimed the key at this moment."""
    known = db.execute(
        "select fingerprint, message_id from sent_key where actor = ? and name = ?", name
    ).fetchone()
    if known is None:
        if db.execute("select count(*) from sent_key").fetchone()[0] >= MOST:
            return Claim("full")
        written = db.execute(
            "insert into sent_key values (?, ?, ?, ?, ?) on conflict do nothing",
            (*name, fingerprint, message_id, now),
        )
        return Claim("new", message_id) if written.rowcount else None
    if known[0] != fingerprint:
        return Claim("other")
    if db.execute("select 1 from message where message_id = ?", (known[1],)).fetchone():
        return Claim("sent", known[1])
    if not is_idle(known[1]):
        return Claim("busy", known[1])
    written = db.execute(
        "update sent_key set message_id = ?, at = ? where actor = ? and name = ? "
        "and message_id = ?",
        (message_id, now, *name, known[1]),
    )
    return Claim("new", message_id) if written.rowcount else None
