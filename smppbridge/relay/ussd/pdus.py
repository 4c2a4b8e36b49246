"""pdus: a phone's request becomes a deliver_sm, an ESME's submit_sm the next screen; pure.

No text of a dialogue is ever stored, logged or shown by a repr: an input may be a PIN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import NamedTuple, Protocol

from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.accept.reading import Reader
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Npi, Tag, Ton
from smppbridge.smpp.pdus import DeliverSm, SubmitSm
from smppbridge.smpp.tlvs import Tlv
from smppbridge.text import coding
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import TextError
from smppbridge.text.packed import pack

SERVICE_TYPE = b"USSD"
LONGEST_ADDRESS = 20
_LONGEST_SHORT_MESSAGE = 254
_DATA_CODINGS = {Alphabet.GSM7: 0x0F, Alphabet.UCS2: 0x08}
_VENDOR_TLVS = range(0x1400, 0x4000)
_MOST_ECHOED = 256  # octets of an ESME's own TLVs


class Op(IntEnum):
    """Values of ussd_service_op (SMPP 3.4, 5.3.2.44)."""

    PSSR_INDICATION = 1
    USSR_REQUEST = 2
    USSN_REQUEST = 3
    PSSD_RESPONSE = 16
    PSSR_RESPONSE = 17
    USSR_CONFIRM = 18


_LAST = (Op.USSN_REQUEST, Op.PSSD_RESPONSE, Op.PSSR_RESPONSE)
_VENDOR_OPS = 32  # and above: releases, wherever they are in use


class BadInput(Exception):
    """The input of the phone does not fit into a deliver_sm."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The text that a phone shows, and whether this screen ends the dialogue."""

    text: str = field(repr=False)
    ends: bool


AnswerScreen = Callable[[Screen], None]
"""Answers a phone's request with a screen."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A phone's request, as its provider has it; *msisdn* is digits without sign."""

    msisdn: str = field(repr=False)
    session_id: str = field(repr=False)
    service_code: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdRules:
    """How dialogues go; times in seconds.

    *codes* are the accounts by service code.  *deadline* is for the ESME's answer, *lifetime* for
    the phone's next request.  *cumulative*: a request repeats all input before; *by_reference*:
    user_message_reference names the dialogue.  *longest* is in characters, *abort_op* is the
    ussd_service_op by which an ESME learns the end of a dialogue.
    """

    codes: Mapping[str, str] = field(default_factory=dict)
    deadline: float = 8.0
    lifetime: float = 180.0
    most: int = 10_000
    cumulative: bool = True
    by_reference: bool = False
    longest: int = 182
    abort_op: int = Op.USSR_CONFIRM
    timeout: str = ""
    unavailable: str = ""


class UssdSession(Protocol):
    """A session of an account that owns a service code, bound as RX or TRX."""

    rights: Rights

    def room(self) -> int:
        """Return how many more deliver_sm its window holds."""

    def ask(self, request: DeliverSm, about: DialogueDelivery) -> None:
        """Put a deliver_sm in line; its answer comes to `Dialogues.answered`."""

    def flush(self) -> None:
        """Write the requests that are in line."""


@dataclass(slots=True, eq=False)
class Dialogue:
    """A phone's dialogue with the ESME that owns *code*.  Only Dialogues writes a dialogue.

    A dialogue waits for the ESME while there is an *answer* to be given, until *due* (monotonic
    seconds).  *text* is the text of the phone's last request, *step* its number; *session* has the
    last deliver_sm.
    """

    system_id: str
    msisdn: str = field(repr=False)
    session_id: str = field(repr=False)
    code: str
    number: int
    sequence: int = 0
    step: int = 0
    text: str = field(default="", repr=False)
    echoed: tuple[Tlv, ...] = field(default=(), repr=False)
    session: UssdSession | None = None
    answer: AnswerScreen | None = None
    asked_at: float = 0.0
    due: float = 0.0


class DialogueFacts(NamedTuple):
    """A dialogue as it is now; it *waits* for its ESME or for its phone.  Monotonic seconds."""

    code: str
    msisdn: str
    system_id: str
    step: int
    waits: bool
    asked_at: float
    due: float


@dataclass(frozen=True, slots=True)
class DialogueDelivery:
    """A deliver_sm of a dialogue: the phone's request number *step*; 0: the end."""

    dialogue: Dialogue
    step: int


def bare(code: str) -> str:
    """Return a service code as codes are compared: ``*384*77#`` and ``384*77`` are the same."""
    return code.strip("*#")


def dialled(code: str, text: str) -> str:
    """Return the string that a phone dialled, from a service code and the text after the code.

    A PSSR indication carries the whole string; providers leave the code out.
    """
    if text.startswith(("*", "#")):
        return text
    if not text:
        return code
    end = "#" if code.endswith("#") else ""
    return f"{code.removesuffix('#')}*{text}{end}"


def typed(before: str, now: str) -> str:
    """Return the input since *before*, of a history joined by ``*``.

    The input of a provider that does not join is returned as it is.
    """
    if not before:
        return now
    if now == before:
        return ""
    return now.removeprefix(before + "*")


def asked(dialogue: Dialogue, before: str, *, cumulative: bool) -> tuple[int, str]:
    """Return the ussd_service_op and the text of the deliver_sm of a phone's last request.

    *before* is the text of the phone's request before that, which *cumulative* requests repeat.
    """
    if dialogue.step == 1:
        return Op.PSSR_INDICATION, dialled(dialogue.code, dialogue.text)
    return Op.USSR_CONFIRM, typed(before, dialogue.text) if cumulative else dialogue.text


def is_ussd(pdu: SubmitSm) -> bool:
    """Return whether a submit_sm belongs to a dialogue and not to a phone's messages."""
    if pdu.service_type.upper() == SERVICE_TYPE:
        return True
    return any(tag in (Tag.USSD_SERVICE_OP, Tag.ITS_SESSION_INFO) for tag, _ in pdu.tlvs)


def deliver_sm(
    dialogue: Dialogue, op: int, text: str, *, by_reference: bool, ends: bool = False
) -> DeliverSm:
    """Return the deliver_sm of a phone's request; raises BadInput.

    The TLVs go to 3.3 sessions too: an ESME that owns a service code knows the TLVs.
    """
    try:
        alphabet, octets = coding.in_smallest(text)
    except TextError as error:
        raise BadInput(str(error)) from None
    if len(octets) > _LONGEST_SHORT_MESSAGE:
        raise BadInput(f"{len(octets)} octets")
    if by_reference:
        session = tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, dialogue.number)
    else:
        info = bytes((dialogue.number, dialogue.sequence << 1 | ends))
        session = tlvs.make_octets(Tag.ITS_SESSION_INFO, info)
    return DeliverSm(
        service_type=SERVICE_TYPE,
        source_addr_ton=Ton.INTERNATIONAL,
        source_addr_npi=Npi.ISDN,
        source_addr=dialogue.msisdn.encode("ascii"),
        dest_addr_ton=Ton.NETWORK_SPECIFIC,
        destination_addr=dialogue.code.encode("ascii"),
        data_coding=_DATA_CODINGS[alphabet],
        short_message=octets,
        tlvs=(tlvs.make_integer(Tag.USSD_SERVICE_OP, op), session, *dialogue.echoed),
    )


def as_packed(request: DeliverSm) -> DeliverSm:
    """Return a deliver_sm for an ESME that packs its septets (3GPP 23.038, 6.1.2.3)."""
    if not coding.says_default(request.data_coding):
        return request
    return replace(request, short_message=pack(request.short_message))


def msisdn_of(pdu: SubmitSm) -> str:
    """Return the number of the phone that an answer is for."""
    return pdu.destination_addr.decode("latin-1").removeprefix("+")


def session_of(pdu: SubmitSm, *, by_reference: bool) -> tuple[int | None, bool]:
    """Return the dialogue that an answer names, if any, and its end bit (SMPP 3.4, 5.3.2.43)."""
    info = tlvs.find(pdu.tlvs, Tag.ITS_SESSION_INFO)
    if info is not None and len(info) != 2:
        raise Refusal(Status.ESME_RINVPARLEN, Reason.BAD_TLV, "its_session_info")
    ends = info is not None and bool(info[1] & 1)
    if by_reference:
        return tlvs.integer(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE), ends
    return (info[0] if info else None), ends


def screen_of(pdu: SubmitSm, reader: Reader, longest: int, *, ends: bool) -> Screen:
    """Return the screen of an answer; raises Refusal.  *ends* is the answer's end bit."""
    content = reader.content(pdu)
    if content.position is not None or content.udh:
        raise Refusal(Status.ESME_RINVESMCLASS, Reason.BAD_SCREEN, "a segment, or a header")
    text, _ = reader.characters(content.octets, pdu.data_coding)
    # CR pads packed septets (3GPP 23.038, 6.1.2.3.1) and breaks lines where LF does not
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if len(text) > longest:
        raise Refusal(Status.ESME_RINVMSGLEN, Reason.BAD_SCREEN, "longer than a screen")
    return Screen(text, ends or _is_last(tlvs.integer(pdu.tlvs, Tag.USSD_SERVICE_OP)))


def _is_last(op: int | None) -> bool:
    if op is None or op == Op.USSR_REQUEST:
        return False
    if op in _LAST or op >= _VENDOR_OPS:
        return True
    raise Refusal(Status.ESME_RINVOPTPARAMVAL, Reason.BAD_TLV, "ussd_service_op")


def next_sequence(pdu: SubmitSm, last: int) -> int:
    """Return the sequence of the next deliver_sm: the sequence that the ESME gave to its screen.

    If the ESME gave no sequence, or our last, the next is our last and 1.
    """
    info = tlvs.find(pdu.tlvs, Tag.ITS_SESSION_INFO)
    given = last if info is None else info[1] >> 1
    return (last + 1) % 128 if given == last else given


def echo_of(pdu: SubmitSm, *, by_reference: bool) -> tuple[Tlv, ...]:
    """Return the TLVs of an ESME's own: they go back with the next deliver_sm."""
    own = () if by_reference else (Tag.USER_MESSAGE_REFERENCE,)
    echoed = tuple(tlv for tlv in pdu.tlvs if tlv[0] in own or tlv[0] in _VENDOR_TLVS)
    return echoed if sum(len(value) for _, value in echoed) <= _MOST_ECHOED else ()
