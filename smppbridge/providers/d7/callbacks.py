"""Callbacks of D7: reports, the outcomes of a batch, messages from phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.answers import Blame, callback_fields, identifier_of
from smppbridge.providers.d7.answers import failed_state, named
from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.smpp.constants import CommandStatus, MessageState
from smppbridge.text import coding
from smppbridge.text.errors import TextError

STATES: Mapping[str, MessageState] = MappingProxyType(
    {
        "ESME_ROK": MessageState.ENROUTE,
        "ESME_RTHROTTLED": MessageState.UNDELIVERABLE,
        "ESME_RMSGQFUL": MessageState.UNDELIVERABLE,
        "ESME_RSYSERR": MessageState.UNDELIVERABLE,
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
_MESSAGE_ID = re.compile(r"[0-9]{1,18}")
_ERROR = re.compile(r"[0-9]{1,3}")
# Characters of no text: GSM 03.38 as it stands in a PDU has some (@ is 0x00), broken UTF-8 too.
_NOT_TEXT = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\ufffd]")


def read(
    request: HttpRequest,
    states: Mapping[str, MessageState],
    errors: Iterable[tuple[str, Blame]],
) -> tuple[Received, ...]:
    """Read a callback, GET or POST; raises BadReply."""
    fields = callback_fields(request, "id", "message_status")
    if "message_status" in fields:
        return (_report(fields, states),)
    if "batchid" in fields:
        return (_fate(fields, errors),)
    if "from" in fields and "to" in fields:
        return (_mo(fields),)
    raise BadReply("neither a report nor a message")


def _report(fields: Mapping[str, Any], states: Mapping[str, MessageState]) -> Report:
    """Read a report by its status; the level adds nothing to the status."""
    status = fields["message_status"]
    if not isinstance(status, str) or not status.strip():
        raise BadReply("no message_status")
    word = status.strip().upper()
    state, error = states.get(word), _error(fields.get("err"))
    if word.startswith("ESME_"):
        state = MessageState.REJECTED if state is None else state
        error = CommandStatus.__members__.get(word, _NO_SUCH_STATUS) & 0xFF
    return Report(
        _needed(fields, "id"),
        MessageState.ENROUTE if state is None else state,
        error,
        _message_id(fields.get("message_id")),
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


def _mo(fields: Mapping[str, Any]) -> Mo:
    """Read a message from a phone; Jasmin has joined long ones."""
    identifier, source = _needed(fields, "id"), _address(fields, "from")
    destination = _address(fields, "to")
    data_coding, octets = _data_coding(fields.get("coding")), _octets(fields.get("binary"))
    content = fields.get("content")
    text = content if isinstance(content, str) else ""
    if octets and (data_coding or not text or _NOT_TEXT.search(text)):
        alphabet = coding.alphabet(data_coding)
        try:
            text = coding.characters(octets, alphabet)
        except TextError:
            return Mo(
                provider_message_id=identifier,
                source=source,
                destination=destination,
                octets=octets,
                data_coding=data_coding,
            )
    return Mo(provider_message_id=identifier, source=source, destination=destination, text=text)


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
    written = identifier_of(value) or ""
    return int(written) if _ERROR.fullmatch(written) and int(written) <= 0xFF else 0


def _octets(value: object) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def _error(value: object) -> int:
    written = identifier_of(value) or ""
    return int(written) if _ERROR.fullmatch(written) else 0


def _message_id(value: object) -> int | None:
    written = identifier_of(value) or ""
    return int(written) if _MESSAGE_ID.fullmatch(written) else None
