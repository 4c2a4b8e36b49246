"""D7's Messages API, version 1, played on loopback: the API of D7's own client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.web.server import NOT_DONE_YET, Request

from smppbridge.simulators.magic import Behaviour, Remembered, Throttle, behaviour_of
from smppbridge.simulators.serving import Page, PageAnswer, WebSimulator, ends_later, silent
from smppbridge.smpp.constants import MessageState

# The API has no word for a message that expired; not_reachable comes nearest.
_WORDS = {
    MessageState.DELIVERED: "delivered",
    MessageState.UNDELIVERABLE: "un_delivered",
    MessageState.EXPIRED: "not_reachable",
}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_MAX_BODY = 1 << 20
_TEXTS = ("text", "unicode", "auto")


class _Invalid(Exception):
    """A request is wrong: *where* is the field, *complaint* the reason."""

    def __init__(self, where: str, complaint: str) -> None:
        super().__init__(complaint)
        self.where, self.complaint = where, complaint


@dataclass(frozen=True, slots=True)
class _Recipient:
    """One recipient of a request: its last status (None: no report) and that status's time."""

    msg_id: str
    recipient: str
    status: str | None
    due: float


@dataclass(frozen=True, slots=True)
class _SendRequest:
    """A request to send: recipients with their texts, the originator, the URL of reports."""

    texts: tuple[tuple[str, str], ...]
    originator: str
    report_url: str | None


class D7V1Simulator(WebSimulator):
    """D7: accepts any bearer token but ``wrong``, reports to ``report_url`` and on a query.

    The first recipient decides on the answer to a request.  *requests* counts all requests,
    *accepted* the accepted recipients, *taken* the number of times that each (recipient, text) was
    accepted.
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
            "messages/v1/send": Page(self._send, b"POST"),
            "messages/v1/balance": Page(self._balance, b"GET"),
            "report/v1/message-log": Page(self._log, b"GET"),
        }
        super().__init__(reactor, pages, callback_url)
        self.requests = 0
        self.accepted = 0
        self.credit = credit
        self.taken: Remembered[tuple[str, str], int] = Remembered()
        self._delay = delay
        self._throttle = Throttle()
        self._requests: Remembered[str, tuple[_Recipient, ...]] = Remembered()

    def _send(self, request: Request) -> PageAnswer:
        self.requests += 1
        if not _is_authorized(request):
            return _unauthorized(request)
        try:
            wanted = _send_request(request)
        except _Invalid as fault:
            place = ["body", *fault.where.split(".")]
            return _answer(request, 422, {"detail": [{"loc": place, "msg": fault.complaint}]})
        if self.credit < len(wanted.texts):
            return _fault(request, 402, "INSUFFICIENT_CREDIT", "Insufficient credit")
        behaviour = behaviour_of(wanted.texts[0][0])
        match behaviour.answer:
            case "silence":
                return silent(request)
            case "error":
                return _fault(request, 500, "INTERNAL_ERROR", "Internal server error")
            case "reject":
                return _fault(request, 400, "INVALID_RECIPIENT", "Invalid recipient")
            case "throttle" if self._throttle.refuses(wanted.texts):
                request.setHeader(b"retry-after", b"1")
                return _fault(request, 429, "TOO_MANY_REQUESTS", "Too many requests")
        return self._accept(request, behaviour, wanted)

    def _accept(self, request: Request, behaviour: Behaviour, wanted: _SendRequest) -> PageAnswer:
        identifier = str(uuid4())
        after = 0.0 if behaviour.early else behaviour.answer_after + self._delay
        taken = tuple(self._take(recipient, after) for recipient, _ in wanted.texts)
        for key in wanted.texts:
            self.taken[key] = self.taken.get(key, 0) + 1
        self.accepted += len(taken)
        self.credit -= len(taken)
        self._requests[identifier] = taken
        reported = gatherResults([self._report(identifier, each, wanted, after) for each in taken])
        created = datetime.now(UTC).isoformat()
        document = {"request_id": identifier, "status": "accepted", "created_at": created}
        answer = _answer(request, 200, document)
        if not behaviour.early and not behaviour.answer_after:
            return answer
        end = ends_later(request)
        if behaviour.early:
            reported.addCallback(lambda _: end(answer))
        else:
            self._reactor.callLater(behaviour.answer_after, end, answer)
        return NOT_DONE_YET

    def _take(self, recipient: str, after: float) -> _Recipient:
        behaviour = behaviour_of(recipient)
        status = None if behaviour.state is None else _WORDS[behaviour.state]
        return _Recipient(str(uuid4()), recipient, status, self._reactor.seconds() + after)

    def _report(
        self, identifier: str, taken: _Recipient, wanted: _SendRequest, after: float
    ) -> Deferred[Any]:
        url = wanted.report_url or self.callback_url
        if taken.status is None or not url:
            return succeed(None)
        form = {
            "request_id": identifier,
            "msg_id": taken.msg_id,
            "recipient": taken.recipient,
            "originator": wanted.originator,
            "status": taken.status,
        }
        body = urlencode(form).encode()
        times = range(behaviour_of(taken.recipient).reports)
        return gatherResults(
            [self.pusher.push("POST", url, headers=_FORM, body=body, after=after) for _ in times]
        )

    def _log(self, request: Request) -> PageAnswer:
        if not _is_authorized(request):
            return _unauthorized(request)
        identifier = b"/".join(request.postpath or ()).decode("utf-8", "replace")
        taken = self._requests.get(identifier)
        if taken is None:
            return _fault(request, 404, "MESSAGE_LOG_NOT_EXISTS", "Message log does not exist")
        document = {
            "request_id": identifier,
            "total_recipients": len(taken),
            "channel": "sms",
            "messages": [self._entry(each) for each in taken],
        }
        return _answer(request, 200, document)

    def _entry(self, taken: _Recipient) -> dict[str, Any]:
        ended = taken.status is not None and self._reactor.seconds() >= taken.due
        return {
            "msg_id": taken.msg_id,
            "country": None,
            "recipient": taken.recipient,
            "status": taken.status if ended else "sent",
            "number_of_sms": 1,
            "sms_cost": 1,
            "schedule_time": None,
        }

    def _balance(self, request: Request) -> PageAnswer:
        if not _is_authorized(request):
            return _unauthorized(request)
        return _answer(request, 200, {"balance": self.credit})


def _send_request(request: Request) -> _SendRequest:
    """Read the body of a submission; raises _Invalid."""
    try:
        document = json.loads(request.content.read(_MAX_BODY) if request.content else b"")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, Mapping):
        raise _Invalid("", "value is not a valid dict")
    common = document.get("message_globals")
    if not isinstance(common, Mapping) or not common.get("originator"):
        raise _Invalid("message_globals.originator", "field required")
    texts = [
        (recipient, text)
        for message in _list(document.get("messages"), "messages")
        for recipient, text in _texts(message)
    ]
    url = common.get("report_url")
    return _SendRequest(
        tuple(texts), str(common["originator"]), url if isinstance(url, str) else None
    )


def _texts(message: object) -> list[tuple[str, str]]:
    if not isinstance(message, Mapping):
        raise _Invalid("messages", "value is not a valid dict")
    text = message.get("content")
    if not isinstance(text, str) or not text:
        raise _Invalid("messages.content", "field required")
    if message.get("channel") != "sms" or message.get("data_coding", "auto") not in _TEXTS:
        raise _Invalid("messages", "unexpected value")
    recipients = _list(message.get("recipients"), "messages.recipients")
    if not all(isinstance(each, str) and each.lstrip("+").isdecimal() for each in recipients):
        raise _Invalid("messages.recipients", "invalid recipient")
    return [(recipient.lstrip("+"), text) for recipient in recipients]


def _list(value: object, where: str) -> Sequence[Any]:
    if not isinstance(value, list) or not value:
        raise _Invalid(where, "ensure this value has at least 1 items")
    return value


def _is_authorized(request: Request) -> bool:
    kind, _, token = (request.getHeader("authorization") or "").partition(" ")
    return kind.lower() == "bearer" and token not in ("", "wrong")


def _unauthorized(request: Request) -> bytes:
    return _fault(request, 401, "INVALID_API_TOKEN", "Invalid API token")


def _fault(request: Request, status: int, code: str, words: str) -> bytes:
    return _answer(request, status, {"detail": {"code": code, "message": words}})


def _answer(request: Request, status: int, document: Mapping[str, Any]) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(document).encode()
