"""adoption: the shards of another node become ours, and their leftovers move to our own.

The rows are many, and are read beside the writer, in one snapshot: until the store thread
has the shard nobody changes a row of it, but for a testimony, which counts them in ``given``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import IsolationLevel
from twisted.internet.defer import Deferred

from smppbridge.store.port import Restored
from smppbridge.store.postgres import restoring
from smppbridge.store.postgres.aside import Aside
from smppbridge.store.postgres.fence import ADOPTED
from smppbridge.store.postgres.givingback import GivingBack
from smppbridge.store.postgres.writer import PostgresWriter

Connection = psycopg.Connection[Any]


class Adoption:
    """Adds shards to those of our slot, and takes them away; in the store thread alone."""

    def __init__(self, writer: PostgresWriter, aside: Aside) -> None:
        self._writer, self._aside = writer, aside
        self._giving: dict[int, GivingBack] = {}

    def adopt(self, slots: Sequence[int]) -> Deferred[Restored]:
        """Return the contents of shards that the database says are ours, and have them.

        Fails with StoreFailure: they are not ours yet.
        """
        wanted = list(slots)

        def have(read: tuple[list[int], Restored]) -> Deferred[Restored]:
            return self._writer.query(lambda db: self._have(db, *read))

        return self._aside.act(lambda db: self._read(db, wanted)).addCallback(have)

    def _read(self, db: Connection, slots: Sequence[int]) -> tuple[list[int], Restored]:
        db.isolation_level = IsolationLevel.REPEATABLE_READ
        with db.transaction():
            owned = self._owned(db, slots)
            return owned, restoring.restore(db, owned, adopting=True)

    def _have(self, db: Connection, slots: list[int], restored: Restored) -> Restored:
        tenure = self._writer.tenure
        tenure.shards = tuple(dict.fromkeys((*tenure.shards, *self._owned(db, slots))))
        return restored

    def _owned(self, db: Connection, slots: Sequence[int]) -> list[int]:
        """Return the slots that are ours by the table: a slot seen before may be given back."""
        rows = db.execute(ADOPTED, (self._writer.tenure.slot,)).fetchall()
        return [slot for (slot,) in rows if slot in slots]

    def give_back(self, slot: int) -> Deferred[bool]:
        """Move some leftovers of an adopted shard to our own; True: none was left, it is free.

        To be called again until then.  Fails with StoreFailure.
        """
        giving = self._giving.setdefault(slot, GivingBack(self._writer.tenure.slot, slot))

        def moved(done: bool) -> Deferred[bool] | bool:
            giving.go_on()
            return self._release(giving) if done else False

        return self._writer.act(giving.move).addCallback(moved)

    def _release(self, giving: GivingBack) -> Deferred[bool]:
        """Free a slot that has no rows; from the moment on nobody here takes its rows for ours."""

        def drop(db: Connection) -> None:
            tenure = self._writer.tenure
            tenure.shards = tuple(each for each in tenure.shards if each != giving.shard)

        def released(free: bool) -> bool | Deferred[bool]:
            if not free:  # another node wrote some meanwhile
                return self._writer.query(lambda db: self._have_again(giving.shard))
            self._giving.pop(giving.shard, None)
            # once more: a connection that was lost in between has read the shards anew
            return self._writer.query(drop).addCallback(lambda _: True)

        self._writer.query(drop)
        return self._writer.act(giving.release).addCallback(released)

    def _have_again(self, shard: int) -> bool:
        tenure = self._writer.tenure
        tenure.shards = tuple(dict.fromkeys((*tenure.shards, shard)))
        return False
