"""The statements that write: one SQL step for many rows.

Python's sqlite3 lets the interpreter lock go at every step, and executemany steps once a row:
beside a busy reactor that costs eight times as much as one statement with many rows.  Rows are
filled up with rows of zeros to a few sizes, so that few statements are prepared: no id is 0.

SQLite writes an index anew where a statement sets a column of the index, or of the index's
condition, whether the value changes or not: a statement names no such column without need.
"""

from __future__ import annotations

import sqlite3
from itertools import chain
from typing import Any

SqlRow = tuple[Any, ...]
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FILLED = 16  # rows of zeros at most: more cost as much as another step


def sizes_of(count: int) -> list[int]:
    """Return the sizes of the steps that write so many rows; the last may be filled up."""
    sizes = [SIZES[-1]] * (count // SIZES[-1])
    rest = count % SIZES[-1]
    while rest:
        size = next(n for n in SIZES if n >= rest)
        if size - rest > _FILLED:
            size //= 2
        sizes.append(size)
        rest -= min(rest, size)
    return sizes


class Many:
    """A statement over ``v``, a table of values with named columns; rows of zeros do nothing."""

    __slots__ = ("_sql", "_zeros", "columns", "width")

    def __init__(self, columns: str, statement: str) -> None:
        self.columns = tuple(columns.split(","))
        self.width = len(self.columns)
        self._zeros = (0,) * self.width
        row = f"({','.join('?' * self.width)})"
        self._sql = {
            n: f"with v({columns}) as (values {','.join([row] * n)}) {statement}" for n in SIZES
        }

    def run(self, db: sqlite3.Connection, rows: list[SqlRow]) -> None:
        """Execute the statement for all rows, at most 256 a step."""
        at = 0
        for size in sizes_of(len(rows)):
            chunk = rows[at : at + size]
            at += size
            values = list(chain.from_iterable(chunk))
            if size > len(chunk):
                values += self._zeros * (size - len(chunk))
            db.execute(self._sql[size], values)


def _insert(table: str, columns: str, verb: str = "insert", where: str = "") -> Many:
    wanted = where or f"{columns.split(',', 1)[0]} is not 0"
    return Many(columns, f"{verb} into {table}({columns}) select * from v where {wanted}")


def _update(table: str, columns: str, changes: str, where: str) -> Many:
    return Many(columns, f"update {table} set {changes} from v where {where}")


INSERT_MESSAGE = _insert(
    "message",
    "message_id,system_id,stage,begun,due,expires_at,provider,hop,attempts,route,source,"
    "source_plan,destination,destination_plan,number,body,data_coding,priority,"
    "registered_delivery,traits,segments,accepted_at,begun_at",
)
INSERT_SEGMENT = _insert(
    "segment", "message_id,parent,number,registered_delivery,received_at,octets,context"
)
JOIN_SEGMENT = _update(
    "segment",
    "id,parent,about,fingerprint",
    "parent=v.parent, about=v.about, fingerprint=v.fingerprint, octets=null, context=null",
    "segment.message_id=v.id",
)
BEGIN = _update(
    "message",
    "id,attempts,at,batch",
    "begun=1, attempts=v.attempts, begun_at=v.at, batch=v.batch",
    "message_id=v.id and stage < 3",
)
RECALL = _update(
    "message",
    "id,due,attempts",
    "stage=1, begun=0, due=v.due, attempts=v.attempts, batch=null",
    "message_id=v.id and begun = 1",
)
SUBMITTED = _update(
    "message",
    "id,due,at,pmid",
    "stage=3, begun=0, due=v.due, answered_at=v.at, provider_message_id=v.pmid",
    "message_id=v.id and stage < 4",
)
RECORD = _update(
    "message",
    "id,stage,due,provider,hop,attempts,at",
    "stage=v.stage, begun=0, due=v.due, provider=v.provider, hop=v.hop, attempts=v.attempts, "
    "answered_at=v.at",
    "message_id=v.id and message.stage < 4",
)
MARK_PARTS = _update("message", "id,parts", "parts=v.parts", "message_id=v.id and stage < 4")
INSERT_PART = _insert(
    "part",
    "message_id,number,provider,provider_message_id,needed",
    "insert or replace",
)
END_PART = _update(
    "part",
    "id,n,s,e",
    "state=v.s, error=v.e",
    "message_id=v.id and number=v.n and state = 0",
)
INSERT_ATTEMPT = _insert(
    "attempt", "message_id,number,provider,begun_at,ended_at,outcome,reason", "insert or ignore"
)
MOVE = _update(
    "message",
    "id,provider,hop",
    "provider=v.provider, hop=v.hop",
    "message_id=v.id and stage = 1 and begun = 0",
)
REWRITE = _update(
    "message",
    "id,due,expires_at,provider,hop,route,body,asked,traits",
    "due=v.due, expires_at=v.expires_at, provider=v.provider, hop=v.hop, route=v.route, "
    "body=v.body, registered_delivery=v.asked, traits=v.traits",
    "message_id=v.id and stage = 1 and begun = 0",
)
REVISIT = _update("message", "id,due", "due=v.due", "message_id=v.id and stage < 4 and begun = 0")
RENAME = _update(
    "message", "id,pmid", "provider_message_id=v.pmid", "message_id=v.id and stage < 4"
)
STATE = _update(
    "message",
    "id,state,error,at,source",
    "state=v.state, error=v.error, report_source=v.source",
    "message_id=v.id and stage < 4",
)
FINAL = _update(
    "message",
    "id,state,error,at,source",
    "stage=4, begun=0, due=null, state=v.state, error=v.error, done_at=v.at, "
    "report_source=v.source",
    "message_id=v.id and stage < 4",
)
INSERT_DELIVERY = _insert(
    "delivery",
    "message_id,state,parent,system_id,error,done_at,due,expires_at",
    "insert or ignore",
)
FINISH_DELIVERY = _update(
    "delivery",
    "id,s,status,at",
    "finished_at=v.at, command_status=v.status",
    "message_id=v.id and state=v.s",
)
POSTPONE_DELIVERY = _update(
    "delivery",
    "id,s,due,attempts,status",
    "due=v.due, attempts=v.attempts, command_status=v.status",
    "message_id=v.id and state=v.s",
)
INSERT_MO = _insert(
    "mo",
    "message_id,parent,provider,provider_message_id,segment,source,source_plan,destination,"
    "destination_plan,data_coding,esm_class,octets,heard_at",
    "insert or ignore",
)
INSERT_MO_DELIVERY = _insert(  # none for a repeated MO message: its first segment is not inserted
    "delivery",
    "message_id,state,parent,system_id,error,done_at,due,expires_at",
    "insert or ignore",
    "parent in (select message_id from mo)",
)
INSERT_OPTOUT = _insert("optout", "provider,number,at", "insert or replace")
INSERT_EARLY = _insert(
    "early", "provider,provider_message_id,state,error,at,renamed,done_at", "insert or replace"
)
DELETE_EARLY = Many(  # not a later report, that one transaction may write before it deletes
    "p,pmid,till",
    "delete from early where (provider, provider_message_id) in (select p, pmid from v) and at <= "
    "(select max(v.till) from v where v.p = provider and v.pmid = provider_message_id)",
)
INSERT_NOTE = _insert("note", "message_id,at,code,facts")
INSERT_REFUSED = _insert(
    "refused", "at,system_id,source,destination,command_status,reason,detail,count"
)
INSERT_UNMATCHED = _insert(
    "unmatched",
    "at,kind,provider,provider_message_id,reason,state,error,source,destination",
)

# The order within a transaction is that of a message's life, and then its deliveries.
ORDER = (
    INSERT_MESSAGE,
    INSERT_SEGMENT,
    JOIN_SEGMENT,
    BEGIN,
    RECALL,
    SUBMITTED,
    RECORD,
    MARK_PARTS,
    INSERT_PART,
    END_PART,
    INSERT_ATTEMPT,
    MOVE,
    REWRITE,
    REVISIT,
    RENAME,
    STATE,
    FINAL,
    INSERT_DELIVERY,
    INSERT_MO,
    INSERT_MO_DELIVERY,
    INSERT_OPTOUT,
    FINISH_DELIVERY,
    POSTPONE_DELIVERY,
    INSERT_EARLY,
    DELETE_EARLY,
    INSERT_NOTE,
    INSERT_REFUSED,
    INSERT_UNMATCHED,
)
