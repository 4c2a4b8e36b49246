"""An upstream SMSC that the client is bound to."""

from __future__ import annotations

from dataclasses import replace

from smppbridge.net.upstream.client import Terms
from tests.net.smscs import SMPP

RECEIPT = b"id:42 sub:001 dlvrd:001 stat:DELIVRD err:000"


def terms(**settings):
    return Terms(replace(SMPP, **settings), timeout=30.0, connect_timeout=10.0)


def bound(client, around, **settings):
    """Configure a provider ``it``; return the SMSC's ends of its sessions."""
    client.change({"it": terms(**settings)})
    return around.smscs
