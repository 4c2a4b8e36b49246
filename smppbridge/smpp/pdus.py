"""The PDUs, field by field, in the order and by the names of SMPP 3.4, 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar, dataclass_transform

from smppbridge.smpp import fields
from smppbridge.smpp.compiled import Decode, compile_decode, compile_encode
from smppbridge.smpp.constants import (
    INTERFACE_VERSION,
    RESPONSE,
    CommandId,
    CommandStatus,
    MessageState,
)
from smppbridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme, c_octets, integer
from smppbridge.smpp.tlvs import Tlv

_S = CommandStatus


@dataclass(slots=True)
class Pdu:
    """The header of every PDU (SMPP 3.4, 3.2); *bare_on_error*: a PDU with an error has no body."""

    command_id: ClassVar[int]
    bare_on_error: ClassVar[bool] = False
    command_status: int = 0
    sequence_number: int = 0

    def encode(self) -> bytes:
        """Return the whole PDU; LocalError if a value does not fit its field."""
        raise NotImplementedError


BY_COMMAND_ID: dict[int, type[Pdu]] = {}
DECODE: dict[int, Decode] = {}

_P = TypeVar("_P", bound=Pdu)


@dataclass_transform()
def _pdu(command_id: CommandId, *, bare_on_error: bool = False) -> Callable[[type[_P]], type[_P]]:
    def register(cls: type[_P]) -> type[_P]:
        cls = dataclass(slots=True)(cls)
        cls.command_id = int(command_id)  # IntEnum members are slow keys
        cls.bare_on_error = bare_on_error
        cls.encode = compile_encode(cls)  # type: ignore[method-assign, assignment]
        BY_COMMAND_ID[cls.command_id] = cls
        DECODE[cls.command_id] = compile_decode(cls)
        return cls

    return register


@dataclass(slots=True)
class Bind(Pdu):
    """The body of the three binds (SMPP 3.4, 4.1); passwords of 64 characters are read."""

    system_id: bytes = c_octets(16, _S.ESME_RINVSYSID)
    password: bytes = c_octets(65, _S.ESME_RINVPASWD, secret=True)
    system_type: bytes = c_octets(13, _S.ESME_RINVSYSTYP)
    interface_version: int = integer(default=INTERFACE_VERSION)
    addr_ton: int = integer()
    addr_npi: int = integer()
    address_range: bytes = c_octets(41)


@_pdu(CommandId.BIND_RECEIVER)
class BindReceiver(Bind):
    """SMPP 3.4, 4.1.3."""


@_pdu(CommandId.BIND_TRANSMITTER)
class BindTransmitter(Bind):
    """SMPP 3.4, 4.1.1."""


@_pdu(CommandId.BIND_TRANSCEIVER)
class BindTransceiver(Bind):
    """SMPP 3.4, 4.1.5."""


@dataclass(slots=True)
class BindResp(Pdu):
    """The body of the responses to the three binds (SMPP 3.4, 4.1)."""

    system_id: bytes = c_octets(16)
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.BIND_RECEIVER_RESP, bare_on_error=True)
class BindReceiverResp(BindResp):
    """SMPP 3.4, 4.1.4."""


@_pdu(CommandId.BIND_TRANSMITTER_RESP, bare_on_error=True)
class BindTransmitterResp(BindResp):
    """SMPP 3.4, 4.1.2."""


@_pdu(CommandId.BIND_TRANSCEIVER_RESP, bare_on_error=True)
class BindTransceiverResp(BindResp):
    """SMPP 3.4, 4.1.6."""


BIND_RESPS: dict[int, type[BindResp]] = {
    BindReceiver.command_id: BindReceiverResp,
    BindTransmitter.command_id: BindTransmitterResp,
    BindTransceiver.command_id: BindTransceiverResp,
}


@_pdu(CommandId.OUTBIND)
class Outbind(Pdu):
    """SMPP 3.4, 4.1.7; it has no response."""

    system_id: bytes = c_octets(16, _S.ESME_RINVSYSID)
    password: bytes = c_octets(65, _S.ESME_RINVPASWD, secret=True)


@_pdu(CommandId.UNBIND)
class Unbind(Pdu):
    """SMPP 3.4, 4.2.1."""


@_pdu(CommandId.UNBIND_RESP)
class UnbindResp(Pdu):
    """SMPP 3.4, 4.2.2."""


@_pdu(CommandId.ENQUIRE_LINK)
class EnquireLink(Pdu):
    """SMPP 3.4, 4.11.1."""


@_pdu(CommandId.ENQUIRE_LINK_RESP)
class EnquireLinkResp(Pdu):
    """SMPP 3.4, 4.11.2."""


@_pdu(CommandId.GENERIC_NACK)
class GenericNack(Pdu):
    """SMPP 3.4, 4.3; its command_status is never 0."""


@dataclass(slots=True)
class ShortMessage(Pdu):
    """The body of submit_sm and deliver_sm, without sm_length, which the codec counts."""

    service_type: bytes = c_octets(6, _S.ESME_RINVSERTYP)
    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(21, _S.ESME_RINVSRCADR)
    dest_addr_ton: int = integer()
    dest_addr_npi: int = integer()
    destination_addr: bytes = c_octets(21, _S.ESME_RINVDSTADR)
    esm_class: int = integer()
    protocol_id: int = integer()
    priority_flag: int = integer()
    schedule_delivery_time: bytes = c_octets(17, _S.ESME_RINVSCHED)
    validity_period: bytes = c_octets(17, _S.ESME_RINVEXPIRY)
    registered_delivery: int = integer()
    replace_if_present_flag: int = integer()
    data_coding: int = integer()
    sm_default_msg_id: int = integer()
    short_message: bytes = fields.octets()
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.SUBMIT_SM)
class SubmitSm(ShortMessage):
    """SMPP 3.4, 4.4.1."""


@_pdu(CommandId.DELIVER_SM)
class DeliverSm(ShortMessage):
    """SMPP 3.4, 4.6.1."""


@_pdu(CommandId.SUBMIT_SM_RESP, bare_on_error=True)
class SubmitSmResp(Pdu):
    """SMPP 3.4, 4.4.2; TLVs are read, and never to be sent."""

    message_id: bytes = c_octets(65)
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.DELIVER_SM_RESP)
class DeliverSmResp(Pdu):
    """SMPP 3.4, 4.6.2; its message_id is empty when we send it."""

    message_id: bytes = c_octets(65)
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.SUBMIT_MULTI)
class SubmitMulti(Pdu):
    """SMPP 3.4, 4.5.1; number_of_dests and sm_length go without saying."""

    service_type: bytes = c_octets(6, _S.ESME_RINVSERTYP)
    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(21, _S.ESME_RINVSRCADR)
    dest_address: tuple[SmeAddress | DistributionList, ...] = fields.dest_addresses()
    esm_class: int = integer()
    protocol_id: int = integer()
    priority_flag: int = integer()
    schedule_delivery_time: bytes = c_octets(17, _S.ESME_RINVSCHED)
    validity_period: bytes = c_octets(17, _S.ESME_RINVEXPIRY)
    registered_delivery: int = integer()
    replace_if_present_flag: int = integer()
    data_coding: int = integer()
    sm_default_msg_id: int = integer()
    short_message: bytes = fields.octets()
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.SUBMIT_MULTI_RESP)
class SubmitMultiResp(Pdu):
    """SMPP 3.4, 4.5.2; no_unsuccess goes without saying."""

    message_id: bytes = c_octets(65)
    unsuccess_sme: tuple[UnsuccessSme, ...] = fields.unsuccess_smes()
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.DATA_SM)
class DataSm(Pdu):
    """SMPP 3.4, 4.7.1; the text is in message_payload."""

    service_type: bytes = c_octets(6, _S.ESME_RINVSERTYP)
    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(65, _S.ESME_RINVSRCADR)
    dest_addr_ton: int = integer()
    dest_addr_npi: int = integer()
    destination_addr: bytes = c_octets(65, _S.ESME_RINVDSTADR)
    esm_class: int = integer()
    registered_delivery: int = integer()
    data_coding: int = integer()
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.DATA_SM_RESP)
class DataSmResp(Pdu):
    """SMPP 3.4, 4.7.2."""

    message_id: bytes = c_octets(65)
    tlvs: tuple[Tlv, ...] = fields.tlvs()


@_pdu(CommandId.QUERY_SM)
class QuerySm(Pdu):
    """SMPP 3.4, 4.8.1."""

    message_id: bytes = c_octets(65, _S.ESME_RINVMSGID)
    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(21, _S.ESME_RINVSRCADR)


@_pdu(CommandId.QUERY_SM_RESP)
class QuerySmResp(Pdu):
    """SMPP 3.4, 4.8.2."""

    message_id: bytes = c_octets(65)
    final_date: bytes = c_octets(17)
    message_state: int = integer()
    error_code: int = integer()


@_pdu(CommandId.CANCEL_SM)
class CancelSm(Pdu):
    """SMPP 3.4, 4.9.1."""

    service_type: bytes = c_octets(6, _S.ESME_RINVSERTYP)
    message_id: bytes = c_octets(65, _S.ESME_RINVMSGID)
    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(21, _S.ESME_RINVSRCADR)
    dest_addr_ton: int = integer()
    dest_addr_npi: int = integer()
    destination_addr: bytes = c_octets(21, _S.ESME_RINVDSTADR)


@_pdu(CommandId.CANCEL_SM_RESP)
class CancelSmResp(Pdu):
    """SMPP 3.4, 4.9.2."""


@_pdu(CommandId.REPLACE_SM)
class ReplaceSm(Pdu):
    """SMPP 3.4, 4.10.1; sm_length goes without saying."""

    message_id: bytes = c_octets(65, _S.ESME_RINVMSGID)
    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(21, _S.ESME_RINVSRCADR)
    schedule_delivery_time: bytes = c_octets(17, _S.ESME_RINVSCHED)
    validity_period: bytes = c_octets(17, _S.ESME_RINVEXPIRY)
    registered_delivery: int = integer()
    sm_default_msg_id: int = integer()
    short_message: bytes = fields.octets()


@_pdu(CommandId.REPLACE_SM_RESP)
class ReplaceSmResp(Pdu):
    """SMPP 3.4, 4.10.2."""


@_pdu(CommandId.ALERT_NOTIFICATION)
class AlertNotification(Pdu):
    """SMPP 3.4, 4.12.1; it has no response."""

    source_addr_ton: int = integer()
    source_addr_npi: int = integer()
    source_addr: bytes = c_octets(65)
    esme_addr_ton: int = integer()
    esme_addr_npi: int = integer()
    esme_addr: bytes = c_octets(65)
    tlvs: tuple[Tlv, ...] = fields.tlvs()


def is_answered(command_id: int) -> bool:
    """Return whether a request has a response (SMPP 3.4, 5.1.2.1)."""
    return command_id | RESPONSE in BY_COMMAND_ID


def refusal(request: Pdu | int, status: int, sequence_number: int = 0) -> Pdu:
    """Return the error response to a request in the form that every known client reads.

    If the request could not be read, give its command_id and sequence_number instead; an unknown
    command_id gets a generic_nack.
    """
    if isinstance(request, Pdu):
        command_id, sequence_number = request.command_id, request.sequence_number
    else:
        command_id = request
    if command_id == CommandId.QUERY_SM:
        message_id = request.message_id if isinstance(request, QuerySm) else b""
        state = int(MessageState.UNKNOWN)
        return QuerySmResp(status, sequence_number, message_id, message_state=state)
    response = BY_COMMAND_ID.get(command_id | RESPONSE, GenericNack)
    return response(status, sequence_number)
