"""Callbacks of D7: reports, the outcomes of a batch, messages from phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.answers import Blame, callback_fields, identifier_of
from smppbridge.providers.d7.answers import failed_state, named
from smppbridge.providers.exchange import BadReply, HttpRequest, Received, ReportWord
from smppbridge.smpp.constants import CommandStatus, EsmClass, MessageState
from smppbridge.smpp.receipt import read_date
from smppbridge.text import coding, udh
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadUdh, TextError

STATES: Mapping[str, MessageState] = MappingProxyType(
    {
        "ESME_ROK": MessageState.ENROUTE,
        # Jasmin submits again after these (its submit_error_retrial), and delivers
        "ESME_RTHROTTLED": MessageState.ENROUTE,
        "ESME_RMSGQFUL": MessageState.ENROUTE,
        "ESME_RSYSERR": MessageState.ENROUTE,
        "ESME_RINVSCHED": MessageState.ENROUTE,
        "ENROUTE": MessageState.ENROUTE,
        "DELIVRD": MessageState.DELIVERED,
        "EXPIRED": MessageState.EXPIRED,
        "DELETED": MessageState.DELETED,
        "UNDELIV": MessageState.UNDELIVERABLE,
        "ACCEPTD": MessageState.ACCEPTED,
        "UNKNOWN": MessageState.UNKNOWN,
        "REJECTD": MessageState.REJECTED,
    }
)
_FAILED_IN_BATCH: Final = 1
_NO_SUCH_STATUS: Final = 255
_LONGEST_ADDRESS: Final = 20  # SMPP 3.4, 4.6.1
_LONGEST_DATE: Final = 20
_MESSAGE_ID = re.compile(r"[0-9]{1,18}")
_DIGITS = re.compile(r"[0-9]{1,3}")
# What Jasmin leaves at the front of content: 16-bit references, ports (3GPP 23.040, 9.2.3.24).
_ELEMENTS: Mapping[int, int] = MappingProxyType({0x00: 3, 0x05: 4, 0x08: 4})


def read(
    request: HttpRequest,
    states: Mapping[str, MessageState],
    errors: Iterable[tuple[str, Blame]],
    *,
    utc_offset: int = 0,
    alphabet: Alphabet = Alphabet.GSM7,
) -> tuple[Received, ...]:
    """Read a callback, GET or POST; raises BadReply.

    Dates of reports are local time *utc_offset* seconds ahead of UTC; *alphabet* is the alphabet of
    data_coding 0 in messages from phones.
    """
    fields = callback_fields(request, "id", "message_status")
    if "message_status" in fields:
        return (_report(fields, states, utc_offset),)
    if "batchid" in fields:
        return (_fate(fields, errors),)
    if "from" in fields and "to" in fields:
        return (_mo(fields, _octet_fields(request), alphabet),)
    raise BadReply("neither a report nor a message")


def report_words(states: Mapping[str, MessageState]) -> dict[str, ReportWord]:
    """Return the statuses of callbacks; those of the level of submission are errors themselves."""
    return {
        word: ReportWord(state, _error_in(word) if word.startswith("ESME_") else None)
        for word, state in states.items()
    }


def _error_in(word: str) -> int:
    return CommandStatus.__members__.get(word, _NO_SUCH_STATUS) & 0xFF


def _report(
    fields: Mapping[str, Any], states: Mapping[str, MessageState], utc_offset: int
) -> Report:
    """Read a report by its status; the level adds nothing to the status."""
    status = fields["message_status"]
    if not isinstance(status, str) or not status.strip():
        raise BadReply("no message_status")
    word = status.strip().upper()
    state, error = states.get(word), _error(fields.get("err"))
    if word.startswith("ESME_"):
        state = MessageState.REJECTED if state is None else state
        error = _error_in(word)
    return Report(
        _needed(fields, "id"),
        MessageState.ENROUTE if state is None else state,
        error,
        _message_id(fields.get("message_id")),
        done_at=_date(fields.get("donedate"), utc_offset),
        unknown=word if state is None else "",
    )


def _fate(fields: Mapping[str, Any], errors: Iterable[tuple[str, Blame]]) -> Report:
    """Read the report of one message of a batch: its id, or the reason of its refusal."""
    name = f"{_needed(fields, 'batch')}:{_needed(fields, 'to')}"
    identifier = identifier_of(name)
    if identifier is None:
        raise BadReply("no message of ours")
    status = identifier_of(fields.get("status"))
    if status == "1":
        renamed = named(fields.get("statustext"))
        return Report(identifier, MessageState.ENROUTE, renamed=renamed)
    if status == "0":
        state = failed_state(fields.get("statustext"), errors)
        return Report(identifier, state, _FAILED_IN_BATCH)
    raise BadReply("no status")


def _mo(fields: Mapping[str, Any], sent: Mapping[str, str], default: Alphabet) -> Mo:
    """Read a message from a phone; Jasmin has joined long ones, but not those of 16-bit references.

    *sent* are the fields as octets: Jasmin writes octets into coding and content, whatever its
    documents say of the former.
    """
    coded = sent.get("coding", fields.get("coding"))
    data_coding, octets = _data_coding(coded), _octets(fields.get("binary"))
    if not octets and not _DIGITS.fullmatch(str(coded)):
        octets = sent.get("content", "").encode("latin-1")
    content = fields.get("content")
    mo = Mo(
        provider_message_id=_needed(fields, "id"),
        source=_address(fields, "from"),
        destination=_address(fields, "to"),
        text=content if isinstance(content, str) else "",
    )
    if _has_header(octets):
        return replace(mo, text="", octets=octets, data_coding=data_coding, esm_class=EsmClass.UDHI)
    if not octets or (not data_coding and _is_utf8(octets, mo.text)):
        return mo
    try:
        return replace(mo, text=coding.characters(octets, coding.alphabet(data_coding, default)))
    except TextError:
        return replace(mo, text="", octets=octets, data_coding=data_coding)


def _octet_fields(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a callback with a character of Latin-1 for each octet."""
    found: dict[str, str] = {}
    for form in (urlsplit(request.url).query, request.body.decode("latin-1")):
        pairs = parse_qsl(form, keep_blank_values=True, encoding="latin-1")
        found |= {name.lower(): value for name, value in pairs}
    return found


def _is_utf8(octets: bytes, text: str) -> bool:
    """Return whether octets of no default alphabet are UTF-8: an operator's script may convert."""
    return not octets.isascii() and bool(text) and "\ufffd" not in text


def _has_header(octets: bytes) -> bool:
    """Return whether *octets* begin with a user data header of a phone."""
    try:
        header, _ = udh.parse(octets)
    except BadUdh:
        return False
    known = all(_ELEMENTS.get(iei) == len(data) for iei, data in header.elements)
    return known and (header.concatenation is not None or bool(header.others))


def _needed(fields: Mapping[str, Any], name: str) -> str:
    identifier = identifier_of(fields.get(name))
    if identifier is None:
        raise BadReply(f"no {name}")
    return identifier


def _address(fields: Mapping[str, Any], name: str) -> str:
    address = _needed(fields, name)
    if len(address) > _LONGEST_ADDRESS:
        raise BadReply(f"{name} is no address")
    digits = address.removeprefix("+")
    return digits if digits.isascii() and digits.isdecimal() else address


def _data_coding(value: object) -> int:
    """Return the data_coding in digits or in one octet; 0 if it is neither."""
    written = str(value)
    if len(written) == 1 and not _DIGITS.fullmatch(written):
        return ord(written) if ord(written) <= 0xFF else 0
    written = written.strip()
    return int(written) if _DIGITS.fullmatch(written) and int(written) <= 0xFF else 0


def _octets(value: object) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def _error(value: object) -> int:
    written = identifier_of(value) or ""
    return int(written) if _DIGITS.fullmatch(written) else 0


def _date(value: object, utc_offset: int) -> float | None:
    """Return a date as Jasmin copies it out of a receipt; ND stands for none."""
    return read_date(value[:_LONGEST_DATE], utc_offset) if isinstance(value, str) else None


def _message_id(value: object) -> int | None:
    written = identifier_of(value) or ""
    return int(written) if _MESSAGE_ID.fullmatch(written) else None
