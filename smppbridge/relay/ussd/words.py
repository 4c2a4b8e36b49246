"""words: the requests about dialogues that nodes make of each other, and their answers; pure.

They are JSON, over HTTP from node to node.  Fields that are not known are ignored: for the time of
an upgrade the other node is older, or newer.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any, Final, NamedTuple

from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.ussd.pdus import Dialled, Screen
from smppbridge.smpp.codec import decode
from smppbridge.smpp.errors import SmppError
from smppbridge.smpp.pdus import SubmitSm

ASK: Final = "/ussd/ask"
"""A phone's request; the answer is the next screen."""
LEAVE: Final = "/ussd/leave"
"""The gateway of a request that was asked has gone."""
SHOW: Final = "/ussd/show"
"""An ESME's screen; the answer is how its submit_sm is answered."""


class BadWords(Exception):
    """The octets are no request, or no answer, of a node."""


class Ask(NamedTuple):
    """A phone's request; *begins*: a dialogue that is not open begins."""

    dialled: Dialled
    begins: bool


class Show(NamedTuple):
    """A screen of an account's ESME."""

    system_id: str
    pdu: SubmitSm


def ask_of(dialled: Dialled, *, begins: bool) -> bytes:
    """Write a phone's request."""
    return _json(
        msisdn=dialled.msisdn,
        session_id=dialled.session_id,
        service_code=dialled.service_code,
        text=dialled.text,
        begins=begins,
    )


def read_ask(body: bytes) -> Ask:
    """Read a phone's request; raises BadWords."""
    read = _read(body)
    names = ("msisdn", "session_id", "service_code", "text")
    return Ask(Dialled(*(_text(read, name) for name in names)), begins=_bool(read, "begins"))


def screen_of(screen: Screen) -> bytes:
    """Write the answer to a phone's request."""
    return _json(text=screen.text, ends=screen.ends)


def read_screen(body: bytes) -> Screen:
    """Read the answer to a phone's request; raises BadWords."""
    read = _read(body)
    return Screen(_text(read, "text"), ends=_bool(read, "ends"))


def show_of(system_id: str, pdu: SubmitSm) -> bytes:
    """Write an ESME's screen."""
    return _json(system_id=system_id, pdu=b64encode(pdu.encode()).decode())


def read_show(body: bytes) -> Show:
    """Read an ESME's screen; raises BadWords."""
    read = _read(body)
    try:
        pdu = decode(b64decode(_text(read, "pdu"), validate=True))
    except (ValueError, SmppError) as error:
        raise BadWords("pdu") from error
    if not isinstance(pdu, SubmitSm):
        raise BadWords("pdu")
    return Show(_text(read, "system_id"), pdu)


def refusal_of(refusal: Refusal | None) -> bytes:
    """Write the answer to an ESME's screen: None accepts it."""
    if refusal is None:
        return _json(status=0)
    return _json(status=refusal.status, reason=refusal.reason.value, detail=refusal.detail)


def read_refusal(body: bytes) -> Refusal | None:
    """Read the answer to an ESME's screen; raises BadWords."""
    read = _read(body)
    status = read.get("status")
    if type(status) is not int or not 0 <= status < 2**32:
        raise BadWords("status")
    if status == 0:
        return None
    try:
        reason = Reason(_text(read, "reason"))
    except ValueError:
        raise BadWords("reason") from None
    return Refusal(status, reason, _text(read, "detail"))


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise BadWords("no JSON") from None
    if not isinstance(read, dict):
        raise BadWords("no object")
    return read


def _text(read: dict[str, Any], name: str) -> str:
    value = read.get(name)
    if not isinstance(value, str):
        raise BadWords(name)
    return value


def _bool(read: dict[str, Any], name: str) -> bool:
    value = read.get(name)
    if not isinstance(value, bool):
        raise BadWords(name)
    return value
