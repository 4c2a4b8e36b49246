"""The store thread on PostgreSQL: fenced transactions, and whether a lost one was committed."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

import psycopg
from twisted.internet.defer import Deferred

from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres import statements as sql
from smppbridge.store.postgres.arrays import int2s
from smppbridge.store.postgres.connection import Failed, Lost, Pipeline
from smppbridge.store.postgres.fence import Fenced, resume
from smppbridge.store.postgres.statements_sent import BEGIN, BEGUN
from smppbridge.store.postgres.tables import Statement, Values, Writes
from smppbridge.store.postgres.tenure import Tenure
from smppbridge.store.statements import SqlRow
from smppbridge.store.thread import UNANSWERED, StoreCall, StoreThread

T = TypeVar("T")
Connection = psycopg.Connection[Any]
TRIED_EVERY, LOOKED_EVERY = 0.3, 0.02
"""Seconds between two tries to connect again; between two looks for calls meanwhile."""
MOST_TRIED = 3
"""Times that a transaction is tried that others are in the way of."""
MOST_ASKED = 10
"""Times that a query about what was written is asked, if the connection is lost again and again."""
_BEGUN = (
    "select message_id, attempts from out where message_id = any(%s::int8[]) and by_slot = %s "
    "and by_epoch = %s and stage = 2 and unsure is null"
)
_VALUES = (ValueError, OverflowError, TypeError, struct.error)  # that no column can have


class DatabaseStanding(Protocol):
    """Whoever is told how this bridge stands with its database; in the reactor thread."""

    def lost(self) -> None:
        """Answer nobody: the connection is gone, and perhaps a transaction with it."""

    def known(self, committed: bool | None) -> None:
        """Go on: there is a connection again.

        *committed*: the last transaction came through; None: no transaction was in doubt.
        """

    def fenced(self) -> None:
        """End: another bridge has taken this one over."""


class FencedQuery:
    """A query that writes: in a transaction of its own, behind the fence."""

    def __init__(self, act: Callable[[Connection], Any]) -> None:
        self._act = act

    def __call__(self, db: Connection) -> Any:
        """Carry the act out, within the transaction."""
        return self._act(db)


class PostgresWriter(StoreThread[Connection, Writes]):
    """Carries out the calls of the reactor thread on PostgreSQL, each transaction behind the fence.

    While the connection is gone, calls that were not sent fail at once; of the calls that were sent
    nobody hears before it is known whether they were committed.  Once fenced, no call is answered
    any more.  *confirmed* is called, in the store thread, with the time (monotonic) at which a
    transaction was sent that was committed.  Only the store thread has the connection.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        call_in_reactor: Callable[..., object],
        committed: Callable[[float], None],
        changed: Callable[[Exception | None], None],
        standing: DatabaseStanding,
        confirmed: Callable[[float], None],
    ) -> None:
        super().__init__(call_in_reactor, committed, changed)
        self._connect, self._standing, self._confirmed = connect, standing, confirmed
        self.tenure: Tenure
        self._pipeline: Pipeline
        self._fenced = self._stopped = False

    def take(self, db: Connection, tenure: Tenure) -> None:
        """Have a connection and a slot, before the thread starts.  Raises psycopg.Error."""
        self._pipeline, self.tenure = Pipeline(db, sql.ORDER), tenure

    def begin(self, rows: list[SqlRow], attempts: Sequence[T]) -> Deferred[Sequence[T]]:
        """Write that *attempts* begin, by their rows; return those that began."""
        return self.write([(BEGUN, rows)], begun=attempts)

    def act(self, act: Callable[[Connection], T]) -> Deferred[T]:
        """Carry out an act that reads and writes, in a transaction of its own behind the fence."""
        return self.query(FencedQuery(act))

    def carry_out(self, statement: Statement, rows: list[SqlRow]) -> Deferred[Any]:
        """Carry out a statement with one table in a transaction of its own; return its result.

        If the connection is lost this fails, though the rows may be there.
        """
        [table] = statement.tables
        return self.query(lambda _: self._carried_out([statement], {table: table.arrays(rows)})[0])

    @contextmanager
    def fenced(self, _: Connection) -> Iterator[None]:
        """Make a transaction of the statements within, behind the fence; in the store thread.

        Raises Failed, Fenced, Lost.
        """
        sent = time.monotonic()
        self._pipeline.begin(self.tenure.fence())
        try:
            yield
        except BaseException:
            self._pipeline.rollback()
            raise
        self._pipeline.commit()
        self._confirmed(sent)

    # -- in the store thread --------------------------------------------------------------------

    def _open(self) -> None:
        """Go on with the connection that `take` gave."""

    def _close(self) -> None:
        self._pipeline.db.close()

    def _write(self, calls: Sequence[StoreCall[Connection, Writes]]) -> list[Any]:
        results = self._together([call.writes or [] for call in calls])
        return [
            result
            if isinstance(result, Exception) or result is UNANSWERED
            else self._of(call, result)
            for call, result in zip(calls, results, strict=True)
        ]

    def _of(self, call: StoreCall[Connection, Writes], began: dict[int, int] | None) -> Any:
        """Return the result of a call that was written; *began* is None if all attempts did."""
        if call.query is not None:
            return self._surely(call.query)
        if began is None or call.begun is None:
            return call.begun
        ids: list[SqlRow] = [row for _, rows in call.writes or () for row in rows]
        return [a for a, row in zip(call.begun, ids, strict=True) if began.get(row[0]) == row[1]]

    def _together(self, parts: list[Writes], tries: int = MOST_TRIED) -> list[Any]:
        """Write all parts in one transaction, and each in one of its own if a value is to blame."""
        if self._fenced:
            return [UNANSWERED] * len(parts)
        try:
            return [self._transaction(parts)] * len(parts)
        except Fenced:
            self._end()
            return [UNANSWERED] * len(parts)
        except Lost:
            return self._after_loss(parts)
        except Failed as error:
            if error.is_of_the_moment and tries > 1:
                return self._together(parts, tries - 1)
            if not error.is_of_a_value or len(parts) == 1:
                return [error] * len(parts)
        except _VALUES as error:
            if len(parts) == 1:
                return [error]
        return [self._together([part])[0] for part in parts]

    def _transaction(self, parts: list[Writes]) -> dict[int, int] | None:
        """Write all parts; return the attempts that began by message_id, None if all did."""
        rows: dict[Values, list[SqlRow]] = {}
        for writes in parts:
            for table, more in writes:
                if more:
                    rows.setdefault(table, []).extend(more)
        if not rows:
            return None
        wanted = [each for each in sql.ORDER if each.tables[0] in rows]
        arrays = {
            table: table.arrays(rows.get(table, ())) for each in wanted for table in each.tables
        }
        results = self._carried_out(wanted, arrays)
        if BEGUN not in rows:
            return None
        begun = results[wanted.index(BEGIN)]
        if begun.ntuples == len(rows[BEGUN]):
            return None
        return {
            int(begun.get_value(n, 0)): int(begun.get_value(n, 1)) for n in range(begun.ntuples)
        }

    def _carried_out(
        self, statements: Sequence[Statement], arrays: Mapping[Values, list[bytes]]
    ) -> list[Any]:
        """Return the results of a fenced transaction.  Raises Failed, Fenced, Lost."""
        tenure, sent = self.tenure, time.monotonic()
        context = {
            "mine": int2s(tenure.shards),
            "slot": struct.pack(">h", tenure.slot),
            "epoch": struct.pack(">q", tenure.epoch),
        }
        results = self._pipeline.transaction(tenure.fence(), statements, arrays, context)
        self._confirmed(sent)
        return results

    def _result(self, query: Callable[[Connection], Any]) -> Any:
        if self._fenced:
            return UNANSWERED
        result: Any = UNANSWERED
        db = self._pipeline.db
        try:
            if not isinstance(query, FencedQuery):
                return query(db)
            with self.fenced(db):
                result = query(db)  # kept: a COMMIT may be lost, and have come through
        except Fenced:
            self._end()
            return UNANSWERED
        except Lost as error:
            known = self._find_out()
            if known is None:
                return UNANSWERED
            return result if known and result is not UNANSWERED else error
        except (psycopg.Error, Failed, *_VALUES) as error:
            if db.broken or db.closed:
                self._find_out(in_doubt=False)
            else:
                with suppress(Lost):
                    self._pipeline.rollback()
            return error
        return result

    # -- a lost connection ----------------------------------------------------------------------

    def _end(self) -> None:
        self._fenced = True
        self._call(self._standing.fenced)

    def _after_loss(self, parts: list[Writes]) -> list[Any]:
        """Return the results of parts whose transaction may have been committed, or not."""
        epoch = self.tenure.epoch
        committed = self._find_out()
        if committed is None:
            return [UNANSWERED] * len(parts)
        if not committed:
            return [StoreFailure("the connection to the database was lost")] * len(parts)
        return [self._began(writes, epoch) for writes in parts]

    def _began(self, writes: Writes, epoch: int) -> Any:
        """Return the attempts that began in *epoch* by message_id; None: none was to begin."""
        ids = [row[0] for table, rows in writes if table is BEGUN for row in rows]
        if not ids:
            return None
        values = ids, self.tenure.slot, epoch
        return self._surely(lambda db: dict(db.execute(_BEGUN, values).fetchall()))

    def _surely(self, query: Callable[[Connection], Any]) -> Any:
        """Return the result of a query about written rows: asked again if connections go."""
        for _ in range(MOST_ASKED):
            db = self._pipeline.db
            result = self._result(query)
            if self._pipeline.db is db:
                break
        return result

    def _find_out(self, *, in_doubt: bool = True) -> bool | None:
        """Connect again; return whether the last transaction was committed, None if nobody knows.

        *in_doubt*: a transaction was sent, and perhaps committed.  The new epoch's update waits for
        whatever the old connection may still be doing.
        """
        self._call(self._standing.lost)
        self._pipeline.db.close()
        tenure, last = self.tenure, self.tenure.txn
        pause = 0.0
        while self._wait(pause):
            pause = TRIED_EVERY
            asked = time.monotonic()
            try:
                txn = self._resume()
            except Fenced:
                self._end()
                return None
            except (psycopg.Error, Failed):
                continue
            self._confirmed(asked)
            tenure.txn = max(last, txn)
            self._call(self._standing.known, txn == last if in_doubt else None)
            return txn == last
        return None

    def _resume(self) -> int:
        """Take our slot under a new epoch on a new connection; return its last transaction."""
        warned: list[str] = []
        db, tenure = self._connect(), self.tenure
        try:
            db.add_notice_handler(lambda notice: warned.append(notice.severity_nonlocalized or ""))
            resumed = resume(db, tenure.name, tenure.slot, tenure.epoch)
            tenure.epoch = resumed.epoch
            # a shard that was taken over and is not in memory yet has to be adopted first
            tenure.shards = tuple(each for each in resumed.shards if each in tenure.shards)
            if "WARNING" in warned:  # it is committed here, and perhaps nowhere else
                raise psycopg.OperationalError("the database could not replicate")
            self._pipeline = Pipeline(db, sql.ORDER)
        except BaseException:
            db.close()
            raise
        return resumed.txn

    def _wait(self, seconds: float) -> bool:
        """Let calls fail for so long that were not sent; return False once the thread is to end."""
        until = time.monotonic() + seconds
        while not self._stopped:
            if self._calls.empty():
                left = until - time.monotonic()
                if left <= 0:
                    return True
                time.sleep(min(left, LOOKED_EVERY))  # a `get` with a timeout may wait for ever
                continue
            call = self._calls.get()
            if call is None:
                self._stopped = True
                self._calls.put(None)  # for the turn after this one
            else:
                self._call(self._refuse, call)
        return False

    def _refuse(self, call: StoreCall[Connection, Writes]) -> None:
        self._given -= 1
        call.waiter.errback(StoreFailure("the database cannot be reached"))
