"""members: the nodes that share a store, for people; and a node that a person takes the slot of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import errors

from smppbridge.store.postgres import takeover
from smppbridge.store.postgres.fence import terminate
from smppbridge.store.postgres.watch import channel_of

_NODES = (
    "select slot, name, coalesce(version, ''), coalesce(address, ''), coalesce(config, ''),"
    " extract(epoch from clock_timestamp() - beat_at)::float8 from node where not ended"
    " order by slot"
)
_SHARDS = "select slot, adopter from node where ended and adopter is not null order by slot"
_WAITING = "select shard, count(*) from waiting group by shard"
_OUT = "select shard, count(*), count(unsure) from out group by shard"
_BOUND = "select slot, count(*) from bound group by slot"
_JOBS = (
    "select j.slot, j.name from job j join node n on n.slot = j.slot and n.epoch = j.epoch"
    " where not n.ended order by j.name"
)
_NAMED = "select slot, epoch from node where name = %s and not ended"
_INTERRUPTED = (
    "select count(*) from out where shard in (select slot from node where slot = %(slot)s"
    " or (ended and adopter = %(slot)s)) and stage = 2 and unsure is null"
)

_SOON = "set local lock_timeout = '1s'"


class NoSuchNode(Exception):
    """No node of this name lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that lives by the database: its marks, and its shards.

    *beat* is seconds since its last beat; *shards* are its own slot and those that it took over;
    *out* counts messages SUBMITTING and SUBMITTED, *uncertain* those of them that are Uncertain.
    """

    name: str
    slot: int
    version: str
    address: str
    config: str
    beat: float | None
    shards: tuple[int, ...]
    waiting: int
    out: int
    uncertain: int
    binds: int
    jobs: tuple[str, ...]


class Members(NamedTuple):
    """All nodes that live, and the shards with work that no node has."""

    nodes: tuple[Member, ...]
    nobodys: tuple[int, ...]


class Evicted(NamedTuple):
    """A node whose slot was taken: how many of its messages become Uncertain."""

    slot: int
    interrupted: int


def members(db: psycopg.Connection[Any]) -> Members:
    """Return the nodes that share a store."""
    nodes = db.execute(_NODES).fetchall()
    adopted = db.execute(_SHARDS).fetchall()
    waiting: dict[int, int] = dict(db.execute(_WAITING).fetchall())
    out = {shard: (count, unsure) for shard, count, unsure in db.execute(_OUT)}
    bound: dict[int, int] = dict(db.execute(_BOUND).fetchall())
    jobs = db.execute(_JOBS).fetchall()
    found = []
    for slot, name, version, address, config, beat in nodes:
        shards = (slot, *(each for each, adopter in adopted if adopter == slot))
        found.append(
            Member(
                name=name,
                slot=slot,
                version=version,
                address=address,
                config=config,
                beat=beat,
                shards=shards,
                waiting=sum(waiting.get(each, 0) for each in shards),
                out=sum(out.get(each, (0, 0))[0] for each in shards),
                uncertain=sum(out.get(each, (0, 0))[1] for each in shards),
                binds=bound.get(slot, 0),
                jobs=tuple(job for by, job in jobs if by == slot),
            )
        )
    living = {each.slot for each in found}
    return Members(tuple(found), tuple(slot for slot, adopter in adopted if adopter not in living))


def evict(db: psycopg.Connection[Any], name: str) -> Evicted:
    """Take the slot of a node that lives or seems to: others go on with its messages at once.

    If the process runs, it ends as soon as it finds out.  Raises NoSuchNode, psycopg.Error.
    """
    slot, epoch = _slot_of(db, name)
    try:
        return _evict(db, name, slot, epoch)
    except errors.LockNotAvailable:  # its last transaction does not end
        terminate(db, name, slot, epoch)
        return _evict(db, name, slot, epoch)


def _evict(db: psycopg.Connection[Any], name: str, slot: int, epoch: int) -> Evicted:
    with db.transaction():
        db.execute(_SOON)
        row = db.execute(_INTERRUPTED, {"slot": slot}).fetchone()
        if not takeover.hand_over(db, slot, epoch):
            raise NoSuchNode(f"node {name!r} has another epoch just now: try again")
    return Evicted(slot, row[0] if row else 0)


def drain(db: psycopg.Connection[Any], name: str) -> int:
    """Have a node end as at SIGTERM; return its slot.  Raises NoSuchNode, psycopg.Error."""
    slot, _ = _slot_of(db, name)
    db.execute("select pg_notify(%s, 'drain')", (channel_of(slot),))
    return slot


def _slot_of(db: psycopg.Connection[Any], name: str) -> tuple[int, int]:
    row = db.execute(_NAMED, (name,)).fetchone()
    if row is None:
        living = ", ".join(each for _, each, *_ in db.execute(_NODES)) or "none"
        raise NoSuchNode(f"no node {name!r} lives, but {living}")
    return row[0], row[1]
