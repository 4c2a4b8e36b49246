"""MSpace's API, version 2, played on loopback: JSON, XML, or all in the path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from twisted.web.server import Request

from smppbridge.simulators.mspace.simulator import (
    TOP_UPS,
    Arguments,
    MSpaceSimulator,
    SentRecipient,
    ServedOperation,
    path_arguments,
)
from smppbridge.simulators.serving import PageAnswer
from smppbridge.smpp.constants import MessageState

ListRow = Mapping[str, str | int]

_MAX_BODY = 1 << 20
_MOST_RECIPIENTS = 1_000
_TAKEN = (111, "Message sent successfully")
# Numbers other than 111 and 3 are assumed.
_FAULTS = {
    "Insufficient Balance": (112, "Insufficient balance"),
    "Invalid sender ID": (113, "Invalid sender ID"),
    "Invalid recipient": (114, "Invalid recipient"),
}
_REPORTS = {
    MessageState.ENROUTE: (2, "Sent"),
    MessageState.DELIVERED: (3, "Delivered"),
    MessageState.UNDELIVERABLE: (4, "Failed"),
    MessageState.EXPIRED: (4, "Expired"),
}
_LISTS = {
    "subusers": ("subacctopup", "subUserName", "subUser"),
    "resellerclients": ("resellerclienttopup", "clientname", "client"),
}
_NEEDED = {
    "sendtext": ("senderid", "recipient", "message"),
    "deliveryreport": ("messageid",),
    **{operation: (name, "noofsms") for operation, name in TOP_UPS.items()},
}


class MSpaceV2Simulator(MSpaceSimulator):
    """MSpace v2: accepts any apikey and username but ``wrong``, reports on a query."""

    folder = "smsapi/v2"
    methods = (b"GET", b"POST")

    def operations(self) -> Mapping[str, ServedOperation]:
        """Return the operations, by their names in paths."""
        lists = {name: partial(self._list, *what) for name, what in _LISTS.items()}
        top_ups = {name: partial(self._top_up, name) for name in TOP_UPS}
        return {
            "sendtext": partial(self._complete, "sendtext", self._send),
            "deliveryreport": partial(self._complete, "deliveryreport", self._report),
            "balance": self._balance,
            **lists,
            **{name: partial(self._complete, name, top_up) for name, top_up in top_ups.items()},
        }

    def _serve(self, operation: ServedOperation, request: Request) -> PageAnswer:
        fields = path_arguments(request) if request.method == b"GET" else _body_fields(request)
        header = request.getHeader(b"apikey") or b""
        apikey = fields.get("apikey", "") if request.method == b"GET" else header.decode("latin-1")
        if not apikey or apikey == "wrong":
            return _error(request, 401, "Invalid API key")
        if not fields.get("username") or fields["username"] == "wrong":
            return _error(request, 401, "Invalid username")
        return operation(request, fields)

    def _complete(
        self, name: str, operation: ServedOperation, request: Request, fields: Arguments
    ) -> PageAnswer:
        missing = next((each for each in _NEEDED[name] if not fields.get(each)), None)
        if missing:
            return _error(request, 400, f"{missing} is required")
        if fields.get("recipient", "").count(",") >= _MOST_RECIPIENTS:
            return _error(request, 400, f"more than {_MOST_RECIPIENTS} recipients")
        return operation(request, fields)

    def _sent(self, request: Request, sent: Sequence[SentRecipient]) -> bytes:
        rows = []
        for each in sent:
            status, words = _FAULTS[each.fault] if each.fault else _TAKEN
            rows.append(_entry(each.identifier, each.recipient, status, words))
        return _rows(request, rows, "message", "message")

    def _report(self, request: Request, fields: Arguments) -> bytes:
        known = self.state_of(fields["messageid"])
        rows: list[ListRow] = []
        if known is not None:
            recipient, state = known
            rows = [_entry(fields["messageid"], recipient, *_REPORTS[state])]
        return _rows(request, rows, "message", "message")

    def _balance(self, request: Request, fields: Arguments) -> bytes:
        """Answer with a bare number, which is JSON too; the bare number in XML is assumed."""
        _typed(request)
        return str(self.credit).encode()

    def _list(self, kept: str, name: str, tag: str, request: Request, fields: Arguments) -> bytes:
        # a client of theirs reads other names in XML than in JSON
        name = "clientUserName" if _wants_xml(request) and name == "clientname" else name
        rows = [{"smsBalance": str(left), name: who} for who, left in self.topped_up[kept].items()]
        return _rows(request, rows, "", tag)

    def _top_up(self, operation: str, request: Request, fields: Arguments) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        return self.top_up(operation, fields).encode()


def _body_fields(request: Request) -> dict[str, str]:
    """Return the fields of a JSON or XML body, names in lower case; none of any other body."""
    body = request.content.read(_MAX_BODY) if request.content else b""
    if b"xml" in (request.getHeader(b"content-type") or b""):
        return _xml_fields(body.decode("utf-8", "replace"))
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {name.lower(): str(value) for name, value in document.items()}


def _xml_fields(body: str) -> dict[str, str]:
    if "<!DOCTYPE" in body:  # without it there are no entities to blow up
        return {}
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    return {child.tag.lower(): child.text or "" for child in root}


def _entry(identifier: str, recipient: str, status: int, words: str) -> ListRow:
    named: ListRow = {"messageId": identifier} if identifier else {}
    return {**named, "recipient": recipient, "status": status, "statusDescription": words}


def _wants_xml(request: Request) -> bool:
    return b"xml" in (request.getHeader(b"accept") or b"")


def _typed(request: Request) -> None:
    kind = b"application/xml" if _wants_xml(request) else b"application/json"
    request.setHeader(b"content-type", kind)


def _rows(request: Request, rows: Sequence[ListRow], envelope: str, tag: str) -> bytes:
    """Write rows as JSON, in an *envelope* if *envelope* is a name, or as XML, each in a *tag*."""
    _typed(request)
    if _wants_xml(request):
        inner = "".join(f"<{tag}>{_elements(row)}</{tag}>" for row in rows)
        return f"<response>{inner}</response>".encode()
    return json.dumps({envelope: rows} if envelope else rows).encode()


def _elements(row: ListRow) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items())


def _error(request: Request, status: int, words: str) -> bytes:
    request.setResponseCode(status)
    _typed(request)
    error: ListRow = {"error": words, "status": status}
    if _wants_xml(request):
        return f"<response>{_elements(error)}</response>".encode()
    return json.dumps(error).encode()
