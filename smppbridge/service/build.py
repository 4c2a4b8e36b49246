"""build: every object of a bridge, constructed and joined in one place."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.report import Report
from smppbridge.net.binds import Binds, verify_password
from smppbridge.net.http_client import HttpClient
from smppbridge.net.smpp_server import Smsc
from smppbridge.net.upstream.client import UpstreamPorts, Upstreams, connector
from smppbridge.net.wires import Wires
from smppbridge.observe.log import EventLog
from smppbridge.observe.metrics import Metrics
from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.mo import Mobile
from smppbridge.relay.ports import Around
from smppbridge.relay.report.ending import Endings
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.carry import Carrier
from smppbridge.relay.submit.overdue import Overdue
from smppbridge.relay.submit.rounds import Rounds
from smppbridge.relay.submit.submit import Submit
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.service import rules
from smppbridge.settings.schema import Settings
from smppbridge.store.port import Restored
from smppbridge.store.sqlite import SqliteStore
from smppbridge.web.callbacks import CallbacksResource
from smppbridge.web.ussd import UssdResource

Receive = Callable[..., Coroutine[Any, Any, None]]
"""Receives (provider, its reports, MO messages and opt-outs, push or poll); durable when done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The surroundings of a bridge: the reactor, the threads, the log, the metrics."""

    reactor: Any
    pool: ThreadPool
    store: SqliteStore
    metrics: Metrics
    journal: EventLog
    around: Around


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
    mobile: Mobile
    accept: Accept
    dialogues: Dialogues
    receive: Receive


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The listeners' ends: where ESMEs bind, and where providers call."""

    binds: Binds
    smsc: Smsc
    callbacks: CallbacksResource
    ussd: UssdResource


def build_relay(settings: Settings, restored: Restored, world: World) -> Relay:
    """Build the movements of messages on the contents of a store."""
    store, around = world.store, world.around
    keep, every_fate = settings.receipts.keep, settings.log.messages == "all"
    identifiers = Identifiers(restored.last_id, around.clock.wall())

    async def receive(provider: str, received: Sequence[Received], source: str = "push") -> None:
        some = [each for each in received if isinstance(each, Report)]
        if some:
            await reports.receive(provider, some, source)
        if len(some) < len(received):
            others = [each for each in received if isinstance(each, Mo | OptOut)]
            await mobile.receive(provider, others)

    lanes = Lanes(around.clock)
    wires = build_wires(world, lambda answers: carrier.answered(answers), receive, lanes)
    carrier = Carrier(wires.send, around.clock.wall)
    deliver = Deliver(store, around)
    endings = Endings(lanes, deliver.owe, keep=keep, every_fate=every_fate, around=around)
    reports = Reports(store, endings, rules.early_rules_of(settings), around)
    submit = Submit(
        store,
        lanes,
        carrier,
        reports,
        endings,
        random=random.random,
        new_key=lambda: str(uuid4()),
        around=around,
    )
    optouts = Optouts(restored.optouts)
    mobile = Mobile(
        store,
        deliver.owe,
        optouts,
        identifiers=identifiers,
        keep=keep,
        remember=settings.retention,
        every_fate=every_fate,
        around=around,
    )
    log = world.journal if every_fate else None
    accept = Accept(
        store,
        lanes,
        submit,
        endings,
        routes=settings.table(),
        identifiers=identifiers,
        backlog=settings.backlog,
        around=around,
        optouts=optouts,
        log=log,
    )
    ussd = rules.ussd_rules_of(settings)
    return Relay(
        wires=wires,
        lanes=lanes,
        deliver=deliver,
        reports=reports,
        submit=submit,
        overdue=Overdue(store, lanes, {}, carrier, reports, again=submit, around=around),
        rounds=Rounds(lanes, {}, carrier, receive, around),
        optouts=optouts,
        mobile=mobile,
        accept=accept,
        dialogues=Dialogues(ussd, identifiers=identifiers, around=around, log=log),
        receive=receive,
    )


def build_wires(
    world: World, answered: Callable[[Any], None], receive: Receive, lanes: Lanes
) -> Wires:
    """Build the clients of providers; they give answers to *answered*, reports to *receive*."""
    ports = UpstreamPorts(
        clock=world.reactor,
        connect=connector(world.reactor),
        answered=answered,
        record=receive,
        bound=lanes.probe,
        random=random.random,
        wall=world.around.clock.wall,
        journal=world.journal,
    )
    return Wires(HttpClient(world.reactor.callFromThread, answered), Upstreams(ports))


def build_doors(settings: Settings, relay: Relay, world: World) -> Doors:
    """Build the SMSC that ESMEs bind to, and the resources that providers call."""
    reactor, metrics = world.reactor, world.metrics
    binds = Binds(
        verified=lambda hashed, password: deferToThreadPool(
            reactor, world.pool, verify_password, hashed, password
        ),
        wait=lambda seconds: deferLater(reactor, seconds),
        seconds=reactor.seconds,
    )
    smsc = Smsc(
        settings.smpp.system_id,
        accept=relay.accept,
        deliver=relay.deliver,
        binds=binds,
        timers=rules.timers_of(settings),
        limits=rules.limits_of(settings),
        clock=reactor,
        spawn=world.around.spawn,
        meters=metrics,
        journal=world.journal,
        dialogues=relay.dialogues,
    )

    def read(name: str, request: HttpRequest) -> Sequence[Received]:
        lane = relay.lanes.by_name.get(name)
        if lane is None:
            raise BadReply("no such provider")
        return lane.provider.read_callback(request)

    callbacks = CallbacksResource(read, relay.receive, reactor, metrics.callback)
    return Doors(
        binds=binds, smsc=smsc, callbacks=callbacks, ussd=UssdResource(callbacks, metrics.callback)
    )
