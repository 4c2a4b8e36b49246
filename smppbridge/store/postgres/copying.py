"""copying: a whole store of SQLite, written into an empty database: all of it, or nothing.

Its rows become those of one slot, which is handed over to nobody: the node that starts first goes
on with them, as after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from smppbridge.model.identifiers import same_id
from smppbridge.store.lookup import open_file
from smppbridge.store.migrate import UnfitStore
from smppbridge.store.postgres import migrate, partitions

SLOT = 1
"""The slot that has all copied messages until a node takes them over."""
TOLD_EVERY = 2_000
"""Rows between two calls about the progress."""
Progress = Callable[[str, int], None]


class NotEmpty(UnfitStore):
    """The database has something in it already, or a node lives there."""


class Miscounted(Exception):
    """The database has other numbers of rows than the file: nothing was kept of the copy."""


class TableCopy(NamedTuple):
    """A table of the database, and the question that returns its rows from the file."""

    table: str
    columns: str
    source: str


_STAGE = "case when begun = 1 then 2 else stage end"
_AN_ATTEMPT = "begun_at, answered_at, provider_message_id, batch, parts, state, error"
_ATTEMPT = "begun_at, answered_at, provider_message_id, request, parts, state, error"
_NAMED = (
    "select provider, same_id(name), nullif(name, same_id(name)), message_id from"
    " (select provider, provider_message_id as name, message_id from message"
    " where provider_message_id is not null union"
    " select provider, provider_message_id, message_id from part)"
)
_BODY = (
    "select message_id, system_id, source, source_plan, destination, destination_plan, number,"
    " cast(body as blob), typeof(body) = 'text', data_coding, priority, registered_delivery, route,"
    " traits, segments, accepted_at, expires_at from message"
)
_DELIVERY = "message_id, state, parent, system_id, error, done_at"
_MO = (
    "message_id, parent, provider, provider_message_id, segment, source, source_plan, destination,"
    " destination_plan, data_coding, esm_class, octets, heard_at"
)
_SEGMENT = "message_id, number, registered_delivery, received_at"


def _plain(table: str, columns: str) -> TableCopy:
    return TableCopy(table, columns, f"select {columns} from {table}")


COPIES = (
    TableCopy(
        "message",
        "message_id, system_id, source, source_plan, destination, destination_plan, number, body,"
        " is_text, data_coding, priority, registered_delivery, route, traits, segments,"
        " accepted_at, expires_at",
        _BODY,
    ),
    TableCopy(
        "waiting",
        f"message_id, shard, provider, system_id, priority, due, expires_at, hop, attempts,"
        f" {_ATTEMPT}, report_source",
        f"select message_id, {SLOT}, provider, system_id, priority, due, expires_at, hop, attempts,"
        f" {_AN_ATTEMPT}, report_source from message where {_STAGE} = 1",
    ),
    TableCopy(
        "out",
        f"message_id, shard, stage, provider, hop, attempts, by_slot, by_epoch, wake, unsure, due,"
        f" {_ATTEMPT}, report_source",
        f"select message_id, {SLOT}, {_STAGE}, provider, hop, attempts, {SLOT}, 0,"
        " case when begun = 1 then expires_at else coalesce(due, expires_at) end,"
        f" case when stage = 2 and begun = 0 then due end, due, {_AN_ATTEMPT}, report_source"
        f" from message where {_STAGE} in (2, 3)",
    ),
    TableCopy(
        "fate",
        f"message_id, at, provider, hop, attempts, {_ATTEMPT}, source",
        f"select message_id, done_at, provider, hop, attempts, {_AN_ATTEMPT},"
        f" coalesce(report_source, 'own') from message where {_STAGE} = 4",
    ),
    TableCopy("named", "provider, name, exact, message_id", _NAMED),
    _plain("part", "message_id, number, provider, provider_message_id, needed, state, error"),
    TableCopy(
        "shared",
        "request, message_id",
        "select batch, message_id from message where batch is not null",
    ),
    _plain("attempt", "message_id, number, provider, begun_at, ended_at, outcome, reason"),
    _plain("note", "id, message_id, at, code, facts"),
    TableCopy(
        "segment",
        f"{_SEGMENT}, shard, octets, context",
        f"select {_SEGMENT}, {SLOT}, octets, context from segment where parent is null",
    ),
    TableCopy(
        "joined",
        f"{_SEGMENT}, parent, about, fingerprint",
        f"select {_SEGMENT}, parent, about, fingerprint from segment where parent is not null",
    ),
    TableCopy(
        "delivery",
        f"{_DELIVERY}, due, expires_at, attempts, command_status",
        f"select {_DELIVERY}, due, expires_at, attempts, command_status from delivery"
        " where finished_at is null",
    ),
    TableCopy(
        "ended",
        f"{_DELIVERY}, attempts, finished_at, command_status",
        f"select {_DELIVERY}, attempts, finished_at, command_status from delivery"
        " where finished_at is not null",
    ),
    TableCopy(
        "mo",
        f"{_MO}, system_id",
        f"select {_MO}, coalesce((select system_id from delivery d where d.message_id ="
        " mo.message_id and d.state = 0), '') from mo",
    ),
    TableCopy(
        "early",
        "provider, provider_message_id, state, error, at, renamed, done_at, name",
        "select provider, provider_message_id, state, error, at, renamed, done_at,"
        " same_id(provider_message_id) from early",
    ),
    TableCopy(
        "optout",
        "provider, number, at, ended_at",
        "select provider, number, at, case when ended = 1 then at end from optout",
    ),
    _plain("decision", "message_id, verb"),
    _plain(
        "refused",
        "id, at, system_id, source, destination, command_status, reason, detail, count",
    ),
    _plain(
        "unmatched",
        "id, at, kind, provider, provider_message_id, reason, state, error, source, destination",
    ),
    _plain("audit", "id, at, actor, via, address, action, object, detail"),
    _plain("paused", "provider, at, actor"),
    _plain("sent_key", "actor, name, fingerprint, message_id, at"),
    _plain("credit", "provider, hour, at, amount, unit"),
)
"""Every table of the database that has rows from the file."""
_COUNTED = ("refused", "unmatched", "audit")
"""Tables whose next row gets a number of its own from the database."""


def rows_in(path: str | Path) -> int:
    """Return how many rows a copy of a store's file will have.  Raises NotAStore, TooNew."""
    with closing(_opened(path)) as db:
        return sum(_count(db, each) for each in COPIES)


def copy(
    path: str | Path,
    dsn: str,
    now: float,
    progress: Progress = lambda table, rows: None,
) -> dict[str, int]:
    """Write all rows of a store's file into an empty database; return their numbers by table.

    The file is locked by the caller, and stays as it is.  No node can start meanwhile.  Raises
    NotAStore, TooNew, migrate.NotMigrated, migrate.NotOurs, NotEmpty, Miscounted, sqlite3.Error,
    psycopg.Error: then the database is as it was.
    """
    with (
        closing(_opened(path)) as source,
        psycopg.connect(dsn, autocommit=True, application_name="smppbridge store copy") as target,
    ):
        migrate.check(target)
        partitions.fill(target, now)
        with target.transaction():
            target.execute("lock table node in exclusive mode")
            refuse_filled(target)
            for each in COPIES:
                _written(source, target, each, progress)
            counts = {each.table: _compared(source, target, each) for each in COPIES}
            if counts["message"] != sum(counts[each] for each in ("waiting", "out", "fate")):
                raise Miscounted("messages are missing in waiting, out and fate")
            _finish(target)
    return counts


def refuse_filled(db: Connection[Any]) -> None:
    """Raise NotEmpty if there is any row in a database, or a node lives."""
    name = db.execute("select name from node where not ended or adopter is not null").fetchone()
    if name is not None:
        raise NotEmpty(f"the database has a node already: {name[0] or 'with messages of a copy'}")
    for table in dict.fromkeys((*(each.table for each in COPIES), "told", "gathering")):
        if db.execute(SQL("select 1 from {} limit 1").format(Identifier(table))).fetchone():
            raise NotEmpty(f"the database is not empty: there are rows in {table}")


def _opened(path: str | Path) -> sqlite3.Connection:
    db = open_file(path)
    db.create_function("same_id", 1, same_id, deterministic=True)
    db.execute("begin")
    return db


def _count(source: sqlite3.Connection, each: TableCopy) -> int:
    count: int = source.execute(f"select count(*) from ({each.source})").fetchone()[0]
    return count


def _written(
    source: sqlite3.Connection, target: Connection[Any], each: TableCopy, progress: Progress
) -> None:
    columns = SQL(", ").join(map(Identifier, each.columns.split(", ")))
    statement = SQL("copy {} ({}) from stdin").format(Identifier(each.table), columns)
    with target.cursor() as cursor, cursor.copy(statement) as rows:
        for row in _told(source.execute(each.source), each.table, progress):
            rows.write_row(row)


def _told(rows: Iterable[Sequence[Any]], table: str, progress: Progress) -> Iterator[Sequence[Any]]:
    """Yield rows without characters that PostgreSQL cannot keep, and tell how many there were."""
    told = count = 0
    for count, row in enumerate(rows, 1):
        yield [_without_nul(each) if isinstance(each, str) else each for each in row]
        if count - told == TOLD_EVERY:
            progress(table, TOLD_EVERY)
            told = count
    progress(table, count - told)


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _compared(source: sqlite3.Connection, target: Connection[Any], each: TableCopy) -> int:
    row = target.execute(SQL("select count(*) from {}").format(Identifier(each.table))).fetchone()
    there, wanted = row[0] if row else 0, _count(source, each)
    if there != wanted:
        raise Miscounted(f"{each.table} has {there} rows in the database and {wanted} in the file")
    return wanted


def _finish(target: Connection[Any]) -> None:
    """Let rows be numbered on from the copied ones, and any node take the copied slot over."""
    for table in _COUNTED:
        target.execute(
            SQL(
                "select setval(pg_get_serial_sequence({}, 'id'), coalesce(max(id), 0) + 1, false)"
                " from {}"
            ).format(table, Identifier(table))
        )
    target.execute("select setval('note_id', coalesce(max(id), 0) + 1, false) from note")
    target.execute("update node set adopter = slot where slot = %s", (SLOT,))
