"""opening: the listeners of a bridge are opened, each with its factory and its room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smppbridge.net.room import Room
from smppbridge.service import rules
from smppbridge.service.listeners import admin_endpoint, client_ca_of, endpoints_of
from smppbridge.settings.endpoints import parse
from smppbridge.web.pages import ConsolePages, console_files
from smppbridge.web.site import Site, callbacks_site, web_pages

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.settings.node import NodeSection
    from smppbridge.web.request import SiteResource


LEAVING = 2.0
"""Seconds for upstreams to answer the unbind of a bridge that cannot listen."""


async def open_listeners(bridge: Bridge) -> dict[str, Room]:
    """Listen on all endpoints; return the rooms of the HTTP listeners by name.

    Raises the errors of listening when the upstreams are unbound, but for the admin socket, without
    which the bridge runs too.
    """
    try:
        return await _open(bridge)
    except BaseException:
        await bridge.relay.wires.smpp.stop(LEAVING)
        raise


async def _open(bridge: Bridge) -> dict[str, Room]:
    settings, reactor = bridge.settings, bridge.reactor
    rooms = {
        name: Room(limits, bridge.failed.of(name))
        for name, limits in rules.limits_of(settings).items()
        if name != "smpp"  # the Smsc has its own
    }
    factories: dict[str, Any] = {"smpp": bridge.doors.smsc}
    if settings.callbacks:
        factories["callbacks"] = callbacks_site(bridge.doors.ussd, reactor, rooms["callbacks"])
    if settings.node and settings.node.listen:
        factories["node"] = Site(_nodes(bridge, settings.node), reactor, rooms["node"])
    others = web_pages(bridge.ready, bridge.metrics.exposition)
    pages = ConsolePages(console_files(), others) if settings.web else others
    for name, text in endpoints_of(settings):
        if name == "web":
            resource = bridge.admin.resource(pages, tls=parse(text).kind == "ssl")
            factories["web"] = Site(resource, reactor, rooms["web"])
        client_ca, passing = client_ca_of(settings, name), rules.passing_of(settings, name)
        await bridge.listeners.open(name, text, factories[name], client_ca, passing)
    if (admin := admin_endpoint(settings)) is not None:
        await bridge.admin.open(admin)
    return rooms


def _nodes(bridge: Bridge, node: NodeSection) -> SiteResource:
    """Return the resource that other nodes ask; without them nothing of it is imported."""
    from smppbridge.relay.ussd.served import ServedDialogues
    from smppbridge.web.nodes import NodesResource

    served = ServedDialogues(bridge.relay.dialogues, lambda: bridge.doors.binds.rights)
    return NodesResource(node.key or "", served)
