"""Keccel's API, version 2, played on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from twisted.internet.defer import Deferred, succeed
from twisted.web.server import NOT_DONE_YET, Request

from smppbridge.simulators.magic import Behaviour, Remembered, Throttle, behaviour_of
from smppbridge.simulators.serving import (
    Page,
    PageAnswer,
    WebSimulator,
    arguments,
    ends_later,
    silent,
)
from smppbridge.smpp.constants import MessageState

_WORDS = {
    MessageState.DELIVERED: "DELIVERED",
    MessageState.UNDELIVERABLE: "FAILED",
    MessageState.EXPIRED: "EXPIRED",
}
_NEEDED = ("token", "from", "to", "message")
_quote = json.JSONEncoder().encode


@dataclass(frozen=True, slots=True)
class _Submitted:
    """An accepted message: its last status (None: no report) and that status's time (reactor)."""

    status: str | None
    due: float


class KeccelSimulator(WebSimulator):
    """Keccel: accepts any token but ``wrong``, reports by GET and on a query.

    *requests* counts all requests, *accepted* the accepted messages, *taken* the number of times
    that each (destination, text) was accepted; entries over the last 100,000 are forgotten.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        callback_url: str | None = None,
        delay: float = 1.0,
        credit: int = 1_000_000,
    ) -> None:
        pages = {
            "sms/v2/message.asp": Page(self._message, b"POST"),
            "sms/v2/delivery.asp": Page(self._delivery, b"GET", b"POST"),
            "sms/v2/balance.asp": Page(self._balance, b"GET", b"POST"),
        }
        super().__init__(reactor, pages, callback_url)
        self.requests = 0
        self.accepted = 0
        self.credit = credit
        self.taken: Remembered[tuple[str, str], int] = Remembered()
        self._delay = delay
        self._throttle = Throttle()
        self._messages: Remembered[str, _Submitted] = Remembered()

    def _message(self, request: Request) -> PageAnswer:
        self.requests += 1
        fields = arguments(request)
        fault = self._fault(fields)
        if fault:
            return _answer(request, status="REJECTED", messageID="", description=fault)
        behaviour = behaviour_of(fields["to"])
        match behaviour.answer:
            case "silence":
                return silent(request)
            case "error":
                return _page(request, 500, b"Internal Server Error")
            case "throttle" if self._throttle.refuses((fields["to"], fields["message"])):
                request.setHeader(b"retry-after", b"1")
                return _page(request, 429, b"Too Many Requests")
        return self._accept(request, behaviour, fields)

    def _fault(self, fields: dict[str, str]) -> str:
        if fields.get("token") == "wrong":
            return "Invalid token"
        missing = next((name for name in _NEEDED if not fields.get(name)), None)
        if missing:
            return f"{missing.upper()} parameter is empty"
        if not fields["to"].isdecimal() or behaviour_of(fields["to"]).answer == "reject":
            return "Invalid number"
        return "" if self.credit > 0 else "Insufficient credit"

    def _accept(self, request: Request, behaviour: Behaviour, fields: dict[str, str]) -> PageAnswer:
        self.accepted += 1
        self.credit -= 1
        key = (fields["to"], fields["message"])
        self.taken[key] = self.taken.get(key, 0) + 1
        identifier = str(uuid4())
        after = 0.0 if behaviour.early else behaviour.answer_after + self._delay
        status = _WORDS[behaviour.state] if behaviour.state is not None else None
        self._messages[identifier] = _Submitted(status, self._reactor.seconds() + after)
        reported = [self._report(identifier, status, after) for _ in range(behaviour.reports)]
        answer = _answer(
            request,
            status="SENT",
            messageID=identifier,
            description="Message submitted to the network",
        )
        if not behaviour.early and not behaviour.answer_after:
            return answer
        end = ends_later(request)
        if behaviour.early:
            reported[0].addCallback(lambda _: end(answer))
        else:
            self._reactor.callLater(behaviour.answer_after, end, answer)
        return NOT_DONE_YET

    def _report(self, identifier: str, status: str | None, after: float) -> Deferred[None]:
        if status is None or self.callback_url is None:
            return succeed(None)
        query = urlencode({"messageID": identifier, "status": status})
        joint = "&" if "?" in self.callback_url else "?"
        return self.pusher.push("GET", f"{self.callback_url}{joint}{query}", after=after)

    def _delivery(self, request: Request) -> PageAnswer:
        fields = arguments(request)
        if fields.get("token") == "wrong":
            return _invalid_token(request)
        identifier = fields.get("messageid", "")
        taken = self._messages.get(identifier)
        if taken is None:
            status = "Error"
        elif taken.status is None or self._reactor.seconds() < taken.due:
            status = "SENT"
        else:
            status = taken.status
        return _answer(request, messageid=identifier, status=status)

    def _balance(self, request: Request) -> PageAnswer:
        if arguments(request).get("token") == "wrong":
            return _invalid_token(request)
        return _answer(
            request,
            balance=str(self.credit),
            expiration="31-Dec-2037 06:46:17",
            status="active",
        )


def _invalid_token(request: Request) -> bytes:
    return _answer(request, status="REJECTED", messageID="", description="Invalid token")


def _answer(request: Request, **fields: str) -> bytes:
    """Return JSON in the form of Keccel's: indented, lines ended with CRLF."""
    request.setHeader(b"content-type", b"application/json")
    lines = ",\r\n".join(f"  {_quote(name)}: {_quote(value)}" for name, value in fields.items())
    return f"{{\r\n{lines}\r\n}}".encode()


def _page(request: Request, status: int, words: bytes) -> bytes:
    request.setResponseCode(status, words)
    request.setHeader(b"content-type", b"text/html")
    return b"<html><body><h1>" + words + b"</h1></body></html>"
