"""givingback: the leftovers of a shard that was taken over move to our own, and its slot is free.

A slot that was never given back could not be had by a node that starts; nobody sees the rows
move: both shards are ours.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

AT_ONCE: Final = 1000
"""Rows of a table that move in one transaction."""
LOOKED_AT: Final = 10_000
"""Deliveries that are looked at in one transaction: no index has their holder."""
_OWNED = ("waiting", "out", "segment", "told")
_ARRIVES = {"segment": ", arriving = true"}
"""Columns that change with the shard: segments are gathered here as though they were received."""
_RELEASE = (
    "update node set adopter = null where slot = %s and adopter = %s and ended and not ("
    + " or ".join(f"exists (select 1 from {table} where shard = %s)" for table in _OWNED)
    + ") returning slot"
)
_WALK = (
    "with seen as (select message_id, state, holder from delivery where message_id > %s"
    " order by message_id fetch first %s rows with ties),"
    " moved as (update delivery d set holder = 0 from seen"  # whoever has the account bound
    " where d.message_id = seen.message_id and d.state = seen.state and d.holder = %s)"
    " select max(message_id) from seen"
)


class Executes(Protocol):
    """A connection in a transaction that the fence began."""

    def execute(self, query: Any, params: Any = None) -> Any:
        """Execute a statement; return its cursor."""


class GivingBack:
    """The rows of one *shard* on their way to our own *slot*; only its methods write its place."""

    def __init__(self, slot: int, shard: int) -> None:
        self.slot, self.shard = slot, shard
        self._after: int | None = -1  # message_id of the delivery looked at last; None: all are
        self._reached: int | None = -1  # the same, once the transaction is committed

    def move(self, db: Executes, limit: int = AT_ONCE) -> bool:
        """Move up to *limit* rows of each table; True: none was left.

        To be called again until then, each time in a transaction of our writer, and `go_on` after
        each one that was committed: deliveries of one that was not are looked at again.
        """
        moved = 0
        for table in _OWNED:
            moved += db.execute(
                f"update {table} set shard = %s{_ARRIVES.get(table, '')} where ctid = any(array("
                f"select ctid from {table} where shard = %s limit %s))",
                (self.slot, self.shard, limit),
            ).rowcount
        self._reached = self._after
        if self._after is not None:
            walk = db.execute(_WALK, (self._after, LOOKED_AT, self.shard))
            self._reached = walk.fetchone()[0]
        if moved or self._reached is not None:
            return False
        db.execute("update gathering set slot = %s where slot = %s", (self.slot, self.shard))
        return True

    def go_on(self) -> None:
        """Look at the deliveries after those of the last transaction from now on."""
        self._after = self._reached

    def release(self, db: Executes) -> bool:
        """Free the slot; False: it has rows (again)."""
        values = (self.shard, self.slot, *(self.shard for _ in _OWNED))
        return db.execute(_RELEASE, values).fetchone() is not None
