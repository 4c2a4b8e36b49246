"""Keccel (DR Congo), version 2: JSON over HTTPS, reports by GET callback or by polling."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import urlencode

from smppbridge.model.identifiers import is_alike
from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Outcome, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.answers import (
    Blame,
    On5xx,
    StateName,
    bad_reply,
    bad_status,
    blame_of,
    blame_table,
    callback_fields,
    http_fault,
    identifier_of,
    json_object,
    lower_names,
    refusal,
    said,
    shown,
    state_table,
    unknown_status,
)
from smppbridge.providers.exchange import (
    Abilities,
    BadReply,
    Balance,
    HttpExchange,
    HttpRequest,
    HttpResponse,
    Operation,
    Provider,
    ReportWord,
)
from smppbridge.smpp.constants import MessageState

STATES: Mapping[str, MessageState] = MappingProxyType(
    {
        "SENT": MessageState.ENROUTE,
        "PENDING": MessageState.ENROUTE,
        "BUFFERED": MessageState.ENROUTE,
        "ENROUTE": MessageState.ENROUTE,
        "ACCEPTED": MessageState.ENROUTE,
        "DELIVERED": MessageState.DELIVERED,
        "READ": MessageState.DELIVERED,
        "FAILED": MessageState.UNDELIVERABLE,
        "REJECTED": MessageState.REJECTED,
        "EXPIRED": MessageState.EXPIRED,
    }
)
# Only "Invalid token" is documented; the others are assumed, or seen by clients of others.
ERRORS: Mapping[str, Blame] = MappingProxyType(
    {
        "token": "provider",
        "credit": "provider",
        "expired": "provider",
        "inactive": "provider",
        "number": "destination",
        "recipient": "destination",
        "sender": "source",
        "from": "source",
        "too long": "length",
        "parameter": "message",
    }
)
NETWORK_ERRORS: Mapping[MessageState, int] = MappingProxyType(
    {
        MessageState.UNDELIVERABLE: 1,
        MessageState.REJECTED: 2,
        MessageState.EXPIRED: 3,
        MessageState.UNKNOWN: 255,
    }
)
_TAKEN = frozenset((MessageState.ENROUTE, MessageState.ACCEPTED, MessageState.DELIVERED))
_NOT_TAKEN = frozenset(
    (
        MessageState.REJECTED,
        MessageState.UNDELIVERABLE,
        MessageState.EXPIRED,
        MessageState.DELETED,
    )
)
_UNDECIDED = "ERROR"  # in a report: nobody knows, so the message stays on its way
_TRIAL_SENDER = "GUEST"
_ACCEPT = (("Accept", "application/json"),)
_JSON = (("Content-Type", "application/json"), *_ACCEPT)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(r"(\d\d?)-([a-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d)", re.ASCII)
# ASCII with escapes, as the vendor's own client writes it: no charset can be mistaken.
_quote = json.JSONEncoder().encode
_quote_text = json.encoder.encode_basestring_ascii


@dataclass(frozen=True, slots=True, kw_only=True)
class Keccel(Provider):
    """One Keccel account; each field is a setting with its description."""

    abilities: ClassVar[Abilities] = Abilities(callbacks=True, polling=True, balance=True)

    token: str = field(repr=False, metadata=said("The API key"))
    base_url: str = field(
        default="https://api.keccel.com/sms/v2", metadata=said("Where message.asp is")
    )
    sender: str = field(default="", metadata=said("Stands in for a source address that is empty"))
    arguments: Literal["body", "query"] = field(
        default="body",
        # the vendor's client sends a JSON body with GET; a query string shows the token to proxies
        metadata=said("Where delivery.asp and balance.asp take theirs: body or query"),
    )
    on_5xx: On5xx = field(
        default="uncertain",
        metadata=said("What a server error means for a submission: uncertain, retry or fail"),
    )
    states: Mapping[str, StateName] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Statuses beyond those known, as {LOST: undeliverable}"),
    )
    errors: Mapping[str, Blame] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Fragments of descriptions and what they blame, as {quota: provider}"),
    )

    _submit_url: str = field(init=False, repr=False, compare=False)
    _opening: str = field(init=False, repr=False, compare=False)
    _states: Mapping[str, MessageState] = field(init=False, repr=False, compare=False)
    _blames: tuple[tuple[str, Blame], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.token:
            raise ValueError("token is empty")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must start with https:// or http://")
        if self.arguments not in ("body", "query"):
            raise ValueError("arguments must be body or query")
        if self.on_5xx not in get_args(On5xx):
            raise ValueError("on_5xx must be one of " + ", ".join(get_args(On5xx)))
        derive = object.__setattr__
        derive(self, "_submit_url", self._url("message.asp"))
        derive(self, "_opening", f'{{"token":{_quote(self.token)},"from":')
        derive(self, "_states", state_table(STATES, self.states))
        derive(self, "_blames", blame_table(self.errors, ERRORS))

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The further operations on the account."""
        credit = Operation(run=self._balance_row, description="Credit left, and until when")
        return MappingProxyType({"balance": credit})

    def submit(self, message: Message) -> HttpExchange[Outcome]:
        """Submit one message."""
        response = yield self.submit_request(message)
        return self.read_submit(response, message)

    def query(self, message: Message, provider_message_id: str) -> HttpExchange[Report]:
        """Query the report of a message; raises BadReply."""
        arguments = {"from": self._sender_of(message), "messageid": provider_message_id}
        response = yield self._request("GET", "query", "delivery.asp", arguments)
        return self._report_asked_for(_answered(response), provider_message_id)

    def balance(self) -> HttpExchange[Balance]:
        """Query the credit left; raises BadReply."""
        return self._balance_in((yield from self._asked_for_balance()))

    def call(self, method: str, path: str, body: bytes = b"") -> HttpExchange[HttpResponse]:
        """Make any request; *body*, a JSON object, gets the token.  Raises BadReply."""
        arguments = json_object(body) if body else {}
        return (yield self._request(method, "call", path.lstrip("/"), arguments))

    def read_callback(self, request: HttpRequest) -> tuple[Report, ...]:
        """Read the report in a query string, a form or JSON; raises BadReply."""
        fields = callback_fields(request, "messageid", "status")
        identifier = identifier_of(fields.get("messageid"))
        if identifier is None:
            raise BadReply("no messageID")
        return (self._report(identifier, fields.get("status")),)

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the statuses of its reports."""
        return {
            word: ReportWord(state, NETWORK_ERRORS.get(state, 0))
            for word, state in self._states.items()
        }

    def submit_request(self, message: Message) -> HttpRequest:
        """Build the request that submits *message*."""
        sender = _quote_text(message.source.addr or self.sender)
        number, text = _quote_text(message.number), _quote_text(message.text)
        body = f'{self._opening}{sender},"to":{number},"message":{text}}}'
        return HttpRequest("POST", self._submit_url, _JSON, body.encode("ascii"))

    def read_submit(self, response: HttpResponse, message: Message) -> Outcome:
        """Read Keccel's outcome for *message*."""
        if not 200 <= response.status < 300:
            return self._read_fault(response, message)
        try:
            fields = lower_names(json_object(response.body))
        except BadReply as fault:
            return Uncertain(fault.reason)
        status = fields.get("status")
        word = status.strip().upper() if isinstance(status, str) else ""
        state = self._states.get(word)
        if state in _TAKEN:
            identifier = identifier_of(fields.get("messageid"))
            return Accepted(identifier) if identifier else Uncertain("taken, but without messageID")
        if state in _NOT_TAKEN or word == "ERROR":
            words = fields.get("description")
            explanation = self._shown(words, message) or self._shown(word, message)
            blame = blame_of(words, self._blames) or "message"
            return refusal("", blame, explanation, raw=words)
        return unknown_status(self._shown(status, message))

    def _read_fault(self, response: HttpResponse, message: Message) -> Outcome:
        """Return the outcome of an HTTP error; the body of a 4xx may say more than the status."""
        outcome = http_fault(response, self.on_5xx)
        if not 400 <= response.status < 500 or response.status in (408, 429):
            return outcome
        try:
            words = lower_names(json_object(response.body)).get("description")
        except BadReply:
            return outcome
        blame = blame_of(words, self._blames)
        if blame is None:
            return outcome
        explanation = self._shown(words, message)
        return refusal(f"HTTP {response.status}", blame, explanation, raw=words)

    def _shown(self, words: object, message: Message) -> str:
        return shown(words, message.text, secrets=(self.token,))

    def _report_asked_for(self, fields: dict[str, Any], provider_message_id: str) -> Report:
        """Return the report; without the id a rejected token would pass for a rejected message."""
        words = fields.get("description")
        if blame_of(words, self._blames) == "provider":
            raise bad_reply("no report", words, secrets=(self.token,))
        identifier = identifier_of(fields.get("messageid"))
        if identifier is None or not is_alike(identifier, provider_message_id, "zeros"):
            raise BadReply("not about the message asked for")
        return self._report(identifier, fields.get("status"))

    def _report(self, identifier: str, status: object) -> Report:
        if not isinstance(status, str) or not status.strip():
            raise BadReply("no status")
        word = status.strip().upper()
        state = self._states.get(word)
        if state is None:
            unknown = "" if word == _UNDECIDED else status
            return Report(identifier, MessageState.ENROUTE, unknown=unknown)
        return Report(identifier, state, NETWORK_ERRORS.get(state, 0))

    def _asked_for_balance(self) -> HttpExchange[dict[str, Any]]:
        arguments = {"from": self.sender or _TRIAL_SENDER}
        response = yield self._request("GET", "balance", "balance.asp", arguments)
        return _answered(response)

    def _balance_in(self, fields: Mapping[str, Any]) -> Balance:
        amount = _amount(fields.get("balance"))
        if amount is None:
            raise bad_reply("no balance", fields.get("description"), secrets=(self.token,))
        return Balance(amount, "SMS", _seconds(fields.get("expiration")))

    def _balance_row(self) -> HttpExchange[Mapping[str, Any]]:
        fields = yield from self._asked_for_balance()
        balance = self._balance_in(fields)
        return {
            "balance": balance.amount,
            "unit": balance.unit,
            "expires": _date(balance.expires_at),
            "status": shown(fields.get("status"), secrets=(self.token,)),
        }

    def _request(
        self, method: str, operation: str, page: str, arguments: Mapping[str, Any]
    ) -> HttpRequest:
        url, arguments = self._url(page), {"token": self.token, **arguments}
        if self.arguments == "query" and method == "GET":
            url += f"{'&' if '?' in page else '?'}{urlencode(arguments, errors='replace')}"
            return HttpRequest(method, url, _ACCEPT, operation=operation)
        body = _quote(arguments).encode("ascii")
        return HttpRequest(method, url, _JSON, body, operation=operation)

    def _url(self, page: str) -> str:
        return f"{self.base_url.rstrip('/')}/{page}"

    def _sender_of(self, message: Message) -> str:
        return message.source.addr or self.sender


def _answered(response: HttpResponse) -> dict[str, Any]:
    if not 200 <= response.status < 300:
        raise BadReply(bad_status(response))
    return lower_names(json_object(response.body))


def _amount(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) else None


def _seconds(value: object) -> float | None:
    """Read ``31-Dec-2027 06:46:17``, as UTC: no document names the zone."""
    match = _DATE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    month = _MONTHS.index(match[2]) + 1
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def _date(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
