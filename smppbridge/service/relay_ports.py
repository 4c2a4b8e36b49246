"""relay_ports: the movements of messages, as the operations of the API use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smppbridge.web.api.relay_ports import RelayPorts

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge


def relay_ports(bridge: Bridge) -> RelayPorts:
    """Return the parts of a bridge's relay that operations use."""
    relay = bridge.relay
    return RelayPorts(dialogues=relay.dialogues)
