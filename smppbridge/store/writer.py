"""The writer of a SQLite file: one transaction for all rows that came since the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from smppbridge.store import statements as sql
from smppbridge.store.checkpoints import LIMIT, LONGEST, Checkpoints
from smppbridge.store.statements import Many, SqlRow
from smppbridge.store.thread import StoreCall, StoreThread

T = TypeVar("T")
Writes = list[tuple[Many, list[SqlRow]]]
StoreQuery = Callable[[sqlite3.Connection], Any]


def connect(path: str) -> sqlite3.Connection:
    """Open a store's file for reading and writing, durable at every commit."""
    db = sqlite3.connect(path, isolation_level=None, cached_statements=256, timeout=10)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    # not more: a commit that splits a page looks through the whole cache
    db.execute("pragma cache_size = -16384")
    db.execute("pragma temp_store = memory")  # where the rows of a statement's ``v`` are kept
    db.execute(f"pragma wal_autocheckpoint = {LONGEST}")
    db.execute(f"pragma journal_size_limit = {LIMIT}")
    return db


class Writer(StoreThread[sqlite3.Connection, Writes]):
    """Carries out the calls of the reactor thread on a SQLite file; makes its checkpoints too."""

    def __init__(
        self,
        path: str,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float], None],
        changed: Callable[[Exception | None], None],
    ) -> None:
        super().__init__(call_in_reactor, committed, changed)
        self._path = path
        self._checkpoints = Checkpoints(path)
        self._db: sqlite3.Connection

    def start(self) -> None:
        """Start the thread, and that of the checkpoints."""
        super().start()
        self._checkpoints.start()

    def stop(self, timeout: float) -> None:
        """Carry out all calls and end the thread (blocks)."""
        self._checkpoints.stop(timeout)
        super().stop(timeout)

    def begin(
        self, rows: list[SqlRow], attempts: T, begun: Callable[[sqlite3.Connection], T]
    ) -> Deferred[T]:
        """Write that *attempts* begin; return them, or those that *begun* finds if some did not."""
        return self.write([(sql.BEGIN, rows)], begun, attempts)

    def _open(self) -> None:
        self._db = connect(self._path)

    def _close(self) -> None:
        self._db.close()

    def _write(self, calls: Sequence[StoreCall[sqlite3.Connection, Writes]]) -> list[Any]:
        results: list[Any] = _write(self._db, [call.writes or [] for call in calls])
        for number, call in enumerate(calls):
            if not isinstance(results[number], Exception):
                results[number] = _found(self._db, call, all_begun=results[number])
        return results

    def _result(self, query: StoreQuery) -> Any:
        return _result(self._db, query)


def _write(db: sqlite3.Connection, parts: list[Writes]) -> list[Exception | bool]:
    """Write all parts in one transaction; return for each its error or whether all attempts began.

    If an attempt of one part did not begin, all parts say so.
    """
    try:
        all_begun = _transaction(db, parts)
    except sqlite3.OperationalError as error:  # the disk: it would fail for each part again
        return [error] * len(parts)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return [error] if len(parts) == 1 else [_write(db, [part])[0] for part in parts]
    return [all_begun] * len(parts)


def _transaction(db: sqlite3.Connection, parts: list[Writes]) -> bool:
    """Write all parts; return whether all attempts began that were to begin."""
    rows: dict[Many, list[SqlRow]] = {}
    for writes in parts:
        for many, more in writes:
            if more:
                rows.setdefault(many, []).extend(more)
    try:
        db.execute("begin immediate")
        begun = 0
        for many in sql.ORDER:
            if many in rows:
                before = db.total_changes
                many.run(db, rows[many])
                if many is sql.BEGIN:
                    begun = db.total_changes - before
        db.execute("commit")
    finally:
        if db.in_transaction:
            db.execute("rollback")
    return begun == len(rows.get(sql.BEGIN, ()))


def _found(
    db: sqlite3.Connection, call: StoreCall[sqlite3.Connection, Writes], *, all_begun: bool
) -> Any:
    if call.query is None or (all_begun and call.begun is not None):
        return call.begun
    return _result(db, call.query)


def _result(db: sqlite3.Connection, query: StoreQuery) -> Any:
    try:
        return query(db)
    except (sqlite3.Error, ValueError, OverflowError) as error:  # a value that SQL cannot have
        if db.in_transaction:
            db.execute("rollback")
        return error
