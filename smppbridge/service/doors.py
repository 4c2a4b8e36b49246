"""doors: where ESMEs bind and where providers call, built on the movements of messages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from smppbridge.net.binds import Binds, verify_password
from smppbridge.net.outbind import Outbinds, caller
from smppbridge.net.smpp_server import Smsc
from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.service import rules
from smppbridge.service.build import Relay, Surroundings
from smppbridge.settings.schema import Settings
from smppbridge.web.callbacks import CallbacksResource
from smppbridge.web.ussd import UssdResource


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerListeners:
    """The listeners' ends: where ESMEs bind, and where providers call."""

    binds: Binds
    smsc: Smsc
    outbinds: Outbinds
    callbacks: CallbacksResource
    ussd: UssdResource


def build_doors(settings: Settings, relay: Relay, world: Surroundings) -> PeerListeners:
    """Build the SMSC that ESMEs bind to, and the resources that providers call."""
    reactor, metrics, journal = world.reactor, world.metrics, world.journal
    reason = world.around.notes.reason
    binds = Binds(
        verified=lambda *words: deferToThreadPool(reactor, world.pool, verify_password, *words),
        wait=lambda seconds: deferLater(reactor, seconds),
        seconds=reactor.seconds,
        places=world.membership.limits.places if world.membership else None,
    )
    smsc = Smsc(
        settings.smpp.system_id,
        accept=relay.accept,
        deliver=relay.deliver,
        binds=binds,
        timers=rules.timers_of(settings),
        limits=rules.limits_of(settings)["smpp"],
        clock=reactor,
        spawn=world.around.spawn,
        meters=metrics,
        journal=journal,
        failed=world.failed.of("smpp"),
        reason=reason,
        dialogues=relay.dialogues,
        operations=relay.operations,
    )

    read = partial(_read_callback, relay.lanes)
    callbacks = CallbacksResource(read, relay.receive, reactor, metrics.callback, journal, reason)
    return PeerListeners(
        binds=binds,
        smsc=smsc,
        outbinds=Outbinds(
            smsc, relay.deliver, connect=caller(reactor), random=random.random, meters=metrics
        ),
        callbacks=callbacks,
        ussd=UssdResource(callbacks, metrics.callback),
    )


def _read_callback(lanes: Lanes, name: str, request: HttpRequest) -> Sequence[Received]:
    """Read a request that a provider has made; raises BadReply."""
    lane = lanes.by_name.get(name)
    if lane is None:
        raise BadReply("no such provider")
    return lane.provider.read_callback(request)
