"""readers: questions of people to a database, on threads of their own and bounded in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from smppbridge.store.database import Database
from smppbridge.store.postgres.reading import Interrupted, PeoplesReading, opened
from smppbridge.store.readers import Readers, TooSlow

T = TypeVar("T")


class DatabaseReaders(Readers):
    """Two threads that read a database; each statement of a question is stopped after 5 s.

    A connection that was lost since the question before is made anew.
    """

    def __init__(self, store: str, reactor: Any) -> None:
        super().__init__(store, reactor)
        self._opened: list[PeoplesReading] = []  # of all threads

    def stop(self) -> None:
        """End the threads, after the questions under way, and their connections (blocks)."""
        super().stop()
        while self._opened:
            self._opened.pop().close()

    def _answer(self, question: Callable[[Database], T]) -> T:
        """Answer a question on a thread of the pool; raises TooSlow, NotAStore."""
        try:
            return self._asked_of(question)
        except Interrupted:
            raise TooSlow from None

    def _asked_of(self, question: Callable[[Database], T]) -> T:
        db: PeoplesReading | None = getattr(self._own, "db", None)
        if db is not None:
            try:
                return question(db)
            except Exception:
                if not db.is_lost:
                    raise
            self._own.db = None
            self._opened.remove(db)
        self._own.db = db = opened(self._store)
        self._opened.append(db)
        return question(db)
