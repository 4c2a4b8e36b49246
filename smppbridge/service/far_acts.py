"""far_acts: the acts that other bridges have this one carry out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from smppbridge.relay import across
from smppbridge.relay.across import Response
from smppbridge.service.operations import naming_movements

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.service.errands import Act


def acts_of(bridge: Bridge) -> dict[str, Act]:
    """Return the acts of a bridge, by the words that other bridges ask for them with."""

    async def named(body: Mapping[str, Any]) -> dict[str, Any]:
        concluded: Deferred[Response] = Deferred()
        relay, rights = bridge.relay, bridge.doors.binds.rights
        here = naming_movements(relay.query, relay.cancel, relay.replace)
        now = bridge.clock.monotonic()
        await across.carry_out(body, here, rights.get, now, concluded.callback)
        return across.written_response(await concluded)

    return {across.ACT: named}
