"""masked_pdu: one PDU with its secrets, texts and numbers masked, and every length as it was."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smppbridge.smpp.constants import RESPONSE, CommandId, Tag
from smppbridge.smpp.errors import Malformed
from smppbridge.smpp.fields import (
    COctets,
    DestAddresses,
    Integer,
    Kind,
    Octets,
    TlvArea,
    UnsuccessSmes,
    layout,
)
from smppbridge.smpp.pdus import BY_COMMAND_ID
from smppbridge.smpp.tlvs import DEFINITIONS, MOST_PADDING
from smppbridge.tracing.hidden_words import MASK, HiddenWords, masked_numbers

HEADER_OCTETS: Final = 16
_ADDRESSES: Final = frozenset(("source_addr", "destination_addr", "esme_addr", "address_range"))
_TLV_HEAD: Final = struct.Struct(">2H")
_HIDDEN_TAGS: Final = frozenset((Tag.SOURCE_SUBADDRESS, Tag.DEST_SUBADDRESS, Tag.CALLBACK_NUM_ATAG))
_UDHI: Final = 0x40  # SMPP 3.4, 5.2.12
_MESSAGE_TYPE: Final = 0x3C
_RECEIPTS: Final = frozenset((0x04, 0x20))  # delivery receipt, intermediate notification
_CARRY_RECEIPTS: Final = frozenset((CommandId.DELIVER_SM, CommandId.DATA_SM))
# 3GPP TS 23.040, 9.2.3.24: concatenation, special SMS, ports, national languages: no content.
_KEPT_ELEMENTS: Final = frozenset((0x00, 0x01, 0x04, 0x05, 0x08, 0x24, 0x25))
_RECEIPT_FIELDS: Final = re.compile(
    rb"[ \r\n\t]+|(?<![a-z0-9])(?:id *: *[a-z0-9_.-]{0,65}"
    rb"|(?:sub|dlvrd) *: *[0-9]{0,3}(?![0-9])"
    rb"|(?:submit|done)[ _]?date *: *[0-9]{0,14}(?![0-9])|stat *: *[a-z]{0,8}(?![a-z])"
    rb"|err *: *[a-z0-9]{0,6}(?![a-z0-9])|text *:)",
    re.IGNORECASE,
)
_TEXT_LABEL: Final = re.compile(rb"(?<![a-z0-9])text *:", re.IGNORECASE)


@dataclass(slots=True)
class _Body:
    """A PDU that is being masked; *masked* has the octets that are kept."""

    octets: bytes
    masked: bytearray
    words: HiddenWords
    texts: bool
    command_id: int
    esm_class: int = 0
    data_coding: int = 0

    def put(self, start: int, octets: bytes) -> None:
        self.masked[start : start + len(octets)] = octets

    def blank(self, start: int, end: int) -> None:
        self.put(start, MASK * (end - start))


def masked_pdu(octets: bytes, words: HiddenWords, *, texts: bool = False) -> bytes:
    """Return one PDU, *octets* long as it was, without secrets; texts stay only with *texts*.

    A body that cannot be read is masked from there on, that of an unknown command_id as a whole.
    """
    command_id = int.from_bytes(octets[4:8], "big")
    body = _Body(octets, bytearray(octets), words, texts, command_id)
    pdu, at, end = BY_COMMAND_ID.get(command_id), HEADER_OCTETS, len(octets)
    if pdu is not None:
        for name, kind in layout(pdu):
            try:
                at = _mask_field(body, name, kind, at, end)
            except Malformed:
                break
    if at < end:
        body.blank(at, end)
    return bytes(body.masked)


def _mask_field(body: _Body, name: str, kind: Kind, at: int, end: int) -> int:
    """Mask one field and return its end; raises Malformed."""
    if isinstance(kind, TlvArea):
        return _mask_tlvs(body, at, end)
    if isinstance(kind, DestAddresses | UnsuccessSmes):
        return _mask_destinations(body, kind, at, end)
    read = kind.read_leniently if body.command_id & RESPONSE else kind.read
    value, stop = read(body.octets, at, end)
    if name == "esm_class":
        body.esm_class = value
    elif name == "data_coding":
        body.data_coding = value
    elif isinstance(kind, Octets):
        body.put(at + 1, _masked_text(body, value))
    elif isinstance(kind, COctets):
        body.put(at, _masked_string(body, name, value))
    return stop


def _masked_string(body: _Body, name: str, value: bytes) -> bytes:
    if name == "password":
        return MASK * len(value)
    hidden = body.words.hide(value)
    return masked_numbers(hidden) if name in _ADDRESSES else hidden


def _mask_destinations(body: _Body, kind: Kind, at: int, end: int) -> int:
    """Mask the addresses of submit_multi or of its response (SMPP 3.4, 4.5)."""
    octet, text = Integer(1), COctets(21)
    multi = isinstance(kind, DestAddresses)
    if at == end and not multi:
        return end  # a response without a body
    number, at = octet.read(body.octets, at, end)
    for _ in range(number):
        flag, at = octet.read(body.octets, at, end) if multi else (1, at)
        at += 2 if flag == 1 else 0  # TON and NPI
        value, stop = text.read(body.octets, min(at, end), end)
        body.put(at, masked_numbers(body.words.hide(value)))
        at = stop + (0 if multi else 4)  # error_status_code
    if at > end:
        raise Malformed(0, "cut short")
    return at


def _mask_tlvs(body: _Body, at: int, end: int) -> int:
    """Mask values of TLVs that may hold content: all whose tag or length SMPP 3.4 does not know."""
    padding = 0
    while end - at >= _TLV_HEAD.size:
        tag, length = _TLV_HEAD.unpack_from(body.octets, at)
        if not body.octets[at] and tag not in DEFINITIONS and padding < MOST_PADDING:
            at, padding = at + 1, padding + 1
            continue
        at += _TLV_HEAD.size
        if at + length > end:
            return at
        body.put(at, _masked_value(body, tag, body.octets[at : at + length]))
        at += length
    return at


def _masked_value(body: _Body, tag: int, value: bytes) -> bytes:
    if tag == Tag.MESSAGE_PAYLOAD:
        return _masked_text(body, value)
    known = DEFINITIONS.get(tag)
    if known is None or len(value) not in known.lengths or tag in _HIDDEN_TAGS:
        return MASK * len(value)
    hidden = body.words.hide(value)
    if tag in (Tag.CALLBACK_NUM, Tag.ADDITIONAL_STATUS_INFO_TEXT):
        return masked_numbers(hidden)
    return hidden


def _masked_text(body: _Body, text: bytes) -> bytes:
    if body.texts:
        return body.words.hide(text)
    header = masked_udh(text) if body.esm_class & _UDHI else b""
    content = text[len(header) :]
    receipt = body.esm_class & _MESSAGE_TYPE in _RECEIPTS and body.command_id in _CARRY_RECEIPTS
    if receipt:
        return header + _in_characters(content, body.data_coding, masked_receipt, body.words)
    return header + blanked(content, body.data_coding)


def masked_udh(text: bytes) -> bytes:
    """Return the user data header of *text*, elements with content masked; empty without one.

    Octets that do not divide into elements are no header, whatever esm_class says.
    """
    if not text or text[0] + 1 > len(text):
        return b""
    header, at, end = bytearray(text[: text[0] + 1]), 1, text[0] + 1
    while at < end:
        stop = at + 2 + header[at + 1] if at + 1 < end else end + 1
        if stop > end:
            return b""
        if header[at] not in _KEPT_ELEMENTS:
            header[at + 2 : stop] = MASK * (stop - at - 2)
        at = stop
    return bytes(header)


def blanked(text: bytes, data_coding: int) -> bytes:
    """Return dots in the place of a text, an octet or (UCS-2) two octets each."""
    if _is_ucs2(data_coding):
        return b"\0." * (len(text) // 2) + b"." * (len(text) % 2)
    return b"." * len(text)


def masked_receipt(text: bytes) -> bytes:
    """Return a receipt's text with dots for all but its known fields (SMPP 3.4, appendix B)."""
    label = _TEXT_LABEL.search(text)
    fields = text[: label.end()] if label else text
    masked = bytearray(b"." * len(text))
    for found in _RECEIPT_FIELDS.finditer(fields):
        masked[found.start() : found.end()] = found[0]
    return bytes(masked)


def _in_characters(
    text: bytes, data_coding: int, mask: Callable[[bytes], bytes], words: HiddenWords
) -> bytes:
    """Mask characters of a receipt; one that is not ASCII in UCS-2 is blanked as a whole."""
    if not _is_ucs2(data_coding):
        return mask(words.hide(text))
    if len(text) % 2 or any(text[::2]):
        return blanked(text, data_coding)
    masked = bytearray(text)
    masked[1::2] = mask(words.hide(text[1::2]))
    return bytes(masked)


def _is_ucs2(data_coding: int) -> bool:
    """Return whether a text is in UCS-2 (SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4)."""
    if data_coding < 0x40:
        return data_coding & 0x0C == 0x08
    return data_coding & 0xF0 == 0xE0
