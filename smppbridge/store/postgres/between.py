"""between: the rows by which the bridges of one database hand reports and deliveries to each other.

The methods are for the reactor thread.  Nobody is notified here of new rows: whoever calls
does so after the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import same_id
from smppbridge.relay.report.elsewhere import ToldReport
from smppbridge.store.port import EarlyReport, Found
from smppbridge.store.postgres import records as rec
from smppbridge.store.postgres import statements_ended as ended
from smppbridge.store.postgres.aside import Aside
from smppbridge.store.postgres.found import Connection, ask
from smppbridge.store.postgres.restoring import OWED
from smppbridge.store.postgres.writer import PostgresWriter

CLOCKS: Final = 5.0
"""Seconds by which the clocks of two bridges may differ."""
HANDED_AT_ONCE: Final = 1000
COUNTED_AT_ONCE: Final = 20_000
"""Deliveries that are counted in no time; more are counted beside the writer."""
# Of slots that are free there are rows if a report was told while the slot was given back.  The
# order by both columns keeps the planner from walking all rows by id, once for each slot.
_TOLD = """
    select t.id, t.message_id, t.source, t.provider, t.name, t.state, t.error, t.at, t.renamed,
    t.done_at from (
        select unnest(%s::int2[]) as slot
        union select slot from node where ended and adopter is null
    ) s cross join lateral (
        select * from told where (shard, id) > (s.slot, 0) and (shard, id) < (s.slot + 1, 0)
        order by shard, id limit %s
    ) t order by t.id limit %s
"""
_EARLY = """
    select e.provider, e.provider_message_id, e.state, e.error, e.at, e.renamed, e.done_at
    from unnest(%s::text[], %s::text[], %s::float8[]) as v(provider, name, since)
    cross join lateral (
        select * from early where name = v.name and provider = v.provider and at >= v.since offset 0
    ) e order by e.at
"""
_RECEIVING = """
    select r.system_id, r.slot from receiving r join node n on n.slot = r.slot and not n.ended
    order by r.system_id, r.slot
"""
_CAME = "insert into receiving (slot, system_id) values (%s, %s) on conflict do nothing"
_WENT = "delete from receiving where slot = %s and system_id = %s"
_NONE = "delete from receiving where slot = %s"
_HAND_ON = """
    update delivery set holder = %s where ctid = any(array(
        select d.ctid from delivery d left join lateral (
            select 1 as there from unnest(%s::int8[], %s::int2[]) as v(id, state)
            where v.id = d.message_id and v.state = d.state
        ) kept on true
        where d.system_id = %s and d.holder = %s and kept.there is null limit %s
    )) and holder = %s
"""
Key = tuple[int, int]
"""A delivery's message_id and state."""


class BetweenRows:
    """The verbs of reports and deliveries that are another bridge's."""

    def __init__(self, writer: PostgresWriter, aside: Aside) -> None:
        self._writer, self._aside = writer, aside

    # -- reports --------------------------------------------------------------------------------

    def tell_on(self, reports: Sequence[tuple[Found, EarlyReport]], source: str) -> Deferred[None]:
        """Write reports about messages for the bridges that have these; they are early no more.

        A message that has ended meanwhile keeps its state.
        """
        return self._writer.write(
            [
                (ended.TOLD, [rec.told_row(found, each, source) for found, each in reports]),
                (ended.USED, rec.used_rows([each.key for _, each in reports])),
            ]
        )

    def tell_named(
        self, reports: Sequence[EarlyReport], source: str
    ) -> Deferred[list[tuple[str, int]]]:
        """Write reports for the bridges that have SUBMITTED the messages which these ids name.

        Returns (provider_message_id, shard) of each report that was written; those whose ids name
        no message, several, or one of ours are left out.
        """
        rows = [rec.told_named_row(each, n, source) for n, each in enumerate(reports)]

        def read(result: Any) -> list[tuple[str, int]]:
            return [
                (result.get_value(n, 0).decode(), int(result.get_value(n, 1)))
                for n in range(result.ntuples)
            ]

        return self._writer.carry_out(ended.TELL_NAMED, rows).addCallback(read)

    def told(self, limit: int) -> Deferred[list[ToldReport]]:
        """Return the reports that other bridges have received about our messages, in order."""

        def read(db: Connection) -> list[ToldReport]:
            mine = list(self._writer.tenure.shards)
            return [
                ToldReport(row[0], row[1], row[2], EarlyReport(*row[3:]))
                for row in ask(db, _TOLD, (mine, limit, limit))
            ]

        return self._writer.query(read)

    def drop_told(self, numbers: Sequence[int]) -> Deferred[None]:
        """Delete reports that are settled."""
        return self._writer.write([(ended.UNTOLD, [(number,) for number in numbers])])

    def early_about(self, names: Sequence[tuple[str, str, float]]) -> Deferred[list[EarlyReport]]:
        """Return the early reports about ids or other spellings of them, the first received first.

        *names* are (provider, provider_message_id, since when there is the id).
        """
        providers, ids, since = zip(*names, strict=True)
        values = (
            list(providers),
            [same_id(rec.sound(each)) for each in ids],
            [each - CLOCKS for each in since],
        )
        return self._writer.query(lambda db: [EarlyReport(*row) for row in ask(db, _EARLY, values)])

    # -- deliveries -----------------------------------------------------------------------------

    def receiving(self) -> Deferred[list[tuple[str, int]]]:
        """Return which living bridges have receivers of which accounts: (system_id, slot)."""
        return self._writer.query(lambda db: ask(db, _RECEIVING).fetchall())

    def receive_for(self, system_id: str, receiving: bool) -> Deferred[None]:
        """Write whether this bridge has a receiver of an account."""
        statement = _CAME if receiving else _WENT

        def write(db: Connection) -> None:
            ask(db, statement, (self._writer.tenure.slot, system_id))

        return self._writer.act(write)

    def receive_none(self) -> Deferred[None]:
        """Write that this bridge has no receivers, whatever its slot had before."""

        def write(db: Connection) -> None:
            ask(db, _NONE, (self._writer.tenure.slot,))

        return self._writer.act(write)

    def owed(self, about: int, *, nobodys: bool) -> Deferred[dict[str, int]]:
        """Return how many deliveries this bridge holds, by account; with *nobodys* free ones too.

        They are those of the verbs that have been answered, and no others: but of very many, as
        *about* says how many there are, those answered meanwhile may be there or not.
        """

        def read(db: Connection) -> dict[str, int]:
            holders = [*self._writer.tenure.shards, *([0] if nobodys else [])]
            return dict(ask(db, OWED, (holders,)).fetchall())

        return self._writer.query(read) if about <= COUNTED_AT_ONCE else self._aside.act(read)

    def hand_on(self, system_id: str, kept: Collection[Key], holder: int) -> Deferred[int]:
        """Let another bridge, or nobody (0), hold deliveries of ours but those *kept*.

        Returns how many: at most HANDED_AT_ONCE.
        """
        ids, states = [each[0] for each in kept], [each[1] for each in kept]

        def write(db: Connection) -> int:
            slot = self._writer.tenure.slot
            values = (holder, ids, states, system_id, slot, HANDED_AT_ONCE, slot)
            return ask(db, _HAND_ON, values).rowcount

        return self._writer.act(write)
