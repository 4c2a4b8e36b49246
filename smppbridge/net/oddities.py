"""The oddities of ESMEs: the setting that helps each, and the timers that suit their habits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from smppbridge.model.habits import Habits
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.timers import Timers

_FORGIVE = "forgives: [{}]"

REMEDIES: Mapping[Oddity, str] = {
    **{
        each: _FORGIVE.format(each)
        for each in (
            Oddity.SHORT_BODY,
            Oddity.NO_NUL,
            Oddity.LONG_FIELD,
            Oddity.SM_LENGTH,
            Oddity.BROKEN_TLVS,
            Oddity.HALF_UCS2,
            Oddity.SAR_AND_UDH,
            Oddity.PRIORITY,
            Oddity.RESERVED_TON,
        )
    },
    Oddity.TWO_TEXTS: "two_texts: message_payload",
    Oddity.TLVS_BEFORE_3_4: "interface_version: 3.4",
    Oddity.REGISTERED_DELIVERY: "registered_delivery: always",
    Oddity.DATA_CODING: "data_codings: {its value: 0}",
    Oddity.LATIN1: "data_coding_0: latin1",
    Oddity.UCS2: "detect_ucs2: true",
    Oddity.UDH: "detect_udh: true",
    Oddity.NATIONAL_NUMBER: "country: two letters",
    Oddity.SILENT_ENQUIRE_LINK: "enquire_link: off",
    Oddity.SILENT_DELIVER_SM: "response: 5m",
    Oddity.ENQUIRE_LINK_BODY: "",
    Oddity.BARE_DELIVER_SM_RESP: "",
    Oddity.LONG_PASSWORD: "",
}
"""The key of an account that makes each oddity harmless, with a value; empty: it is harmless."""


def timers_of(common: Timers, habits: Habits) -> Timers:
    """Return the timers of a session: those of all accounts, but for those that habits have."""
    own = {
        key: value
        for key in ("enquire_link", "inactivity", "response")
        if (value := getattr(habits, key)) is not None
    }
    return replace(common, **own) if own else common
