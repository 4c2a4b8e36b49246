"""How an account wants its receipts: the text, the fields in the text, the PDU, the session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from types import MappingProxyType
from typing import Any, Literal

from smppbridge.smpp.constants import CommandStatus

DATE = "YYMMDDhhmm"
SPEC = (
    "id:{id} sub:{sub} dlvrd:{dlvrd} submit date:{submit_date} done date:{done_date}"
    " stat:{stat} err:{err} text:{text}"
)
"""The text of SMPP 3.4, Appendix B, with the small letters that nearly every client reads."""
_JASMIN = "id:{id} submit date:{submit_date} done date:{done_date} stat:{stat} err:{err}"
STAT_WORDS = (
    "ENROUTE",
    "DELIVRD",
    "EXPIRED",
    "DELETED",
    "UNDELIV",
    "ACCEPTD",
    "UNKNOWN",
    "REJECTD",
)
FIELDS = ("id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text")
LONGEST = 254  # octets of a short_message (SMPP 3.4, 5.2.22)
LONGEST_STAT = 15
_LONGEST_ID = 19  # digits
NACKED = int(CommandStatus.ESME_RUNKNOWNERR)
"""The status of a delivery that a generic_nack answers: about a PDU that the ESME did not read."""
_STATUSES = {status.name: int(status) for status in CommandStatus}
_NUMBER = re.compile(r"0x[0-9A-Fa-f]{1,8}|[0-9]{1,10}")
_UNITS = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss")
_DATE = re.compile(r"(?:YYYY|YY|MM|DD|hh|mm|ss|[-/:.T])+")

By = Literal["deliver_sm", "data_sm"]
On = Literal["receiver", "any"]
Intermediate = Literal["asked", "always", "never"]
Form = Literal["spec", "jasmin", "kannel", "cloudhopper", "seconds", "tlv_only"]

FORMS: Mapping[Form, Mapping[str, Any]] = MappingProxyType(
    {
        "spec": {},
        # what Jasmin's SMPP server writes: no sub, dlvrd and text
        "jasmin": {"text": _JASMIN},
        # the words that opensmppbox has, and its receipts on whatever session there is
        "kannel": {
            "stat": {
                "ENROUTE": "BUFFRED",
                "EXPIRED": "UNDELIV",
                "DELETED": "UNDELIV",
                "UNKNOWN": "UNDELIV",
            },
            "on": "any",
        },
        # Cloudhopper writes and reads the text of the specification, and pads ids to ten digits,
        # which ours have: the form is there for those who look for the name
        "cloudhopper": {},
        "seconds": {"date": "YYMMDDhhmmss"},
        "tlv_only": {"text": ""},
    }
)
"""The keys of an account's receipts that each form sets, under those that the account sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """The receipts of one account.

    *id_form* is how the message_id is written, a form of printf, None for the account's own.
    *text* is a template of named fields (`pieces`), empty for receipts of TLVs alone; *quotes* is
    whether its {text} is the start of the message.  *date* is a form such as `DATE`, in local time
    *utc_offset* seconds ahead of UTC.  *stat* are words in place of `STAT_WORDS`.  *swaps* is
    whether the source address is the message's destination.  *intermediate* says which messages
    have intermediate notifications.  *retry_on* are the statuses of a response after which the
    receipt is sent again, None for those that say nothing about the receipt.
    """

    id_form: bytes | None = None
    text: str = SPEC
    quotes: bool = True
    date: str = DATE
    utc_offset: int = 0
    err_width: int = 3
    stat: tuple[tuple[str, str], ...] = ()
    swaps: bool = True
    tlvs: bool = True
    by: By = "deliver_sm"
    on: On = "receiver"
    intermediate: Intermediate = "asked"
    retry_on: frozenset[int] | None = None


def pieces(text: str) -> tuple[tuple[str, str], ...]:
    """Return a template as literals, each with the name of the field behind it ("": no field).

    Raises ValueError for braces without a partner, and for a field with more than a name.
    """
    found = []
    for literal, name, form, conversion in Formatter().parse(text):
        if form or conversion:
            raise ValueError(f"{{{name}}} must be a name alone, without ! and :")
        if name is not None and not name:
            raise ValueError("{} has no name: write {{}} for braces")
        found.append((literal, name or ""))
    return tuple(found)


def longest(receipts: Receipts) -> int:
    """Return the octets of the longest text that an account's receipts can have."""
    widths = {
        "id": max(_LONGEST_ID, len(receipts.id_form % 1 if receipts.id_form else b"")),
        "sub": 3,
        "dlvrd": 3,
        "submit_date": len(receipts.date),
        "done_date": len(receipts.date),
        "stat": max(7, *(len(word) for _, word in receipts.stat), 0),
        "err": receipts.err_width,
        "text": 20,
    }
    return sum(len(literal) + widths.get(name, 0) for literal, name in pieces(receipts.text))


def date_form(form: str) -> str:
    """Return a date's form for strftime; raises ValueError if the form is none, or lacks the day.

    YYYY or YY, MM, DD, hh, mm and ss, each once, with ``-``, ``/``, ``:``, ``.`` and ``T`` between.
    """
    units = _UNITS.findall(form)
    years = {"YYYY", "YY"} & set(units)
    if not _DATE.fullmatch(form) or len(set(units)) < len(units) or len(years) > 1:
        raise ValueError("must be made of YYYY or YY, MM, DD, hh, mm and ss, each once, as " + DATE)
    if not (years and {"MM", "DD"} <= set(units)):
        raise ValueError("needs the day: YY or YYYY, MM and DD")
    return _UNITS.sub(lambda found: _STRFTIME[found[0]], form)


def status_of(word: str | int) -> int:
    """Return the command_status with a name or number; raises ValueError."""
    number = _STATUSES.get(str(word))
    if number is None and _NUMBER.fullmatch(str(word)):
        number = int(str(word), 0) if str(word).startswith("0x") else int(word)
    if number is None or not 0 < number < 1 << 32:
        raise ValueError(f"{word} is no status: write a name as ESME_RSYSERR, or a number as 0x08")
    return number


_STRFTIME = {
    "YYYY": "%Y",
    "YY": "%y",
    "MM": "%m",
    "DD": "%d",
    "hh": "%H",
    "mm": "%M",
    "ss": "%S",
}
