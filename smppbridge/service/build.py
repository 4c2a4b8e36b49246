"""build: every object that a message passes, constructed and joined in one place."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from twisted.python.threadpool import ThreadPool

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.report import Report
from smppbridge.net.esme_session import Operations
from smppbridge.net.failed_connections import FailedConnections
from smppbridge.net.wires import Wires
from smppbridge.observe.log import EventLog
from smppbridge.observe.metrics import Metrics
from smppbridge.providers.exchange import Received
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.multi import Multi
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.accept.refusals import RefusalLog
from smppbridge.relay.alerts import Alerts
from smppbridge.relay.cancel import Cancel
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.mo import MoMessages
from smppbridge.relay.others import NoOthers, OtherBridges
from smppbridge.relay.ports import Around
from smppbridge.relay.query import Query
from smppbridge.relay.replace import Replace
from smppbridge.relay.report.ending import Endings
from smppbridge.relay.report.report import Reports
from smppbridge.relay.responses import WaitingResponses
from smppbridge.relay.submit.carry import Carrier
from smppbridge.relay.submit.late import LateAnswers
from smppbridge.relay.submit.overdue import Overdue
from smppbridge.relay.submit.rounds import Rounds, SharedRounds
from smppbridge.relay.submit.submit import Submit
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.service import rules
from smppbridge.service.by_hand import ByHand, build_by_hand
from smppbridge.service.operations import build_operations, naming_movements
from smppbridge.service.wiring import build_wires, sending
from smppbridge.settings.schema import Settings
from smppbridge.store.port import Restored
from smppbridge.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from smppbridge.relay.ussd.passing import NodeDialogues
    from smppbridge.service.nodes.membership import Membership
    from smppbridge.store.postgres.store import PostgresStore

Receive = Callable[..., Coroutine[Any, Any, None]]
"""Receives (provider, its reports, MO messages and opt-outs, push or poll); durable when done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The surroundings of a bridge: the reactor, the threads, the log, the metrics."""

    reactor: Any
    pool: ThreadPool
    store: SqliteStore | PostgresStore
    metrics: Metrics
    journal: EventLog
    failed: FailedConnections
    around: Around
    membership: Membership | None = None  # None: the store is this bridge's alone

    @property
    def others(self) -> OtherBridges:
        """The other bridges of the store."""
        return self.membership.errands if self.membership else NoOthers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The movements of messages."""

    wires: Wires
    lanes: Lanes
    deliver: Deliver
    reports: Reports
    submit: Submit
    overdue: Overdue
    rounds: Rounds
    optouts: Optouts
    mobile: MoMessages
    alerts: Alerts
    accept: Accept
    multi: Multi
    by_hand: ByHand
    dialogues: Dialogues  # those that are open here
    ussd: Dialogues | NodeDialogues  # as phones see them
    receive: Receive
    query: Query
    cancel: Cancel
    replace: Replace
    operations: Operations
    responses: WaitingResponses


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The objects that a message passes from its acceptance to its receipt."""

    wires: Wires
    carrier: Carrier
    lanes: Lanes
    deliver: Deliver
    alerts: Alerts
    endings: Endings
    reports: Reports
    submit: Submit


def build_relay(settings: Settings, restored: Restored, world: Surroundings) -> Relay:
    """Build the movements of messages on the contents of a store."""
    around, store = world.around, world.store
    slot = world.membership.store.tenure.slot if world.membership else 0
    identifiers = Identifiers(restored.last_id, around.clock.wall(), slot)
    log = _log_of(settings, world)

    async def receive(provider: str, received: Sequence[Received], source: str = "push") -> None:
        reports = [each for each in received if isinstance(each, Report)]
        if reports:
            await core.reports.receive(provider, reports, source)
        if len(reports) < len(received):
            others = [each for each in received if isinstance(each, Mo | OptOut)]
            await mobile.receive(provider, others)

    core = _build_core(settings, receive, world)
    optouts = Optouts(restored.optouts)
    mobile = _build_mobile(settings, core, optouts, identifiers, world)
    overdue = Overdue(
        store, core.lanes, {}, core.carrier, core.reports, again=core.submit, around=around
    )
    accept, multi = _build_accept(settings, core, optouts, identifiers, world)
    query = Query(store, overdue, around, log)
    cancel = Cancel(store, accept, core.reports, core.lanes, core.carrier, around, log)
    replace = Replace(store, accept, core.lanes, core.submit.backlog, around, log)
    rules_of_ussd = rules.ussd_rules_of(settings)
    dialogues = Dialogues(rules_of_ussd, identifiers=identifiers, around=around, log=log)
    return Relay(
        wires=core.wires,
        lanes=core.lanes,
        deliver=core.deliver,
        reports=core.reports,
        submit=core.submit,
        overdue=overdue,
        rounds=Rounds(core.lanes, {}, core.carrier, receive, around, _jobs_of(world)),
        optouts=optouts,
        mobile=mobile,
        accept=accept,
        multi=multi,
        by_hand=build_by_hand(world, accept, core, optouts, identifiers, log),
        alerts=core.alerts,
        dialogues=dialogues,
        ussd=_ussd_of(dialogues, world),
        receive=receive,
        query=query,
        cancel=cancel,
        replace=replace,
        operations=build_operations(
            accept, multi, naming_movements(query, cancel, replace), world, log
        ),
        responses=core.endings.responses,
    )


def _build_accept(
    settings: Settings, core: Core, optouts: Optouts, identifiers: Identifiers, world: Surroundings
) -> tuple[Accept, Multi]:
    around, log = world.around, _log_of(settings, world)
    accept = Accept(
        world.store,
        core.lanes,
        core.submit,
        core.endings,
        routes=settings.table(),
        identifiers=identifiers,
        backlog=settings.backlog,
        around=around,
        optouts=optouts,
        refused=RefusalLog(around, every=log is not None),
        log=log,
    )
    multi = Multi(
        accept,
        world.store,
        core.lanes,
        core.submit,
        core.endings,
        identifiers=identifiers,
        around=around,
        log=log,
    )
    return accept, multi


def _jobs_of(world: Surroundings) -> SharedRounds | None:
    """Return the jobs that one node does for all, None where there is one bridge."""
    return world.membership.jobs if world.membership else None


def _ussd_of(dialogues: Dialogues, world: Surroundings) -> Dialogues | NodeDialogues:
    if world.membership is None:
        return dialogues
    from smppbridge.service.nodes.dialogues import node_dialogues  # only for such a store

    return node_dialogues(world.membership, dialogues, world.around)


def _log_of(settings: Settings, world: Surroundings) -> EventLog | None:
    """Return the log of single messages, None if it is off."""
    return world.journal if settings.log.messages == "all" else None


def _new_key() -> str:
    return str(uuid4())


def _build_endings(settings: Settings, lanes: Lanes, deliver: Deliver, around: Around) -> Endings:
    return Endings(
        lanes,
        deliver.owe,
        keep=settings.receipts.keep,
        every_fate=settings.log.messages == "all",
        around=around,
    )


def _build_core(settings: Settings, receive: Receive, world: Surroundings) -> Core:
    around, store = world.around, world.store
    lanes = Lanes(around.clock)

    def bound(name: str) -> None:
        lanes.probe(name)
        submit.backlog.wake(name)

    wires = build_wires(
        world,
        lambda answers: carrier.answered(answers),
        lambda answers: late.receive(answers),
        receive,
        bound,
        lambda name, alert: alerts.receive(name, alert),
    )
    send = sending(world, wires, lambda answers: carrier.answered(answers))
    carrier = Carrier(send, lambda: around.clock.wall())
    between = world.membership.between if world.membership else None
    deliver = Deliver(store, around, between)
    alerts = Alerts(deliver, around.meters)
    endings = _build_endings(settings, lanes, deliver, around)
    early_rules = rules.early_rules_of(settings)
    reports = Reports(store, endings, early_rules, around, busy=lanes.is_busy, shared=between)
    chance = random.random
    submit = Submit(
        store, lanes, carrier, reports, endings, random=chance, new_key=_new_key, around=around
    )
    late = LateAnswers(store, carrier, submit.decide, around)
    return Core(
        wires=wires,
        carrier=carrier,
        lanes=lanes,
        deliver=deliver,
        alerts=alerts,
        endings=endings,
        reports=reports,
        submit=submit,
    )


def _build_mobile(
    settings: Settings, core: Core, optouts: Optouts, identifiers: Identifiers, world: Surroundings
) -> MoMessages:
    return MoMessages(
        world.store,
        core.deliver.owe,
        optouts,
        identifiers=identifiers,
        keep=settings.receipts.keep,
        remember=settings.retention,
        every_fate=settings.log.messages == "all",
        around=world.around,
    )
