"""bridge: one running bridge: it starts, changes its settings and stops, in order."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from smppbridge import __version__
from smppbridge.model.message import Attempt
from smppbridge.net.failed_connections import FailedConnections
from smppbridge.net.handed_sessions import Adopter
from smppbridge.net.room import Room
from smppbridge.observe.counted import LoggedMeters
from smppbridge.observe.log import EventLog
from smppbridge.observe.metrics import Metrics
from smppbridge.observe.notify import Notify
from smppbridge.relay.notes import Notebook
from smppbridge.relay.ports import Around, Meters
from smppbridge.relay.reason_book import ReasonBook
from smppbridge.service import apply, descriptors
from smppbridge.service.admin import Admin
from smppbridge.service.build import Relay, Surroundings, build_relay
from smppbridge.service.clock import SystemClock
from smppbridge.service.clockwork import Clockwork
from smppbridge.service.configuration import Configuration
from smppbridge.service.credits import Credits
from smppbridge.service.doors import PeerListeners, build_doors
from smppbridge.service.doubts import log_doubts
from smppbridge.service.gauges import watch
from smppbridge.service.handed_figures import adopt_figures
from smppbridge.service.handover import Adopted, HandOver
from smppbridge.service.kept_figures import KeptFigures
from smppbridge.service.listeners import Listeners
from smppbridge.service.live import LiveBridge
from smppbridge.service.opening import open_listeners
from smppbridge.service.restart import Restart, program_of
from smppbridge.service.side_processes import SideProcesses
from smppbridge.service.storing import store_of
from smppbridge.service.threads import DeafThread, deaf
from smppbridge.service.tracing import Tracing
from smppbridge.settings.schema import Settings
from smppbridge.store import audit
from smppbridge.store.port import Restored, StoreFailure, Waiting
from smppbridge.store.readers import readers_of

PARTING = 6.0  # seconds for sessions to unbind


class Bridge:
    """One running bridge.  `start`, then `stop`; `apply` new settings in between."""

    _log = Logger()
    relay: Relay  # these eight from `start` on
    doors: PeerListeners
    notebook: Notebook
    live: LiveBridge
    credits: Credits
    kept: KeptFigures
    admin: Admin
    tracing: Tracing

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        journal: EventLog,
        notify: Notify,
        masked: Callable[[], Callable[[], None]] | None = None,
    ) -> None:
        """Make a bridge; *masked* as Restart has it, None for one that cannot be restarted."""
        self.settings, self.reactor, self.journal, self.notify = settings, reactor, journal, notify
        self.clock, self.metrics = SystemClock(), Metrics(__version__)
        self.draining = self.listening = False
        self.exit_status, self.applied_at, self.applied_well = 0, time.time(), True
        self.store, self.membership = store_of(self, self._store_changed)
        self.readers = readers_of(settings.store.address, reactor)
        self.pool = ThreadPool(0, 2, "argon2")
        self.beside = SideProcesses(settings, reactor, self.clock, journal)
        self.configuration = Configuration(self)
        self.restart = Restart(self, program_of(settings.document.file), masked) if masked else None
        self.adopted: Adopted | None = None
        self.reasons = ReasonBook(self.clock, self.metrics, journal)
        self.failed = FailedConnections(
            journal, self.metrics.connection_failed, reactor.seconds, self.reasons.count
        )
        self.listeners = Listeners(reactor, self.failed)
        self.rooms: dict[str, Room] = {}
        self._left: dict[str, list[Waiting | Attempt]] = {}  # of providers that are not there

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; its exception is logged, but for StoreFailure, which the store logs."""

        def failed(failure: Failure) -> None:
            if not failure.check(StoreFailure):
                self._log.failure("movement", failure)

        Deferred.fromCoroutine(coroutine).addErrback(failed)

    # -- starting -------------------------------------------------------------------------------

    async def start(self, handed: HandOver | None = None) -> None:
        """Open the store, go on where it was, with *handed* as the program before was; listen.

        Raises the errors of opening and listening, storing.TakenOver, storing.NotAwaited.
        """
        starting = Deferred.fromCoroutine(self._start(handed))
        await (self.membership.start_unless_lost(starting) if self.membership else starting)

    async def _start(self, handed: HandOver | None) -> None:
        descriptors.claim()
        opened = (self.membership or self.store).open(self.clock.wall())
        restored = opened if isinstance(opened, Restored) else await opened
        with deaf():
            self._start_threads()
            self._build(restored)
        self.use(self.settings, await self._paused())
        if self.membership is not None:
            await self.membership.beat()
        self.restore(restored)
        if handed is None or not adopt_figures(self, handed.figures):
            await self.kept.restore()
        if handed is not None:
            self._adopt(handed)
        if self.membership is not None:
            self.membership.start()
        self.rooms = await open_listeners(self)
        self.listening = True
        self.clockwork.start()
        watch(self)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self.notify.ready(self.status())
        if handed is not None:
            self.notify.gap(None)
        self.journal("started", version=__version__)
        for name, url in self.settings.callback_urls():
            self.journal("callback_expected", provider=name, at=url)
        log_doubts(self)

    def await_no_longer(self) -> None:
        """Let `start` end with NotAwaited if it waits for a database."""
        if self.membership is not None:
            self.membership.await_no_longer()

    def _start_threads(self) -> None:
        for pool in (self.reactor.getThreadPool(), self.pool, self.readers.pool):
            pool.threadFactory = DeafThread
        self.store.start()
        self.pool.start()
        self.readers.start()

    def _build(self, restored: Restored) -> None:
        meters = self._meters()
        self.notebook = Notebook(self.store, self.clock, meters, self.reasons.count)
        world = Surroundings(
            reactor=self.reactor,
            pool=self.pool,
            store=self.store,
            metrics=self.metrics,
            journal=self.journal,
            failed=self.failed,
            around=Around(self.clock, meters, self.journal, self.spawn, self.notebook),
            membership=self.membership,
        )
        self.relay = build_relay(self.settings, restored, world)
        self.doors = build_doors(self.settings, self.relay, world)
        self.clockwork = Clockwork(self)
        self.live = LiveBridge(self)
        self.credits = Credits(
            self.store, lambda: self.relay.rounds.balances, self.live.balanced_at
        )
        self.kept, self.admin = KeptFigures(self), Admin(self)
        self.tracing = Tracing(self.relay, self.doors, self.reactor, self.journal)
        self.relay.wires.smpp.tapped = self.tracing.tapped
        self.relay.wires.http.start()

    def _meters(self) -> Meters:
        debug = self.settings.log.level == "debug"
        return cast(Meters, LoggedMeters(self.metrics, self.journal)) if debug else self.metrics

    def restore(self, restored: Restored) -> None:
        """Go on with messages that the store alone holds: at the start, or of another bridge."""
        self.count([*restored.waiting, *restored.interrupted])
        for name, left in self._left.items():
            messages = sum(each.messages if isinstance(each, Waiting) else 1 for each in left)
            self.journal("provider_missing", provider=name, messages=messages)
        self.relay.deliver.restore(restored.owed)
        self.relay.accept.gather.restore(
            restored.segments, restored.joined, self.clock.wall(), self.clock.monotonic()
        )
        self.spawn(self.relay.reports.restore(restored.early, restored.stored_ids))

    def count(self, held: Iterable[Waiting | Attempt]) -> None:
        """Go on with messages of the store, as far as their providers are there."""
        for found in held:
            self._left.setdefault(found.provider, []).append(found)
        self._bring_back()

    def _adopt(self, handed: HandOver) -> None:
        """Go on with sessions; no newcomer takes their places: nothing listens yet."""
        adopter = Adopter(
            smsc=self.doors.smsc,
            outbinds=self.doors.outbinds,
            responses=self.relay.responses,
            connect=self.reactor.adoptStreamConnection,
            key=handed.key,
        )
        adopted = adopter.adopt(handed.sessions)
        self.listeners.inherit(handed.listeners, self.settings)
        self.admin.keyring.adopt(handed.logins)
        lost, gap = len(handed.sessions) - len(adopted), self.clock.monotonic() - handed.at
        self.adopted = Adopted(len(adopted), lost, gap)
        self.journal("adopted", sessions=len(adopted), lost=lost, gap=round(gap, 3))

    def _bring_back(self) -> None:
        """Go on with the messages in the store of providers that are there (again)."""
        lanes = self.relay.lanes.by_name
        for name in self._left.keys() & lanes.keys():
            left = self._left.pop(name)
            for found in left:
                if isinstance(found, Waiting):
                    lanes[name].restore(found)
            if out := [found for found in left if isinstance(found, Attempt)]:
                self.relay.submit.interrupted(out)

    async def _paused(self) -> frozenset[str]:
        """Return the providers that people have paused."""
        return await self.store.by_hand(audit.paused)

    def _store_changed(self, error: Exception | None) -> None:
        if error is None:
            self.journal("store_works")
        else:
            self.journal("store_failed", reason=str(error))

    # -- the state of the bridge ----------------------------------------------------------------

    def ready(self) -> dict[str, bool]:
        """Return the conditions for submit_sm to be accepted."""
        connected = self.membership is None or self.membership.serves
        conditions = {
            "store_writable": self.store.alive and not self.store.failing and connected,
            "listening": self.listening,
            "not_draining": not self.draining,
        }
        if self.membership is not None:
            conditions["partitions"] = self.membership.days.are_enough
        return conditions

    def status(self) -> str:
        """Return a line for whoever looks at the unit."""
        bound = sum(self.doors.smsc.bound_counts().values())
        lanes = self.relay.lanes
        paused = [f", {name} paused {left:.0f} s" for name, left in lanes.paused().items() if left]
        return f"bound {bound:.0f}, waiting {lanes.depth}{''.join(paused)}"

    # -- changing and stopping ------------------------------------------------------------------

    async def apply(self, settings: Settings) -> None:
        """Apply accounts, providers and routes; on NotApplied nothing has changed."""
        certificates = apply.read_certificates(settings)
        await apply.check_change(self.settings, settings, self.relay, self.store)
        self.use(settings, await self._paused())
        self.listeners.use(certificates)
        log_doubts(self)
        self.applied_at, self.applied_well = self.clock.wall(), True

    def refused(self) -> None:
        """Note that the configuration read last was refused."""
        self.applied_well = False

    def use(self, settings: Settings, paused: Iterable[str] = ()) -> None:
        """Let every part go by *settings*, which may be those in force; hold the lanes *paused*."""
        self.settings = settings
        self.beside.exports.change(settings.cdr)
        self.tracing.hide(settings)
        shares = self.membership.limits.shares if self.membership else None
        apply.change(settings, self.relay, self.doors, self.clock.monotonic(), shares)
        if shares is not None:
            shares.use(settings, self.relay, self.doors)
        for name in paused:
            self.relay.lanes.hold(name, held=True)
        self.admin.change(settings)
        self.live.change()
        self._bring_back()

    async def stop(self) -> None:
        """Drain: no new binds, requests that are out end, unbind, close; within the deadline."""
        if self.draining or not self.listening:
            return
        self.draining, relay, smsc = True, self.relay, self.doors.smsc
        for part in (relay.accept, relay.submit, relay.dialogues, smsc, self.doors.outbinds):
            part.drain()
        deadline = self.clock.monotonic() + self.settings.drain
        parting = min(PARTING, self.settings.drain / 2)
        self.notify.stopping()
        self.journal("stopping", out=relay.lanes.out)
        await self.until(
            lambda: relay.submit.idle and not relay.ussd.waiting, self.settings.drain - parting
        )
        relay.responses.answer_all()
        smsc.unbind_all()
        parted = Deferred.fromCoroutine(relay.wires.smpp.stop(parting))
        left = deadline - self.clock.monotonic()
        await self.until(lambda: not smsc.sessions, min(left, parting))
        for session in list(smsc.sessions):
            session.close()
        await parted
        await self._close(unfinished=relay.lanes.out)  # these are Uncertain from now on

    async def give_up(self, status: int) -> None:
        """End at once with an exit *status*, and answer nobody: others have our messages."""
        self.draining, self.exit_status = True, status
        await self._close(unfinished=self.relay.lanes.out)
        self.reactor.stop()

    async def _close(self, unfinished: int) -> None:
        self.relay.deliver.flush()
        self.spawn(self.notebook.flush())
        self.live.streams.close()
        await self.listeners.close()
        self.clockwork.stop()
        self.beside.stop()
        self.relay.wires.http.stop(1.0)
        self.pool.stop()
        self.readers.stop()
        self.store.stop()
        if self.membership is not None:
            await self.membership.leave()
        self.journal("stopped", unfinished=unfinished)
        self.journal.flush(1.0)

    async def until(self, done: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
        """Wait for a condition, *seconds* at most; it is looked at *every* so often."""
        deadline = self.clock.monotonic() + seconds
        while not done() and self.clock.monotonic() < deadline:
            self.notify.extend(10)
            await deferLater(self.reactor, every)
