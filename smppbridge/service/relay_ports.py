"""relay_ports: the movements of messages, as the operations of the API use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smppbridge.relay.others import NoOthers
from smppbridge.routing.explain import NumberedRule
from smppbridge.routing.mo import MoRule
from smppbridge.web.api.relay_ports import RelayPorts
from smppbridge.web.idempotency import DAY, IdempotencyKeys

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge


def relay_ports(bridge: Bridge) -> RelayPorts:
    """Return the parts of a bridge's relay that operations use."""
    relay, binds, membership = bridge.relay, bridge.doors.binds, bridge.membership
    others = membership.errands if membership else NoOthers()

    def rules() -> list[NumberedRule]:
        routes = bridge.settings.routes
        return [NumberedRule(n, rule) for n, route in enumerate(routes) for rule in route.rules()]

    def mo_rules() -> list[MoRule]:
        return [rule for route in bridge.settings.mo for rule in route.rules()]

    return RelayPorts(
        compose=relay.by_hand.compose,
        dialogues=relay.dialogues,
        keys=IdempotencyKeys(
            bridge.store.by_hand,
            bridge.clock.wall,
            lambda: min(DAY, bridge.settings.retention),
            others,
            membership.store.tenure.slot if membership else 0,
        ),
        mo_rules=mo_rules,
        others=others,
        redirect=relay.by_hand.redirect,
        rematch=relay.by_hand.rematch,
        rights=lambda system_id: binds.rights.get(system_id),
        rules=rules,
    )
