"""wiring: the clients of providers, built, and the way of requests to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smppbridge.net.http_client import HttpClient
from smppbridge.net.upstream.client import UpstreamPorts, Upstreams, connector
from smppbridge.net.wires import Wires
from smppbridge.smpp.pdus import AlertNotification

if TYPE_CHECKING:
    from smppbridge.service.build import Receive, Surroundings

Send = Callable[[str, list[tuple[Any, Any]]], None]


def build_wires(
    world: Surroundings,
    answered: Callable[[Any], None],
    late: Callable[[Any], None],
    receive: Receive,
    bound: Callable[[str], None],
    alerted: Callable[[str, AlertNotification], None],
) -> Wires:
    """Build the clients of providers: answers go to *answered* or *late*, reports to *receive*.

    *bound* is given the name of a provider whose session is bound, *alerted* alert_notifications.
    """
    ports = UpstreamPorts(
        clock=world.reactor,
        connect=connector(world.reactor),
        answered=answered,
        late=late,
        record=receive,
        bound=bound,
        alerted=alerted,
        random=random.random,
        wall=lambda: world.around.clock.wall(),
        journal=world.journal,
    )
    upstreams = Upstreams(ports, shared=world.membership is not None)
    return Wires(HttpClient(world.reactor.callFromThread, answered), upstreams)


def sending(
    world: Surroundings, wires: Wires, answered: Callable[[list[tuple[Any, Any]]], None]
) -> Send:
    """Return the function that makes requests; of a node only as long as its lease holds."""
    if world.membership is None:
        return wires.send
    return world.membership.suspension.gated(wires.send, answered)
