"""The submit_sm that carry a text, in the words of smpplib."""

from __future__ import annotations

from typing import Any

from smppbridge.model.address import ends_of
from smppbridge.smpp.constants import EsmClass
from smppbridge.text.coding import Alphabet, smallest
from smppbridge.text.coding import octets as octets_in
from smppbridge.text.segments import TextSegment, Transport, split

CODINGS = {"gsm7": Alphabet.GSM7, "ucs2": Alphabet.UCS2, "latin1": Alphabet.LATIN1}
_DATA_CODING = {Alphabet.GSM7: 0x00, Alphabet.UCS2: 0x08, Alphabet.LATIN1: 0x03}


def submissions(
    text: str, *, coding: str, long: str, reference: int
) -> list[tuple[dict[str, Any], str]]:
    """Return the fields of each submit_sm of *text*, with the segment's number, as 2/3.

    *coding* is one of CODINGS or ``auto``, *long* how a long text goes: udh8, sar or payload.
    Raises TextError.
    """
    alphabet = CODINGS.get(coding) or smallest(text)
    octets = octets_in(text, alphabet)
    common: dict[str, Any] = {"data_coding": _DATA_CODING[alphabet]}
    transport = Transport.UDH8 if long == "payload" else Transport(long)
    segments = split(octets, alphabet, transport, reference)
    if long == "payload" and len(segments) > 1:
        return [(common | {"message_payload": octets}, "1/1")]
    return [
        (common | _segment(segment), f"{number}/{len(segments)}")
        for number, segment in enumerate(segments, 1)
    ]


def _segment(segment: TextSegment) -> dict[str, Any]:
    fields: dict[str, Any] = {"short_message": segment.short_message}
    position = segment.position
    if segment.udh:
        fields["esm_class"] = int(EsmClass.UDHI)
    elif position is not None:
        fields["sar_msg_ref_num"] = position.reference
        fields["sar_total_segments"] = position.total
        fields["sar_segment_seqnum"] = position.number
    return fields


def addresses(source: str, destination: str) -> dict[str, Any]:
    """Return both addresses with TON and NPI; raises ValueError."""
    sender, receiver = ends_of(source, destination)
    return {
        "source_addr": sender.addr,
        "source_addr_ton": sender.ton,
        "source_addr_npi": sender.npi,
        "destination_addr": receiver.addr,
        "dest_addr_ton": receiver.ton,
        "dest_addr_npi": receiver.npi,
    }
