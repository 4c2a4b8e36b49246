"""The thread that writes: one transaction for all that was told since the last one."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from smppbridge.store import statements as sql
from smppbridge.store.port import StoreFailure
from smppbridge.store.statements import Many, Row

T = TypeVar("T")
Told = list[tuple[Many, list[Row]]]
Question = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True)
class _Call:
    """A verb's rows, a question, or both, and who waits for it."""

    waiter: Deferred[Any]
    told: Told | None = None
    question: Question | None = None


def connect(path: str) -> sqlite3.Connection:
    """Open a store's file for reading and writing, durable at every commit."""
    db = sqlite3.connect(path, isolation_level=None, cached_statements=256, timeout=10)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("pragma cache_size = -65536")
    db.execute("pragma journal_size_limit = 67108864")
    return db


class Writer:
    """Writes what the reactor thread tells, and answers what it asks, in the order it came.

    *committed* is told of every transaction: the seconds it took, the error if it failed.
    """

    def __init__(
        self,
        path: str,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float, Exception | None], None],
    ) -> None:
        self._path, self._call, self._committed = path, call_in_reactor, committed
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self.failing = False

    @property
    def alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Write what was told and end the thread (blocks)."""
        if self._thread.is_alive():
            self._calls.put(None)
            self._thread.join(timeout)

    def tell(self, told: Told) -> Deferred[None]:
        """Have rows written; done when they are on disk.  Fails with StoreFailure."""
        waiter: Deferred[None] = Deferred()
        self._calls.put(_Call(waiter, told))
        return waiter

    def tell_and_ask(self, told: Told, question: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Have rows written, and a question answered about them before anybody reads them."""
        waiter: Deferred[T] = Deferred()
        self._calls.put(_Call(waiter, told, question))
        return waiter

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Have a question answered after all that was told before it."""
        waiter: Deferred[T] = Deferred()
        self._calls.put(_Call(waiter, question=question))
        return waiter

    def _run(self) -> None:
        """Write what has come since the last commit, again and again, until None comes."""
        db, calls, last = connect(self._path), self._calls, False
        while not last:
            batch = [calls.get(), *(calls.get() for _ in range(calls.qsize()))]
            last = None in batch
            self._turn(db, [call for call in batch if call is not None])
        db.close()

    def _turn(self, db: sqlite3.Connection, calls: list[_Call]) -> None:
        told = [call for call in calls if call.told is not None]
        begun = time.monotonic()
        results: list[Any] = _write(db, [call.told or [] for call in told])
        took = time.monotonic() - begun
        for number, call in enumerate(told):
            if call.question and results[number] is None:
                results[number] = _answer(db, call.question)
        asked = [call for call in calls if call.told is None]
        results += [_answer(db, call.question) for call in asked if call.question]
        self._call(self._done, told, asked, results, took)

    def _done(self, told: list[_Call], asked: list[_Call], results: list[Any], took: float) -> None:
        if any(rows for call in told for _, rows in call.told or ()):
            failed = next((e for e in results[: len(told)] if isinstance(e, Exception)), None)
            self.failing = failed is not None
            self._committed(took, failed)
        for call, result in zip([*told, *asked], results, strict=True):
            if isinstance(result, Exception):
                call.waiter.errback(StoreFailure(str(result)))
            else:
                call.waiter.callback(result)


def _write(db: sqlite3.Connection, parts: list[Told]) -> list[Exception | None]:
    """Write all parts in one transaction; return the error of each."""
    if not parts:
        return []
    try:
        _transaction(db, parts)
    except sqlite3.OperationalError as error:  # the disk: it would fail for each part again
        return [error] * len(parts)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return [error] if len(parts) == 1 else [_write(db, [part])[0] for part in parts]
    return [None] * len(parts)


def _transaction(db: sqlite3.Connection, parts: list[Told]) -> None:
    rows: dict[Many, list[Row]] = {}
    for told in parts:
        for many, more in told:
            if more:
                rows.setdefault(many, []).extend(more)
    try:
        db.execute("begin immediate")
        for many in sql.ORDER:
            if many in rows:
                many.run(db, rows[many])
        db.execute("commit")
    finally:
        if db.in_transaction:
            db.execute("rollback")


def _answer(db: sqlite3.Connection, question: Question) -> Any:
    try:
        return question(db)
    except (sqlite3.Error, ValueError, OverflowError) as error:  # a value that SQL cannot have
        if db.in_transaction:
            db.execute("rollback")
        return error
