"""One SQL step for many rows.

Python's sqlite3 lets the interpreter lock go at every step, and executemany steps once a row:
beside a busy reactor that costs eight times as much as one statement with many rows.  Rows are
filled up with NULLs to a few sizes, so that few statements are prepared.
"""

from __future__ import annotations

import sqlite3
from itertools import chain
from typing import Any

Row = tuple[Any, ...]
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Many:
    """A statement over ``v``, a table of values with the columns named; NULL rows do nothing."""

    __slots__ = ("_nulls", "_sql", "width")

    def __init__(self, columns: str, statement: str) -> None:
        self.width = columns.count(",") + 1
        self._nulls = (None,) * self.width
        row = f"({','.join('?' * self.width)})"
        self._sql = {
            n: f"with v({columns}) as (values {','.join([row] * n)}) {statement}" for n in SIZES
        }

    def run(self, db: sqlite3.Connection, rows: list[Row]) -> None:
        """Execute the statement for all rows, at most 256 a step."""
        for at in range(0, len(rows), SIZES[-1]):
            some = rows[at : at + SIZES[-1]]
            size = next(n for n in SIZES if n >= len(some))
            values = list(chain.from_iterable(some))
            if size > len(some):
                values += self._nulls * (size - len(some))
            db.execute(self._sql[size], values)


def _insert(table: str, columns: str, *, ignore: bool = False) -> Many:
    first = columns.split(",", 1)[0]
    verb = "insert or ignore" if ignore else "insert"
    return Many(
        columns, f"{verb} into {table}({columns}) select * from v where {first} is not null"
    )


def _update(table: str, columns: str, changes: str, where: str) -> Many:
    return Many(columns, f"update {table} set {changes} from v where {where}")


INSERT_MESSAGE = _insert(
    "message",
    "message_id,system_id,stage,due,expires_at,provider,hop,attempts,route,source,source_plan,"
    "destination,destination_plan,number,body,data_coding,priority,registered_delivery,traits,"
    "segments,accepted_at,begun_at",
)
INSERT_SEGMENT = _insert(
    "segment", "message_id,parent,number,registered_delivery,received_at,octets,context"
)
JOIN_SEGMENT = _update(
    "segment",
    "id,parent",
    "parent=v.parent, octets=null, context=null",
    "segment.message_id=v.id",
)
BEGIN = _update(
    "message",
    "id,provider,hop,attempts,at,batch",
    "stage=2, due=null, provider=v.provider, hop=v.hop, attempts=v.attempts, begun_at=v.at, "
    "batch=v.batch",
    "message_id=v.id and stage < 4",
)
RECORD = _update(
    "message",
    "id,stage,due,provider,hop,attempts,at,pmid",
    "stage=v.stage, due=v.due, provider=v.provider, hop=v.hop, attempts=v.attempts, "
    "answered_at=v.at, provider_message_id=coalesce(v.pmid, provider_message_id)",
    "message_id=v.id and message.stage < 4",
)
INSERT_ATTEMPT = Many(
    "message_id,number,provider,begun_at,ended_at,outcome,reason",
    "insert or ignore into attempt select * from v where message_id is not null",
)
MOVE = _update(
    "message",
    "id,provider,hop",
    "provider=v.provider, hop=v.hop",
    "message_id=v.id and stage = 1",
)
REVISIT = _update("message", "id,due", "due=v.due", "message_id=v.id and stage < 4")
STATE = _update(
    "message",
    "id,state,error,at,source,pmid",
    "state=v.state, error=v.error, report_source=v.source, "
    "provider_message_id=coalesce(v.pmid, provider_message_id)",
    "message_id=v.id and stage < 4",
)
FINAL = _update(
    "message",
    "id,state,error,at,source,pmid",
    "stage=4, due=null, state=v.state, error=v.error, done_at=v.at, report_source=v.source, "
    "provider_message_id=coalesce(v.pmid, provider_message_id)",
    "message_id=v.id and stage < 4",
)
INSERT_DELIVERY = _insert(
    "delivery",
    "message_id,state,parent,system_id,error,done_at,due,expires_at,attempts",
    ignore=True,
)
FINISH_DELIVERY = _update(
    "delivery",
    "id,s,status,at",
    "finished_at=v.at, command_status=v.status",
    "message_id=v.id and state=v.s",
)
POSTPONE_DELIVERY = _update(
    "delivery",
    "id,s,due,attempts",
    "due=v.due, attempts=v.attempts",
    "message_id=v.id and state=v.s",
)
INSERT_MO = _insert(
    "mo",
    "message_id,parent,provider,provider_message_id,segment,source,source_plan,destination,"
    "destination_plan,data_coding,esm_class,octets,heard_at",
    ignore=True,
)
INSERT_MO_DELIVERY = Many(  # none for a repeated message: its first segment was not inserted
    "message_id,state,parent,system_id,error,done_at,due,expires_at,attempts",
    "insert or ignore into delivery(message_id, state, parent, system_id, error, done_at, due, "
    "expires_at, attempts) select * from v where parent in (select message_id from mo)",
)
INSERT_OPTOUT = Many(
    "provider,number,at",
    "insert or replace into optout(provider, number, at) select * from v "
    "where provider is not null",
)
INSERT_EARLY = Many(
    "provider,pmid,state,error,at,renamed",
    "insert or replace into early select * from v where provider is not null",
)
DELETE_EARLY = Many(
    "p,pmid", "delete from early where (provider, provider_message_id) in (select p, pmid from v)"
)

# The order within a transaction: what is new, what becomes of it, what that makes due.
ORDER = (
    INSERT_MESSAGE,
    INSERT_SEGMENT,
    JOIN_SEGMENT,
    BEGIN,
    RECORD,
    INSERT_ATTEMPT,
    MOVE,
    REVISIT,
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
)
