"""The messages that an ESME names, by message_id or by their addresses, as rows of the store.

A message_id names its message, and that of a segment the message of the segment.  The message_id
that a submit_multi was answered names all messages of that submit_multi: their message_ids follow
each other.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from smppbridge.model.identifiers import row_of
from smppbridge.model.message import KnownState, Stage
from smppbridge.store.gathered import read_gathering
from smppbridge.store.port import Named, Stoppable
from smppbridge.store.queries import AT_ONCE, found_by_ids
from smppbridge.store.records import STAGE, marks, source_plan
from smppbridge.store.statements import SqlRow

PAGE = 1_000  # messages to one number that are looked at together: a millisecond or two
_LARGEST = 2**63 - 1

_STATES = (
    f"select message_id, traits, system_id, source, source_plan, {STAGE}, state, error, done_at "
    "from message where message_id"
)
_SEGMENTS = (
    "select message_id, parent, number, registered_delivery, received_at, octets, context "
    "from segment where message_id"
)
# The index on the number is in order of message_id within a number.
_TO_NUMBER = (
    "from message indexed by message_number where number = ? and message_id <= ? "
    "order by message_id desc limit ?"
)
_STOPPABLE = (
    f"select message_id from (select message_id, system_id, stage, begun, traits {_TO_NUMBER}) "
    "where system_id = ? and begun = 0 and (stage = 1 or stage = 3 and traits is not null "
    "and json_extract(traits, '$.scheduled') is not null)"
)
_LAST = f"select message_id {_TO_NUMBER} offset ?"


def states(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, tuple[KnownState, ...]]:
    """Return the states of the messages that each of the ids names."""
    rows, gathering = _rows_of(db, ids)
    found = {message_id: _states_of(db, row) for message_id, row in rows.items()}
    for message_id, row in gathering.items():
        key, _ = read_gathering(row)
        plan = source_plan(key.source)
        state = KnownState(key.system_id, key.source.addr, plan, Stage.GATHERING)
        found[message_id] = (state,)
    return found


def messages(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, tuple[Named, ...]]:
    """Return the messages that each of the ids names."""
    rows, gathering = _rows_of(db, ids)
    named = {each: _multi(row) or (row[0],) for each, row in rows.items()}
    known = found_by_ids(db, sorted({each for more in named.values() for each in more}))
    found: dict[int, tuple[Named, ...]] = {
        message_id: tuple(known[each] for each in more if each in known)
        for message_id, more in named.items()
    }
    return found | {each: (read_gathering(row)[0],) for each, row in gathering.items()}


def stoppable(
    db: sqlite3.Connection, queries: Sequence[tuple[str, str]], before: int | None
) -> dict[tuple[str, str], Stoppable]:
    """Return a page of messages that can be stopped yet, by (system_id, number)."""
    found: dict[tuple[str, str], Stoppable] = {}
    first = _LARGEST if before is None else before - 1
    for system_id, number in queries:
        ids = [row[0] for row in db.execute(_STOPPABLE, (number, first, PAGE, system_id))]
        last = db.execute(_LAST, (number, first, 1, PAGE - 1)).fetchone()
        known = found_by_ids(db, ids)
        page = [known[each] for each in sorted(ids, reverse=True)]
        found[system_id, number] = Stoppable(page, last and last[0])
    return found


def _rows_of(
    db: sqlite3.Connection, ids: Sequence[int]
) -> tuple[dict[int, SqlRow], dict[int, SqlRow]]:
    """Return the rows of the messages of ids, and the rows of segments that are GATHERING."""
    rows = {row[0]: row for row in _rows(db, _STATES, ids)}
    wholes: dict[int, int] = {}
    gathering: dict[int, SqlRow] = {}
    others = [each for each in ids if each not in rows]
    for message_id, parent, *rest in _rows(db, _SEGMENTS, others):
        if parent is None:
            gathering[message_id] = (message_id, *rest)
        else:
            wholes[message_id] = parent
    known = {row[0]: row for row in _rows(db, _STATES, set(wholes.values()))}
    rows |= {each: known[whole] for each, whole in wholes.items() if whole in known}
    return rows, gathering


def _rows(db: sqlite3.Connection, query: str, ids: Iterable[int]) -> Iterator[SqlRow]:
    ids = list(ids)
    for at in range(0, len(ids), AT_ONCE):
        chunk = ids[at : at + AT_ONCE]
        yield from db.execute(f"{query} in ({marks(chunk)})", chunk)


def _states_of(db: sqlite3.Connection, row: SqlRow) -> tuple[KnownState, ...]:
    more = _multi(row)
    if more is None:
        return (KnownState._make(row[2:]),)
    return tuple(KnownState._make(each[2:]) for each in _rows(db, _STATES, more))


def _multi(row: SqlRow) -> range | None:
    """Return the message_ids of a submit_multi, by the row of the message that was answered."""
    if row[1] is None or '"multi"' not in row[1]:
        return None
    traits = json.loads(row[1])
    first = traits["multi"]
    return row_of(first, traits.get("destinations", 1)) if first == row[0] else None
