"""Tags, lengths and values of TLVs (SMPP 3.4, 5.3), which travel in PDUs as (tag, octets)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from smppbridge.smpp.constants import CommandStatus, Tag
from smppbridge.smpp.errors import Malformed
from smppbridge.smpp.oddities import Oddity

Tlv = tuple[int, bytes]
Tlvs = tuple[Tlv, ...]

MAX_TLVS = 100
"""A PDU with more TLVs is refused: every length that a peer controls has a bound."""

MOST_PADDING = 3
"""NULs before a TLV that are no part of any TLV; php-smpp ends short_message with one of them."""

_HEAD = struct.Struct(">2H")


class TlvType(Enum):
    """The form of a TLV's value."""

    INTEGER = auto()
    C_OCTETS = auto()
    OCTETS = auto()
    EMPTY = auto()


@dataclass(frozen=True, slots=True)
class Definition:
    """The type of a TLV and the numbers of octets that its value may have."""

    type: TlvType
    lengths: range


def _integer(*lengths: int) -> Definition:
    return Definition(
        TlvType.INTEGER, range(lengths[0], lengths[-1] + 1, lengths[-1] - lengths[0] or 1)
    )


def _octets(shortest: int, longest: int) -> Definition:
    return Definition(TlvType.OCTETS, range(shortest, longest + 1))


def _c_octets(longest: int) -> Definition:
    return Definition(TlvType.C_OCTETS, range(1, longest + 1))


DEFINITIONS: dict[int, Definition] = {
    Tag.DEST_ADDR_SUBUNIT: _integer(1),
    Tag.DEST_NETWORK_TYPE: _integer(1),
    Tag.DEST_BEARER_TYPE: _integer(1),
    Tag.DEST_TELEMATICS_ID: _integer(2),
    Tag.SOURCE_ADDR_SUBUNIT: _integer(1),
    Tag.SOURCE_NETWORK_TYPE: _integer(1),
    Tag.SOURCE_BEARER_TYPE: _integer(1),
    Tag.SOURCE_TELEMATICS_ID: _integer(1, 2),  # node-smpp writes 2
    Tag.QOS_TIME_TO_LIVE: _integer(4),
    Tag.PAYLOAD_TYPE: _integer(1),
    Tag.ADDITIONAL_STATUS_INFO_TEXT: _c_octets(256),
    Tag.RECEIPTED_MESSAGE_ID: _c_octets(65),
    Tag.MS_MSG_WAIT_FACILITIES: _integer(1),
    Tag.PRIVACY_INDICATOR: _integer(1),
    Tag.SOURCE_SUBADDRESS: _octets(2, 23),
    Tag.DEST_SUBADDRESS: _octets(2, 23),
    Tag.USER_MESSAGE_REFERENCE: _integer(2),
    Tag.USER_RESPONSE_CODE: _integer(1),
    Tag.SOURCE_PORT: _integer(2),
    Tag.DESTINATION_PORT: _integer(2),
    Tag.SAR_MSG_REF_NUM: _integer(2),
    Tag.LANGUAGE_INDICATOR: _integer(1),
    Tag.SAR_TOTAL_SEGMENTS: _integer(1),
    Tag.SAR_SEGMENT_SEQNUM: _integer(1),
    Tag.SC_INTERFACE_VERSION: _integer(1),
    Tag.CALLBACK_NUM_PRES_IND: _integer(1),
    Tag.CALLBACK_NUM_ATAG: _octets(0, 65),
    Tag.NUMBER_OF_MESSAGES: _integer(1),
    Tag.CALLBACK_NUM: _octets(4, 19),
    Tag.DPF_RESULT: _integer(1),
    Tag.SET_DPF: _integer(1),
    Tag.MS_AVAILABILITY_STATUS: _integer(1),
    Tag.NETWORK_ERROR_CODE: _octets(3, 3),
    Tag.MESSAGE_PAYLOAD: _octets(0, 0xFFFF),
    Tag.DELIVERY_FAILURE_REASON: _integer(1),
    Tag.MORE_MESSAGES_TO_SEND: _integer(1),
    Tag.MESSAGE_STATE: _integer(1),
    Tag.USSD_SERVICE_OP: _integer(1),
    Tag.DISPLAY_TIME: _integer(1),
    Tag.SMS_SIGNAL: _integer(2),
    Tag.MS_VALIDITY: _integer(1, 4),  # 4 in SMPP 5.0
    Tag.ALERT_ON_MESSAGE_DELIVERY: Definition(TlvType.EMPTY, range(2)),  # 1 in SMPP 5.0
    Tag.ITS_REPLY_TYPE: _integer(1),
    Tag.ITS_SESSION_INFO: _octets(2, 2),
}

_CHECKED_LENGTHS: dict[int, range] = {
    int(tag): definition.lengths
    for tag, definition in DEFINITIONS.items()
    if definition.type in (TlvType.INTEGER, TlvType.EMPTY)
}


def read(octets: bytes, start: int, end: int) -> Tlvs:
    """Cut the TLV area into TLVs; one to three NULs at its end, as some peers add, are ignored.

    Raises Malformed with ESME_RINVOPTPARSTREAM.
    """
    found: list[Tlv] = []
    at = start
    while end - at >= _HEAD.size:
        tag, length = _HEAD.unpack_from(octets, at)
        at += _HEAD.size + length
        if at > end or len(found) == MAX_TLVS:
            raise _broken(CommandStatus.ESME_RINVOPTPARSTREAM, f"TLV {tag:#06x} does not fit")
        found.append((tag, octets[at - length : at]))
    if octets[at:end].strip(b"\0"):
        raise _broken(CommandStatus.ESME_RINVOPTPARSTREAM, "stray octets after the last TLV")
    return tuple(found)


def read_padded(octets: bytes, start: int, end: int) -> Tlvs | None:
    """Read a TLV area with up to MOST_PADDING NULs before each TLV; None if no reading fits.

    For areas that do not fit without NULs: a TLV is taken where the least NULs make a sound one.
    """
    found: list[Tlv] = []
    at, stop = start, start + len(octets[start:end].rstrip(b"\0"))
    while at < stop:
        starts = range(at, at + MOST_PADDING + 1)
        head = next((head for head in starts if _is_sound(octets, head, end)), end)
        if octets[at:head].strip(b"\0") or len(found) == MAX_TLVS:
            return None
        tag, length = _HEAD.unpack_from(octets, head)
        at = head + _HEAD.size + length
        found.append((tag, octets[at - length : at]))
    return tuple(found)


def exists(tag: int) -> bool:
    """Return whether a tag may be one: below 0x100 SMPP 3.4, 5.3.2 defines each that is in use.

    An unknown tag there is likely a NUL of padding and the first octet of the next tag.
    """
    return tag > 0xFF or tag in DEFINITIONS


def check(tlvs: Tlvs) -> None:
    """Raise Malformed with ESME_RINVPARLEN if a known integer has a wrong length."""
    for tag, value in tlvs:
        lengths = _CHECKED_LENGTHS.get(tag)
        if lengths is not None and len(value) not in lengths:
            raise _broken(CommandStatus.ESME_RINVPARLEN, f"TLV {tag:#06x} of {len(value)} octets")


def read_leniently(octets: bytes, start: int, end: int) -> Tlvs:
    """Return the TLVs up to the first broken one: for responses, which nobody answers."""
    found: list[Tlv] = []
    at = start
    while end - at >= _HEAD.size and len(found) < MAX_TLVS:
        tag, length = _HEAD.unpack_from(octets, at)
        at += _HEAD.size + length
        if at > end:
            break
        found.append((tag, octets[at - length : at]))
    return tuple(found)


def fitted(tlvs: Tlvs) -> Tlvs:
    """Return TLVs whose known integers have a length of SMPP 3.4, 5.3, with the same values.

    An integer that is empty, or too high for its length, is left out.
    """
    found: list[Tlv] = []
    for tag, value in tlvs:
        lengths = _CHECKED_LENGTHS.get(tag)
        if lengths is None or len(value) in lengths:
            found.append((tag, value))
        elif 0 in lengths:  # no integer: that it is there says all
            found.append((tag, b""))
        elif value and len(digits := value.lstrip(b"\0").rjust(lengths[0], b"\0")) in lengths:
            found.append((tag, digits))
    return tuple(found)


def write(tlvs: Iterable[Tlv]) -> bytes:
    """Write TLVs one after the other; struct.error if a tag or length needs over 16 bits."""
    return b"".join([_HEAD.pack(tag, len(value)) + value for tag, value in tlvs])


def find(tlvs: Tlvs, tag: int) -> bytes | None:
    """Return the value of the first TLV with this tag."""
    for found, value in tlvs:
        if found == tag:
            return value
    return None


def integer(tlvs: Tlvs, tag: int) -> int | None:
    """Return an integer TLV, whatever its length; None if it is absent or empty."""
    value = find(tlvs, tag)
    return int.from_bytes(value, "big") if value else None


def c_octets(tlvs: Tlvs, tag: int) -> bytes | None:
    """Return a C-octet string TLV up to its NUL, or the whole value without a NUL."""
    value = find(tlvs, tag)
    return None if value is None else value.partition(b"\0")[0]


def make_integer(tag: int, value: int) -> Tlv:
    """Make an integer TLV in the length of SMPP 3.4, 5.3.

    Raises OverflowError if *value* needs more octets.
    """
    return int(tag), value.to_bytes(DEFINITIONS[tag].lengths[0], "big")


def make_c_octets(tag: int, value: bytes) -> Tlv:
    """Make a C-octet string TLV with its NUL, which many clients need."""
    return int(tag), value + b"\0"


def make_octets(tag: int, value: bytes) -> Tlv:
    """Make an octet string TLV."""
    return int(tag), value


def _is_sound(octets: bytes, start: int, end: int) -> bool:
    """Return whether a TLV with a tag that exists, and a fitting length, may begin at *start*."""
    if end - start < _HEAD.size:
        return False
    tag, length = _HEAD.unpack_from(octets, start)
    lengths = _CHECKED_LENGTHS.get(tag)
    fits = start + _HEAD.size + length <= end and (lengths is None or length in lengths)
    return fits and exists(tag)


def _broken(status: int, why: str) -> Malformed:
    return Malformed(status, why, Oddity.BROKEN_TLVS)
