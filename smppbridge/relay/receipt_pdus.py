"""receipt_pdus: a receipt or an MO segment becomes a deliver_sm or data_sm; pure."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack

from smppbridge.model.account import Account
from smppbridge.model.message import LIMITED, PLAIN
from smppbridge.model.receipts import SPEC, Receipts, date_form, pieces
from smppbridge.model.report import Delivery, MoContent
from smppbridge.model.tlvs import echoed
from smppbridge.smpp import receipt, tlvs
from smppbridge.smpp.constants import INTERFACE_VERSION, EsmClass, Tag
from smppbridge.smpp.pdus import DataSm, DeliverSm
from smppbridge.smpp.receipt_text import ReceiptText, compile_text
from smppbridge.smpp.tlvs import Tlv

DeliverPdu = DeliverSm | DataSm
ReceiptPdu = Callable[[Delivery, int], DeliverPdu]
"""(delivery, the peer's interface_version) -> the request that carries the receipt."""

_GSM = 3  # the network of a network_error_code (SMPP 3.4, 5.3.2.31)
# members of an Enum are slow to load
_FINAL, _INTERMEDIATE = int(EsmClass.RECEIPT), int(EsmClass.INTERMEDIATE)
_REFERENCE = int(Tag.USER_MESSAGE_REFERENCE)
_SHORT_MESSAGE = 254  # octets, at most (SMPP 3.4, 5.2.22)


def receipt_pdu(account: Account) -> ReceiptPdu:
    """Make the function that writes an account's receipts.

    A peer older than SMPP 3.4 is sent a deliver_sm without TLVs, and so always a text.
    """
    terms = account.receipts
    id_form = account.id_form if terms.id_form is None else terms.id_form
    written = _text(terms, terms.text or SPEC)
    tagged, silent, swaps = terms.tlvs, not terms.text, terms.swaps
    as_data, tags = terms.by == "data_sm", account.echoed_tags

    def write(d: Delivery, interface_version: int) -> DeliverPdu:
        traits, error = d.traits, d.error
        message_id = id_form % (traits.multi or d.message_id)  # answered_id, without its call
        found: tuple[Tlv, ...] = ()
        if tagged and interface_version >= INTERFACE_VERSION:
            code = pack(">BH", _GSM, min(error, 0xFFFF)) if error > 0 else None
            found = receipt.receipt_tlvs(message_id, d.state, code)
            if traits is not PLAIN and traits is not LIMITED:
                found = returned(d, tags) + found
        text = b""
        if not (silent and found):
            text = written(message_id, d.submitted_at, d.done_at, d.state, error, d.text)
        source, destination = (d.destination, d.source) if swaps else (d.source, d.destination)
        pdu = DeliverSm(
            service_type=traits.service_type.encode("latin-1"),
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.addr.encode("ascii"),
            dest_addr_ton=destination.ton,
            dest_addr_npi=destination.npi,
            destination_addr=destination.addr.encode("ascii"),
            esm_class=_FINAL if d.final else _INTERMEDIATE,
            short_message=text,
            tlvs=found,
        )
        return _data_sm(pdu) if as_data and interface_version >= INTERFACE_VERSION else pdu

    return write


def _data_sm(pdu: DeliverSm) -> DataSm:
    """Return the data_sm that carries as much as a deliver_sm (SMPP 3.4, 4.7.1)."""
    text = pdu.short_message
    payload = (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, text),) if text else ()
    return DataSm(
        service_type=pdu.service_type,
        source_addr_ton=pdu.source_addr_ton,
        source_addr_npi=pdu.source_addr_npi,
        source_addr=pdu.source_addr,
        dest_addr_ton=pdu.dest_addr_ton,
        dest_addr_npi=pdu.dest_addr_npi,
        destination_addr=pdu.destination_addr,
        esm_class=pdu.esm_class,
        tlvs=payload + pdu.tlvs,
    )


def returned(d: Delivery, tags: frozenset[int]) -> tuple[Tlv, ...]:
    """Return the TLVs of a message that its receipts carry: those with *tags*, and its reference.

    Each segment of a long message has its own user_message_reference, or none.
    """
    traits = d.traits
    reference = traits.user_message_reference
    if traits.references:
        reference = dict(traits.references).get(d.message_id)
    found = echoed(traits.tlvs, tags)
    if reference is None:
        return found
    return (*found, tlvs.make_integer(_REFERENCE, reference))


def _text(terms: Receipts, template: str) -> ReceiptText:
    words = dict(terms.stat)
    return compile_text(
        pieces(template),
        stat={
            int(state): words.get(word.decode(), word.decode()).encode()
            for state, word in receipt.STAT.items()
        },
        date=date_form(terms.date),
        utc_offset=terms.utc_offset,
        err_width=terms.err_width,
        quotes=terms.quotes,
    )


def mo_pdu(d: Delivery, content: MoContent) -> DeliverSm:
    """Return the deliver_sm of an MO segment."""
    fits = len(content.octets) <= _SHORT_MESSAGE
    return DeliverSm(
        source_addr_ton=d.source.ton,
        source_addr_npi=d.source.npi,
        source_addr=d.source.addr.encode("ascii"),
        dest_addr_ton=d.destination.ton,
        dest_addr_npi=d.destination.npi,
        destination_addr=d.destination.addr.encode("ascii"),
        esm_class=content.esm_class,
        data_coding=content.data_coding,
        short_message=content.octets if fits else b"",
        tlvs=() if fits else (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, content.octets),),
    )
