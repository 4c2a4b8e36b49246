"""Builds the objects of a bridge and joins them; starts and stops them in order."""

from __future__ import annotations

import gc
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from smppbridge import __version__
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Attempt
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.report import Report
from smppbridge.net.binds import Binds, verify_password
from smppbridge.net.smpp_server import Smsc
from smppbridge.observe.log import Journal
from smppbridge.observe.metrics import Metrics
from smppbridge.observe.notify import Notify
from smppbridge.providers.exchange import BadReply, Heard, HttpRequest
from smppbridge.relay.accept.accept import Accept, rights_of
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.mo import Mobile
from smppbridge.relay.submit.carry import Carrier
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.service.build import Surroundings, SystemClock, movements_of
from smppbridge.service.clockwork import Upkeep
from smppbridge.service.gauges import watch
from smppbridge.service.rules import (
    caller_of,
    lane_rules_of,
    limits_of,
    poll_rules_of,
    round_rules_of,
    timers_of,
    ussd_rules_of,
)
from smppbridge.service.wires import Wires
from smppbridge.settings.schema import Settings
from smppbridge.store.port import Restored, StoreFailure, Waiting
from smppbridge.store.sqlite import SqliteStore
from smppbridge.web.callbacks import CallbacksResource
from smppbridge.web.recording import Recording
from smppbridge.web.site import callbacks_site, web_site
from smppbridge.web.ussd import UssdResource

PARTING = 6.0  # seconds for sessions to unbind


class Bridge:
    """One running bridge.  `start`, then `stop`; `apply` new settings in between."""

    _log = Logger()

    def __init__(self, settings: Settings, reactor: Any, journal: Journal, notify: Notify) -> None:
        self.settings, self.reactor, self.journal, self.notify = settings, reactor, journal, notify
        self.clock, self.metrics = SystemClock(reactor), Metrics(__version__)
        self.draining = self.listening = False
        self._store_works = True
        self.applied_at, self.applied_well = time.time(), True
        self._ports: list[IListeningPort] = []
        self._left: dict[str, list[Waiting | Attempt]] = {}
        self._pool = ThreadPool(0, 2, "argon2")
        self._build()

    # -- building -------------------------------------------------------------------------------

    def _build(self) -> None:
        path = self.settings.store.removeprefix("sqlite:")
        self.store = SqliteStore(path, self.reactor.callFromThread, self._committed)
        around = (self.clock.wall, self.journal)
        self.wires = Wires(self.reactor, self._answered, self._tell, self._bound, *around)
        self.carrier = Carrier(self.wires.send, self.clock.wall)
        surroundings = Surroundings(self.clock, self.metrics, self.journal, self.spawn)
        tell = self._tell
        moves = movements_of(self.settings, self.store, self.carrier, tell, surroundings)
        self.lanes, self.submit = moves.lanes, moves.submit
        self.overdue, self.rounds = moves.overdue, moves.rounds
        self.reports, self.deliver = moves.reports, moves.deliver
        recording = Recording(self._read_callback, self._tell, self.reactor)
        self.callbacks = CallbacksResource(recording, self.metrics.callback)
        self.ussd = UssdResource(self.callbacks, self.metrics.callback)
        self.upkeep = Upkeep(self)
        watch(self)

    def _serve(self, restored: Restored) -> None:
        """Build what takes messages, now that it is known which ids were given."""
        settings = self.settings
        identifiers = Identifiers(restored.last_id, self.clock.wall())
        every_fate = self.journal if settings.log.messages == "all" else None
        self._hear(restored, identifiers)
        self.accept = Accept(
            self.store,
            self.submit,
            self.reports,
            routes=settings.table(),
            identifiers=identifiers,
            backlog=settings.backlog,
            clock=self.clock,
            meters=self.metrics,
            journal=every_fate,
            optouts=self.optouts,
        )
        self.dialogues = Dialogues(
            ussd_rules_of(settings),
            identifiers=identifiers,
            clock=self.clock,
            meters=self.metrics,
            journal=every_fate,
        )
        self.binds = Binds(
            verified=lambda hashed, password: deferToThreadPool(
                self.reactor, self._pool, verify_password, hashed, password
            ),
            wait=lambda seconds: deferLater(self.reactor, seconds),
            seconds=self.clock.monotonic,
        )
        self.smsc = Smsc(
            settings.smpp.system_id,
            accept=self.accept,
            deliver=self.deliver,
            binds=self.binds,
            timers=timers_of(settings),
            limits=limits_of(settings),
            clock=self.reactor,
            spawn=self.spawn,
            meters=self.metrics,
            journal=self.journal,
            dialogues=self.dialogues,
        )

    def _hear(self, restored: Restored, identifiers: Identifiers) -> None:
        """Build what takes the word of phones."""
        settings = self.settings
        self.optouts = Optouts(restored.optouts)
        self.mobile = Mobile(
            self.store,
            self.deliver.owe,
            self.optouts,
            identifiers=identifiers,
            keep=settings.receipts.keep,
            remember=settings.retention,
            every_fate=settings.log.messages == "all",
            clock=self.clock,
            meters=self.metrics,
            journal=self.journal,
        )

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; what goes wrong in it is logged, but for what the store has told of."""

        def failed(failure: Failure) -> None:
            if not failure.check(StoreFailure):
                self._log.failure("movement", failure)

        Deferred.fromCoroutine(coroutine).addErrback(failed)

    # -- starting -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the store, go on where it was, listen.  Raises what opening and listening raise."""
        restored = self.store.open()
        self.store.start()
        self.wires.http.start()
        self._pool.start()
        self._serve(restored)
        self.use(self.settings)
        self._restore(restored)
        settings = self.settings
        await self._listen(settings.smpp.listen, self.smsc)
        if settings.web:
            ready = web_site(self.ready, self.metrics.exposition, self.reactor)
            await self._listen(settings.web.listen, ready)
        if settings.callbacks:
            await self._listen(settings.callbacks.listen, callbacks_site(self.ussd, self.reactor))
        self.listening = True
        self.upkeep.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self.notify.ready(self.status())
        self.journal("started", version=__version__)

    def _restore(self, restored: Restored) -> None:
        held: list[Waiting | Attempt] = [*restored.waiting, *restored.interrupted]
        for found in held:
            self._left.setdefault(found.provider, []).append(found)
        for name, left in list(self._left.items()):
            if name in self.lanes:
                self._bring_back(name)
            else:
                self.journal("provider_missing", provider=name, messages=_count(left))
        for system_id, count in restored.owed.items():
            self.deliver.line(system_id).depth = count
        self.accept.gather.restore(restored.segments)
        self.spawn(self.reports.restore(restored.early))

    def _bring_back(self, name: str) -> None:
        """Go on with what the store held for a provider that is there (again)."""
        left = self._left.pop(name, [])
        for found in left:
            if isinstance(found, Waiting):
                self.lanes[name].restore(found)
        if out := [found for found in left if isinstance(found, Attempt)]:
            self.submit.interrupted(out)

    async def _listen(self, endpoints: Iterable[str], factory: object) -> None:
        for description in endpoints:
            endpoint = serverFromString(self.reactor, description)
            self._ports.append(await endpoint.listen(cast(IProtocolFactory, factory)))

    # -- what comes in --------------------------------------------------------------------------

    def _answered(self, answers: Any) -> None:
        self.carrier.answered(answers)

    def _bound(self, name: str) -> None:
        if name in self.lanes:
            self.lanes[name].breaker.probe_now()

    def _read_callback(self, name: str, request: HttpRequest) -> Sequence[Heard]:
        lane = self.lanes.get(name)
        if lane is None:
            raise BadReply("no such provider")
        return lane.provider.read_callback(request)

    async def _tell(self, name: str, heard: Sequence[Heard], source: str = "push") -> None:
        """Take what a provider says; return when it is on disk.  Raises StoreFailure."""
        reports = [one for one in heard if isinstance(one, Report)]
        if reports:
            await self.reports.told(name, reports, source)
        if len(reports) < len(heard):
            await self.mobile.told(name, [one for one in heard if isinstance(one, Mo | OptOut)])

    def _committed(self, seconds: float, error: Exception | None) -> None:
        self.metrics.store_commit(seconds)
        if (error is None) == self._store_works:
            return
        self._store_works = error is None
        if error is None:
            self.journal("store_works")
        else:
            self.journal("store_failed", reason=str(error))

    # -- what is asked --------------------------------------------------------------------------

    def ready(self) -> dict[str, bool]:
        """Return what must be true for messages to be taken."""
        return {
            "store_writable": self.store.alive and not self.store.failing,
            "listening": self.listening,
            "not_draining": not self.draining,
        }

    def status(self) -> str:
        """Return a line for whoever looks at the unit."""
        bound = sum(self.smsc.bound_counts().values())
        return f"bound {bound:.0f}, waiting {self.submit.depth}"

    # -- changing and stopping ------------------------------------------------------------------

    def use(self, settings: Settings) -> None:
        """Go by the accounts, providers and routes of *settings*."""
        now = self.clock.monotonic()
        built = settings.built_providers()
        for name, provider in built.items():
            rules = lane_rules_of(settings.providers[name])
            if name in self.lanes:
                self.lanes[name].change(provider, rules, now)
            else:
                self.lanes[name] = Lane(name, provider, rules, now)
                self._bring_back(name)
        for name in set(self.lanes) - set(settings.providers):
            del self.lanes[name]
        self.settings = settings
        self.overdue.change({n: poll_rules_of(p) for n, p in settings.providers.items()})
        self.rounds.rules = {n: round_rules_of(p) for n, p in settings.providers.items()}
        self.wires.configure(settings, built)
        self.callbacks.admit(
            {n: caller for n, p in settings.providers.items() if (caller := caller_of(p))}
        )
        self.dialogues.change(ussd_rules_of(settings))
        self.ussd.admit(settings.ussd.key if settings.ussd.codes else None, self.dialogues)
        self.accept.routes = settings.table()
        records = settings.records()
        for name, account in records.items():
            line = self.deliver.line(name)
            line.utc_offset = int(account.receipt_utc_offset)
            line.with_text = account.receipt_text
        self.mobile.change(settings.mo_table(), records)
        refusing = (n for n, p in settings.providers.items() if p.lane.optouts == "refuse")
        self.optouts.refusing = frozenset(refusing)
        self.smsc.change({name: rights_of(a, now) for name, a in records.items()})

    async def stop(self) -> None:
        """Drain: no new binds, what is out ends, unbind, close; within the drain deadline."""
        if self.draining or not self.listening:
            return
        self.draining = self.accept.draining = self.submit.draining = True
        self.dialogues.draining = True
        deadline = self._in(self.settings.drain)
        parting = min(PARTING, self.settings.drain / 2)
        self.notify.stopping()
        self.journal("stopping", out=sum(lane.out for lane in self.lanes.values()))
        self.smsc.draining = True
        await self._until(
            lambda: self.submit.idle and not self.dialogues.waiting, deadline - parting
        )
        self.smsc.drain()
        parted = Deferred.fromCoroutine(self.wires.smpp.stop(parting))
        await self._until(lambda: not self.smsc.sessions, min(deadline, self._in(parting)))
        for link in list(self.smsc.sessions):
            link.close()
        await parted
        unfinished = sum(lane.out for lane in self.lanes.values())  # Uncertain from now on
        self.deliver.flush()
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        self.upkeep.stop()
        self.wires.http.stop(1.0)
        self._pool.stop()
        self.store.stop()
        self.journal("stopped", unfinished=unfinished)
        self.journal.flush(1.0)

    def _in(self, seconds: float) -> float:
        return cast(float, self.clock.monotonic()) + seconds

    async def _until(self, done: Any, deadline: float) -> None:
        while not done() and self.clock.monotonic() < deadline:
            self.notify.extend(10)
            await deferLater(self.reactor, 0.05)


def _count(left: Iterable[Waiting | Attempt]) -> int:
    return sum(found.messages if isinstance(found, Waiting) else 1 for found in left)
