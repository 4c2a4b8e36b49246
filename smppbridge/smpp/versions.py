"""interface_version: which SMPP a peer speaks, as its bind or its bind response says."""

from __future__ import annotations

from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import INTERFACE_VERSION, Tag
from smppbridge.smpp.pdus import BIND_RESPS, Bind, BindResp


def bind_response(request: Bind, system_id: bytes, version: int) -> BindResp:
    """Return the response that accepts a bind; before SMPP 3.4 it has no TLV (SMPP 3.4, 4.1)."""
    response = BIND_RESPS[request.command_id](0, request.sequence_number, system_id)
    if version >= INTERFACE_VERSION:
        response.tlvs = (tlvs.make_integer(Tag.SC_INTERFACE_VERSION, INTERFACE_VERSION),)
    return response


def version_of_esme(request: Bind) -> int:
    """Return the interface_version of a bind; larvitsmpp leaves it 0 (SMPP 3.4, 5.2.4).

    Up to 0x33 is older than SMPP 3.4.
    """
    return request.interface_version or INTERFACE_VERSION


def version_of_smsc(response: BindResp) -> int:
    """Return the interface_version of a bind response (SMPP 3.4, 5.3.2.25).

    Without sc_interface_version the SMSC is older than 3.4, and no TLVs may be sent to it.
    """
    version = tlvs.integer(response.tlvs, Tag.SC_INTERFACE_VERSION)
    return INTERFACE_VERSION - 1 if version is None else version or INTERFACE_VERSION
