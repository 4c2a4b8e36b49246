"""Dues that were written before the clocks were set back, brought near again.

A bridge whose clock is not the database's does not start: so all clocks were ahead, and are not.
Those of the rows of shards that a bridge has just got are brought near once, a little at a time: a
message whose due lies far ahead is not looked at meanwhile, and nobody waits for the walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from smppbridge.model.identifiers import given_at
from smppbridge.store.dues import LONGEST_PAUSE
from smppbridge.store.postgres.found import Connection, ask
from smppbridge.store.postgres.restoring import last_id
from smppbridge.store.postgres.writer import PostgresWriter

LOOKED_AT: Final = 5_000
"""Rows that are looked at in one transaction."""
CLOCKS: Final = 5.0
"""Seconds by which the clocks of two bridges may differ: no reason to bring anything near."""
_STAMP = "greatest(m.accepted_at, s.begun_at, s.answered_at)"  # of nulls it knows nothing
_SEEN = "seen as (select * from {0} where message_id > %s order by message_id limit %s)"
_FAR = f"""
    far as (
        select s.message_id, {_STAMP} - v.now as lead from (
            select %s::int2[] as mine, %s::float8 as now, %s::float8 as ahead
        ) v cross join seen s cross join lateral (
            select accepted_at from message where message_id = s.message_id offset 0
        ) m where s.shard = any(v.mine) and {{due}} > v.now and {_STAMP} > v.ahead and {{tried}}
    )
"""
# a message that is scheduled keeps its time: no provider has been tried yet
_WAITS = _FAR.format(due="s.due", tried="(s.attempts > 0 or s.due <= m.accepted_at)")
_IS_OUT = _FAR.format(due="coalesce(s.unsure, s.due, s.wake)", tried="true")
_LAST = "select max(message_id) from seen"
_WALKS: Final = {
    "waiting": f"""
        with {_SEEN}, {_WAITS},
        moved as (
            update waiting w set due = w.due - far.lead from far
            where w.message_id = far.message_id
            and w.message_id = any(array(select message_id from far))
        ) {_LAST}
    """,
    "out": f"""
        with {_SEEN}, {_IS_OUT},
        moved as (
            update out o set due = o.due - far.lead, wake = o.wake - far.lead,
            unsure = o.unsure - far.lead from far
            where o.message_id = far.message_id
            and o.message_id = any(array(select message_id from far))
        ) {_LAST}
    """,
}
_DELIVERIES = """
    with seen as (
        select message_id, state from delivery where message_id > %s
        order by message_id fetch first %s rows with ties
    ), moved as (
        update delivery d set due = v.now from (
            select %s::int2[] as mine, %s::float8 as now, %s::float8 as longest
        ) v, seen s where d.message_id = s.message_id and d.state = s.state
        and d.message_id = any(array(select message_id from seen))
        and d.due > v.longest and d.holder = any(v.mine)
    ) select max(message_id) from seen
"""


class Dues:
    """Brings the dues of a bridge's rows near; in the store thread, behind the fence."""

    def __init__(self, writer: PostgresWriter) -> None:
        self._writer = writer

    async def bring_near(self, now: float, shards: Sequence[int]) -> None:
        """Move the dues of shards nearer if a message_id was given at a time still to come.

        A due moves by as much as the latest time of its message lies ahead of *now* (UNIX seconds).
        Raises StoreFailure.
        """
        if given_at(await self._writer.query(last_id)) <= now + CLOCKS:
            return
        mine = list(shards)
        for table, walk in _WALKS.items():
            await self._walk(walk.format(table), (mine, now, now + CLOCKS))
        await self._walk(_DELIVERIES, ([0, *mine], now, now + LONGEST_PAUSE))

    async def _walk(self, step: str, values: Sequence[Any]) -> None:
        after: int | None = -1

        def look(db: Connection) -> int | None:
            row = ask(db, step, (after, LOOKED_AT, *values)).fetchone()
            return None if row is None else row[0]

        while after is not None:
            after = await self._writer.act(look)
