"""The operations other than submit_sm, each with the movement that carries the operation out."""

from __future__ import annotations

from smppbridge.net.esme_session import Operations
from smppbridge.relay.accept.multi import Multi
from smppbridge.smpp.constants import CommandId


def build_operations(multi: Multi) -> Operations:
    """Return the operations that are served, by command_id."""
    return {CommandId.SUBMIT_MULTI: multi.take}
