"""The message class and the message waiting indication of a message, by data_coding or by TLV."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.model.tlvs import Tlvs
from smppbridge.smpp import tlvs as tlv
from smppbridge.smpp.constants import Tag
from smppbridge.text import coding

_SUBUNITS = range(1, 5)  # dest_addr_subunit (SMPP 3.4, 5.3.2.1): display, handset, SIM, external
_ACTIVE, _KIND = 0x80, 0x03  # of ms_msg_wait_facilities (SMPP 3.4, 5.3.2.13)


@dataclass(frozen=True, slots=True)
class WaitingIndication:
    """Messages that wait for the phone's owner: 0 voicemail, 1 fax, 2 e-mail, 3 other; or none."""

    kind: int
    active: bool


def class_of(data_coding: int, tlvs: Tlvs = ()) -> int | None:
    """Return the message class: 0 flash, 1 handset, 2 SIM, 3 terminal equipment, or None."""
    found = coding.message_class(data_coding)
    if found is not None or not tlvs:
        return found
    subunit = tlv.integer(tlvs, Tag.DEST_ADDR_SUBUNIT)
    return subunit - 1 if subunit in _SUBUNITS and subunit is not None else None


def waiting_of(data_coding: int, tlvs: Tlvs = ()) -> WaitingIndication | None:
    """Return the message waiting indication (3GPP 23.038, 4; SMPP 3.4, 5.3.2.13), or None."""
    if 0xC0 <= data_coding < 0xF0:
        return WaitingIndication(data_coding & 0x03, bool(data_coding & 0x08))
    facilities = tlv.integer(tlvs, Tag.MS_MSG_WAIT_FACILITIES) if tlvs else None
    if facilities is None:
        return None
    return WaitingIndication(facilities & _KIND, bool(facilities & _ACTIVE))


MARKED = frozenset(
    code for code in range(256) if class_of(code) is not None or waiting_of(code) is not None
)
"""The data_codings that say a class or an indication."""
