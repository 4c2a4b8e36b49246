"""deliver_sm of an upstream SMSC: receipts of any dialect, and messages from phones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.answers import identifier_of
from smppbridge.providers.exchange import BadReply, ReportWord
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import EsmClass, MessageState, Tag
from smppbridge.smpp.pdus import DataSm, DeliverSm
from smppbridge.smpp.receipt import STAT, ReceiptFields, is_receipt, parse
from smppbridge.text import udh
from smppbridge.text.errors import BadPosition
from smppbridge.text.segments import position_in_sar

Delivered = DeliverSm | DataSm

_SAR = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
_DIGEST = 12  # octets
_MAX_ERROR = 999  # three digits of a receipt


def read_receipt(
    pdu: Delivered,
    states: Mapping[str, MessageState],
    spelled: Callable[[str], str],
    utc_offset: float,
    *,
    as_text: bool,
) -> Report | None:
    """Return the report in a receipt, None if *pdu* is no receipt; raises BadReply for half of one.

    *states* are meanings of stat beyond the known ones, *spelled* writes the receipt's id in the
    form of submit_sm_resp.  An unknown stat is ENROUTE.  Dates are read as local time *utc_offset*
    seconds ahead of UTC.
    """
    marked = is_receipt(pdu.esm_class)
    if not (marked or as_text):
        return None
    fields = parse(pdu, int(utc_offset))
    if fields is None:
        if marked:
            raise BadReply("a receipt without id or state")
        return None
    identifier = identifier_of(fields.message_id)
    if identifier is None:
        raise BadReply("a receipt without a usable id")
    state = states.get(fields.stat, fields.state)
    unknown = fields.stat if state is None else ""
    if state is None or state is MessageState.SCHEDULED:
        state = MessageState.ENROUTE
    return Report(
        spelled(identifier), state, _error(fields), done_at=fields.done_date, unknown=unknown
    )


def report_words(states: Mapping[str, MessageState]) -> dict[str, ReportWord]:
    """Return the stat words of receipts; err is the SMSC's own."""
    known = {word.decode(): MessageState(state) for state, word in STAT.items()}
    return {word: ReportWord(state, None) for word, state in (known | dict(states)).items()}


def _error(fields: ReceiptFields) -> int:
    """Return err where err is a decimal number, else the code in network_error_code."""
    if fields.err.isascii() and fields.err.isdecimal() and int(fields.err[:9]):
        return min(int(fields.err[:9]), _MAX_ERROR)
    code = fields.network_error_code
    return min(int.from_bytes(code[1:3], "big"), _MAX_ERROR) if code else 0


def read_mo(pdu: Delivered, session: str) -> Mo:
    """Return a message from a phone, with its octets unchanged; raises BadReply.

    A segment in SAR TLVs gets the user data header of the same position.
    """
    octets = _user_data(pdu)
    esm_class = pdu.esm_class
    header = b"" if esm_class & EsmClass.UDHI else _header(pdu)
    if header:
        octets, esm_class = header + octets, esm_class | EsmClass.UDHI
    return Mo(
        provider_message_id=_identity(pdu, octets, session),
        source=_address(pdu.source_addr),
        destination=_address(pdu.destination_addr),
        octets=octets,
        data_coding=pdu.data_coding,
        esm_class=esm_class,
    )


def _user_data(pdu: Delivered) -> bytes:
    octets = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    return octets or tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""


def _header(pdu: Delivered) -> bytes:
    try:
        position = position_in_sar(*(tlvs.integer(pdu.tlvs, tag) for tag in _SAR))
    except BadPosition:
        return b""
    if position is None or position.total > 255:
        return b""
    place = udh.Concatenation(position.reference, position.total, position.number, wide=True)
    return udh.Udh((udh.concatenation_element(place),)).encode()


def _address(addr: bytes) -> str:
    found = addr.decode("latin-1").strip()
    digits = found.removeprefix("+")
    return digits if digits.isdecimal() else found


def _identity(pdu: Delivered, octets: bytes, session: str) -> str:
    """Return an id that is the same when the SMSC delivers the same segment again.

    Few SMSCs name messages from phones.  Without a name, a repetition is known only by the same
    *session* and sequence_number: two phones may send the same text, one phone may send a text
    twice, and a lost message is worse than a repeated one.
    """
    named = tlvs.c_octets(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID)
    identifier = identifier_of(named.decode("latin-1")) if named else None
    if identifier is not None:
        return f"{identifier[:39]}-{blake2b(octets, digest_size=_DIGEST).hexdigest()}"
    about = (session.encode(), b"%d" % pdu.sequence_number, pdu.source_addr, pdu.destination_addr)
    return blake2b(b"\0".join((*about, octets)), digest_size=_DIGEST).hexdigest()
