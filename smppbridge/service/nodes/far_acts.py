"""far_acts: the acts that other bridges have this one carry out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from smppbridge.relay import across
from smppbridge.relay.across import Response
from smppbridge.relay.submit import everywhere
from smppbridge.service.operations import naming_movements
from smppbridge.web.api.providers import HOLD, PROBE
from smppbridge.web.idempotency import UNDER_WAY

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.service.nodes.errands import Act


def acts_of(bridge: Bridge) -> dict[str, Act]:
    """Return the acts of a bridge, by the words that other bridges ask for them with."""

    async def named(body: Mapping[str, Any]) -> dict[str, Any]:
        concluded: Deferred[Response] = Deferred()
        relay, rights = bridge.relay, bridge.doors.binds.rights
        here = naming_movements(relay.query, relay.cancel, relay.replace)
        now = bridge.clock.monotonic()
        await across.carry_out(body, here, rights.get, now, concluded.callback)
        return across.written_response(await concluded)

    async def hold(_: Mapping[str, Any]) -> dict[str, Any]:
        assert bridge.membership is not None
        await bridge.membership.jobs.hold()
        return {}

    async def probe(body: Mapping[str, Any]) -> dict[str, Any]:
        bridge.relay.lanes.probe(body["provider"])
        return {}

    redirect = bridge.relay.by_hand.redirect
    return {
        across.ACT: named,
        everywhere.MOVE: redirect.move_ours,
        everywhere.GIVE_UP: redirect.give_up_ours,
        HOLD: hold,
        PROBE: probe,
        UNDER_WAY: bridge.admin.keys.under_way,
    }
