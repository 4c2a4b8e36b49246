"""takeover: a node gives another one up, and has its shards from then on.

One update of one row decides: of two nodes that take a third over one wins, and a node whose last
transaction was only waiting (for a standby, for a slow disk) has counted on, and lives.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors

from smppbridge.store.postgres.fence import Fenced, terminate
from smppbridge.store.postgres.observed import NodeRow

EVERYBODY = "smppbridge_all"
"""The channel that every node listens on."""
_END = (
    "update node set ended = true, epoch = epoch + 1, adopter = %s, process = null"
    " where slot = %s and epoch = %s and txn = %s and not ended"
)
_WE_LIVE = "select 1 from node where slot = %s and epoch = %s and not ended for no key update"
_INHERIT = "update node set adopter = %s where adopter = %s and ended"
_UNBOUND = "delete from {} where slot = %s"
# Handed over, a shard is its own adopter's until somebody takes it; a slot without one is free.
_TAKE_ENDED = (
    "update node set adopter = %s where slot in (select slot from node where ended"
    " and adopter = slot for update skip locked) returning slot"
)
_HAND_OVER = (
    "update node set ended = true, epoch = epoch + 1, adopter = slot, process = null"
    " where slot = %s and epoch = %s and not ended"
)
_HAND_ON = "update node set adopter = slot where adopter = %s and ended"
_TELL = "select pg_notify(%s, 'members')"


def take_over(db: psycopg.Connection[Any], slot: int, epoch: int, dead: NodeRow) -> bool:
    """Take a silent node's shards over, and those that it had taken over; False: it lives.

    *slot* and *epoch* are ours.  Raises Fenced if we were taken over ourselves, psycopg.Error.
    """
    terminate(db, dead.name, dead.slot, dead.epoch)
    try:
        with db.transaction():
            ended = db.execute(_END, (slot, dead.slot, dead.epoch, dead.txn))
            if ended.rowcount != 1:
                return False
            _be_alive(db, slot, epoch)  # second: our own writer waits for this lock
            db.execute(_INHERIT, (slot, dead.slot))
            _unbind(db, dead.slot)
            db.execute(_TELL, (EVERYBODY,))
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        return False  # its backend is not gone yet, or it takes us over at this moment
    return True


def take_ended(db: psycopg.Connection[Any], slot: int, epoch: int) -> list[int]:
    """Take over the shards that were handed over; return their slots.  Raises as `take_over`."""
    try:
        with db.transaction():
            taken = db.execute(_TAKE_ENDED, (slot,)).fetchall()
            if taken:
                _be_alive(db, slot, epoch)
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        return []
    return [each for (each,) in taken]


def hand_over(db: psycopg.Connection[Any], slot: int, epoch: int) -> bool:
    """End our node: others may have its shards at once; False: others have them already."""
    with db.transaction():
        ended = db.execute(_HAND_OVER, (slot, epoch)).rowcount == 1
        if ended:
            db.execute(_HAND_ON, (slot,))
            _unbind(db, slot)
            db.execute(_TELL, (EVERYBODY,))
    return ended


def _unbind(db: psycopg.Connection[Any], slot: int) -> None:
    for table in ("bound", "receiving"):
        db.execute(_UNBOUND.format(table).encode(), (slot,))


def _be_alive(db: psycopg.Connection[Any], slot: int, epoch: int) -> None:
    if db.execute(_WE_LIVE, (slot, epoch)).fetchone() is None:
        raise Fenced
