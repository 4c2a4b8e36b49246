"""claim: a node takes a slot at its start: its own old one, or one that is free.

The name of a node is unique among the living.  A row of our name that stands there as living is
that of our own process before this one, which ended badly, or that of a second node of our name.
On the same machine the process is looked for; else the row is watched for a lease.  A program that
another one of the same process has become (execve) has the slot of that program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors

from smppbridge.store.migrate import UnfitStore
from smppbridge.store.postgres.fence import ADOPTED, application_name, terminate
from smppbridge.store.postgres.migrate import newest
from smppbridge.store.postgres.observed import NodeRow, Observations
from smppbridge.store.postgres.process import is_dead

LOOKED_EVERY: Final = 20
"""Looks at a row of our name in a lease."""
_SET = (
    "epoch = epoch + 1, ended = false, adopter = null, name = %(name)s, address = %(address)s,"
    " version = %(version)s, schema = %(schema)s, config = %(config)s, process = %(process)s,"
    " beat_at = clock_timestamp(), silent_for = 0"
)
_NAMESAKE = (
    "select slot, name, epoch, txn, ended, adopter, coalesce(process, ''),"
    " extract(epoch from clock_timestamp() - beat_at)::float8"
    " from node where name = %s and not ended"
)
_TAKE_DEAD = (
    f"update node set {_SET} where slot = %(slot)s and epoch = %(epoch)s and not ended"
    " returning slot, epoch, txn"
)
_TAKE_SILENT = _TAKE_DEAD.replace("not ended", "txn = %(txn)s and not ended")
_TAKE_FREE = (
    f"update node set {_SET} where slot = (select slot from node where ended"
    " and (adopter is null or adopter = slot)"  # free, or handed over and not taken yet
    " order by name is distinct from %(name)s, adopter is not null, slot limit 1"
    " for update skip locked) returning slot, epoch, txn"
)


class NodeLives(UnfitStore):
    """A node of this name lives; the names of nodes that share a store differ."""


class NoSlot(UnfitStore):
    """All slots of the store are taken: as many nodes live, or wait to be given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """How a node presents itself; *process* is the mark that `process.this_process` makes."""

    name: str
    address: str = ""
    version: str = ""
    config: str = ""
    process: str = ""


class Claimed(NamedTuple):
    """A slot that is ours: its epoch, the count of its transactions, its shards (ours first)."""

    slot: int
    epoch: int
    txn: int
    shards: tuple[int, ...]


class _Namesake(NamedTuple):
    """The living row of our name, the mark of its process, and seconds since its last beat."""

    row: NodeRow
    process: str
    age: float


def claim(
    db: psycopg.Connection[Any],
    who: NodeIdentity,
    lease: float,
    *,
    wait: Callable[[float], None],
    monotonic: Callable[[], float],
) -> Claimed:
    """Take a slot (blocks, for a lease at most); *db* commits each statement by itself.

    Raises NodeLives, NoSlot, psycopg.Error.
    """
    every = lease / LOOKED_EVERY
    seen = Observations(lease, every)
    first: NodeRow | None = None
    while (found := _namesake(db, who.name)) is not None:
        dead = is_dead(found.process) or (bool(who.process) and found.process == who.process)
        if not dead and first is not None and found.row != first:
            raise NodeLives(f"node {who.name!r} lives: {found.age:.1f} s ago")
        first = found.row
        if not dead and not seen.look([first], monotonic()):
            wait(every)
            continue
        terminate(db, who.name, first.slot, first.epoch)
        # of a dead process the last transaction may come through yet: only its epoch counts
        how = _TAKE_DEAD if dead else _TAKE_SILENT
        if claimed := _take(db, how, who, slot=first.slot, epoch=first.epoch, txn=first.txn):
            return claimed
    claimed = _take(db, _TAKE_FREE, who)
    if claimed is None:
        raise NoSlot("no slot is free")
    return claimed


def _namesake(db: psycopg.Connection[Any], name: str) -> _Namesake | None:
    row = db.execute(_NAMESAKE, (name,)).fetchone()
    return None if row is None else _Namesake(NodeRow(*row[:6]), row[6], row[7] or 0.0)


def _take(
    db: psycopg.Connection[Any], statement: str, who: NodeIdentity, **more: Any
) -> Claimed | None:
    values = {
        "name": who.name,
        "address": who.address,
        "version": who.version,
        "schema": newest(),
        "config": who.config,
        "process": who.process,
        **more,
    }
    try:
        row = db.execute(statement, values).fetchone()
    except errors.UniqueViolation:
        raise NodeLives(f"node {who.name!r} lives: it starts just now") from None
    if row is None:
        return None
    slot, epoch, txn = row
    db.execute(
        "select set_config('application_name', %s, false)",
        (application_name(who.name, slot, epoch),),
    )
    adopted = db.execute(ADOPTED, (slot,)).fetchall()
    return Claimed(slot, epoch, txn, (slot, *(each for (each,) in adopted)))
