"""The operations other than submit_sm, each with the movement that carries the operation out."""

from __future__ import annotations

from smppbridge.net.esme_session import Operations
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.data import AcceptData
from smppbridge.relay.ports import Meters
from smppbridge.smpp.constants import CommandId


def build_operations(accept: Accept, meters: Meters) -> Operations:
    """Return the operations that are served, by command_id."""
    return {
        CommandId.DATA_SM: AcceptData(accept, meters),
    }
