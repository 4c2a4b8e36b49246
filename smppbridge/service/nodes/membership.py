"""membership: this bridge as one node of several: it takes a slot, lives, is given up, or ends.

Only a bridge whose store is on PostgreSQL has one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread

from smppbridge import __version__
from smppbridge.service.nodes.adopted_shards import AdoptedShards
from smppbridge.service.nodes.between import LOOKED_EVERY, Between
from smppbridge.service.nodes.client import NodeClient
from smppbridge.service.nodes.cluster_limits import ClusterLimits
from smppbridge.service.nodes.config_digest import digest_of
from smppbridge.service.nodes.errands import Errands
from smppbridge.service.nodes.far_acts import acts_of
from smppbridge.service.nodes.gauges import HEALTH_EVERY, DatabaseFigures
from smppbridge.service.nodes.jobs import Jobs
from smppbridge.service.nodes.knowledge import accepted_of, unsent_of
from smppbridge.service.nodes.partition_days import PartitionDays
from smppbridge.service.nodes.suspension import Suspension
from smppbridge.service.storing import NotAwaited, TakenOver
from smppbridge.settings.node import NodeSection
from smppbridge.store.port import Restored, StoreFailure, Waiting
from smppbridge.store.postgres import takeover
from smppbridge.store.postgres.claim import NodeIdentity, claim
from smppbridge.store.postgres.connection import connect
from smppbridge.store.postgres.lease import BEATS, Lease
from smppbridge.store.postgres.observed import NodeRow
from smppbridge.store.postgres.process import this_process
from smppbridge.store.postgres.skew import need_same_clock
from smppbridge.store.postgres.store import PostgresStore
from smppbridge.store.postgres.synchronous import need_standby
from smppbridge.store.postgres.tenure import Tenure
from smppbridge.store.postgres.testimony import Given, testify
from smppbridge.store.postgres.watch import Watch

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

EX_TEMPFAIL = 75
"""The exit status of a node that was taken over: it has to start anew."""
AWAITED_EVERY = 1.0
"""Seconds between two tries to reach the database at the start."""
ANSWERS_FOR = 5.0
"""Seconds that a node that was taken over waits for the answers to requests that are out."""
PARTING = 5.0


class Membership:
    """The slot of this bridge, its lease, and the shards of others that it goes on with.

    It is the DatabaseStanding that the store tells of its connection, and the Watched of the watch.
    Only its own methods write its fields, all in the reactor thread.
    """

    def __init__(self, bridge: Bridge, changed: Callable[[Exception | None], None]) -> None:
        """Make the membership of a bridge; *changed* as PostgresStore has it."""
        settings, reactor, journal = bridge.settings, bridge.reactor, bridge.journal
        node = settings.node or NodeSection()
        self._address, self._reactor, self._journal = settings.store.address, reactor, journal
        self._identity = NodeIdentity(
            name=node.called,
            address=node.address or "",
            version=__version__,
            config=digest_of(settings),
            process=this_process(),
        )
        self._synchronous = settings.store.synchronous
        self.lease = Lease(node.lease)
        self.store = PostgresStore(
            self._address,
            self._claim,
            reactor.callFromThread,
            bridge.metrics.store_commit,
            changed,
            standing=self,
            confirmed=self.lease.renew,
            unacknowledged=node.lease / 2,
        )
        self.suspension = Suspension(bridge, self.lease)
        self.days = PartitionDays(settings.store.partitions_ahead, time.time, journal)
        self.limits = ClusterLimits(
            bridge,
            node=lambda: self.store.tenure,
            connect=self._connect,
            reached=lambda: self.serves and not self.is_fenced,
            notify=partial(self._notify, None),
        )
        self.between = Between(self.store, lambda: len(self.nodes) <= 1, self._notify)
        self.client = NodeClient(node, lambda: self.nodes, reactor, journal)
        self.errands = Errands(self.store, lambda: len(self.nodes) <= 1, self._notify)
        self.jobs = Jobs(self.store)
        self.shards = AdoptedShards(bridge, self.store, lambda: self.is_fenced)
        self.connected, self.is_fenced, self.takeovers = True, False, 0
        self.nodes, self.figures = list[NodeRow](), DatabaseFigures()
        self._watch: Watch | None = None
        self._bridge, self._started, self._first_epoch = bridge, False, 0
        self._starting: Deferred[None] | None = None
        self._loops: list[LoopingCall] = []
        self._beating = self._left = self._unawaited = False

    # -- a slot ---------------------------------------------------------------------------------

    def _claim(self, db: psycopg.Connection[Any]) -> Tenure:
        """Take a slot; in a thread of its own.  Raises NotSynchronous, ClockOff."""
        need_same_clock(db, time.time)
        if not need_standby(db, self._synchronous) and self._synchronous == "warn":
            self._reactor.callFromThread(self._journal, "store_not_synchronous")
        found = claim(
            db, self._identity, self.lease.length, wait=time.sleep, monotonic=time.monotonic
        )
        self._first_epoch = found.epoch
        return Tenure(self._identity.name, found.slot, found.epoch, found.txn, found.shards)

    async def open(self, now: float) -> Restored:
        """Take a slot as soon as the database is there; return the contents of its shards.

        Raises storing.NotAwaited, claim.NodeLives, claim.NoSlot, synchronous.NotSynchronous,
        migrate.NotMigrated, migrate.NotOurs, migrate.TooNew.
        """
        logged = ""
        while True:
            try:
                restored: Restored = await deferToThread(self.store.open, now)
            except psycopg.OperationalError as error:
                if str(error) != logged:
                    logged = str(error)
                    self._journal("store_awaited", reason=logged)
                    self._journal.flush()  # nothing else does before the start
                if self._unawaited:
                    raise NotAwaited from None
                await deferLater(self._reactor, AWAITED_EVERY)
                continue
            slot, epoch = self.store.tenure.slot, self.store.tenure.epoch
            self._journal("node_started", node=self._identity.name, slot=slot, epoch=epoch)
            return restored

    def await_no_longer(self) -> None:
        """Let the start end if the database is not there."""
        self._unawaited = True
        if not self.connected:
            self._cancel_start()

    async def start_unless_lost(self, starting: Deferred[None]) -> None:
        """Wait for the start of the bridge, but not for a store that will answer no call.

        Raises TakenOver if another node has our shards, and NotAwaited.
        """
        self._starting = starting
        try:
            await starting
        except CancelledError:
            if self.is_fenced:
                raise TakenOver("another node has taken this one over") from None
            raise NotAwaited from None

    def _cancel_start(self) -> None:
        if self._starting is not None and not self._started:
            self._starting.cancel()

    @property
    def serves(self) -> bool:
        """Whether submit_sm can be accepted, as far as the database goes."""
        return self.connected and not self.suspension.is_on

    def start(self) -> None:
        """Beat, watch the others, and go by the lease from now on: the bridge is built."""
        self._started = True
        self._every(self.lease.length / BEATS, self._beat)
        self._every(self.lease.length / 40, self.suspension.tick)
        self._every(HEALTH_EVERY, lambda: self.figures.look(self._watch))
        self._watch = Watch(
            self._connect, self.store.tenure, self.lease, self, self._reactor.callFromThread
        )
        self._watch.start()
        self.days.start(self._watch.ask, self._bridge.spawn, self._every)
        self.limits.start(self._every)
        self.between.start(self._bridge)
        self.jobs.start(self._bridge)
        self._every(LOOKED_EVERY, self.jobs.look)
        self.errands.start(self._bridge, acts_of(self._bridge), self._every)
        shards = self.store.tenure.shards
        self._bridge.spawn(self.store.dues.bring_near(self._bridge.clock.wall(), shards))
        self.shards.give_back(shards[1:])

    def _connect(self) -> psycopg.Connection[Any]:
        db = connect(self._address, timeout=2.0, unacknowledged=self.lease.length / 2)
        db.execute("select set_config('lock_timeout', '1s', false)")
        return db

    def _every(self, seconds: float, call: Callable[[], None]) -> None:
        loop = LoopingCall(call)
        loop.clock = self._reactor
        loop.start(seconds, now=False)
        self._loops.append(loop)

    def _beat(self) -> None:
        if not self._beating and not self.is_fenced:
            self._beating = True
            self._bridge.spawn(self.beat())

    async def beat(self) -> None:
        """Renew the lease, if the database answers."""
        try:
            await self.store.beat()
        except StoreFailure:
            return  # the store thread connects again
        finally:
            self._beating = False

    # -- as the store stands with its database ---------------------------------------------------

    def lost(self) -> None:
        """Be not ready: nobody knows whether the last transaction was committed."""
        if self.connected:
            self.connected = False
            self._journal("store_lost")
            if self._unawaited:
                self._cancel_start()

    def known(self, committed: bool | None) -> None:
        """Go on: the database answers again; None: no transaction was in doubt."""
        self.connected = True
        self.figures.resolved(committed)
        self._journal("store_found", committed=committed)

    def fenced(self) -> None:
        """End: another node has our messages.  The store and the watch both find it out."""
        if not self.is_fenced and not self._left:
            self.is_fenced = True
            tenure = self.store.tenure
            self._journal("node_fenced", slot=tenure.slot, epoch=tenure.epoch)
            if self._started:
                self._end()
            self._cancel_start()

    def _end(self) -> None:
        self.suspension.suspend()
        self._bridge.spawn(self._testify())

    async def _testify(self) -> None:
        """Testify about the attempts that we had begun, and end."""
        bridge, tenure = self._bridge, self.store.tenure
        await bridge.until(lambda: not bridge.relay.lanes.out, ANSWERS_FOR)
        verdicts = [v for some in self.store.recording.values() for v in some]
        verdicts += bridge.relay.submit.unrecorded
        accepted = accepted_of(verdicts)
        unsent = unsent_of(bridge.relay.lanes, verdicts)
        epochs = self._first_epoch, tenure.epoch

        def say() -> tuple[int, int]:
            with self._connect() as db:
                return testify(db, tenure.slot, epochs, accepted, unsent)

        try:
            submitted, waiting = await deferToThread(say)
        except psycopg.Error as error:
            self._journal("node_unheard", reason=str(error))
        else:
            self._journal("node_testified", submitted=submitted, waiting=waiting)
        await bridge.give_up(EX_TEMPFAIL)

    # -- what the watch tells -------------------------------------------------------------------

    def living(self, rows: list[NodeRow]) -> None:
        """Know who lives."""
        self.nodes = rows

    def taken_over(self, name: str, slot: int) -> None:
        """Log that we took a silent node over; its jobs are free."""
        self.takeovers += 1
        self.jobs.look()
        self._journal("node_taken_over", node=name, slot=slot)

    def adopted(self, slots: list[int]) -> None:
        """Go on with shards that are ours by the database, and not in memory yet."""
        if not self.is_fenced:
            self.shards.adopt(slots)

    def given(self, lines: list[Given]) -> None:
        """Count messages that wait again since the node that had begun them gave them back."""
        self._bridge.count(list(map(Waiting._make, lines)))

    def told(self, kind: str, key: str) -> None:
        """Go by a notification."""
        if kind == "drain":
            self._journal("node_drained")
            self._reactor.stop()
        elif not self.is_fenced and not (self.limits.told(kind, key) or self.errands.told(kind)):
            self.between.told(kind, key)

    def _notify(self, slot: int | None, kind: str, key: str) -> None:
        if self._watch is not None:
            self._watch.notify(slot, kind, key)

    # -- the end --------------------------------------------------------------------------------

    async def leave(self) -> None:
        """Hand our shards over, now that the store thread has ended: others have them at once."""
        self.between.stop()
        self.client.stop()
        for loop in self._loops:
            loop.stop()
        watch, tenure = self._watch, self.store.tenure
        if watch is None:
            return
        self._left = True
        await deferToThread(self.limits.stop, PARTING)
        if not self.is_fenced:
            asked = watch.ask(lambda db: takeover.hand_over(db, tenure.slot, tenure.epoch))
            asked.addTimeout(PARTING, self._reactor)
            try:
                handed = await asked
            except Exception as error:  # the database is away: others wait for a lease
                self._journal("node_not_handed_over", reason=str(error) or type(error).__name__)
            else:
                self._journal("node_handed_over", slot=tenure.slot, ours=handed)
        await deferToThread(watch.stop, PARTING)
