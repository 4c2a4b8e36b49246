"""A room for the connections of a site."""

from __future__ import annotations

from smppbridge.net.room import Limits, Room

WIDE = Limits(connections=500, idle=500, idle_per_address=500)


def room(limits: Limits = WIDE) -> Room:
    """Return a room that notes nothing."""
    return Room(limits, lambda host, reason: None)
