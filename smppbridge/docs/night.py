"""Complaints of a bank at night, the command that shows the cause, and the words to look for."""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """A cause: the bank's complaint, the command to type, and words of the command's answer."""

    name: str
    bank_says: str
    command: str
    shows: str


_MESSAGE = "messages --id ID"
_REFUSED = "messages refused --number N"
_BINDS = "reasons --act bind"
_NOT_THERE = "One SMS did not arrive."
_ANSWERED = "The SMSC refuses our SMS"
_CANNOT_BIND = "We cannot bind"

CAUSES: tuple[Cause, ...] = (
    Cause("provider down", "Nothing arrives.", _MESSAGE, "breaker_open, or put_off and its cause"),
    Cause(
        "provider refuses", "All SMS end REJECTD.", _MESSAGE, "rejected, in the provider's words"
    ),
    Cause("no route", f"{_ANSWERED}: 0x0000000B.", _REFUSED, "no_route"),
    Cause("sender refused", f"{_ANSWERED}: 0x0000000A.", _REFUSED, "sender_not_allowed"),
    Cause("bad number", f"{_ANSWERED}: 0x0000000B.", _REFUSED, "bad_number, no_country"),
    Cause("opted out", f"{_ANSWERED} to one number.", _REFUSED, "opted_out"),
    Cause(
        "receipts not requested",
        "The phone has it, we have no receipt.",
        _MESSAGE,
        "done_not_asked: registered_delivery 0",
    ),
    Cause(
        "bound TX only",
        "No receipts come at all.",
        _MESSAGE,
        "receipt_tx_only, receipt_no_receiver",
    ),
    Cause("wrong password", f"{_CANNOT_BIND}: 0x0000000E.", _BINDS, "wrong_password"),
    Cause("unknown system_id", f"{_CANNOT_BIND}: 0x0000000E.", _BINDS, "unknown_system_id"),
    Cause("bind limit", f"{_CANNOT_BIND}: 0x0000000D.", _BINDS, "binds"),
    Cause("not in allow_from", f"{_CANNOT_BIND}: 0x0000000E.", _BINDS, "allow_from"),
    Cause("throttled", f"{_ANSWERED}: 0x00000058.", _REFUSED, "throttled"),
    Cause(
        "expired", "SMS end EXPIRED.", _MESSAGE, "expired_waiting and behind what, expired_there"
    ),
    Cause(
        "a segment is missing",
        "A long SMS does not arrive.",
        _MESSAGE,
        "gathering, expired_segments: which segments",
    ),
    Cause("UCS-2 sent as 0", "The phone shows nonsense.", _MESSAGE, "ucs2_as_default"),
    Cause("slow", "SMS arrive late.", _MESSAGE, "waiting_in_line: which limit; put_off"),
    Cause(
        "TLS handshake fails",
        f"{_CANNOT_BIND}: the connection is closed.",
        "reasons --act connection",
        "certificate_refused, not_tls, no_common_version, ...",
    ),
    Cause(
        "callback wrong",
        "Receipts come late, or end UNKNOWN.",
        "reasons --act callback",
        "wrong_key, wrong_path, not_understood",
    ),
    Cause(
        "MO that nobody owns",
        "Answers of our customers are lost.",
        "messages unmatched",
        "no_owner",
    ),
)
