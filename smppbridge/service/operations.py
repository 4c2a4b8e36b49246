"""The operations other than submit_sm, each with the movement that carries the operation out."""

from __future__ import annotations

from smppbridge.net.esme_session import Operations


def build_operations() -> Operations:
    """Return the operations that are served, by command_id."""
    return {}
