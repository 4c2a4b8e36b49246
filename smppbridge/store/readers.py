"""readers: questions of people to the store, on threads of their own and bounded in time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from smppbridge.store.database import Database
from smppbridge.store.lookup import is_url, open_file

AT_ONCE = 2
LONGEST = 2.0
"""Seconds that a question may take."""
WAITING = 50
"""Questions that may wait for a reader."""
_STEPS = 10_000  # of SQLite's machine between two looks at the clock
T = TypeVar("T")


class TooSlow(Exception):
    """The question would take too long: ask for less."""


class TooBusy(Exception):
    """Too many questions wait already."""


class Readers:
    """Two threads that read the store, each by a read-only connection of its own.

    A question that takes longer than LONGEST is stopped.  Only the reactor thread writes *_asked*.
    """

    def __init__(self, store: str, reactor: Any, longest: float = LONGEST) -> None:
        self._store, self._reactor, self._longest = store, reactor, longest
        self.pool = ThreadPool(0, AT_ONCE, "readers")
        self._own = threading.local()
        self._asked = 0

    def start(self) -> None:
        """Let questions come."""
        self.pool.start()

    def stop(self) -> None:
        """End the threads, after the questions under way (blocks)."""
        self.pool.stop()

    def read(self, question: Callable[[Database], T]) -> Deferred[T]:
        """Ask a question; fails with TooSlow, TooBusy, lookup.NotAStore, sqlite3.Error."""
        if self._asked >= WAITING:
            raise TooBusy

        def answered(result: Any) -> Any:
            self._asked -= 1
            return result

        self._asked += 1
        asked: Deferred[T] = deferToThreadPool(self._reactor, self.pool, self._answer, question)
        return asked.addBoth(answered)

    def _answer(self, question: Callable[[Database], T]) -> T:
        """Answer a question on a thread of the pool."""
        db = self._connection()
        deadline = time.monotonic() + self._longest
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            return question(db)
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise TooSlow from None
            raise
        finally:
            db.set_progress_handler(None, 0)

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "db", None)
        if found is None:
            found = self._own.db = open_file(self._store)
        return found


def readers_of(store: str, reactor: Any) -> Readers:
    """Return the readers of a store: a file, or a database by its URL."""
    if not is_url(store):
        return Readers(store, reactor)
    from smppbridge.store.postgres.readers import DatabaseReaders  # only for such a store

    return DatabaseReaders(store, reactor)
