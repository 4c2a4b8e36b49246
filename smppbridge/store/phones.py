"""MO messages for people: looked up beside a running bridge, without their texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from smppbridge.model.identifiers import SLOTS

_FURTHEST = 256 * SLOTS  # the message_ids of the segments follow that of the first


@dataclass(frozen=True, slots=True, kw_only=True)
class MoQuery:
    """Which MO messages are looked up; None does not matter, times are UNIX seconds.

    *numbers* are a phone's number or ours, in each form in which it may have come; *before* is the
    last message_id of the page before.
    """

    system_id: str | None = None
    provider: str | None = None
    numbers: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    before: int | None = None
    limit: int = 50


class ListedMo(NamedTuple):
    """An MO message, by its first deliver_sm; *owed* counts those that wait for their ESME.

    *finished_at* is when the last deliver_sm was concluded, *refused* the highest command_status.
    """

    message_id: int
    system_id: str
    provider: str
    provider_message_id: str | None
    source: str
    destination: str
    segments: int
    heard_at: float
    owed: int
    finished_at: float | None
    refused: int | None


_COLUMNS = (
    "m.message_id, max(d.system_id), m.provider, m.provider_message_id, m.source, m.destination, "
    "count(*), m.heard_at, sum(d.finished_at is null), max(d.finished_at), max(d.command_status)"
)


def mos(db: sqlite3.Connection, query: MoQuery) -> list[ListedMo]:
    """Return MO messages, the newest first."""
    wheres, values = ["m.parent = m.message_id"], list[Any]()
    for where, value in _conditions(query):
        wheres.append(where)
        values += value
    first = (
        "select m.message_id from mo m join delivery d on d.message_id = m.message_id and "
        f"d.state = 0 where {' and '.join(wheres)} order by m.message_id desc limit ?"
    )
    rows = db.execute(
        f"select {_COLUMNS} from mo m join mo s on s.message_id >= m.message_id "
        f"and s.message_id < m.message_id + {_FURTHEST} and s.parent = m.message_id "
        "join delivery d on d.message_id = s.message_id and d.state = 0 "
        f"where m.message_id in ({first}) group by m.message_id order by m.message_id desc",
        (*values, query.limit),
    )
    return [ListedMo._make(row) for row in rows]


def _conditions(query: MoQuery) -> Iterator[tuple[str, list[Any]]]:
    plain = {
        "d.system_id = ?": query.system_id,
        "m.provider = ?": query.provider,
        "m.heard_at >= ?": query.since,
        "m.heard_at < ?": query.until,
        "m.message_id < ?": query.before,
    }
    yield from ((where, [value]) for where, value in plain.items() if value is not None)
    if query.numbers:
        marks = ",".join("?" * len(query.numbers))
        yield f"(m.source in ({marks}) or m.destination in ({marks}))", [*query.numbers] * 2
