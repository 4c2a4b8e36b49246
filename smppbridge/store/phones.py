"""MO messages for people: looked up beside a running bridge, without their texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from smppbridge.model.identifiers import SLOTS
from smppbridge.store.conditions import condition
from smppbridge.store.database import Database, dialect_of

_FURTHEST = 256 * SLOTS  # the message_ids of the segments follow that of the first


@dataclass(frozen=True, slots=True, kw_only=True)
class MoQuery:
    """A search for MO messages; None does not matter, times are UNIX seconds.

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
    "count(*), m.heard_at, count(*) - count(d.finished_at), "
    "max(d.finished_at), max(d.command_status)"
)


def mos(db: Database, query: MoQuery) -> list[ListedMo]:
    """Return MO messages, the newest first."""
    given = {
        "d.system_id = ?": query.system_id,
        "m.provider = ?": query.provider,
        "m.heard_at >= ?": query.since,
        "m.heard_at < ?": query.until,
        "m.message_id < ?": query.before,
    }
    where, values = condition(given, query.numbers, "m.")
    first = (
        "select m.message_id from mo m join delivery d on d.message_id = m.message_id and "
        f"d.state = 0 where m.parent = m.message_id and {where} order by m.message_id desc limit ?"
    )
    rows = db.execute(
        f"select {_COLUMNS} from mo m join mo s on s.message_id >= m.message_id "
        f"and s.message_id < m.message_id + {_FURTHEST} and s.parent = m.message_id "
        "join delivery d on d.message_id = s.message_id and d.state = 0 "
        f"where m.message_id in ({first}) group by m.message_id order by m.message_id desc",
        (*values, query.limit),
    )
    return [ListedMo._make(row) for row in rows]


def mo_hours(db: Database, since: int) -> dict[int, int]:
    """Return how many MO messages came in each hour from *since* on, where any came.

    Hours are UNIX seconds / 3600.
    """
    rows = db.execute(
        f"select {dialect_of(db).hour_heard}, count(*) from mo "
        "where heard_at >= ? and parent = message_id group by 1",
        (since * 3_600,),
    )
    return dict(rows.fetchall())
