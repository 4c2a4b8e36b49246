"""Deliveries that are owed, and MO messages and opt-outs, on PostgreSQL.

A delivery has a holder, the bridge that delivers it; one that nobody holds, or a bridge that has
ended, is taken by the first bridge that has the account's session and asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from smppbridge.model.message import Stage
from smppbridge.model.report import Delivery
from smppbridge.smpp.constants import MessageState
from smppbridge.store.mo import MOST_OPTOUTS, read_mo
from smppbridge.store.port import Found
from smppbridge.store.postgres.found import Connection, ShardOwner, ask, by_ids
from smppbridge.store.records import DeliveryRow, columns, read_delivery
from smppbridge.store.statements import SqlRow

AT_ONCE = 20_000  # rows of an index that a step looks at
_START: SqlRow = ("", -1.0, -1.0)
_KEPT_ENDED: Final = 3_600.0  # seconds
_DELIVERY = columns(DeliveryRow)
_FREE = "(holder = %s or holder = 0 or holder in (select slot from node where ended))"

_DUE = f"""
    select {_DELIVERY}, holder from delivery
    where system_id = %s and due <= %s and {_FREE} order by due, expires_at limit %s
"""
_CLAIM = f"""
    update delivery set holder = %s where ctid = any(array(
        select d.ctid from unnest(%s::int8[], %s::int2[]) as v(id, state) cross join lateral (
            select ctid from delivery where message_id = v.id and state = v.state
            and {_FREE} for update skip locked
        ) d
    )) returning message_id, state
"""
_PAST = f"""
    select * from (
        select system_id, due, expires_at, message_id, state, holder from delivery
        where (system_id, due, expires_at) > (%s, %s, %s)
        order by system_id, due, expires_at limit %s
    ) d where expires_at <= %s and {_FREE} order by system_id, due, expires_at limit %s
"""
_LAST = """
    select system_id, due, expires_at from delivery
    where (system_id, due, expires_at) > (%s, %s, %s)
    order by system_id, due, expires_at offset %s limit 1
"""
_LAPSE = """
    with gone as (
        delete from delivery where ctid = any(array(
            select d.ctid from unnest(%s::int8[], %s::int2[]) as v(id, state) cross join lateral (
                select ctid from delivery where message_id = v.id and state = v.state
                for update skip locked
            ) d
        )) returning *
    ), kept as (
        insert into ended (
            message_id, state, parent, system_id, error, done_at, attempts, finished_at,
            command_status
        ) select message_id, state, parent, system_id, error, done_at, attempts, %s, null from gone
    ) select system_id, count(*) from gone group by system_id
"""
_MOS = """
    select message_id, source, source_plan, destination, destination_plan, octets, data_coding,
    esm_class, heard_at from mo where message_id = any(%s::int8[])
"""
_KEPT = "select message_id from mo where message_id = any(%s::int8[])"
# From one account to the next, and the first of each by due.
_OLDEST = """
    with recursive account(system_id) as (
        select min(system_id) from delivery
        union all
        select (select min(system_id) from delivery where system_id > account.system_id)
        from account where system_id is not null
    )
    select system_id, (
        select min(done_at) from (
            select done_at from delivery where delivery.system_id = account.system_id
            order by due limit 200
        ) d
    ) from account where system_id is not null
"""
_OPTOUTS = "select provider, number from optout where ended_at is null order by at desc limit %s"
_ENDED = "select provider, number, ended_at from optout where ended_at is not null"
_CLEAN = "delete from optout where ended_at < %s"


def owed(
    db: Connection,
    owner: ShardOwner,
    system_id: str,
    now: float,
    limit: int,
    skip: Collection[tuple[int, int]] = frozenset(),
) -> list[Delivery]:
    """Return due deliveries owed to an account, the longest due first; the owner holds them."""
    read = ask(db, _DUE, (system_id, now, owner.slot, limit + len(skip))).fetchall()
    rows = [(DeliveryRow._make(row[:-1]), row[-1]) for row in read]
    wanted = [each for each in rows if each[0][:2] not in skip][:limit]
    others = [row[:2] for row, holder in wanted if holder != owner.slot]
    if others:
        taken = _claimed(db, owner, others)
        wanted = [each for each in wanted if each[1] == owner.slot or each[0][:2] in taken]
    return _deliveries(db, system_id, [row for row, _ in wanted])


def kept_mos(db: Connection, ids: Sequence[int]) -> set[int]:
    """Return the message_ids of *ids* that MO messages in the store have."""
    return {message_id for (message_id,) in ask(db, _KEPT, (list(ids),))}


def oldest_owed(db: Connection) -> dict[str, float]:
    """Return when the oldest delivery owed to each account began to be owed, in UNIX seconds.

    The oldest of the 200 that are due first: exact while no more than 200 of an account wait.
    """
    return dict(ask(db, _OLDEST).fetchall())


def optouts(db: Connection) -> list[tuple[str, str]]:
    """Return opt-outs as (provider, number), the latest of them if they are very many."""
    return ask(db, _OPTOUTS, (MOST_OPTOUTS,)).fetchall()


class DeliveryWalks:
    """How far a bridge has walked through rows; only its writer thread asks.

    A walk over deliveries goes on where the one before it ended.  An opt-out that a person has
    ended is for every bridge: its row stays for an hour.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._owed = _START
        self._ended: dict[tuple[str, str], float] = {}

    def lapse(self, db: Connection, owner: ShardOwner, now: float, limit: int) -> dict[str, int]:
        """Conclude deliveries past their *expires_at*; return how many by system_id.

        Those that another bridge holds are left to it.
        """
        found = ask(db, _PAST, (*self._owed, AT_ONCE, now, owner.slot, limit)).fetchall()
        following = _START
        if len(found) == limit:
            following = self._owed  # those that were found are gone then
        elif (last := ask(db, _LAST, (*self._owed, AT_ONCE - 1)).fetchone()) is not None:
            following = last
        lapsed: dict[str, int] = {}
        if found:
            *_, ids, states, _ = map(list, zip(*found, strict=True))
            with owner.fenced(db):
                lapsed = dict(ask(db, _LAPSE, (ids, states, now)).fetchall())
        self._owed = following
        return lapsed

    def ended_optouts(self, db: Connection, owner: ShardOwner) -> list[tuple[str, str]]:
        """Return the opt-outs that a person has ended since the last call."""
        ended = {(provider, number): at for provider, number, at in ask(db, _ENDED)}
        news = [key for key, at in ended.items() if self._ended.get(key) != at]
        self._ended = ended
        old = self._wall() - _KEPT_ENDED
        if any(at < old for at in ended.values()):
            with owner.fenced(db):
                ask(db, _CLEAN, (old,))
        return news


def _claimed(db: Connection, owner: ShardOwner, keys: Sequence[SqlRow]) -> set[SqlRow]:
    """Hold deliveries, but those that another bridge takes at this moment."""
    ids, states = map(list, zip(*keys, strict=True))
    with owner.fenced(db):
        return set(ask(db, _CLAIM, (owner.slot, ids, states, owner.slot)).fetchall())


def _deliveries(db: Connection, system_id: str, rows: Sequence[DeliveryRow]) -> list[Delivery]:
    messages = by_ids(db, {row.parent for row in rows if row.state})
    found = [
        read_delivery(
            row, messages[row.parent].attempt, finished=_ended_so(row, messages[row.parent])
        )
        for row in rows
        if row.state and row.parent in messages
    ]
    phones = [row for row in rows if not row.state]
    if phones:
        found += _mos(db, system_id, phones)
    return sorted(found, key=lambda d: (d.due, d.message_id))


def _ended_so(row: DeliveryRow, found: Found) -> bool:
    """Whether the message of a delivery ended ACCEPTED, a state that most messages leave again."""
    return (
        row.state == MessageState.ACCEPTED
        and found.stage is Stage.FINISHED
        and found.attempt.state == row.state
    )


def _mos(db: Connection, system_id: str, rows: Sequence[DeliveryRow]) -> list[Delivery]:
    read = ask(db, _MOS, ([row.message_id for row in rows],))
    contents = {message_id: rest for message_id, *rest in read}
    return [
        read_mo(system_id, row, contents[row.message_id])
        for row in rows
        if row.message_id in contents
    ]
