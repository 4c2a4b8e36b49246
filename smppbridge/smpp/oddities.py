"""The acts of peers that are otherwise than SMPP 3.4 says, by a fixed list of words."""

from __future__ import annotations

from enum import StrEnum


class Oddity(StrEnum):
    """A kind of fault or habit of a peer; the words stand in logs, metrics and settings."""

    SHORT_BODY = "short_body"
    NO_NUL = "no_nul"
    LONG_FIELD = "long_field"
    SM_LENGTH = "sm_length"
    BROKEN_TLVS = "broken_tlvs"
    ENQUIRE_LINK_BODY = "enquire_link_with_body"
    BARE_DELIVER_SM_RESP = "deliver_sm_resp_without_nul"
    LONG_PASSWORD = "password_over_8"
    TLVS_BEFORE_3_4 = "tlvs_before_3_4"
    REGISTERED_DELIVERY = "registered_delivery_bits"
    DATA_CODING = "reserved_data_coding"
    LATIN1 = "latin1_as_default"
    UCS2 = "ucs2_as_default"
    UDH = "udh_without_flag"
    HALF_UCS2 = "half_ucs2"
    TWO_TEXTS = "two_texts"
    SAR_AND_UDH = "sar_and_udh"
    PRIORITY = "priority"
    RESERVED_TON = "reserved_ton"
    NATIONAL_NUMBER = "national_number"
    SILENT_ENQUIRE_LINK = "enquire_link_unanswered"
    SILENT_DELIVER_SM = "deliver_sm_unanswered"


FORGIVABLE = frozenset(
    (
        Oddity.SHORT_BODY,
        Oddity.NO_NUL,
        Oddity.LONG_FIELD,
        Oddity.SM_LENGTH,
        Oddity.BROKEN_TLVS,
    )
)
"""The oddities of a request's form that a session can be told to forgive."""
