"""bound: the sessions that are bound, at whichever node, and the places that accounts have.

Who binds counts under a lock of the account: of two that want the last place one has it.  A row
counts as long as its node lives; whoever takes a node over deletes the node's rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import psycopg

_OPEN_GATE = "insert into account_gate values (%s) on conflict do nothing"
_GATE = "select 1 from account_gate where system_id = %s for update"
_COUNTED = (
    "select count(*) as total, count(*) filter (where kind = %(kind)s) as of_kind"
    " from bound join node using (slot) where bound.system_id = %(system_id)s and not node.ended"
)
_TAKE = (
    "insert into bound (slot, session, system_id, kind, since, host)"
    " select node.slot, %(session)s, %(system_id)s, %(kind)s, %(since)s, %(host)s"
    f" from node, ({_COUNTED}) as counted where node.slot = %(slot)s and node.name = %(name)s"
    " and not node.ended and total < %(most)s and of_kind < %(most_of_kind)s returning session"
)
_KEEP = (
    "insert into bound (slot, session, system_id, kind, since, host)"
    " values (%s, %s, %s, %s, %s, %s) on conflict do nothing"
)
_LEAVE = "delete from bound where slot = %s and session = any(%s)"
_LOOK = (
    "select slot, session, system_id, kind, since, host from bound join node using (slot)"
    " where not node.ended order by slot, session"
)
UNBOUNDED: Final = 2**31 - 1
"""As many sessions of a kind as the account has of all kinds."""


class BoundRow(NamedTuple):
    """A bound session: its node's slot, its number there, its account, kind, age and peer.

    *kind* is transmitter, receiver or transceiver, *since* UNIX seconds.
    """

    slot: int
    session: int
    system_id: str
    kind: str
    since: float
    host: str


class Allowed(NamedTuple):
    """How many sessions an account may have at all nodes, and how many of the asked kind."""

    total: int
    of_kind: int = UNBOUNDED


class Counted(NamedTuple):
    """Whether a place was taken, and how many sessions there were before, and of the kind."""

    is_taken: bool
    total: int
    of_kind: int


def take(db: psycopg.Connection[Any], node: str, row: BoundRow, allowed: Allowed) -> Counted:
    """Take a place for a session of the node that is called *node*, if there is one.

    One transaction that is sent at once: no node that stops keeps the lock.  Raises psycopg.Error.
    """
    values = {
        **row._asdict(),
        "name": node,
        "most": allowed.total,
        "most_of_kind": allowed.of_kind,
    }
    with db.pipeline(), db.transaction():
        db.execute(_OPEN_GATE, (row.system_id,))
        db.execute(_GATE, (row.system_id,))
        counted = db.execute(_COUNTED, values)
        taken = db.execute(_TAKE, values)
    found = counted.fetchone()
    total, of_kind = (0, 0) if found is None else found
    return Counted(taken.rowcount == 1, total, of_kind)


def keep(db: psycopg.Connection[Any], rows: Sequence[BoundRow]) -> None:
    """Write sessions that are bound already, whatever their number.  Raises psycopg.Error."""
    for row in rows:
        db.execute(_KEEP, row)


def leave(db: psycopg.Connection[Any], slot: int, sessions: Iterable[int]) -> None:
    """Free the places of sessions that are gone.  Raises psycopg.Error."""
    db.execute(_LEAVE, (slot, list(sessions)))


def look(db: psycopg.Connection[Any]) -> list[BoundRow]:
    """Return the sessions that are bound at living nodes.  Raises psycopg.Error."""
    return [BoundRow(*row) for row in db.execute(_LOOK).fetchall()]
