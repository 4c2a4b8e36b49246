"""Nodes for tests: each a slot of a database and a connection, without a bridge."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from smppbridge.store.postgres import claim, fence
from smppbridge.store.postgres.claim import Claimed, NodeIdentity
from smppbridge.store.postgres.observed import NodeRow
from tests.patience import PATIENCE

_WAITS = (
    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)
_ROW = "select slot, name, epoch, txn, ended, adopter from node where slot = %s"


def connected(dsn: str) -> psycopg.Connection[Any]:
    """Return a connection as a node's: it commits by itself, and waits for no lock for long."""
    return psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=1000")


def never(_: float) -> None:
    """Wait for nothing: nobody is to be waited for."""
    raise AssertionError("waited")


class Node:
    """A node that has claimed a slot; *db* is its writer's connection."""

    def __init__(
        self,
        dsn: str,
        name: str,
        process: str = "",
        *,
        wait: Callable[[float], None] = never,
        monotonic: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.dsn, self.name = dsn, name
        self.db = connected(dsn)
        identity = NodeIdentity(name=name, version="1", process=process)
        try:
            self.claimed: Claimed = claim.claim(
                self.db, identity, 2.0, wait=wait, monotonic=monotonic
            )
        except Exception:
            self.db.close()
            raise
        self.slot, self.epoch, self.txn, self.shards = self.claimed

    def close(self) -> None:
        """End the node's connection, as the end of its process does."""
        self.db.close()

    def commit(self, *statements: str) -> None:
        """Carry out a transaction with the fence before the statements."""
        self.txn += 1
        with self.db.transaction():
            self.fence()
            for statement in statements:
                self.db.execute(statement.encode())

    def fence(self) -> None:
        """Execute the fence alone, in a transaction that somebody began."""
        psycopg.RawCursor(self.db).execute(fence.FENCE, (self.txn, self.slot, self.epoch))

    @property
    def row(self) -> NodeRow:
        """The row of the node as others see it."""
        return row_of(self.dsn, self.slot)

    def waits(self, message_id: int) -> str:
        """Return the statement that lets a message wait in the node's shard."""
        return (
            f"insert into waiting values ({message_id}, {self.slot}, 'one', 'bank', 0, 0, 0, 0, 0)"
        )


def await_lock(dsn: str) -> None:
    """Wait until somebody on the database waits for a lock."""
    end = time.monotonic() + PATIENCE
    with connected(dsn) as db:
        while not db.execute(_WAITS).fetchone():
            assert time.monotonic() < end, "nobody waits for a lock"


def row_of(dsn: str, slot: int) -> NodeRow:
    """Return the row of a slot."""
    with connected(dsn) as db:
        found = db.execute(_ROW, (slot,)).fetchone()
        assert found is not None
        return NodeRow(*found)


def asked(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a question."""
    with connected(dsn) as db:
        return db.execute(statement.encode()).fetchall()


Start = Callable[..., Node]
"""Starts a node by its name, and ends its connection after the test."""
