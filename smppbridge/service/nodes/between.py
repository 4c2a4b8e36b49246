"""between: reports, deliveries and segments that the bridges of one database hand on.

Whoever writes a row for another bridge notifies it after the commit.  A notification may be lost:
all that it stands for is looked at every second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from smppbridge.relay.report.elsewhere import receive_told
from smppbridge.service.nodes.homes import Homes
from smppbridge.service.nodes.one_at_a_time import OneAtATime
from smppbridge.store.port import EarlyReport, Found
from smppbridge.store.postgres.between import HANDED_AT_ONCE

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.store.postgres.store import PostgresStore

LOOKED_EVERY = 1.0
COUNTED_EVERY = 10
"""Looks between two counts of the deliveries that are owed."""
TAKEN_AT_ONCE = 500
SOUGHT_AFTER = 3
"""Looks after the start: by then the others know that this bridge runs."""
HANDED_FOR = 60.0
"""Seconds for which deliveries may come that others made while an account was bound here."""
Notify = Callable[[int | None, str, str], None]


@dataclass(slots=True)
class Leaving:
    """An account that is bound here no more; its deliveries are looked at *at*, and after *pause*.

    Only Between writes it.
    """

    at: float = 0.0
    pause: float = 1.0


class Between:
    """The SharedReports and the Places of a bridge that shares its store.

    *alone_now* is whether no other bridge runs, *notify* is given a slot (None: all), a kind and a
    key.  It counts reports and deliveries that it hands on.  Only its own methods write its fields,
    and the store's `holders`, in the reactor thread.
    """

    def __init__(self, store: PostgresStore, alone_now: Callable[[], bool], notify: Notify) -> None:
        self._store, self._rows = store, store.between
        self._alone_now, self._notify = alone_now, notify
        self._homes = Homes(store, alone_now, notify)
        self._here: set[str] = set()  # accounts with a receiver here
        self._said: set[str] = set()  # of them, those that the others can see
        self._others: dict[str, list[int]] = {}
        self._leaving: dict[str, Leaving] = {}
        self.watchers: list[Callable[[str], None]] = []  # of which bridges have receivers
        self._handed = ""  # the account whose deliveries are being handed on
        self._taking = OneAtATime(self._take)
        self._saying = self._handing = self._counting = False
        self.reports_forwarded = Counter[str]()  # by provider
        self.receipts_forwarded = Counter[str]()  # by account
        self._bridge: Bridge
        self._loop: LoopingCall | None = None
        self._looks = 0

    def start(self, bridge: Bridge) -> None:
        """Look every second from now on; deliveries of before that nobody here receives go on."""
        self._bridge = bridge
        self._leaving = {s: Leaving() for s in bridge.relay.deliver.outboxes if s not in self._here}
        self._homes.start(bridge)
        self._loop = LoopingCall(self._look)
        self._loop.clock = bridge.reactor
        bridge.spawn(self._begin(self._loop))

    async def _begin(self, loop: LoopingCall) -> None:
        await self._rows.receive_none()
        loop.start(LOOKED_EVERY)

    def stop(self) -> None:
        """Look no more."""
        if self._loop is not None and self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        spawn, self._looks = self._bridge.spawn, self._looks + 1
        spawn(self._taking.take())
        spawn(self._say())
        spawn(self._see())
        self._homes.look()
        if self._looks % COUNTED_EVERY == 0 and not self._counting:
            spawn(self._count())
        if self._looks == SOUGHT_AFTER:
            spawn(self._bridge.relay.reports.seek_all())

    def told(self, kind: str, key: str) -> None:
        """Go by a notification."""
        spawn = self._bridge.spawn
        if kind == "told":
            spawn(self._taking.take())
        elif kind == "segments":
            self._homes.told()
        elif kind == "receivers":
            spawn(self._see())
        elif kind == "deliver" and key in self._here:
            self._bridge.relay.deliver.look(key)
        elif kind == "deliver":
            self._leaving[key] = Leaving()
            spawn(self._hand_on())

    # -- reports --------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        """Whether no other bridge runs."""
        return self._alone_now()

    def tell_on(self, reports: Sequence[tuple[Found, EarlyReport]], source: str) -> Deferred[None]:
        """Write reports for the bridges that have their messages, and notify these bridges."""

        def notify(_: None) -> None:
            self.reports_forwarded.update(report.provider for _, report in reports)
            for shard in {found.shard for found, _ in reports}:
                self._notify(shard, "told", "")

        return self._rows.tell_on(reports, source).addCallback(notify)

    def tell_named(self, reports: Sequence[EarlyReport], source: str) -> Deferred[set[str]]:
        """Write reports for the bridges whose messages they name, and notify these bridges."""

        def notify(told: list[tuple[str, int]]) -> set[str]:
            self.reports_forwarded[reports[0].provider] += len(told)
            for shard in {shard for _, shard in told}:
                self._notify(shard, "told", "")
            return {name for name, _ in told}

        return self._rows.tell_named(reports, source).addCallback(notify)

    def early_about(self, names: Sequence[tuple[str, str, float]]) -> Deferred[list[EarlyReport]]:
        """Return early reports about ids, whichever bridge has received them."""
        return self._rows.early_about(names)

    async def _take(self) -> bool:
        """Settle our messages by reports that others have received; delete these reports then."""
        told = await self._rows.told(TAKEN_AT_ONCE)
        if told:
            await receive_told(told, self._bridge.relay.reports.receive)
            await self._rows.drop_told([each.number for each in told])
        return len(told) == TAKEN_AT_ONCE

    # -- deliveries -----------------------------------------------------------------------------

    def came(self, system_id: str) -> None:
        """Let the others know that an account has its first receiver here."""
        self._here.add(system_id)
        self._leaving.pop(system_id, None)
        self._choose(system_id)
        self._spawn_say()

    def went(self, system_id: str) -> None:
        """Let the others know that an account has no receiver here; hand its deliveries on."""
        self._here.discard(system_id)
        self._leaving[system_id] = Leaving()
        self._choose(system_id)
        self._spawn_say()

    def owe(self, slot: int, system_id: str) -> None:
        """Notify the bridge of a slot that it holds a delivery."""
        self.receipts_forwarded[system_id] += 1
        self._notify(slot, "deliver", system_id)

    def receiving(self, system_id: str) -> set[int]:
        """Return the slots of the bridges that have a receiver of an account, ours too."""
        others = self._others.get(system_id, ())
        return {*others, self._store.holders.slot} if system_id in self._here else {*others}

    def _spawn_say(self) -> None:
        if self._loop is not None and self._loop.running:
            self._bridge.spawn(self._say())
            self._bridge.spawn(self._hand_on())

    def _choose(self, system_id: str) -> None:
        """Choose the bridge that holds the deliveries of an account which are made here.

        Nobody does while they are being handed on: whoever has the account bound claims them.
        """
        for watcher in self.watchers:
            watcher(system_id)
        holders, others = self._store.holders, self._others.get(system_id)
        if system_id == self._handed:
            holders.pop(system_id, None)
        elif system_id in self._here:
            holders[system_id] = holders.slot
        elif others:
            holders[system_id] = others[holders.slot % len(others)]
        else:
            holders.pop(system_id, None)

    async def _say(self) -> None:
        """Write which accounts have receivers here."""
        if self._saying:
            return
        self._saying = True
        try:
            while changed := self._here ^ self._said:
                for system_id in changed:
                    here = system_id in self._here
                    await self._rows.receive_for(system_id, here)
                    (self._said.add if here else self._said.discard)(system_id)
                self._notify(None, "receivers", "")
        finally:
            self._saying = False

    async def _see(self) -> None:
        """See which accounts have receivers elsewhere, and hand on the deliveries that are due."""
        others: dict[str, list[int]] = {}
        for system_id, slot in await self._rows.receiving():
            if slot != self._store.holders.slot:
                others.setdefault(system_id, []).append(slot)
        before, self._others = self._others, others
        for system_id in before.keys() | others.keys():
            if before.get(system_id) != others.get(system_id):
                self._choose(system_id)
                if system_id in self._leaving:
                    self._leaving[system_id].at = 0.0
        await self._hand_on()

    async def _hand_on(self) -> None:
        if self._handing:
            return
        self._handing = True
        try:
            now = self._bridge.clock.monotonic()
            for system_id, leaving in list(self._leaving.items()):
                if leaving.at <= now and self._leaving.get(system_id) is leaving:
                    self._handed = system_id
                    await self._hand_on_of(system_id, leaving, now)
        finally:
            handed, self._handed, self._handing = self._handed, "", False
            self._choose(handed)

    async def _hand_on_of(self, system_id: str, leaving: Leaving, now: float) -> None:
        """Hand the deliveries of an account on, but those that may be acknowledged yet."""
        outbox, others = self._bridge.relay.deliver.outbox(system_id), self._others.get(system_id)
        holder = others[self._store.holders.slot % len(others)] if others else 0
        count = await self._rows.hand_on(system_id, frozenset(outbox.held), holder)
        if count and holder:
            self._bridge.relay.deliver.restore({system_id: -count})
            self.receipts_forwarded[system_id] += count
            self._notify(holder, "deliver", system_id)
        if count < HANDED_AT_ONCE:
            leaving.at, leaving.pause = now + leaving.pause, leaving.pause * 2
            if leaving.pause > HANDED_FOR and not outbox.held:
                self._leaving.pop(system_id, None)

    def _is_first(self) -> bool:
        slot, membership = self._store.holders.slot, self._bridge.membership
        return membership is None or all(slot <= node.slot for node in membership.nodes)

    async def _count(self) -> None:
        """Count the deliveries that are owed anew: others make some, and take and end some.

        Those that nobody holds are counted by one of the bridges, so that a sum over all is right.
        """
        self._counting = True
        try:
            deliver = self._bridge.relay.deliver
            outboxes = deliver.outboxes
            about = sum(outbox.depth for outbox in outboxes.values())
            counts = await self._rows.owed(about, nobodys=self._is_first())
            known = {system_id: outbox.depth for system_id, outbox in outboxes.items()}
            wrong = {s: counts.get(s, 0) - known.get(s, 0) for s in known.keys() | counts.keys()}
            deliver.restore({system_id: more for system_id, more in wrong.items() if more})
        finally:
            self._counting = False
