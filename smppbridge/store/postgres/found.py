"""Messages as values, by message_id, wherever their rows are.

The texts of this package's questions are prepared once, by a connection that is told not to scan
tables and not to join by loops: a table that is small when a text is prepared is large later.  So
each goes through an index by a lateral step for each value (``offset 0`` keeps the step), or by
``any``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import psycopg

from smppbridge.model.message import Attempt, KnownState, Segment, Stage
from smppbridge.model.parts import Part
from smppbridge.store import records as rec
from smppbridge.store.port import Found
from smppbridge.store.records import MessageRow
from smppbridge.store.statements import SqlRow

Connection = psycopg.Connection[Any]

_COLUMNS = """
    m.message_id, m.system_id, m.source, m.source_plan, m.destination, m.destination_plan,
    m.number, m.body, m.data_coding, m.priority, m.registered_delivery, m.route, m.accepted_at,
    m.expires_at,
    nullif(
        case when o.message_id is null then w.due when o.stage = 2 then o.unsure else o.due end,
        'infinity'
    ),
    m.traits, m.segments,
    coalesce(f.provider, o.provider, w.provider, ''),
    coalesce(f.attempts, o.attempts, w.attempts, 0), coalesce(f.hop, o.hop, w.hop, 0),
    coalesce(f.begun_at, o.begun_at, w.begun_at),
    coalesce(f.answered_at, o.answered_at, w.answered_at),
    coalesce(f.provider_message_id, o.provider_message_id, w.provider_message_id),
    case when f.message_id is not null then 4 when o.message_id is not null then o.stage else 1 end,
    coalesce(f.state, o.state, w.state, 0), coalesce(f.request, o.request, w.request),
    coalesce(f.parts, o.parts, w.parts, 0),
    m.is_text, coalesce(f.error, o.error, w.error, 0), f.at, coalesce(o.shard, w.shard)
"""  # those of MessageRow, and four more
_BY_ID = f"""
    select {_COLUMNS} from unnest(%s::int8[]) as v(id)
    cross join lateral (select * from message where message_id = v.id offset 0) m
    left join lateral (select * from waiting where message_id = v.id offset 0) w on true
    left join lateral (select * from out where message_id = v.id offset 0) o on true
    left join lateral (select * from fate where message_id = v.id offset 0) f on true
"""
_JOINED = """
    select parent, message_id, number, registered_delivery, received_at from joined
    where parent = any(%s::int8[]) and parent >= %s and parent <= %s
"""
_PARTS = """
    select message_id, provider_message_id, needed, state, error from part
    where message_id = any(%s::int8[]) and message_id >= %s and message_id <= %s
    order by message_id, number
"""


class ShardOwner(NamedTuple):
    """The bridge that asks: its slot, and the shards that are its own and adopted.

    *fenced* begins a transaction of the bridge on its writer's connection, and ends it.
    """

    slot: int
    shards: Sequence[int]
    fenced: Callable[[Connection], AbstractContextManager[Any]]


class KnownMessage(NamedTuple):
    """A message's row, the error of its last report, its final time, and its shard until then."""

    row: MessageRow
    error: int
    done_at: float | None
    shard: int | None

    @property
    def state(self) -> KnownState:
        """The state of the message."""
        row = self.row
        return KnownState(
            row.system_id,
            row.source,
            row.source_plan,
            Stage(row.stage),
            row.state,
            self.error,
            self.done_at,
        )


def ask(db: Connection, question: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
    """Ask a question whose text is prepared once for a connection.  Raises psycopg.Error."""
    return db.execute(question.encode(), values, prepare=True)


def known(db: Connection, ids: Iterable[int]) -> dict[int, KnownMessage]:
    """Return the rows of messages by message_id."""
    wanted = list(ids)
    if not wanted:
        return {}
    found = map(_known, ask(db, _BY_ID, (wanted,)))
    return {each.row.message_id: each for each in found}


def by_ids(db: Connection, ids: Iterable[int], owner: ShardOwner | None = None) -> dict[int, Found]:
    """Return messages by message_id; they are *owner*'s if their shard is, or whoever asks."""
    return found_of(db, list(known(db, ids).values()), owner)


def in_order(db: Connection, ids: Sequence[int]) -> list[Attempt]:
    """Return the latest attempts of messages, in the order of the ids."""
    found = by_ids(db, ids)
    return [found[each].attempt for each in ids if each in found]


def found_of(
    db: Connection, messages: Sequence[KnownMessage], owner: ShardOwner | None = None
) -> dict[int, Found]:
    """Return messages, with their segments and parts, by message_id."""
    rows = [each.row for each in messages]
    segments = _segments(db, [row.message_id for row in rows if row.segments])
    parts = parts_of(db, [row.message_id for row in rows if row.parts])
    found: dict[int, Found] = {}
    for row, _, _, shard in messages:
        own = segments.get(row.message_id, ()), parts.get(row.message_id, ())
        ours = owner is None or shard is None or shard in owner.shards
        attempt = rec.read_attempt(row, *own)
        found[row.message_id] = Found(attempt, Stage(row.stage), 0 if ours else shard or 0)
    return found


def parts_of(db: Connection, ids: Sequence[int]) -> dict[int, tuple[Part, ...]]:
    """Return the parts of messages by message_id; messages without parts are left out."""
    found: dict[int, list[Part]] = {}
    if ids:
        for message_id, *part in ask(db, _PARTS, _within(ids)):
            found.setdefault(message_id, []).append(Part(*part))
    return {message_id: tuple(parts) for message_id, parts in found.items()}


def _segments(db: Connection, ids: Sequence[int]) -> Mapping[int, tuple[Segment, ...]]:
    return rec.read_segments(ask(db, _JOINED, _within(ids))) if ids else {}


def _within(ids: Sequence[int]) -> tuple[list[int], int, int]:
    """Return ids with their bounds, by which days are left out that have none of them."""
    return list(ids), min(ids), max(ids)


def _known(row: SqlRow) -> KnownMessage:
    *columns, is_text, error, done_at, shard = row
    whole = MessageRow._make(columns)
    if is_text and isinstance(whole.body, bytes):
        whole = whole._replace(body=whole.body.decode())
    return KnownMessage(whole, error, done_at, shard)
