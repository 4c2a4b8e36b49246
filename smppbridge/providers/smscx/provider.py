"""SMS Connexion (SMS.CX), version 1.0.2: JSON over HTTPS, up to 25,000 numbers in one request.

SMS.CX acts only once on requests of one idempotencyId: a request without answer can be repeated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from smppbridge.model.message import Message
from smppbridge.model.outcome import Outcome, Refused
from smppbridge.model.report import Report
from smppbridge.providers.answers import (
    Blame,
    StateName,
    blame_table,
    json_object,
    said,
    state_table,
)
from smppbridge.providers.exchange import (
    NOW,
    Abilities,
    BadReply,
    Balance,
    Exchange,
    HttpRequest,
    HttpResponse,
    Operation,
    Price,
    Provider,
    Received,
    ReportWord,
)
from smppbridge.providers.oauth import ClientCredentials, LoginFailed
from smppbridge.providers.smscx.answers import STATES, SmsCxReader, answer_bound, items_of
from smppbridge.providers.smscx.choices import CHOICES, Placeholders, Schedule, Transliteration
from smppbridge.providers.smscx.error_object import not_scheduled, unknown_id
from smppbridge.providers.smscx.operations import operations_of, price_of
from smppbridge.providers.smscx.pull import Pull
from smppbridge.smpp.constants import MessageState

MAX_BATCH = 25_000
MAX_ANSWER = 1 << 20
_PLACEHOLDER = "{{"
_SHORTEST = 7  # digits of a number; an address of fewer digits is a short code
_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))
# ASCII with escapes: no charset can be mistaken.
_quote = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCx(Provider):
    """One account at SMS.CX; each field is a setting with its description."""

    api_key: str = field(
        default="", repr=False, metadata=said("Key of the account; or app_id and app_secret")
    )
    app_id: str = field(
        default="", metadata=said("Id of an application that logs in by OAuth instead")
    )
    app_secret: str = field(default="", repr=False, metadata=said("Secret of that application"))
    scope: str = field(
        default="", metadata=said("What its token is to allow, as sms reports; empty: everything")
    )
    base_url: str = field(default="https://api.sms.cx", metadata=said("Where its API is"))
    callback_url: str = field(default="", repr=False)
    sender: str = field(default="", metadata=said("Source of messages that have none of their own"))
    batch: int = field(default=1000, metadata=said("Messages in one request, at most: 1 to 25,000"))
    remembers: float = field(
        default=86_400.0,
        metadata={**said("How long it knows a repeated request by its key"), "duration": True},
    )
    country_iso: str = field(
        default="", metadata=said("Where national numbers belong, as KE (see number_form)")
    )
    alphabet: Transliteration | None = field(
        default=None, metadata=said("Which characters it is to write in GSM 7-bit ones, as GREEK")
    )
    remove_emojis: bool = field(default=False, metadata=said("Whether it is to drop emojis"))
    placeholders: Placeholders = field(
        default="refuse",
        metadata=said("A text with {{, which it would rewrite: refuse it or pass it on"),
    )
    schedule: Schedule = field(
        default="bridge", metadata=said("Who keeps a message until its schedule_delivery_time")
    )
    is_utc: bool = field(
        default=True, metadata=said("Whether that time is UTC, not the destination's local time")
    )
    rent_ids: tuple[str, ...] = field(
        default=(), metadata=said("Ids of rented numbers whose messages are pulled")
    )
    pull_reports: bool = field(
        default=False, metadata=said("Whether reports of yesterday and today are pulled")
    )
    pull_back: float = field(
        default=86_400.0,
        metadata={**said("How far the first pull looks back"), "duration": True},
    )
    states: Mapping[str, StateName] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Statuses beyond those known, as {LOST: undeliverable}"),
    )
    errors: Mapping[int | str, Blame] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Codes or types of errors and what they blame, as {1234: destination}"),
    )

    _headers: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    _login: ClientCredentials | None = field(init=False, repr=False, compare=False)
    _reader: SmsCxReader = field(init=False, repr=False, compare=False)
    _pull: Pull = field(init=False, repr=False, compare=False)
    _operations: Mapping[str, Operation] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check()
        base = self.base_url.rstrip("/")
        key = (("X-API-KEY", self.api_key),) if self.api_key else ()
        derive = object.__setattr__
        derive(self, "base_url", base)
        derive(self, "_headers", (*_JSON, *key))
        derive(self, "_login", None if self.api_key else self._application(base))
        callback_key = self.callback_url.rpartition("/")[2]
        secrets = (self.api_key, self.app_secret, self.callback_url, callback_key)
        states = state_table(STATES, self.states)
        derive(self, "_reader", SmsCxReader(states, self.errors, self.country_iso, secrets))
        rent_ids = tuple(self.rent_ids)
        pull = Pull(self._ask, self._reader, rent_ids, self.pull_reports, self.pull_back)
        derive(self, "_pull", pull)
        derive(self, "_operations", operations_of(self._ask, self.sender))

    @property
    def abilities(self) -> Abilities:
        """The abilities of SMS.CX, as it is configured."""
        return Abilities(
            callbacks=True,
            polling=True,
            pulling=bool(self.rent_ids) or self.pull_reports,
            balance=True,
            idempotent=self.remembers,
            batch=self.batch,
            schedules=self.schedule == "provider",
            phones=True,
            optouts=True,
            longest_answer=max(MAX_ANSWER, answer_bound(self.batch)),
            prices=True,
            cancels=self.schedule == "provider",
            longest_callback=1 << 20,  # up to 200 reports on long messages in one request
        )

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The further operations of the API, by name."""
        return self._operations

    def group_of(self, message: Message) -> Hashable:
        """Return the properties that all numbers of one request share: sender, text and time."""
        return self._sender_of(message), message.text, self._time_of(message)

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Submit one message, without a key."""
        (outcome,) = yield from self.submit_batch((message,), "")
        return outcome

    def submit_batch(self, messages: Sequence[Message], key: str) -> Exchange[Sequence[Outcome]]:
        """Submit messages of one group; messages that the answer does not mention are Uncertain."""
        if not messages:
            return []
        if self.placeholders == "refuse" and _PLACEHOLDER in messages[0].text:
            rewritten = Refused("it would rewrite {{ in the text", provider_fault=True)
            return [rewritten] * len(messages)
        request = yield from self._submission(messages, key)
        try:
            response = yield from self._answer(request)
        except LoginFailed as failed:
            return [failed.outcome] * len(messages)
        now = (yield NOW) if 400 <= response.status < 500 else 0.0
        return self._reader.outcomes(response, messages, now)

    def query(self, message: Message, provider_message_id: str) -> Exchange[Report]:
        """Query the report of a message; raises BadReply."""
        path = f"reports/single/{quote(provider_message_id, safe='', errors='replace')}"
        response = yield from self._answer(self._request("GET", path, operation="query"))
        if unknown_id(response):  # it may not be there yet
            return Report(provider_message_id, MessageState.ENROUTE)
        fields = self._read(response)
        report = self._reader.report_about(provider_message_id, items_of(fields.get("data")))
        if report is None:
            raise BadReply("not about the message asked for")
        return report

    def pull(self) -> Exchange[Sequence[Received]]:
        """Pull messages to rented numbers, and reports; raises BadReply.

        Entries of the hour before the last pull come again, with the same ids.
        """
        return self._pull.new()

    def read_callback(self, request: HttpRequest) -> Sequence[Received]:
        """Read reports, messages from phones and opt-outs; raises BadReply."""
        return self._reader.callback(request.body)

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the statuses of its reports."""
        return self._reader.report_words()

    def balance(self) -> Exchange[Balance]:
        """Query the credit left; raises BadReply."""
        fields = yield from self._ask("GET", "account/balance", operation="balance")
        amount, currency = fields.get("balance"), fields.get("currency")
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            raise BadReply("no balance")
        try:
            amount = float(amount)
        except OverflowError:
            amount = math.inf
        if not math.isfinite(amount):
            raise BadReply("no balance")
        return Balance(amount, currency.upper()[:8] if isinstance(currency, str) else "")

    def price(self, message: Message) -> Exchange[Price]:
        """Query the price of a message; raises BadReply."""
        submission = yield from self._submission((message,), "")
        question = replace(submission, url=self._url("sms/estimate"), operation="price")
        return price_of(self._read((yield from self._answer(question))))

    def cancel(self, message: Message, provider_message_id: str) -> Exchange[bool]:
        """Have a scheduled message dropped, whose cost is credited back; raises BadReply."""
        path = f"sms/scheduled/{quote(provider_message_id, safe='', errors='replace')}"
        response = yield from self._answer(self._request("DELETE", path, operation="cancel"))
        if not_scheduled(response):
            return False
        self._read(response)
        return True

    def call(self, method: str, path: str, body: bytes = b"") -> Exchange[HttpResponse]:
        """Make any request of the API."""
        request = HttpRequest(method, self._url(path), self._headers, body, operation="call")
        return self._answer(request)

    def _ask(
        self,
        method: str,
        path: str,
        document: Any = None,
        query: Mapping[str, str | int] | None = None,
        operation: str = "account",
    ) -> Exchange[dict[str, Any]]:
        """Ask a question that is no submission; raises BadReply, with words for an operator."""
        request = self._request(method, path, document, query, operation)
        return self._read((yield from self._answer(request)))

    def _answer(self, request: HttpRequest) -> Exchange[HttpResponse]:
        if self._login is not None:
            return (yield from self._login.authorized(request))
        response: HttpResponse = yield request
        return response

    def _read(self, response: HttpResponse) -> dict[str, Any]:
        if not 200 <= response.status < 300:
            raise self._reader.bad_reply(response)
        return json_object(response.body, MAX_ANSWER)

    def _submission(self, messages: Sequence[Message], key: str) -> Exchange[HttpRequest]:
        first = messages[0]
        fields: dict[str, Any] = {
            "to": [_signed(message.number) for message in messages],
            "from": self._sender_of(first),
            "text": first.text,
            "allowInvalid": True,
            "noTextDetails": True,
        }
        if key:
            fields["idempotencyId"] = key
        if self.callback_url:
            fields["dlrCallbackUrl"] = self.callback_url
        if self.country_iso:
            fields["countryIso"] = self.country_iso
        if self.alphabet or self.remove_emojis:
            alphabet = self.alphabet or "NONE"
            fields["transliteration"] = {"alphabet": alphabet, "removeEmojis": self.remove_emojis}
        due = self._time_of(first)
        # One that has passed by now, perhaps while we tried before, would be refused.
        if due is not None and (not self.is_utc or due > (yield NOW)):
            fields |= {"scheduledDate": _date(due), "isUtc": self.is_utc}
        return self._request("POST", "sms", fields, operation="submit")

    def _request(
        self,
        method: str,
        path: str,
        document: Any = None,
        query: Mapping[str, str | int] | None = None,
        operation: str = "account",
    ) -> HttpRequest:
        url = self._url(path) + (f"?{urlencode(query, errors='replace')}" if query else "")
        body = b"" if document is None else _quote(document).encode("ascii")
        return HttpRequest(method, url, self._headers, body, operation=operation)

    def _url(self, path: str) -> str:
        return f"{self.base_url}/{path.lstrip('/')}"

    def _sender_of(self, message: Message) -> str:
        return message.source.addr or self.sender

    def _time_of(self, message: Message) -> float | None:
        return message.traits.scheduled if self.schedule == "provider" else None

    def _application(self, base: str) -> ClientCredentials:
        return ClientCredentials(
            token_url=f"{base}/oauth/token",
            client_id=self.app_id,
            client_secret=self.app_secret,
            scope=self.scope,
        )

    def _check(self) -> None:
        if bool(self.api_key) == bool(self.app_id or self.app_secret):
            raise ValueError("api_key, or app_id and app_secret: exactly one way is needed")
        if not self.api_key and not (self.app_id and self.app_secret):
            raise ValueError("app_id and app_secret go together")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must start with https:// or http://")
        if not 1 <= self.batch <= MAX_BATCH:
            raise ValueError(f"batch must be 1 to {MAX_BATCH}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(filter(None, choices))}")
        blame_table({str(name): blame for name, blame in self.errors.items()}, {})


def _signed(number: str) -> str:
    """Return E.164 digits with their sign; national numbers and short codes unchanged."""
    if number.startswith(("+", "0")) or len(number) < _SHORTEST:
        return number
    return f"+{number}"


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
