"""homes: the segments of one message that several bridges have received gather at one, its home.

A message is nobody's business but its bridge's while its segments come in time.  One that lacks
segments after a moment is announced, and who was first to announce it is the home.  Any other
bridge lets its segments go, and only then makes their rows the home's: no two have them in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from smppbridge.model.message import GatheringKey
from smppbridge.relay.accept.elsewhere import take_in
from smppbridge.relay.accept.series import Gathering
from smppbridge.service.nodes.one_at_a_time import OneAtATime
from smppbridge.store.gathered import digest_of
from smppbridge.store.port import StoreFailure

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.store.postgres.store import PostgresStore

WAITED = 0.5
"""Seconds without a segment after which a message that lacks some is announced."""
TAKEN_AT_ONCE = 500
Notify = Callable[[int | None, str, str], None]


class Homes:
    """The gatherings of a bridge that the others know of.

    *alone_now* is whether no other bridge runs, *notify* is given a slot, a kind and a key.  Only
    its own methods write its fields, in the reactor thread.
    """

    def __init__(self, store: PostgresStore, alone_now: Callable[[], bool], notify: Notify) -> None:
        self._store, self._rows = store, store.homes
        self._alone_now, self._notify = alone_now, notify
        self._announced: dict[GatheringKey, str] = {}  # of which we are the home, by their digests
        self._looking, self._taking = False, OneAtATime(self._take)
        self._bridge: Bridge

    def start(self, bridge: Bridge) -> None:
        """Gather the segments of a bridge from now on."""
        self._bridge = bridge

    def look(self) -> None:
        """Take in segments that have arrived, and announce those that wait; called every second."""
        if not self._looking and not self._bridge.draining:
            self._looking = True
            self._bridge.spawn(self._look())

    def told(self) -> None:
        """Take in segments that another bridge has handed over."""
        self._bridge.spawn(self._taking.take())

    async def _look(self) -> None:
        try:
            await self._taking.take()
            await self._end()
            if not self._alone_now():
                await self._announce()
        finally:
            self._looking = False

    async def _take(self) -> bool:
        """Gather segments that are ours now, as though they were received here."""
        bridge = self._bridge
        if bridge.draining:
            return False
        handed = await self._rows.arriving(list(bridge.doors.binds.rights), TAKEN_AT_ONCE)
        accounts = bridge.doors.binds.rights  # a reload may have removed some meanwhile
        known = [each for each in handed if each[0].system_id in accounts]
        if known and not bridge.draining:
            wall, now = bridge.clock.wall(), bridge.clock.monotonic()
            await take_in(bridge.relay.accept, known, accounts, wall, now)
        return len(handed) == TAKEN_AT_ONCE

    async def _end(self) -> None:
        """Be the home no more of messages that do not wait here: ours, and of bridges before."""
        gather = self._bridge.relay.accept.gather
        ours = await self._rows.ours()
        if unknown := ours.difference(self._announced.values()):  # of a shard that was taken over
            digests = [(key, digest_of(key)) for key in gather.open_keys()]
            self._announced |= {key: digest for key, digest in digests if digest in unknown}
        kept = {
            k: digest for k, digest in self._announced.items() if digest in ours and gather.has(k)
        }
        if ended := ours.difference(kept.values()):
            await self._rows.end(ended)
        self._announced = kept

    async def _announce(self) -> None:
        """Announce the messages that wait, and hand over those whose home is another bridge."""
        gather, clock = self._bridge.relay.accept.gather, self._bridge.clock
        waiting = gather.waiting(clock.monotonic() - WAITED)
        fresh = {each.key for each in waiting} - self._announced.keys()
        if not fresh:
            return
        elsewhere = await self._rows.announce(fresh)
        self._announced |= {key: digest_of(key) for key in fresh - elsewhere}
        waiting = gather.waiting(clock.monotonic() - WAITED)  # some are whole meanwhile
        if handed := [each for each in waiting if each.key in elsewhere]:
            await self._hand_over(handed)

    async def _hand_over(self, gatherings: Sequence[Gathering]) -> None:
        """Hand the segments of messages to their homes; those that cannot be go on here."""
        gather, clock = self._bridge.relay.accept.gather, self._bridge.clock
        released = [(g.key, segment) for g in gatherings for segment in gather.release(g)]
        ids: dict[GatheringKey, list[int]] = {}
        for key, segment in released:
            ids.setdefault(key, []).append(segment.message_id)
        moved, slots = frozenset[int](), frozenset[int]()
        with suppress(StoreFailure):
            moved, slots = await self._rows.hand_over(ids)
        kept = [  # but for those that could not be recorded: they were refused meanwhile
            (key, segment)
            for key, segment in released
            if segment.message_id and segment.message_id not in moved
        ]
        gather.restore(kept, (), clock.wall(), clock.monotonic())
        for slot in slots:
            self._notify(slot, "segments", "")
