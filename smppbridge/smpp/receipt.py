"""Delivery receipts (SMPP 3.4, Appendix B): written for every client, read from any SMSC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import EsmClass, MessageState, Tag
from smppbridge.smpp.pdus import DataSm, DeliverSm
from smppbridge.smpp.tlvs import Tlv

STAT: dict[int, bytes] = {
    MessageState.ENROUTE: b"ENROUTE",
    MessageState.DELIVERED: b"DELIVRD",
    MessageState.EXPIRED: b"EXPIRED",
    MessageState.DELETED: b"DELETED",
    MessageState.UNDELIVERABLE: b"UNDELIV",
    MessageState.ACCEPTED: b"ACCEPTD",
    MessageState.UNKNOWN: b"UNKNOWN",
    MessageState.REJECTED: b"REJECTD",
}
"""The stat word of each state (SMPP 3.4, Appendix B); SCHEDULED and SKIPPED are never emitted."""

_READ_AS = {word.decode(): MessageState(state) for state, word in STAT.items()} | {
    "DELIVER": MessageState.DELIVERED,
    "ACCEPTE": MessageState.ACCEPTED,
    "REJECTE": MessageState.REJECTED,
    "FAILED": MessageState.UNDELIVERABLE,
    "ACKED": MessageState.ACCEPTED,
    "BUFFRED": MessageState.ACCEPTED,
    "BUFFERD": MessageState.ACCEPTED,
    "BUFFERE": MessageState.ACCEPTED,
    "NOCRED": MessageState.REJECTED,
    "SYSERR": MessageState.UNDELIVERABLE,
    "SCHEDUL": MessageState.SCHEDULED,
    "SKIPPED": MessageState.SKIPPED,
}

# members of an Enum are slow to load
_DELIVERED = MessageState.DELIVERED
_RECEIPTED_MESSAGE_ID = int(Tag.RECEIPTED_MESSAGE_ID)
_NETWORK_ERROR_CODE = int(Tag.NETWORK_ERROR_CODE)
_STATE_TLVS = {int(state): tlvs.make_integer(Tag.MESSAGE_STATE, state) for state in MessageState}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNPRINTABLE = re.compile(r"[^ -~]")
_KEYS = r"id|sub|dlvrd|submit[ _]date|done[ _]date|stat|err"
_FIELD = re.compile(rf"(?:^|(?<=\s))({_KEYS})\s*:(.*?)(?=\s(?:{_KEYS}|text)\s*:|$)", re.I | re.S)
_DATE_FORMATS = {
    6: (("20", "%Y%m%d"),),
    10: (("20", "%Y%m%d%H%M"),),
    12: (("20", "%Y%m%d%H%M%S"), ("", "%Y%m%d%H%M")),
    14: (("", "%Y%m%d%H%M%S"),),
}
_MAX_READ = 512
"""Characters of a receipt's text that are read."""

_UCS2 = frozenset((0x08, *range(0x18, 0x1C), *range(0xE0, 0xF0)))
"""data_codings of UCS2 (3GPP 23.038, 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFields:
    """The fields of a receipt; an absent field is empty or None. Dates are Unix seconds."""

    message_id: str
    state: MessageState | None
    stat: str = ""
    err: str = ""
    network_error_code: bytes | None = None
    submit_date: float | None = None
    done_date: float | None = None


@lru_cache(maxsize=256)
def _minute(minute: int) -> bytes:
    return f"{_EPOCH + timedelta(minutes=minute):%y%m%d%H%M}".encode()


def sanitised(text: str) -> str:
    """Return the start of a text as every client reads it: 1 to 20 printable characters."""
    start = " ".join(text[:_MAX_READ].split())[:20]
    if not (start.isascii() and start.isprintable()):
        start = _UNPRINTABLE.sub("?", start)
    return start.rstrip() or "none"


def receipt_text(
    message_id: bytes,
    submitted: float,
    done: float,
    state: int,
    *,
    error: int = 0,
    text: str = "",
    utc_offset: int = 0,
) -> bytes:
    """Write the text of a receipt in the form that every known client reads.

    *submitted* and *done* are Unix seconds, shown in local time *utc_offset* seconds ahead of UTC;
    *error* is cut to three digits. Raises KeyError for a *state* that no receipt has (see STAT).
    """
    return b"id:%b sub:001 dlvrd:%b submit date:%b done date:%b stat:%b err:%03d text:%b" % (
        message_id,
        b"001" if state == _DELIVERED else b"000",
        _minute(int(submitted + utc_offset) // 60),
        _minute(int(done + utc_offset) // 60),
        STAT[state],
        min(max(error, 0), 999),
        sanitised(text).encode(),
    )


def receipt_tlvs(
    message_id: bytes, state: int, network_error_code: bytes | None = None
) -> tuple[Tlv, ...]:
    """Make the TLVs of a receipt, for peers of interface_version 0x34 or more (SMPP 3.4, 4.6.1).

    receipted_message_id is the last TLV: a client always reads up to 65 octets after the tag.
    """
    named = (_RECEIPTED_MESSAGE_ID, message_id + b"\0")  # the NUL, which many clients need
    if network_error_code is None:
        return _STATE_TLVS[state], named
    return _STATE_TLVS[state], (_NETWORK_ERROR_CODE, network_error_code), named


def is_receipt(esm_class: int) -> bool:
    """Return whether a deliver_sm is a receipt, final or intermediate (SMPP 3.4, 5.2.12)."""
    return esm_class & EsmClass.TYPE in (EsmClass.RECEIPT, EsmClass.INTERMEDIATE)


def parse(pdu: DeliverSm | DataSm, utc_offset: int = 0) -> ReceiptFields | None:
    """Read a receipt of any dialect, TLVs before text; None if *pdu* is no receipt.

    esm_class is not read: the caller decides whether a text alone makes a receipt. Dates are read
    as local time *utc_offset* seconds ahead of UTC.
    """
    found: dict[str, str] = {}
    for key, value in _FIELD.findall(_text(pdu)):
        found.setdefault(key.lower().replace("_", " "), value.strip())
    tagged = tlvs.c_octets(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID) or b""
    message_id = tagged[:_MAX_READ].decode("latin-1").strip() or _word(found.get("id", ""))
    stat = _word(found.get("stat", "")).upper()
    state = _read_state(tlvs.integer(pdu.tlvs, Tag.MESSAGE_STATE))
    if state is None:
        state = read_stat(stat)
    if not message_id or (state is None and not stat):
        return None
    return ReceiptFields(
        message_id=message_id,
        state=state,
        stat=stat,
        err=_word(found.get("err", "")),
        network_error_code=tlvs.find(pdu.tlvs, Tag.NETWORK_ERROR_CODE),
        submit_date=read_date(found.get("submit date", ""), utc_offset),
        done_date=read_date(found.get("done date", ""), utc_offset),
    )


def read_stat(word: str) -> MessageState | None:
    """Return the state of a stat word of any known dialect, None if unknown."""
    return _READ_AS.get(word.upper()[:7])


def normal_id(message_id: str) -> str:
    """Return *message_id* without differences of case and leading zeros."""
    return message_id.casefold().lstrip("0") or message_id[:1]


def id_candidates(message_id: str, *, hex_decimal: bool = False) -> tuple[str, ...]:
    """Return the ids that *message_id* may stand for, likeliest first.

    First *message_id* itself, then its normal form, and with *hex_decimal* the same number in the
    other base; without *hex_decimal* no base is guessed.
    """
    normal = normal_id(message_id)
    found = [message_id, normal]
    if hex_decimal and re.fullmatch("[0-9a-f]{1,64}", normal):
        found.append(str(int(normal, 16)))
        if normal.isdigit():
            found.append(f"{int(normal):x}")
    return tuple(dict.fromkeys(found))


def same_id(ours: str, theirs: str, *, hex_decimal: bool = False) -> bool:
    """Return whether two ids are one, by the rules of `id_candidates`."""
    return normal_id(ours) in id_candidates(theirs, hex_decimal=hex_decimal)


def _text(pdu: DeliverSm | DataSm) -> str:
    octets = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    octets = octets or tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or b""
    if pdu.esm_class & EsmClass.UDHI and octets:
        octets = octets[1 + octets[0] :]
    if pdu.data_coding in _UCS2:
        wide = _wide(octets.removeprefix(b"\xfe\xff").removeprefix(b"\xff\xfe")[: 2 * _MAX_READ])
        if wide:
            return wide
    return octets[:_MAX_READ].replace(b"\0", b" ").decode("latin-1")


def _wide(octets: bytes) -> str:
    """Return text in UCS2, "" if *octets* are ASCII: SMSCs leave the message's data_coding there.

    A receipt begins with ASCII letters: every other octet is NUL, in UCS2 the first one.
    """
    start = octets[:8]
    if not any(start[0::2]) and all(start[1::2]):
        return octets.decode("utf-16-be", "replace")
    if not any(start[1::2]) and all(start[0::2]):
        return octets.decode("utf-16-le", "replace")
    return ""


def _word(value: str) -> str:
    return value.split(maxsplit=1)[0] if value else ""


def _read_state(number: int | None) -> MessageState | None:
    return None if number is None or number > max(MessageState) else MessageState(number)


@lru_cache(maxsize=256)  # receipts come in bursts, and strptime is slow
def read_date(value: str, utc_offset: int) -> float | None:
    """Return a receipt's date in Unix seconds, None if *value* is none.

    The date is local time *utc_offset* seconds ahead of UTC: YYMMDDhhmm, with seconds or century.
    """
    digits = re.sub("[^0-9]", "", value)
    for century, form in _DATE_FORMATS.get(len(digits), ()):
        try:
            local = datetime.strptime(century + digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return local.timestamp() - utc_offset
    return None
