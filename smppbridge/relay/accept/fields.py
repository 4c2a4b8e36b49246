"""fields: the fields of one request are read, before anything is known of its account; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from smppbridge.model.message import PLAIN, AsSent, Traits
from smppbridge.model.reasons import Reason
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import (
    INTERFACE_VERSION,
    CommandStatus,
    EsmClass,
    RegisteredDelivery,
    Tag,
)
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import SubmitMulti, SubmitSm
from smppbridge.text import coding, packed, segments
from smppbridge.text.errors import BadPosition, BadUdh
from smppbridge.text.segments import Position

LONGEST_ADDRESS = 20
"""Octets of an address in a submit_sm or deliver_sm, where a data_sm has 64 (SMPP 3.4, 4.7.1)."""
LONGEST_SERVICE_TYPE = 5  # octets: SMPP 3.4, 5.2.11
HIGHEST_REGISTERED_DELIVERY = 0x1F  # SMPP 3.4, 5.2.17: the bits above are reserved
HIGHEST_DATA_CODING = 8  # of those that nearly all ESMEs send (SMPP 3.4, 5.2.19)
_SMPP_5 = 0x50
Submitted = SubmitSm | SubmitMulti
"""A request whose fields, but for the destinations, are those of a submit_sm."""

_MODE, _DATAGRAM = EsmClass.MODE, EsmClass.DATAGRAM
OPTIONAL_SAR = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)


class Refusal(Exception):
    """The message is not wanted: answer with *status*, for a reason of the list.

    *detail* says more for people; *oddity* is the kind of fault, if known.  Neither has a text or a
    whole number.
    """

    def __init__(
        self, status: int, reason: Reason, detail: str = "", oddity: Oddity | None = None
    ) -> None:
        super().__init__(f"{reason.value} {detail}".rstrip())
        self.status, self.reason, self.detail = status, reason, detail
        self.oddity = oddity

    @property
    def facts(self) -> dict[str, str]:
        """The facts of a note about the refusal."""
        return {"why": self.reason.value, **({"detail": self.detail} if self.detail else {})}


@dataclass(slots=True)
class Content:
    """The user data of a submit_sm: its octets, and their position in a long message.

    *sent* are the fields of the submit_sm before the account's habits amended the PDU.
    """

    octets: bytes = field(repr=False)
    position: Position | None = None
    udh: bytes = field(default=b"", repr=False)
    sent: AsSent | None = None


def content(pdu: Submitted) -> Content:
    """Return the user data of a submit_sm, from short_message or message_payload."""
    if not pdu.tlvs and not pdu.esm_class & EsmClass.UDHI:
        return Content(pdu.short_message)
    octets = _user_data(pdu)
    sar = _sar(pdu.tlvs) if pdu.tlvs else None
    if not pdu.esm_class & EsmClass.UDHI:
        return Content(octets, sar)
    if any(tlvs.find(pdu.tlvs, tag) is not None for tag in OPTIONAL_SAR):
        why = "SAR TLVs and a UDH"
        fault = (Reason.BAD_HEADER, why, Oddity.SAR_AND_UDH)
        raise Refusal(CommandStatus.ESME_RINVOPTPARAMVAL, *fault)
    try:
        position, udh, rest = segments.position_in_udh(octets)
    except BadUdh as error:
        raise Refusal(CommandStatus.ESME_RINVESMCLASS, Reason.BAD_HEADER) from error
    return Content(rest, position, udh)


def unpacked(pdu: Submitted) -> Content:
    """Return the user data of a submit_sm whose septets are packed where they are GSM 03.38."""
    found = content(pdu)
    if coding.says_default(pdu.data_coding):
        header = len(_user_data(pdu)) - len(found.octets)
        found.octets = packed.unpack(found.octets, header)
    return found


def oddities_of(pdu: Submitted, interface_version: int) -> Iterator[Oddity]:
    """Yield the oddities of a submit_sm that has TLVs, or high values of its flags."""
    if pdu.tlvs and interface_version < INTERFACE_VERSION:
        yield Oddity.TLVS_BEFORE_3_4
    if coding.is_reserved(pdu.data_coding):
        yield Oddity.DATA_CODING
    if pdu.registered_delivery > HIGHEST_REGISTERED_DELIVERY:
        yield Oddity.REGISTERED_DELIVERY


def check_flags(pdu: Submitted) -> None:
    """Refuse undefined values: priority_flag, replace_if_present_flag, sm_default_msg_id."""
    if pdu.priority_flag > 3:
        raise Refusal(
            CommandStatus.ESME_RINVPRTFLG, Reason.BAD_FLAG, "priority_flag", Oddity.PRIORITY
        )
    if pdu.replace_if_present_flag > 1:
        raise Refusal(CommandStatus.ESME_RINVREPFLAG, Reason.BAD_FLAG, "replace_if_present_flag")
    if pdu.sm_default_msg_id and not _user_data(pdu):
        raise Refusal(CommandStatus.ESME_RINVDFTMSGID, Reason.BAD_FLAG, "sm_default_msg_id")


def wanted_receipts(registered_delivery: int, interface_version: int) -> int:
    """Return the receipts of a registered_delivery: before SMPP 5.0 a 3 (success only) is a 1."""
    asked = registered_delivery & (RegisteredDelivery.RECEIPT | RegisteredDelivery.INTERMEDIATE)
    if asked & RegisteredDelivery.RECEIPT == 3 and interface_version < _SMPP_5:
        asked = asked & ~RegisteredDelivery.RECEIPT | RegisteredDelivery.ALWAYS
    return asked


def wanting(intermediate: str) -> Callable[[int, int], int]:
    """Return the `wanted_receipts` of an account: with intermediate notifications asked or not.

    *intermediate* is "asked", "always" (with every receipt that is asked for) or "never".
    """
    if intermediate == "asked":
        return wanted_receipts
    added = RegisteredDelivery.INTERMEDIATE if intermediate == "always" else 0

    def wanted(registered_delivery: int, interface_version: int) -> int:
        asked = wanted_receipts(registered_delivery, interface_version)
        receipt = asked & RegisteredDelivery.RECEIPT
        return receipt | added if receipt else asked & added

    return wanted


def traits(pdu: Submitted, udh: bytes, found: tlvs.Tlvs = ()) -> Traits:
    """Return the traits of a message, fields that few messages have; PLAIN without them.

    *found* are the TLVs that the message keeps.
    """
    reference = tlvs.integer(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE) if pdu.tlvs else None
    esm_class, datagram = pdu.esm_class, False
    if esm_class:
        esm_class, datagram = esm_class & ~_MODE, esm_class & _MODE == _DATAGRAM
    rare = pdu.service_type or pdu.protocol_id or udh or esm_class or datagram or found
    if not rare and reference is None:
        return PLAIN
    service_type = pdu.service_type.decode("latin-1")
    return Traits(
        service_type,
        esm_class,
        pdu.protocol_id,
        reference,
        udh,
        datagram=datagram,
        tlvs=found,
    )


def time_to_live(pdu: Submitted) -> int | None:
    """Return the seconds of qos_time_to_live, the validity of a data_sm (SMPP 3.4, 5.3.2.9)."""
    return tlvs.integer(pdu.tlvs, Tag.QOS_TIME_TO_LIVE)


def _user_data(pdu: Submitted) -> bytes:
    payload = tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    if payload is None:
        return pdu.short_message
    if pdu.short_message:
        fault = (Reason.TWO_TEXTS, "", Oddity.TWO_TEXTS)
        raise Refusal(CommandStatus.ESME_ROPTPARNOTALLWD, *fault)
    return payload


def _sar(found: tuple[tuple[int, bytes], ...]) -> Position | None:
    try:
        return segments.position_in_sar(*(tlvs.integer(found, tag) for tag in OPTIONAL_SAR))
    except BadPosition as error:
        raise Refusal(CommandStatus.ESME_RINVOPTPARAMVAL, Reason.BAD_TLV, str(error)) from error
