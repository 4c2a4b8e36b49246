"""homes: the rows by which the segments of one message gather at one of several bridges, its home.

Of two bridges that have a message's segments the first to say so is the home: a key is unique.  The
other one hands its segments over: their rows become the home's, and arrive there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred

from smppbridge.model.message import GatheringKey, Segment
from smppbridge.store.gathered import digest_of, read_gathering
from smppbridge.store.postgres.found import Connection, ask
from smppbridge.store.postgres.writer import PostgresWriter

_ANNOUNCE = """
    insert into gathering (key, slot) select v.key, %s from unnest(%s::text[]) as v(key)
    on conflict (key) do nothing
"""
_ELSEWHERE = "select key from gathering where key = any(%s::text[]) and slot <> all(%s::int2[])"
# The home is locked: whoever gives its slot back waits, and finds the rows that came meanwhile.
_HAND_OVER = """
    with home as (
        select key, slot from gathering where key = any(%s::text[]) and slot <> all(%s::int2[])
        order by key for share
    )
    update segment s set shard = home.slot, arriving = true
    from unnest(%s::int8[], %s::text[]) as v(id, key) join home on home.key = v.key
    where s.message_id = v.id and s.message_id = any(%s::int8[]) and s.shard = any(%s::int2[])
    returning s.message_id, s.shard
"""
_ARRIVING = """
    select message_id, number, registered_delivery, received_at, octets, context from segment
    where arriving and shard = any(%s::int2[]) and context::json -> 'key' ->> 0 = any(%s::text[])
    order by message_id limit %s
"""
_OURS = "select key from gathering where slot = any(%s::int2[])"
_END = "delete from gathering where key = any(%s::text[]) and slot = any(%s::int2[])"


class HandedOver(NamedTuple):
    """The message_ids of segments that are another bridge's now, and the slots of such bridges."""

    ids: frozenset[int]
    slots: frozenset[int]


class HomeRows:
    """The rows of gatherings and arriving segments; methods are for the reactor thread."""

    def __init__(self, writer: PostgresWriter) -> None:
        self._writer = writer

    def announce(self, keys: Collection[GatheringKey]) -> Deferred[set[GatheringKey]]:
        """Write that we have segments of messages; return the messages that others have said so of.

        Of the other ones we are the home.
        """
        by_digest = {digest_of(key): key for key in keys}
        digests = sorted(by_digest)  # two bridges in one order

        def write(db: Connection) -> set[GatheringKey]:
            tenure = self._writer.tenure
            ask(db, _ANNOUNCE, (tenure.slot, digests))
            found = ask(db, _ELSEWHERE, (digests, list(tenure.shards)))
            return {by_digest[digest] for (digest,) in found}

        return self._writer.act(write)

    def hand_over(self, segments: Mapping[GatheringKey, Sequence[int]]) -> Deferred[HandedOver]:
        """Give segments, by their message_ids, to the homes of their messages.

        A segment that is not returned is ours yet: its message has no home any more, or we are it.
        """
        pairs = [(n, digest_of(key)) for key, ids in segments.items() for n in ids]
        ids, digests = [n for n, _ in pairs], [digest for _, digest in pairs]

        def write(db: Connection) -> HandedOver:
            mine = list(self._writer.tenure.shards)
            values = (sorted(set(digests)), mine, ids, digests, ids, mine)
            moved = ask(db, _HAND_OVER, values).fetchall()
            return HandedOver(frozenset(n for n, _ in moved), frozenset(slot for _, slot in moved))

        return self._writer.act(write)

    def arriving(
        self, accounts: Collection[str], limit: int
    ) -> Deferred[list[tuple[GatheringKey, Segment]]]:
        """Return our segments of accounts that are not received yet, with their messages' keys.

        They arrive no more once they are accepted, or their message is.
        """

        def read(db: Connection) -> list[tuple[GatheringKey, Segment]]:
            values = (list(self._writer.tenure.shards), list(accounts), limit)
            return [read_gathering(row) for row in ask(db, _ARRIVING, values)]

        return self._writer.query(read)

    def ours(self) -> Deferred[set[str]]:
        """Return the digests of the messages whose home we are."""
        return self._writer.query(
            lambda db: {key for (key,) in ask(db, _OURS, (list(self._writer.tenure.shards),))}
        )

    def end(self, digests: Collection[str]) -> Deferred[None]:
        """Write that we are no longer the home of messages, by their digests."""

        def write(db: Connection) -> None:
            ask(db, _END, (sorted(digests), list(self._writer.tenure.shards)))

        return self._writer.act(write)
