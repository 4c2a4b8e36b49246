"""Idempotency-Keys: which message a request has made that may come again."""

from __future__ import annotations

from typing import Literal, NamedTuple

from smppbridge.store.database import Database

MOST = 100_000
Name = tuple[str, str]
"""Who gave a key, and the key."""


class Claim(NamedTuple):
    """A claimed key and its message: *new* has to be accepted, *sent* is in the store already.

    *other*: the key is that of another request; *full*: no key can be kept any more.
    """

    verdict: Literal["new", "sent", "other", "full"]
    message_id: int = 0


def claim(
    db: Database,
    name: Name,
    fingerprint: str,
    message_id: int,
    now: float,
    keep: float,
) -> Claim:
    """Write a key with the id of the message that is to be accepted, unless the key is known.

    Keys older than *keep* seconds are forgotten.  A known key whose message is not in the store
    gets the new id: nothing was sent by it.
    """
    db.execute("delete from sent_key where at < ?", (now - keep,))
    known = db.execute(
        "select fingerprint, message_id from sent_key where actor = ? and name = ?", name
    ).fetchone()
    if known is None:
        if db.execute("select count(*) from sent_key").fetchone()[0] >= MOST:
            return Claim("full")
    elif known[0] != fingerprint:
        return Claim("other")
    elif db.execute("select 1 from message where message_id = ?", (known[1],)).fetchone():
        return Claim("sent", known[1])
    db.execute(
        "insert into sent_key values (?, ?, ?, ?, ?) on conflict (actor, name) do update set "
        "fingerprint = excluded.fingerprint, message_id = excluded.message_id, at = excluded.at",
        (*name, fingerprint, message_id, now),
    )
    return Claim("new", message_id)
