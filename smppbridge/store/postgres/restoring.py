"""The contents of shards that a bridge has in memory, and rows that are forgotten after a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from smppbridge.model.identifiers import SLOTS, StoredIds
from smppbridge.model.message import REMEMBERED_FOR, GatheringKey, Segment
from smppbridge.store.cdr import Exported
from smppbridge.store.gathered import MOST_JOINED, read_gathering, read_joined
from smppbridge.store.port import EarlyReport, Restored, Waiting
from smppbridge.store.postgres import partitions
from smppbridge.store.postgres.found import Connection, ask, in_order
from smppbridge.store.postgres.owing import optouts

_EARLY = ", ".join(each.name for each in fields(EarlyReport))
_LAST = "select coalesce(max(message_id), 0) from {}"
_WAITING = """
    select provider, system_id, priority, count(*) from waiting where shard = any(%s::int2[])
    group by provider, system_id, priority
"""
_INTERRUPTED = """
    select message_id from out where shard = any(%s::int2[]) and stage = 2 and unsure is null
    order by message_id
"""
OWED = """
    select system_id, count(*) from delivery where holder = any(%s::int2[])
    group by system_id
"""
_STORED_IDS = """
    select provider, provider_message_id, message_id, parts from out
    where shard = any(%s::int2[]) and provider_message_id is not null
    and (stage = 3 or unsure is not null)
"""
_PART_IDS = """
    select p.provider, p.provider_message_id from unnest(%s::int8[]) as v(id)
    cross join lateral (
        select provider, provider_message_id from part where message_id = v.id offset 0
    ) p
"""
_SEGMENTS = """
    select message_id, number, registered_delivery, received_at, octets, context from segment
    where shard = %s and not arriving order by message_id
"""
# message_ids grow with time: the newest rows are the last ones
_JOINED_LATELY = """
    select s.message_id, s.number, s.registered_delivery, s.received_at, s.about, s.fingerprint,
    m.system_id, m.source, m.source_plan, m.number, m.destination, m.destination_plan
    from (select * from joined order by message_id desc limit %s) s
    cross join lateral (select * from message where message_id = s.parent offset 0) m
    where s.about is not null and s.received_at > %s order by s.message_id
"""
_NEWEST = """
    select received_at from (select received_at from segment order by message_id desc limit 1) s
    union all
    select received_at from (select received_at from joined order by message_id desc limit 1) j
"""
_GIVEN = "delete from given where shard = any(%s::int2[])"
_OLD_MOS = """
    delete from mo where message_id = any(array(
        select message_id from mo where heard_at < %s and not exists (
            select 1 from delivery where delivery.message_id = mo.message_id and state = 0
        ) order by heard_at limit %s for update skip locked
    ))
"""


def restore(db: Connection, shards: Sequence[int], *, adopting: bool = False) -> Restored:
    """Return the counts and values of shards that their bridge needs in memory to go on.

    Of segments that wait there are those of the first shard: those of another bridge arrive, once
    they are given back.  With *adopting* no shard is the first, and the deliveries that every
    bridge counts are not among the owed ones.
    """
    mine = (list(shards),)
    holders = (list(shards) if adopting else [0, *shards],)
    interrupted = [message_id for (message_id,) in ask(db, _INTERRUPTED, mine)]
    early = ask(db, f"select {_EARLY} from early order by at")
    restored = Restored(
        last_id=last_id(db),
        waiting=[Waiting._make(row) for row in ask(db, _WAITING, mine)],
        interrupted=in_order(db, interrupted),
        segments=[] if adopting else list(map(read_gathering, ask(db, _SEGMENTS, shards[:1]))),
        owed=dict(ask(db, OWED, holders).fetchall()),
        early=[EarlyReport(*row) for row in early],
        optouts=optouts(db),
        stored_ids=_stored_ids(db, shards),
        joined=_joined_lately(db),
    )
    ask(db, _GIVEN, mine)
    return restored


def last_id(db: Connection) -> int:
    """Return the highest message_id that there is in the store: whichever bridge has given it."""
    found = [
        ask(db, _LAST.format(table)).fetchone()
        for table in ("message", "segment", "joined", "mo", "delivery")
    ]
    return max(int(row[0]) for row in found if row is not None)


def forget(db: Connection, before: float, limit: int, exported: Exported | None = None) -> int:
    """Drop the days before *before* (UNIX seconds), and MO messages received before it.

    Returns how many MO messages.  With *exported* no day is dropped that has a message which is not
    covered by it.  *db* commits by itself, and is not the writer's: who drops a day waits for those
    that read it.
    """
    below = int(before * 1_000_000) * SLOTS
    if exported is not None:
        below = min(below, exported.below, *exported.besides)
    if partitions.droppable(db, below):
        partitions.drop(db, below)
    return ask(db, _OLD_MOS, (before, limit)).rowcount


def _joined_lately(db: Connection) -> list[tuple[GatheringKey, Segment, int]]:
    newest = max((at for (at,) in ask(db, _NEWEST)), default=0.0)
    rows = ask(db, _JOINED_LATELY, (MOST_JOINED, newest - REMEMBERED_FOR))
    return [read_joined(row) for row in rows]


def _stored_ids(db: Connection, shards: Sequence[int]) -> StoredIds:
    stored, several = StoredIds(), list[int]()
    for provider, name, message_id, parts in ask(db, _STORED_IDS, (list(shards),)):
        stored.add((provider, name))
        if parts:
            several.append(message_id)
    if several:
        for key in ask(db, _PART_IDS, (several,)):
            stored.add(key)
    return stored
