"""live: this moment of a bridge, for the API: derived once a second, and when somebody asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from smppbridge.model.verdict_facts import BridgeFacts
from smppbridge.net.oddities import REMEDIES
from smppbridge.observe.pulse import Pulse
from smppbridge.observe.rings import History
from smppbridge.observe.shown import words
from smppbridge.service.bridge_facts import WaitingPlaces
from smppbridge.smpp.oddities import Oddity
from smppbridge.store.counts import finished_since, submitted
from smppbridge.store.lookup import ListedMessage, NotAStore
from smppbridge.store.readers import TooBusy, TooSlow
from smppbridge.web.api.live import CountedOddity, RefusedFacts, ShownError, StoredCounts
from smppbridge.web.streams import Streams

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

COUNTED_EVERY = 10.0
"""Seconds for which the counts of the store are good enough."""
EXPIRES_WITHIN = 21 * 86_400.0
_DAY = 86_400.0
_UNREADABLE = (TooSlow, TooBusy, NotAStore, sqlite3.Error)


class LiveBridge:
    """This moment of a bridge.  Only the instance writes the counts that it keeps."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.started_at = bridge.clock.wall()
        self.streams = Streams()
        self.pulse = Pulse(bridge.metrics, bridge.clock.monotonic)
        self._surroundings = WaitingPlaces(bridge.relay, bridge.doors, bridge.clock)
        self._submitted: int | None = None  # messages
        self._counted_at = 0.0  # monotonic
        self._day = -1  # the day of *_finished*
        self._finished = 0.0  # of that day, without those that the metrics have counted

    def tick(self) -> None:
        """Add a second to the rings."""
        bridge, lanes = self._bridge, self._bridge.relay.lanes
        now = bridge.clock.wall()
        ages = [now - lane.oldest for lane in lanes.by_name.values() if lane.oldest is not None]
        gauges: dict[str, float | None] = {
            "gathering": len(bridge.relay.accept.gather),
            "waiting": lanes.depth,
            "submitting": lanes.out,
            "oldest": max(0.0, *ages, 0.0),
            "uncertain": bridge.clockwork.figures.get("uncertain"),
            "owed": sum(outbox.depth for outbox in bridge.relay.deliver.outboxes.values()),
        }
        for name, lane in lanes.by_name.items():
            gauges[f"provider.{name}.waiting"] = lane.depth
        self.pulse.tick(now, gauges)

    def change(self) -> None:
        """Forget the series of providers that are gone."""
        self.pulse.keep(self._bridge.relay.lanes.by_name)

    # -- for the operations ---------------------------------------------------------------------

    async def counted(self) -> StoredCounts | None:
        """Return the counts of messages; None if the store cannot be read now.

        Those at a provider are of the last seconds.
        """
        clock = self._bridge.clock
        if self._submitted is None or clock.monotonic() - self._counted_at >= COUNTED_EVERY:
            self._counted_at = clock.monotonic()  # others do not ask meanwhile
            self._submitted = await self._count(int(clock.wall() // _DAY))
        if self._submitted is None:
            return None
        return StoredCounts(self._submitted, round(self._finished + self.pulse.finished))

    async def _count(self, day: int) -> int | None:
        read = self._bridge.readers.read
        try:
            if day != self._day:
                known = self.pulse.finished
                since = float(await read(lambda db: finished_since(db, day * _DAY)))
                self._day, self._finished = day, since - known
            return await read(submitted)
        except _UNREADABLE:
            return None

    def oldest_owed(self, system_id: str) -> float | None:
        """Return since when the oldest delivery is owed to an account (UNIX seconds)."""
        return self._bridge.clockwork.oldest_owed.get(system_id)

    def keeps_receipts(self) -> float:
        """Return for how many seconds a delivery is owed."""
        return self._bridge.settings.receipts.keep

    def expiring(self) -> list[tuple[str, str]]:
        """Return certificates that expire soon: the listener, and the doubt in words."""
        now = self._bridge.clock.wall()
        return [
            (labels[0], _expiry(labels[1], expires - now))
            for labels, expires in self._bridge.listeners.expiries().items()
            if expires - now < EXPIRES_WITHIN
        ]

    def applied_well(self) -> bool:
        """Return whether the configuration that was read last is in force."""
        return self._bridge.applied_well

    def days_left(self) -> Mapping[str, float]:
        """Return the days that the credit at each provider lasts, where they are known."""
        return self._bridge.relay.rounds.spending.days()

    def oddities(self, system_id: str) -> list[CountedOddity]:
        """Return the oddities of an account's sessions since the start, the last seen first."""
        return [
            CountedOddity(each.code, each.count, each.last_at, REMEDIES[Oddity(each.code)])
            for each in self.pulse.oddities(system_id)
        ]

    def refused_binds(self) -> list[RefusedFacts]:
        """Return the last binds that were refused, the newest first."""
        bridge, now = self._bridge, self._bridge.reactor.seconds()
        wall = bridge.clock.wall()
        return [
            RefusedFacts(
                at=wall - (now - each.at),
                system_id=each.system_id,
                address=each.address,
                kind=each.kind,
                command_status=each.command_status,
                reason=each.reason,
            )
            for each in bridge.doors.smsc.refused.listed()
        ]

    def ask_balance(self, name: str) -> Deferred[str]:
        """Ask a provider for its balance; return the reason if there is none, or an empty text."""
        answer: Deferred[str] = Deferred()
        if not self._bridge.relay.rounds.ask_balance(name, answer.callback):
            answer.callback(f"{name} tells no balance")
        return answer

    def balanced_at(self, name: str) -> float | None:
        """Return when a provider's balance was received last (UNIX seconds)."""
        at, clock = self._bridge.relay.rounds.spending.last_at(name), self._bridge.clock
        return None if at is None else clock.wall() - (clock.monotonic() - at)

    def errors(self, name: str) -> list[ShownError]:
        """Return the last errors of a provider's lane, the newest first."""
        lane, show = self._bridge.relay.lanes.by_name[name], self._bridge.journal.words
        return [
            ShownError(
                at=each.at,
                kind=each.kind,
                reason=words(each.reason),
                http_status=each.http_status,
                seconds=round(each.seconds, 3),
                message_id=each.message_id,
                messages=each.messages,
                words=words(each.words) if show else "",
            )
            for each in reversed(lane.errors)
        ]

    @property
    def noted(self) -> int:
        """How many events of the log there have been that `notes` has the last of."""
        return self._bridge.journal.noted

    def series(self) -> Sequence[str]:
        """Return the names of the series that `history` has."""
        return sorted(self.pulse.rings.names)

    def history(self, names: Sequence[str], since: float, until: float) -> History:
        """Return series of figures from *since* until *until* (UNIX seconds)."""
        return self.pulse.rings.history(names, since, until)

    def notes(self) -> Sequence[Mapping[str, Any]]:
        """Return the last events of the log that are warnings or worse, the newest first."""
        return self._bridge.journal.recent

    def meanwhile(self, message: ListedMessage) -> BridgeFacts:
        """Return the facts about a waiting message that the store does not have."""
        return self._surroundings.of(message)


def _expiry(file: str, left: float) -> str:
    days = int(abs(left) // _DAY)
    when = f"expired {days} days ago" if left < 0 else f"expires in {days} days"
    return f"{file} {when}"
