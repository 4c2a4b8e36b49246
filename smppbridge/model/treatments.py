"""The treatment of each known TLV of a submit_sm: one table, for the bridge and for its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from smppbridge.smpp.constants import Tag


class TlvUse(StrEnum):
    """The use that is made of a TLV of a submit_sm."""

    READ = "read"
    MAPPED = "mapped"
    PASSED = "passed"
    IGNORED = "ignored"
    SENT = "sent"


USES: Mapping[TlvUse, str] = {
    TlvUse.READ: "the bridge goes by it; it goes no further as a TLV",
    TlvUse.MAPPED: "becomes a property that a provider may have a field for; passed as it is where"
    " TLVs are passed",
    TlvUse.PASSED: "kept, and passed to an upstream SMSC that takes TLVs; elsewhere counted",
    TlvUse.IGNORED: "without effect",
    TlvUse.SENT: "of an SMSC, which writes it into its own PDUs: without effect in a submit_sm",
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """The use of a TLV, and *words* about it."""

    use: TlvUse
    words: str = ""


def _read(words: str) -> Treatment:
    return Treatment(TlvUse.READ, words)


def _passed(words: str = "") -> Treatment:
    return Treatment(TlvUse.PASSED, words)


def _ignored(words: str) -> Treatment:
    return Treatment(TlvUse.IGNORED, words)


def _sent(words: str) -> Treatment:
    return Treatment(TlvUse.SENT, words)


_OTHER_NETWORK = "of data_sm alone (SMPP 3.4, 4.7.1): all destinations are phones"
_NO_UDH = "no UDH is made of it: the SMSC that gets the TLV does that"

TREATMENTS: Mapping[Tag, Treatment] = {
    Tag.DEST_ADDR_SUBUNIT: Treatment(
        TlvUse.MAPPED, "message class: 1 flash, 2 handset, 3 SIM, 4 external device"
    ),
    Tag.DEST_NETWORK_TYPE: _ignored(_OTHER_NETWORK),
    Tag.DEST_BEARER_TYPE: _ignored(_OTHER_NETWORK),
    Tag.DEST_TELEMATICS_ID: _ignored("of data_sm alone; submit_sm has protocol_id"),
    Tag.SOURCE_ADDR_SUBUNIT: _passed(),
    Tag.SOURCE_NETWORK_TYPE: _ignored(_OTHER_NETWORK),
    Tag.SOURCE_BEARER_TYPE: _ignored(_OTHER_NETWORK),
    Tag.SOURCE_TELEMATICS_ID: _ignored("of data_sm alone; submit_sm has protocol_id"),
    Tag.QOS_TIME_TO_LIVE: _read("of data_sm: how long the message is valid"),
    Tag.PAYLOAD_TYPE: _passed(),
    Tag.ADDITIONAL_STATUS_INFO_TEXT: _sent("of responses"),
    Tag.RECEIPTED_MESSAGE_ID: _sent("of receipts"),
    Tag.MS_MSG_WAIT_FACILITIES: Treatment(
        TlvUse.MAPPED, "message waiting indication: voicemail, fax, e-mail or other; on or off"
    ),
    Tag.PRIVACY_INDICATOR: _passed(),
    Tag.SOURCE_SUBADDRESS: _passed(),
    Tag.DEST_SUBADDRESS: _passed(),
    Tag.USER_MESSAGE_REFERENCE: _read("comes back in receipts"),
    Tag.USER_RESPONSE_CODE: _passed(),
    Tag.SOURCE_PORT: _passed(_NO_UDH),
    Tag.DESTINATION_PORT: _passed(_NO_UDH),
    Tag.SAR_MSG_REF_NUM: _read("joins the segments of a long message"),
    Tag.LANGUAGE_INDICATOR: _passed(),
    Tag.SAR_TOTAL_SEGMENTS: _read("joins the segments of a long message"),
    Tag.SAR_SEGMENT_SEQNUM: _read("joins the segments of a long message"),
    Tag.SC_INTERFACE_VERSION: _sent("of bind responses"),
    Tag.CALLBACK_NUM_PRES_IND: _passed("as often as it comes"),
    Tag.CALLBACK_NUM_ATAG: _passed("as often as it comes"),
    Tag.NUMBER_OF_MESSAGES: _passed(),
    Tag.CALLBACK_NUM: _passed("as often as it comes"),
    Tag.DPF_RESULT: _sent("of data_sm_resp"),
    Tag.SET_DPF: _ignored("of data_sm alone: no alert_notification is asked of a provider"),
    Tag.MS_AVAILABILITY_STATUS: _sent("of alert_notification"),
    Tag.NETWORK_ERROR_CODE: _sent("of receipts"),
    Tag.MESSAGE_PAYLOAD: _read("the user data, in place of short_message"),
    Tag.DELIVERY_FAILURE_REASON: _sent("of data_sm_resp"),
    Tag.MORE_MESSAGES_TO_SEND: _ignored("about the order on a radio link, which is not ours"),
    Tag.MESSAGE_STATE: _sent("of receipts"),
    Tag.USSD_SERVICE_OP: _read("makes the submit_sm an answer in a USSD dialogue"),
    Tag.DISPLAY_TIME: _passed(),
    Tag.SMS_SIGNAL: _passed(),
    Tag.MS_VALIDITY: _passed(),
    Tag.ALERT_ON_MESSAGE_DELIVERY: _passed("with or without a value"),
    Tag.ITS_REPLY_TYPE: _passed(),
    Tag.ITS_SESSION_INFO: _read("of USSD dialogues; else without effect"),
}
"""The treatment of each tag of SMPP 3.4, 5.3.2; every other tag from 0x100 on is PASSED."""

UNKNOWN = _passed("vendors' TLVs and those of SMPP 5.0")

KEPT_TAGS = frozenset(
    int(tag) for tag, it in TREATMENTS.items() if it.use in (TlvUse.PASSED, TlvUse.MAPPED)
)
MAPPED_TAGS = frozenset(int(tag) for tag, it in TREATMENTS.items() if it.use is TlvUse.MAPPED)
REPEATED_TAGS = frozenset(
    (int(Tag.CALLBACK_NUM), int(Tag.CALLBACK_NUM_PRES_IND), int(Tag.CALLBACK_NUM_ATAG))
)
"""The tags that one message may have several times (SMPP 3.4, 5.3.2.36 to 5.3.2.38)."""


def name_of(tag: int) -> str:
    """Return the name of a TLV of SMPP 3.4, "vendor" or "unknown" for any other."""
    if tag in TREATMENTS:
        return Tag(tag).name.lower()
    return "vendor" if 0x1400 <= tag < 0x4000 else "unknown"
