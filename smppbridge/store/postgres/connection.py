"""A connection of the store thread: a whole transaction in one pipeline, one wait for all of it.

psycopg's PQgetResult keeps the interpreter's lock while it waits.  So the thread waits for the
socket itself, and asks for a result only when libpq has it.
"""

from __future__ import annotations

import select
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.errors import Diagnostic

from smppbridge.store.postgres.fence import FENCE, FENCED, Fenced
from smppbridge.store.postgres.tables import Statement, Values

SETTINGS = {
    # a plan that is made while a queue is empty has to be good for a full one
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",  # it reads all rows of a queue to sort a few of them
    "jit": "off",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "5s",
    "synchronous_commit": "on",
    "standard_conforming_strings": "on",
    "client_min_messages": "warning",
}
_ENDS = ("57P01", "57P02", "57P03")  # the server ends: what was sent may be committed
_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_BINARY = pq.Format.BINARY
_Sent = tuple[bytes, Sequence[bytes] | None, Sequence[int] | None]
_BEGIN: _Sent = (b"begin_", None, None)
_COMMIT: _Sent = (b"commit_", None, None)
_ROLLBACK: _Sent = (b"rollback_", None, None)


class Lost(Exception):
    """The connection is gone, or a COMMIT was not confirmed: the transaction may be committed."""


class Failed(Exception):
    """The server refused a statement: nothing of the transaction is there; *sqlstate* says why."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @property
    def is_of_a_value(self) -> bool:
        """Whether a value of one call is to blame: without that call the others can be written."""
        return self.sqlstate[:2] in ("21", "22", "23")

    @property
    def is_of_the_moment(self) -> bool:
        """Whether another transaction was in the way: deadlock, or serialization."""
        return self.sqlstate[:2] == "40"


def connect(
    dsn: str, timeout: float = 10.0, unacknowledged: float = 5.0
) -> psycopg.Connection[Any]:
    """Connect to a database (blocks), with the settings of the store thread.

    *timeout* and *unacknowledged*, seconds, are for connecting, and until a server that no longer
    acknowledges octets is given up.  Raises psycopg.Error.
    """
    db = psycopg.connect(
        dsn,
        autocommit=True,
        connect_timeout=max(2, round(timeout)),
        keepalives_idle=2,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=round(unacknowledged * 1_000),
    )
    try:
        db.execute(
            "; ".join(f"set {name} = '{value}'" for name, value in SETTINGS.items()).encode()
        )
    except BaseException:
        db.close()
        raise
    return db


class Pipeline:
    """Carries transactions out on a connection; only the store thread uses it."""

    def __init__(self, db: psycopg.Connection[Any], statements: Sequence[Statement]) -> None:
        self.db, self._pq = db, db.pgconn
        self._warned: list[str] = []
        db.add_notice_handler(self._notice)
        self._ready = select.poll()
        self._ready.register(self._pq.socket, select.POLLIN)
        self._prepare(statements)

    def transaction(
        self,
        fence: Sequence[bytes],
        statements: Sequence[Statement],
        arrays: Mapping[Values, list[bytes]],
        context: Mapping[str, bytes],
    ) -> list[Any]:
        """Begin, fence, execute statements in order, commit; return the result of each statement.

        *fence* is (txn, slot, epoch).  Raises Failed, Fenced, Lost.
        """
        work: list[_Sent] = [_BEGIN, (b"fence", fence, None)]
        for statement in statements:
            values = statement.values(arrays, context)
            work.append((statement.name, values, [_BINARY] * len(values)))
        work.append(_COMMIT)
        return self._carried_out(work)[2:-1]

    def begin(self, fence: Sequence[bytes]) -> None:
        """Begin a transaction for others' statements, and fence it.  Raises Failed, Fenced, Lost.

        Not psycopg's own: after a rollback psycopg deallocates all statements, ours too.
        """
        self._carried_out([_BEGIN, (b"fence", fence, None)])

    def commit(self) -> None:
        """Commit the transaction that `begin` began.  Raises Failed, Lost."""
        self._carried_out([_COMMIT])

    def rollback(self) -> None:
        """Give up the transaction that `begin` began.  Raises Lost."""
        if self._pq.transaction_status != pq.TransactionStatus.IDLE:
            self._carried_out([_ROLLBACK])

    def _carried_out(self, work: Sequence[_Sent]) -> list[Any]:
        self._warned.clear()
        try:
            results = self._sent(work)
        except psycopg.Error as error:
            raise Lost(str(error)) from error
        bad = next((each for each in results if each.status not in _OK), None)
        if bad is not None:
            self._refused(bad)
        if self._warned:  # "canceling wait for synchronous replication": committed here alone
            raise Lost(self._warned[0])
        return results

    def _refused(self, bad: Any) -> None:
        """Raise the error of the first bad result of a transaction, after the transaction's end."""
        sqlstate = (bad.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        said = bad.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
        message = said.decode("utf-8", "replace")
        if self._pq.status == pq.ConnStatus.BAD or sqlstate in _ENDS or not sqlstate:
            raise Lost(message or "the connection is gone")
        self.rollback()
        if sqlstate == FENCED:
            raise Fenced
        raise Failed(sqlstate, message)

    def _prepare(self, statements: Sequence[Statement]) -> None:
        texts = {
            b"begin_": b"begin",
            b"commit_": b"commit",
            b"rollback_": b"rollback",
            b"fence": FENCE.encode(),
            **{each.name: each.text for each in statements},
        }
        self._pq.enter_pipeline_mode()
        for name, text in texts.items():
            self._pq.send_prepare(name, text)
        for name, result in zip(texts, self._answers(len(texts)), strict=True):
            if result.status not in _OK:
                raise psycopg.ProgrammingError(f"{name.decode()}: {result.error_message.decode()}")

    def _sent(self, work: Sequence[_Sent]) -> list[Any]:
        """Send prepared statements and wait for their results."""
        self._pq.enter_pipeline_mode()
        send = self._pq.send_query_prepared
        for name, values, formats in work:
            send(name, values, formats)
        return self._answers(len(work))

    def _answers(self, count: int) -> list[Any]:
        """Return so many results, in order, and leave the pipeline.  Raises psycopg.Error."""
        connection = self._pq
        connection.pipeline_sync()
        while connection.flush():
            self._ready.modify(connection.socket, select.POLLIN | select.POLLOUT)
            self._ready.poll()
            self._ready.modify(connection.socket, select.POLLIN)
            connection.consume_input()
        results = []
        while True:
            while connection.is_busy():
                self._ready.poll()
                connection.consume_input()
            result = connection.get_result()
            if result is None:  # the end of a statement's results
                if connection.status == pq.ConnStatus.BAD:
                    raise psycopg.OperationalError("the connection was lost")
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                break
            results.append(result)
            if connection.status == pq.ConnStatus.BAD:
                raise psycopg.OperationalError("the connection was lost")
        connection.exit_pipeline_mode()
        if len(results) != count:
            raise psycopg.OperationalError(f"{len(results)} results of {count}")
        return results

    def _notice(self, notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warned.append(notice.message_primary or "warning")
