"""The writer thread: one transaction for all rows that came since the last transaction."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from smppbridge.store import statements as sql
from smppbridge.store.checkpoints import LIMIT, LONGEST, Checkpoints
from smppbridge.store.port import StoreFailure
from smppbridge.store.statements import Many, SqlRow

ACTED_WITHIN = 0.005
"""Seconds, at most, that a transaction waits for the reactor to act on the one before."""
MANY_CALLS, GATHERED_FOR = 4, 0.002
"""After a transaction of more calls, so many seconds are waited for the calls of the next."""
T = TypeVar("T")
Writes = list[tuple[Many, list[SqlRow]]]
StoreQuery = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True)
class _StoreCall:
    """The writes of a verb, a query, or both, and the Deferred that waits for them.

    With *begun*, attempts, the query is made only if some did not begin, else they are the result.
    """

    waiter: Deferred[Any]
    writes: Writes | None = None
    query: StoreQuery | None = None
    begun: Any = None


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


class Writer:
    """Carries out writes and queries of the reactor thread, each call after the calls before it.

    *committed* is called for every transaction with its seconds, *changed* when transactions begin
    to fail (with the error) or succeed again (None).  Only the reactor thread writes `failing`, in
    `_done`, and the count of calls; the writer thread has its connection alone.

    Between two transactions the writer lets the reactor act on the first: the calls that follow
    from it are in the second, and the threads do not fight for the interpreter meanwhile.
    """

    def __init__(
        self,
        path: str,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float], None],
        changed: Callable[[Exception | None], None],
    ) -> None:
        self._path, self._call = path, call_in_reactor
        self._committed, self._changed = committed, changed
        self._calls: queue.SimpleQueue[_StoreCall | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._acted: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._checkpoints = Checkpoints(path)
        self.failing = False
        self._given = 0

    @property
    def idle(self) -> bool:
        """Whether all calls are carried out, and the reactor has acted on their results."""
        return not self._given

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, and that of the checkpoints."""
        self._thread.start()
        self._checkpoints.start()

    def stop(self, timeout: float) -> None:
        """Carry out all calls and end the thread (blocks)."""
        self._checkpoints.stop(timeout)
        if self._thread.is_alive():
            self._calls.put(None)
            self._thread.join(timeout)

    def write(self, writes: Writes) -> Deferred[None]:
        """Write rows; done when they are on disk.  Fails with StoreFailure."""
        waiter: Deferred[None] = Deferred()
        self._given += 1
        self._calls.put(_StoreCall(waiter, writes))
        return waiter

    def write_and_query(
        self, writes: Writes, query: Callable[[sqlite3.Connection], T]
    ) -> Deferred[T]:
        """Write rows, and query them before any other query sees them."""
        waiter: Deferred[T] = Deferred()
        self._given += 1
        self._calls.put(_StoreCall(waiter, writes, query))
        return waiter

    def begin(
        self, rows: list[SqlRow], attempts: T, begun: Callable[[sqlite3.Connection], T]
    ) -> Deferred[T]:
        """Write that *attempts* begin; return them, or what *begun* finds if some did not begin."""
        waiter: Deferred[T] = Deferred()
        self._given += 1
        self._calls.put(_StoreCall(waiter, [(sql.BEGIN, rows)], begun, attempts))
        return waiter

    def query(self, query: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Make a query after all calls before it."""
        waiter: Deferred[T] = Deferred()
        self._given += 1
        self._calls.put(_StoreCall(waiter, query=query))
        return waiter

    def _run(self) -> None:
        """Carry out the calls since the last commit, again and again, until None comes."""
        db, calls, last, turn = connect(self._path), self._calls, False, 0
        while not last:
            batch = [calls.get(), *(calls.get() for _ in range(calls.qsize()))]
            last, turn = None in batch, turn + 1
            self._turn(db, [call for call in batch if call is not None], turn)
            self._let_act(turn, len(batch))
        db.close()

    def _let_act(self, turn: int, calls: int) -> None:
        """Wait for the reactor to act on a turn; after a turn of many calls, wait for calls too."""
        with suppress(queue.Empty):
            while self._acted.get(timeout=ACTED_WITHIN) < turn:
                pass
        if calls > MANY_CALLS:
            time.sleep(GATHERED_FOR)

    def _turn(self, db: sqlite3.Connection, calls: list[_StoreCall], turn: int) -> None:
        writing = [call for call in calls if call.writes is not None]
        begun = time.monotonic()
        results: list[Any] = _write(db, [call.writes or [] for call in writing])
        seconds = time.monotonic() - begun
        for number, call in enumerate(writing):
            if not isinstance(results[number], Exception):
                results[number] = _found(db, call, all_begun=results[number])
        reading = [call for call in calls if call.writes is None]
        results += [_result(db, call.query) for call in reading if call.query]
        self._call(self._done, turn, writing, reading, results, seconds)

    def _done(
        self,
        turn: int,
        writing: list[_StoreCall],
        reading: list[_StoreCall],
        results: list[Any],
        seconds: float,
    ) -> None:
        try:
            self._resolve(writing, reading, results, seconds)
        finally:
            self._acted.put(turn)

    def _resolve(
        self,
        writing: list[_StoreCall],
        reading: list[_StoreCall],
        results: list[Any],
        seconds: float,
    ) -> None:
        if any(rows for call in writing for _, rows in call.writes or ()):
            failed = next((e for e in results[: len(writing)] if isinstance(e, Exception)), None)
            if self.failing is (failed is None):
                self.failing = failed is not None
                self._changed(failed)
            self._committed(seconds)
        for call, result in zip([*writing, *reading], results, strict=True):
            self._given -= 1
            if isinstance(result, Exception):
                call.waiter.errback(StoreFailure(str(result)))
            else:
                call.waiter.callback(result)


def _write(db: sqlite3.Connection, parts: list[Writes]) -> list[Exception | bool]:
    """Write all parts in one transaction; return for each its error or whether all attempts began.

    If an attempt of one part did not begin, all parts say so.
    """
    if not parts:
        return []
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


def _found(db: sqlite3.Connection, call: _StoreCall, *, all_begun: bool) -> Any:
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
