"""adopted_shards: the shards of other nodes that are ours now: restored, then given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.task import deferLater

from smppbridge.store.port import StoreFailure

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.store.postgres.store import PostgresStore

MOVED_EVERY, TRIED_EVERY = 0.05, 1.0
"""Seconds between two steps of giving a shard back; after a step that failed."""


class AdoptedShards:
    """The shards that this node has from others, in memory or on their way.

    *is_fenced* tells whether another node has taken this one over.  Only its own methods write its
    fields, all in the reactor thread.
    """

    def __init__(self, bridge: Bridge, store: PostgresStore, is_fenced: Callable[[], bool]) -> None:
        self._bridge, self._store, self._is_fenced = bridge, store, is_fenced
        self._adopting, self._giving = set[int](), set[int]()

    def adopt(self, slots: Sequence[int]) -> None:
        """Go on with shards that are ours by the database, as far as they are not in memory yet."""
        known = {*self._store.tenure.shards, *self._adopting, *self._giving}
        if fresh := [slot for slot in slots if slot not in known]:
            self._adopting.update(fresh)
            self._bridge.spawn(self._adopt(fresh))

    async def _adopt(self, slots: list[int]) -> None:
        bridge, store, began = self._bridge, self._store, time.monotonic()
        try:
            restored = await store.adopt(slots)
            ours = [slot for slot in slots if slot in store.tenure.shards]
            bridge.restore(restored)
        except StoreFailure:
            return  # the next look finds them again
        finally:
            self._adopting.difference_update(slots)
        bridge.journal(
            "shards_adopted",
            slots=ours,
            waiting=sum(each.messages for each in restored.waiting),
            interrupted=len(restored.interrupted),
            seconds=round(time.monotonic() - began, 3),
        )
        bridge.spawn(store.dues.bring_near(bridge.clock.wall(), ours))
        self.give_back(ours)

    def give_back(self, slots: Sequence[int]) -> None:
        """Move the leftovers of shards in memory to our own, until their slots are free."""
        self._giving.update(slots)
        for slot in slots:
            self._bridge.spawn(self._give_back(slot))

    async def _give_back(self, slot: int) -> None:
        """Move the leftovers of a shard, a little at a time."""
        bridge, free = self._bridge, False
        while not free and not self._is_fenced() and not bridge.draining:
            try:
                free = await self._store.give_back(slot)
            except StoreFailure:
                await deferLater(bridge.reactor, TRIED_EVERY)
            else:
                await deferLater(bridge.reactor, MOVED_EVERY)
        self._giving.discard(slot)
        if free:
            bridge.journal("slot_given_back", slot=slot)
