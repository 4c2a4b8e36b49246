"""The questions of a bridge's lanes to PostgreSQL, each about the messages of its own shards."""

from __future__ import annotations

from collections.abc import Sequence

from smppbridge.model.message import Attempt, Stage
from smppbridge.store.port import Found, LineQuery
from smppbridge.store.postgres.found import Connection, ShardOwner, ask, by_ids, in_order

SLOTS_UP_TO = 99
# For each line and shard the index is walked as far as the limit goes.
_WAITING = """
    select line, message_id from (
        select v.line, w.message_id, w.due, v.most, row_number() over
            (partition by v.line order by w.due, w.message_id) as place
        from unnest(%s::text[], %s::int2[], %s::int8[]) with ordinality
            as v(system_id, priority, most, line)
        cross join unnest(%s::int2[]) as s(shard)
        cross join lateral (
            select message_id, due from waiting where shard = s.shard and provider = %s
            and system_id = v.system_id and priority = v.priority and due <= %s
            order by due limit v.most
        ) w
    ) f where place <= most order by line, place
"""
_UNSURE = """
    select message_id from unnest(%s::int2[]) as s(shard) cross join lateral (
        select message_id, unsure from out where shard = s.shard and provider = %s
        and unsure is not null and unsure <= %s order by unsure limit %s
    ) o order by unsure, message_id limit %s
"""
_WOKEN = """
    select message_id, due from unnest(%s::int2[]) as s(shard) cross join lateral (
        select message_id, due, wake from out where shard = s.shard and provider = %s
        and wake <= %s and stage = 3 order by wake limit %s
    ) o order by wake, message_id limit %s
"""
_TOO_EARLY = """
    update out set wake = due
    where message_id = any(%s::int8[]) and stage = 3 and due > wake
"""
_EXPIRED = """
    select message_id from unnest(%s::int2[]) as s(shard) cross join lateral (
        select message_id, expires_at from waiting where shard = s.shard and provider = %s
        and expires_at <= %s order by expires_at limit %s
    ) w order by expires_at limit %s
"""
_TRIED = """
    select message_id from unnest(%s::int2[]) as s(shard) cross join lateral (
        select message_id, due from waiting where shard = s.shard and provider = %s
        and system_id = %s and priority = %s and due > %s and attempts > 0
        order by due desc limit %s
    ) w order by due desc limit %s
"""
_HASTEN = """
    update waiting set due = m.accepted_at from message m
    where waiting.message_id = any(%s::int8[]) and m.message_id = any(%s::int8[])
    and m.message_id = waiting.message_id
"""
_SHARED = "select distinct message_id from shared where request = any(%s::text[])"
_ANY_DECISION = "select message_id from decision order by message_id limit 1000"
_DECIDED = """
    delete from decision where message_id = any(%s::int8[]) and not exists (
        select 1 from out where out.message_id = decision.message_id and shard <> all(%s::int2[])
    ) returning message_id, verb
"""
_ANY_OPEN = """
    select 1 from generate_series(0, %s) as s(shard) cross join lateral (
        select 1 from {} where shard = s.shard::int2 and provider = %s limit 1
    ) x limit 1
"""
_UNCERTAIN = """
    select coalesce(sum(n), 0)::int8 from unnest(%s::int2[]) as s(shard) cross join lateral (
        select count(*) as n from out where shard = s.shard and unsure is not null
    ) o
"""
_MEASURES = {
    "unmatched": "select count(*) from unmatched where kind = 'report'",
    "bytes": "select pg_database_size(current_database())",
}


def waiting(
    db: Connection,
    owner: ShardOwner,
    provider: str,
    lines: Sequence[LineQuery],
    now: float,
    limit: int,
) -> list[list[Attempt]]:
    """Return WAITING messages that are due, by line, the longest due first."""
    if not lines:
        return []
    names, priorities, skips = zip(*lines, strict=True)
    most = [limit + len(skip) for skip in skips]
    shards = list(owner.shards)
    ids: list[list[int]] = [[] for _ in lines]
    for line, message_id in ask(
        db, _WAITING, (list(names), list(priorities), most, shards, provider, now)
    ):
        place = line - 1
        if message_id not in skips[place] and len(ids[place]) < limit:
            ids[place].append(message_id)
    found = by_ids(db, [each for some in ids for each in some])
    return [[found[each].attempt for each in some if each in found] for some in ids]


def due(
    db: Connection, owner: ShardOwner, stage: Stage, provider: str, now: float, limit: int
) -> list[Attempt]:
    """Return SUBMITTING or SUBMITTED messages that are due, the longest due first."""
    shards = list(owner.shards)
    if stage is Stage.SUBMITTING:
        ids = ask(db, _UNSURE, (shards, provider, now, limit, limit)).fetchall()
        return in_order(db, [message_id for (message_id,) in ids])
    found: list[tuple[float, int]] = []
    while len(found) < limit:
        asked = limit - len(found)
        rows = ask(db, _WOKEN, (shards, provider, now, limit, limit)).fetchall()
        found = sorted((at, message_id) for message_id, at in rows if at <= now)
        early = [message_id for message_id, at in rows if at > now]
        if early:  # looked at too early: again when it is due
            ask(db, _TOO_EARLY, (early,))
        if not early or len(rows) < asked:
            break
    return in_order(db, [message_id for _, message_id in found])


def expired(
    db: Connection, owner: ShardOwner, provider: str, now: float, limit: int
) -> list[Attempt]:
    """Return WAITING messages whose deadline has passed."""
    ids = ask(db, _EXPIRED, (list(owner.shards), provider, now, limit, limit)).fetchall()
    return in_order(db, [message_id for (message_id,) in ids])


def hasten(
    db: Connection,
    owner: ShardOwner,
    provider: str,
    lines: Sequence[tuple[str, int]],
    now: float,
    limit: int,
) -> int:
    """Make WAITING messages due that were tried and are not due yet; return how many."""
    ids: list[int] = []
    for system_id, priority in lines:
        left = limit - len(ids)
        values = (list(owner.shards), provider, system_id, priority, now, left, left)
        ids += [message_id for (message_id,) in ask(db, _TRIED, values)]
    if not ids:
        return 0
    with owner.fenced(db):
        return ask(db, _HASTEN, (ids, ids)).rowcount


def batches(db: Connection, owner: ShardOwner, keys: Sequence[str]) -> dict[str, list[Found]]:
    """Return the owner's messages of shared requests, in order of message_id."""
    found: dict[str, list[Found]] = {key: [] for key in keys}
    ids = [message_id for (message_id,) in ask(db, _SHARED, (list(keys),))]
    messages = by_ids(db, ids, owner).values()
    for each in sorted(messages, key=lambda f: f.attempt.message.message_id):
        if each.attempt.batch in found and each.ours:
            found[each.attempt.batch].append(each)
    return found


def decisions(db: Connection, owner: ShardOwner) -> list[tuple[Found, str]]:
    """Return the decisions about Uncertain messages of the owner, each once.

    One about a message that is not Uncertain any more is deleted by whoever reads it.
    """
    ids = [message_id for (message_id,) in ask(db, _ANY_DECISION)]
    if not ids:
        return []
    with owner.fenced(db):
        rows = ask(db, _DECIDED, (ids, list(owner.shards))).fetchall()
    found = by_ids(db, [message_id for message_id, _ in rows])
    return [
        (found[message_id], verb)
        for message_id, verb in rows
        if message_id in found and found[message_id].stage is Stage.SUBMITTING
    ]


def open_messages(db: Connection, provider: str) -> bool:
    """Whether a provider has messages that are not FINISHED, whoever owns them."""
    return any(
        ask(db, _ANY_OPEN.format(table), (SLOTS_UP_TO, provider)).fetchone()
        for table in ("waiting", "out")
    )


def measure(db: Connection, owner: ShardOwner) -> dict[str, float]:
    """Return figures for gauges: the owner's Uncertain messages; reports; octets of the store."""
    figures = {name: float(_one(db, question)) for name, question in _MEASURES.items()}
    row = ask(db, _UNCERTAIN, (list(owner.shards),)).fetchone()
    return figures | {"uncertain": float(row[0]) if row else 0.0}


def _one(db: Connection, question: str) -> int:
    row = ask(db, question).fetchone()
    return int(row[0]) if row else 0
