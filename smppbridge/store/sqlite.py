"""The store on SQLite: one file, one writer thread, one transaction for all calls in a row."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import Attempt, KnownState, Stage
from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.model.parts import Part
from smppbridge.model.report import Delivery
from smppbridge.store import gathered, mo, named, note_rows, parts, queries
from smppbridge.store import records as rec
from smppbridge.store import statements as sql
from smppbridge.store.cdr import Exported
from smppbridge.store.dues import bring_near, written_at
from smppbridge.store.locked import lock
from smppbridge.store.migrate import migrate, refuse_foreign
from smppbridge.store.oldest import oldest_owed
from smppbridge.store.port import (
    EXACT,
    EarlyKey,
    EarlyReport,
    Entry,
    Found,
    LineQuery,
    MoEntry,
    Named,
    PartEnd,
    Restored,
    Settlement,
    Stoppable,
    Verdict,
)
from smppbridge.store.statements import SqlRow
from smppbridge.store.thread import OnStoreThread
from smppbridge.store.walks import Walks
from smppbridge.store.writer import Writer, Writes, connect

T = TypeVar("T")


class SqliteStore(OnStoreThread[Writer]):
    """The verbs of ``store.port`` on one SQLite file.

    Methods are for the reactor thread; rows are made there, so that no value is shared with the
    writer thread.  *committed* is called for every transaction with its seconds, *changed* when
    transactions begin to fail (with the error) or succeed again (None).
    """

    def __init__(
        self,
        path: str | Path,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float], None] = lambda _: None,
        changed: Callable[[Exception | None], None] = lambda _: None,
    ) -> None:
        self.path = str(path)
        super().__init__(Writer(self.path, call_in_reactor, committed, changed))
        self._write, self._query = self._writer.write, self._writer.query
        self._walks = Walks()
        self._lock: int | None = None

    # -- opening and closing ------------------------------------------------------------------

    def open(self, now: float) -> Restored:
        """Lock the file, migrate its schema, return its contents at *now* (UNIX seconds; blocks).

        Raises StoreLocked, migrate.TooNew, migrate.NotOurs, OSError, sqlite3.Error.
        """
        self._lock = lock(self.path)
        refuse_foreign(self.path)
        written = written_at(self.path)
        os.close(
            os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        )  # texts are in it
        db = connect(self.path)
        try:
            migrate(db)
            bring_near(db, written, now)
            return queries.restore(db)
        finally:
            db.close()

    def stop(self, timeout: float = 30.0) -> None:
        """Carry out all calls, end the store thread, unlock the file (blocks)."""
        super().stop(timeout)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- the verbs that write: their rows go into the next transaction -------------------------

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        writes: Writes = [
            (
                sql.INSERT_MESSAGE,
                [rec.message_row(m, e.attempt) for e in entries if (m := e.message)],
            )
        ]
        segments = [gathered.segment_row(e) for e in entries if e.segment]
        joined = [
            row
            for e in entries
            if e.message and e.message.segments
            for row in gathered.joined_rows(e.message, e.key)
        ]
        writes += [(sql.INSERT_SEGMENT, segments), (sql.JOIN_SEGMENT, joined)]
        if settlements:
            writes += _settled(settlements)
        return self._write(writes)

    def begin(self, attempts: Sequence[Attempt]) -> Deferred[Sequence[Attempt]]:
        rows = list(map(rec.begun_row, attempts))
        return self._writer.begin(rows, attempts, lambda db: queries.begun(db, attempts))

    def recall(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._write([(sql.RECALL, list(map(rec.recalled_row, attempts)))])

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        accepted = [rec.accepted_row(v) for v in verdicts if v.provider_message_id is not None]
        writes: Writes = [(sql.SUBMITTED, accepted)]
        if len(accepted) < len(verdicts):
            others = [v for v in verdicts if v.provider_message_id is None]
            writes += [
                (sql.RECORD, list(map(rec.verdict_row, others))),
                (sql.INSERT_ATTEMPT, list(map(rec.attempt_row, others))),
            ]
        if several := [v for v in verdicts if v.parts]:
            counts: list[SqlRow] = [(v.attempt.message.message_id, len(v.parts)) for v in several]
            rows = [row for v in several for row in parts.part_rows(v)]
            writes += [(sql.MARK_PARTS, counts), (sql.INSERT_PART, rows)]
        if settlements:
            writes += _settled(settlements)
        return self._write(writes)

    def move(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._write(
            [(sql.MOVE, [(a.message.message_id, a.provider, a.hop) for a in attempts])]
        )

    def rewrite(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        return self._write([(sql.REWRITE, list(map(rec.rewritten_row, attempts)))])

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Deferred[None]:
        return self._write([(sql.REVISIT, list(dues))])

    def settle(
        self, settlements: Sequence[Settlement], used: Sequence[EarlyKey] = ()
    ) -> Deferred[None]:
        writes = _settled(settlements)
        if used:
            writes.append((sql.DELETE_EARLY, list(used)))
        return self._write(writes)

    def end_parts(self, ended: Sequence[PartEnd]) -> Deferred[dict[int, tuple[Part, ...]]]:
        ids = list(dict.fromkeys(part.message_id for part in ended))
        writes: Writes = [(sql.END_PART, list(ended))]
        return self._writer.write(writes, lambda db: parts.of_messages(db, ids))

    def keep_early(self, reports: Sequence[EarlyReport]) -> Deferred[None]:
        rows: list[SqlRow] = [
            (r.provider, r.provider_message_id, r.state, r.error, r.at, r.renamed, r.done_at)
            for r in reports
        ]
        return self._write([(sql.INSERT_EARLY, rows)])

    def drop_early(self, keys: Sequence[EarlyKey]) -> Deferred[None]:
        return self._write([(sql.DELETE_EARLY, list(keys))])

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Deferred[None]:
        rows: list[SqlRow] = [(d.message_id, d.state, status, at) for d, status in done]
        return self._write([(sql.FINISH_DELIVERY, rows)])

    def postpone(self, deliveries: Sequence[Delivery]) -> Deferred[None]:
        return self._write([(sql.POSTPONE_DELIVERY, list(map(rec.postponed_row, deliveries)))])

    def keep_mos(self, entries: Sequence[MoEntry]) -> Deferred[set[int]]:
        deliveries = [rec.delivery_row(d) for entry in entries for d in entry.deliveries]
        rows = [row for entry in entries for row in mo.entry_rows(entry)]
        ids = [entry.message_id for entry in entries]
        writes: Writes = [(sql.INSERT_MO, rows), (sql.INSERT_MO_DELIVERY, deliveries)]
        return self._writer.write(writes, lambda db: mo.kept(db, ids))

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Deferred[None]:
        return self._write([(sql.INSERT_OPTOUT, list(optouts))])

    def keep_noted(
        self,
        notes: Sequence[Note],
        refused: Sequence[RefusedSubmission],
        unmatched: Sequence[Unmatched],
    ) -> Deferred[None]:
        return self._write(note_rows.writes(notes, refused, unmatched))

    def forget_noted(self, before: float, most: int) -> Deferred[int]:
        return self._query(lambda db: note_rows.forget(db, before, most))

    def probe(self) -> Deferred[None]:
        """Write a row and delete it: a store that failed may have room again."""
        nothing: SqlRow = ("", "", 0, 0, 0.0, "", None)
        return self._write([(sql.INSERT_EARLY, [nothing]), (sql.DELETE_EARLY, [("", "", 0.0)])])

    # -- the verbs that read: queries of the writer thread, after the calls before them ---------

    def waiting(
        self, provider: str, lines: Sequence[LineQuery], now: float, limit: int
    ) -> Deferred[list[list[Attempt]]]:
        lines = [line._replace(skip=frozenset(line.skip)) for line in lines]
        return self._query(lambda db: queries.waiting(db, provider, lines, now, limit))

    def hasten(
        self, provider: str, lines: Sequence[tuple[str, int]], now: float, limit: int
    ) -> Deferred[int]:
        return self._query(lambda db: queries.hasten(db, provider, lines, now, limit))

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        return self._query(lambda db: queries.due(db, stage, provider, now, limit))

    def batches(self, keys: Sequence[str]) -> Deferred[dict[str, list[Found]]]:
        return self._query(lambda db: queries.batches(db, keys))

    def expired(self, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        return self._query(lambda db: self._walks.expired(db, provider, now, limit))

    def find(
        self,
        keys: Sequence[tuple[str, str] | int],
        tolerances: Mapping[str, Tolerance] = EXACT,
    ) -> Deferred[dict[tuple[str, str] | int, Found]]:
        return self._query(lambda db: queries.find(db, keys, tolerances))

    def states(self, message_ids: Sequence[int]) -> Deferred[dict[int, tuple[KnownState, ...]]]:
        ids = list(message_ids)
        return self._query(lambda db: named.states(db, ids))

    def named(self, message_ids: Sequence[int]) -> Deferred[dict[int, tuple[Named, ...]]]:
        ids = list(message_ids)
        return self._query(lambda db: named.messages(db, ids))

    def stoppable(
        self, queries: Sequence[tuple[str, str]], before: int | None = None
    ) -> Deferred[dict[tuple[str, str], Stoppable]]:
        wanted = list(queries)
        return self._query(lambda db: named.stoppable(db, wanted, before))

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = frozenset(),
    ) -> Deferred[list[Delivery]]:
        skip = frozenset(skip)
        return self._query(lambda db: queries.owed(db, system_id, now, limit, skip))

    def decisions(self) -> Deferred[list[tuple[Found, str]]]:
        return self._query(queries.take_decisions)

    def ended_optouts(self) -> Deferred[list[tuple[str, str]]]:
        return self._query(mo.take_ended)

    def lapse(self, now: float, limit: int) -> Deferred[dict[str, int]]:
        return self._query(lambda db: self._walks.lapse(db, now, limit))

    def forget(self, before: float, limit: int, exported: Exported | None = None) -> Deferred[int]:
        """Delete messages FINISHED before *before* (UNIX seconds); return how many were found.

        A call looks at a bounded number of messages and goes on where the call before it ended.
        With *exported* no message is deleted that is not covered by it.
        """
        walk = self._walks.forget
        return self._query(
            lambda db: (
                walk(db, before, limit, exported)
                + mo.forget(db, before, limit)
                + note_rows.forget_notes(db, before, limit)
            )
        )

    def by_hand(self, act: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Carry out a rare act of a person, in a transaction of its own."""
        return self._query(lambda db: _in_transaction(db, act))

    def open_messages(self, provider: str) -> Deferred[bool]:
        """Return whether a provider has messages that are not FINISHED."""
        return self._query(lambda db: queries.open_messages(db, provider))

    def measure(self) -> Deferred[dict[str, float]]:
        """Return figures for gauges: Uncertain messages; octets of the file, its log and disk."""
        return self._query(lambda db: queries.measure(db, self.path))

    def oldest_owed(self) -> Deferred[dict[str, float]]:
        """Return since when deliveries are owed, by account; UNIX seconds."""
        return self._query(oldest_owed)


def _in_transaction(db: sqlite3.Connection, act: Callable[[sqlite3.Connection], T]) -> T:
    db.execute("begin immediate")
    done = act(db)
    db.execute("commit")
    return done


def _settled(settlements: Sequence[Settlement]) -> Writes:
    if not settlements:
        return []
    renamed: list[SqlRow] = [
        (s.attempt.message.message_id, s.renamed) for s in settlements if s.renamed is not None
    ]
    return [
        (sql.RENAME, renamed),
        (sql.STATE, [rec.settlement_row(s) for s in settlements if not s.final]),
        (sql.FINAL, [rec.settlement_row(s) for s in settlements if s.final]),
        (sql.INSERT_DELIVERY, [rec.delivery_row(d) for s in settlements for d in s.deliveries]),
    ]
