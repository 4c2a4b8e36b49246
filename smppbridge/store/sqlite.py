"""SQLite: one file, one writer thread, one transaction for all that came since the last."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.report import Delivery
from smppbridge.store import mo, queries
from smppbridge.store import records as rec
from smppbridge.store import statements as sql
from smppbridge.store.migrate import migrate
from smppbridge.store.port import (
    EarlyReport,
    Entry,
    Found,
    MoEntry,
    Restored,
    Settlement,
    Verdict,
    Wanted,
)
from smppbridge.store.statements import Row
from smppbridge.store.writer import Told, Writer, connect


class StoreLocked(Exception):
    """Another process has this store open for writing."""


class SqliteStore:
    """The verbs of ``store.port`` on one SQLite file.

    Methods are the reactor thread's; rows are made there, so that nothing is shared with the
    writer.  *committed* is told of every transaction: the seconds it took, the error if it failed.
    """

    def __init__(
        self,
        path: str | Path,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float, Exception | None], None] = lambda *_: None,
    ) -> None:
        self.path = str(path)
        self._writer = Writer(self.path, call_in_reactor, committed)
        self._tell, self._ask = self._writer.tell, self._writer.ask
        self._lock: int | None = None

    # -- opening and closing ------------------------------------------------------------------

    def open(self) -> Restored:
        """Lock the file, bring its schema up to date, return what it holds (blocks).

        Raises StoreLocked, migrate.TooNew, OSError, sqlite3.Error.
        """
        self._lock = _lock(self.path)
        os.close(
            os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        )  # texts are in it
        db = connect(self.path)
        try:
            migrate(db)
            return queries.restore(db)
        finally:
            db.close()

    @property
    def alive(self) -> bool:
        """Tell whether the writer thread runs."""
        return self._writer.alive

    @property
    def failing(self) -> bool:
        """Tell whether the last transaction failed."""
        return self._writer.failing

    def start(self) -> None:
        """Start the writer thread."""
        self._writer.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Write what was told, end the thread, unlock the file (blocks)."""
        self._writer.stop(timeout)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- the verbs: what they are told goes into the next transaction -------------------------

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        messages = [e.message for e in entries if e.message]
        told: Told = [
            (
                sql.INSERT_MESSAGE,
                [rec.message_row(m, e.begun, e.hop) for e in entries if (m := e.message)],
            )
        ]
        segments = [rec.segment_row(e) for e in entries if e.segment]
        joined: list[Row] = [
            (s.message_id, m.message_id) for m in messages if m.segments for s in m.segments
        ]
        told += [(sql.INSERT_SEGMENT, segments), (sql.JOIN_SEGMENT, joined)]
        return self._tell(told + _settled(settlements))

    def begin(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._tell(
            [
                (
                    sql.BEGIN,
                    [
                        (a.message.message_id, a.provider, a.hop, a.number, a.begun_at, a.batch)
                        for a in attempts
                    ],
                )
            ]
        )

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        noted = [rec.attempt_row(v) for v in verdicts if v.provider_message_id is None]
        told: Told = [
            (sql.RECORD, [rec.verdict_row(v) for v in verdicts]),
            (sql.INSERT_ATTEMPT, noted),
        ]
        return self._tell(told + _settled(settlements))

    def move(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._tell(
            [(sql.MOVE, [(a.message.message_id, a.provider, a.hop) for a in attempts])]
        )

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Deferred[None]:
        return self._tell([(sql.REVISIT, list(dues))])

    def settle(self, settlements: Sequence[Settlement]) -> Deferred[None]:
        return self._tell(_settled(settlements))

    def keep_early(self, reports: Sequence[EarlyReport]) -> Deferred[None]:
        rows: list[Row] = [
            (r.provider, r.provider_message_id, r.state, r.error, r.at, r.renamed) for r in reports
        ]
        return self._tell([(sql.INSERT_EARLY, rows)])

    def drop_early(self, keys: Sequence[tuple[str, str]]) -> Deferred[None]:
        return self._tell([(sql.DELETE_EARLY, list(keys))])

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Deferred[None]:
        rows: list[Row] = [(d.message_id, d.state, status, at) for d, status in done]
        return self._tell([(sql.FINISH_DELIVERY, rows)])

    def postpone(self, deliveries: Sequence[Delivery]) -> Deferred[None]:
        rows: list[Row] = [(d.message_id, d.state, d.due, d.attempts) for d in deliveries]
        return self._tell([(sql.POSTPONE_DELIVERY, rows)])

    def keep_mos(self, entries: Sequence[MoEntry]) -> Deferred[set[int]]:
        deliveries = [rec.delivery_row(d) for entry in entries for d in entry.deliveries]
        rows = [row for entry in entries for row in mo.entry_rows(entry)]
        ids = [entry.message_id for entry in entries]
        told: Told = [(sql.INSERT_MO, rows), (sql.INSERT_MO_DELIVERY, deliveries)]
        return self._writer.tell_and_ask(told, lambda db: mo.kept(db, ids))

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Deferred[None]:
        return self._tell([(sql.INSERT_OPTOUT, list(optouts))])

    def probe(self) -> Deferred[None]:
        """Write something that stays nowhere: a store that failed may have room again."""
        nothing: Row = ("", "", 0, 0, 0.0, "")
        return self._tell([(sql.INSERT_EARLY, [nothing]), (sql.DELETE_EARLY, [("", "")])])

    # -- questions: answered by the writer, after what was told before them -------------------

    def waiting(
        self, provider: str, lines: Sequence[Wanted], now: float, limit: int
    ) -> Deferred[list[list[Attempt]]]:
        lines = [line._replace(skip=frozenset(line.skip)) for line in lines]
        return self._ask(lambda db: queries.waiting(db, provider, lines, now, limit))

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        return self._ask(lambda db: queries.due(db, stage, provider, now, limit))

    def batches(self, keys: Sequence[str]) -> Deferred[dict[str, list[Found]]]:
        return self._ask(lambda db: queries.batches(db, keys))

    def expired(self, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        return self._ask(lambda db: queries.expired(db, provider, now, limit))

    def find(
        self, keys: Sequence[tuple[str, str] | int]
    ) -> Deferred[dict[tuple[str, str] | int, Found]]:
        return self._ask(lambda db: queries.find(db, keys))

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = frozenset(),
    ) -> Deferred[list[Delivery]]:
        skip = frozenset(skip)
        return self._ask(lambda db: queries.owed(db, system_id, now, limit, skip))

    def decisions(self) -> Deferred[list[tuple[Found, str]]]:
        return self._ask(queries.take_decisions)

    def ended_optouts(self) -> Deferred[list[tuple[str, str]]]:
        return self._ask(mo.take_ended)

    def lapse(self, now: float, limit: int) -> Deferred[dict[str, int]]:
        return self._ask(lambda db: queries.lapse(db, now, limit))

    def forget(self, before: float, limit: int) -> Deferred[int]:
        """Delete finished messages older than *before* (UNIX seconds); return how many."""
        return self._ask(
            lambda db: queries.forget(db, before, limit) + mo.forget(db, before, limit)
        )

    def open_messages(self, provider: str) -> Deferred[bool]:
        """Return whether a provider has open messages."""
        return self._ask(lambda db: queries.open_messages(db, provider))

    def measure(self) -> Deferred[dict[str, float]]:
        """Return figures for gauges: uncertain messages, octets of the file, its log and free."""
        return self._ask(lambda db: queries.measure(db, self.path))


def _settled(settlements: Sequence[Settlement]) -> Told:
    if not settlements:
        return []
    early: list[Row] = [s.early for s in settlements if s.early is not None]
    return [
        (sql.STATE, [rec.settlement_row(s) for s in settlements if not s.final]),
        (sql.FINAL, [rec.settlement_row(s) for s in settlements if s.final]),
        (sql.INSERT_DELIVERY, [rec.delivery_row(d) for s in settlements for d in s.deliveries]),
        (sql.DELETE_EARLY, early),
    ]


def _lock(path: str) -> int:
    lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreLocked(f"{path} is in use by another process") from error
    return lock
