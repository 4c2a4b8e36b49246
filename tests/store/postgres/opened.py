"""An opened store on PostgreSQL whose reactor is played by the test."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import psycopg

from smppbridge.store.postgres.store import PostgresStore
from smppbridge.store.postgres.tenure import Tenure
from tests.store.opened import LATER, Opened
from tests.store.postgres.server import give_back, lent_database

OTHER = 9
"""The slot of another bridge."""
_OWNED = {"waiting": "shard", "out": "shard", "segment": "shard", "delivery": "holder"}
_TAKEN = (
    "update node set epoch = epoch + 1, ended = false, name = 'test' || slot, adopter = null "
    "where slot = %s returning epoch, txn"
)


def take(db: psycopg.Connection[Any], slot: int = 1) -> Tenure:
    """Take a slot, whoever had it."""
    row = db.execute(_TAKEN, (slot,)).fetchone()
    assert row is not None
    return Tenure("test", slot, row[0], row[1], (slot,))


class Told:
    """What the store told of its standing, in order."""

    def __init__(self) -> None:
        self.all: list[str | bool | None] = []

    def lost(self) -> None:
        self.all.append("lost")

    def known(self, committed: bool | None) -> None:
        self.all.append(committed)

    def fenced(self) -> None:
        self.all.append("fenced")


def contents(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of all tables but those that the fence itself writes."""
    with psycopg.connect(dsn, autocommit=True) as db:
        names = db.execute(
            "select relname from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where nspname = 'public' and relkind in ('r', 'p') and not relispartition "
            "and relname not in ('node', 'schema') order by relname"
        ).fetchall()
        return {
            name: sorted(db.execute(f"select t::text from {name} t".encode()).fetchall())
            for (name,) in names
        }


class OpenedPostgres(Opened):
    """A store on a database of its own, of which the bridge has a slot, 1 if not said otherwise."""

    store: Any
    slot = 1

    def __init__(self, _: Path, *, started: bool = True, dsn: str = "") -> None:
        self._made = "" if dsn else lent_database()
        self.dsn = dsn or self._made
        self.told = Told()
        super().__init__(_, started=started)

    def open(self, *, started: bool = True, now: float = LATER) -> None:
        self.error: Exception | None = None
        self.store = PostgresStore(
            self.dsn,
            lambda db: take(db, self.slot),
            self._call,
            self._commit,
            self._changed,
            standing=self.told,
        )
        self.restored = self.store.open(now)
        if started:
            self.store.start()

    def close(self) -> None:
        super().close()
        if self._made:
            give_back(self._made)

    def replace(self) -> None:
        """Take the slot as another bridge does."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            take(db)

    def lose(self, message_ids: Collection[int]) -> None:
        """Let messages and their deliveries be another bridge's from now on."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            for table, column in _OWNED.items():
                mine = "message_id = any(%s::int8[])"
                statement = f"update {table} set {column} = {OTHER} where {mine}"
                db.execute(statement.encode(), (list(message_ids),))

    def fail(self, failing: bool) -> None:
        switch = f"set default_transaction_read_only = {'on' if failing else 'off'}".encode()
        self.wait(self.store._query(lambda db: bool(db.execute(switch))))
