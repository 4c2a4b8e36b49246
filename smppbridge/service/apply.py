"""New settings for a running bridge: all of them, or none and why."""

from __future__ import annotations

from smppbridge.service.bridge import Bridge
from smppbridge.settings.schema import Settings

_FIXED = ("smpp", "web", "callbacks", "store", "retention", "receipts", "backlog", "log", "drain")


class Refused(Exception):
    """These settings cannot be applied while the bridge runs."""


async def apply(bridge: Bridge, settings: Settings) -> None:
    """Apply accounts, providers and routes.  Raises Refused, and nothing has changed then."""
    for section in _FIXED:
        if getattr(settings, section) != getattr(bridge.settings, section):
            raise Refused(f"{section} has changed: that needs a restart")
    gone = bridge.lanes.keys() - settings.providers.keys()
    found = [name for name in gone if await bridge.store.open_messages(name)]
    found += [name for name in gone if not bridge.lanes[name].idle]  # taken while we asked
    if found:
        raise Refused(f"providers.{found[0]} is gone, and has open messages")
    bridge.use(settings)
    bridge.applied_at, bridge.applied_well = bridge.clock.wall(), True
