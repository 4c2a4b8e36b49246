"""D7 Networks, the ``/secure/`` REST API, which is Jasmin's: JSON, reports by callback."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args
from urllib.parse import urlencode

from smppbridge.model.message import Message
from smppbridge.model.outcome import Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.answers import (
    Blame,
    On5xx,
    StateName,
    blame_table,
    said,
    state_table,
)
from smppbridge.providers.d7 import callbacks as d7_callbacks
from smppbridge.providers.d7.answers import UNLIMITED, D7Reader
from smppbridge.providers.d7.content import Fields, content_of, text_fields
from smppbridge.providers.exchange import (
    NOW,
    Abilities,
    BadReply,
    Balance,
    Exchange,
    HttpExchange,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
    Operation,
    Price,
    Provider,
    Received,
    ReportWord,
)
from smppbridge.smpp.constants import CommandStatus, MessageState
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import TextError

BatchSize = Literal["off", "on"] | int

ON: Final = 100
MOST_IN_BATCH: Final = 1000
_MINUTE = 60.0
_LONGEST_VALIDITY = 525_600
_LONGEST_SENDER = (
    20  # octets of UTF-8; Jasmin answers Success to a longer one and drops the message
)
_TOO_LONG_A_SENDER = Refused(
    f"a source of more than {_LONGEST_SENDER} octets", CommandStatus.ESME_RINVSRCADR, True
)
_quote = json.JSONEncoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class D7(Provider):
    """One D7 account; each field is a setting with its description."""

    username: str = field(metadata=said("The user of the API"))
    password: str = field(repr=False, metadata=said("Its password; it cannot hold a colon"))
    base_url: str = field(
        default="https://rest-api.d7networks.com",
        metadata=said("Where /secure/ is; any Jasmin with its REST API will do"),
    )
    sender: str = field(default="", metadata=said("Stands in for a source address that is empty"))
    batch: BatchSize = field(
        default="off",
        metadata=said(
            "Messages in one request at most: off, on (100) or a number; only where reports are"
            " pushed, for a batch is answered before any message of it is looked at"
        ),
    )
    max_parts: int = field(
        default=5,
        # long_content_max_parts of Jasmin, which cuts the rest away and says nothing
        metadata=said("SMs that it makes of one message at most; longer ones go elsewhere"),
    )
    validity: bool = field(
        default=False,  # it makes a date with microseconds of the minutes: nothing of ours helps
        metadata=said(
            "Whether to tell it until when a message is worth sending; Jasmin 0.10 and 0.11 lose"
            " one in ten of such messages after they answered Success"
        ),
    )
    dlr_level: Literal[2, 3] = field(
        default=3,
        metadata=said(
            "3: its SMSC's refusals are reported, but after one that is only for now (throttled,"
            " queue full) nothing more is; 2: the end alone is reported, refusals never"
        ),
    )
    dlr_method: Literal["POST", "GET"] = field(
        default="POST",  # older Jasmins do not see that a URL has a query string already
        metadata=said("How it is to call back: POST or GET"),
    )
    data_coding_0: Literal["gsm7", "latin1"] = field(
        default="gsm7",
        metadata=said("What data_coding 0 is in messages from phones: gsm7 or latin1 (or ASCII)"),
    )
    utc_offset: float = field(
        default=0.0,
        metadata={**said("Whose time the dates in its reports are, as +01:00"), "offset": True},
    )
    on_5xx: On5xx = field(
        default="uncertain",
        metadata=said(
            "What an unexplained server error means for a submission: uncertain, retry or fail"
        ),
    )
    states: Mapping[str, StateName] = field(
        default_factory=dict,
        hash=False,
        metadata=said(
            "Statuses of reports beyond those known, as {LOST: undeliverable}; statuses that its"
            " Jasmin does not submit again after, as {ESME_RSYSERR: undeliverable}"
        ),
    )
    errors: Mapping[str, Blame] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Fragments of refusals and what they blame, as {quota: provider}"),
    )
    callback_url: str = field(default="", repr=False)

    _abilities: Abilities = field(init=False, repr=False, compare=False)
    _answers: D7Reader = field(init=False, repr=False, compare=False)
    _headers: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    _states: Mapping[str, MessageState] = field(init=False, repr=False, compare=False)
    _blames: tuple[tuple[str, Blame], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check()
        derive = object.__setattr__
        token = b64encode(f"{self.username}:{self.password}".encode()).decode()
        blames = blame_table(self.errors, {})
        secrets = (self.password, token, self.username)
        headers = (
            ("Authorization", f"Basic {token}"),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        )
        derive(self, "_headers", headers)
        derive(self, "_answers", D7Reader(self.on_5xx, blames, secrets))
        derive(self, "_states", state_table(d7_callbacks.STATES, self.states))
        derive(self, "_blames", blames)
        derive(self, "_abilities", self._able())

    def _check(self) -> None:
        for name, value in (("username", self.username), ("password", self.password)):
            if not value or ":" in value:  # Jasmin answers a second colon with HTTP 500
                raise ValueError(f"{name} is empty or has a colon")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must start with https:// or http://")
        if self.batch not in ("off", "on") and not (
            isinstance(self.batch, int) and 2 <= self.batch <= MOST_IN_BATCH
        ):
            raise ValueError(f"batch must be off, on or 2 to {MOST_IN_BATCH}")
        if not 1 <= self.max_parts <= 255:
            raise ValueError("max_parts must be 1 to 255")
        if self.data_coding_0 not in ("gsm7", "latin1"):
            raise ValueError("data_coding_0 must be gsm7 or latin1")
        if self.dlr_level not in (2, 3):
            raise ValueError("dlr_level must be 2 or 3")
        if self.dlr_method not in ("POST", "GET"):
            raise ValueError("dlr_method must be POST or GET")
        if self.on_5xx not in get_args(On5xx):
            raise ValueError("on_5xx must be one of " + ", ".join(get_args(On5xx)))

    def _able(self) -> Abilities:
        """Return the abilities; no batches without callbacks: their refusals would be lost."""
        batch = {"off": 1, "on": ON}.get(str(self.batch)) or int(self.batch)
        return Abilities(
            binary=True,
            callbacks=True,
            balance=True,
            batch=batch if self.callback_url else 1,
            phones=True,
            needs_callback_url=True,
            callback_answer=b"ACK/Jasmin",
            prices=True,
        )

    @property
    def abilities(self) -> Abilities:
        """The abilities of D7, as it is configured."""
        return self._abilities

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The further operations of the API, by name."""
        return MappingProxyType(
            {
                "balance": Operation(run=self._ask_balance, description="The credit left"),
                "rate": Operation(
                    run=self._ask_rate,
                    description="What a message would cost",
                    arguments=("to", "content?"),
                ),
            }
        )

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Submit one message."""
        fields = self._fields(message, (yield NOW))
        if isinstance(fields, Refused):
            return fields
        response = yield self._post("secure/send", fields)
        return self._answers.submission(response, message)

    def submit_batch(self, messages: Sequence[Message], key: str) -> Exchange[Sequence[Outcome]]:
        """Submit messages in one request; refuse messages that Jasmin would lose or cut."""
        now = yield NOW
        written = [self._fields(message, now) for message in messages]
        going = [(m, f) for m, f in zip(messages, written, strict=True) if isinstance(f, dict)]
        try:
            came_to = iter((yield from self._submit_these(going, key)))
        except (NotSent, NoAnswer) as fault:
            if len(going) == len(messages):
                raise
            failed = Postponed if isinstance(fault, NotSent) else Uncertain
            came_to = iter([failed(str(fault))] * len(going))
        return [each if isinstance(each, Refused) else next(came_to) for each in written]

    def read_callback(self, request: HttpRequest) -> Sequence[Received]:
        """Read a report, the outcome of a message of a batch, or an MO message; raises BadReply."""
        return d7_callbacks.read(
            request,
            self._states,
            self._blames,
            utc_offset=int(self.utc_offset),
            alphabet=Alphabet(self.data_coding_0),
        )

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the statuses of its callbacks."""
        return d7_callbacks.report_words(self._states)

    def balance(self) -> HttpExchange[Balance]:
        """Query the credit left; raises BadReply.  Money if money is limited, else messages."""
        found = yield from self._ask_balance()
        credit, messages = found["balance"], found["sms_count"]
        if credit == UNLIMITED and messages != UNLIMITED:
            return Balance(float(messages), "SMS")
        return Balance(math.inf if credit == UNLIMITED else float(credit), "credit")

    def price(self, message: Message) -> HttpExchange[Price]:
        """Query the price of a text, the rate of an SM times the SMs; raises BadReply."""
        sender = message.source.addr or self.sender
        found = yield from self._ask_rate(message.number, message.text, sender)
        rate, parts = found["unit_rate"], found["submit_sm_count"]
        if UNLIMITED in (rate, parts):
            raise BadReply("no price: nothing is charged")
        return Price(float(rate * parts), "credit", int(parts))

    def call(self, method: str, path: str, body: bytes = b"") -> HttpExchange[HttpResponse]:
        """Make any request of the API."""
        return (yield HttpRequest(method, self._url(path), self._headers, body, operation="call"))

    # -- requests -------------------------------------------------------------------------------

    def _fields(self, message: Message, now: float) -> Fields | Refused:
        """Return the fields of a message, or the reason why Jasmin must not get the message."""
        content = content_of(message, self.max_parts)
        if isinstance(content, Refused):
            return content
        fields: Fields = {"to": message.number, **content}
        if sender := message.source.addr or self.sender:
            if len(sender.encode("utf-8", "replace")) > _LONGEST_SENDER:
                return _TOO_LONG_A_SENDER
            fields["from"] = sender
        if message.priority:
            fields["priority"] = message.priority
        if self.validity:
            minutes = math.ceil((message.expires_at - now) / _MINUTE)
            fields["validity-period"] = max(1, min(minutes, _LONGEST_VALIDITY))
        if self.callback_url:
            fields["dlr"], fields["dlr-level"] = "yes", self.dlr_level
            fields["dlr-method"] = self.dlr_method
            fields["dlr-url"] = self._called("message_id", str(message.message_id))
        return fields

    def _called(self, name: str, value: str) -> str:
        joint = "&" if "?" in self.callback_url else "?"
        return f"{self.callback_url}{joint}{urlencode({name: value})}"

    def _post(self, path: str, document: Fields) -> HttpRequest:
        # ASCII with escapes: no charset can be mistaken
        return HttpRequest("POST", self._url(path), self._headers, _quote(document).encode("ascii"))

    def _get(self, path: str, operation: str) -> HttpRequest:
        return HttpRequest("GET", self._url(path), self._headers, operation=operation)

    def _url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"

    # -- exchanges ------------------------------------------------------------------------------

    def _submit_these(
        self, going: Sequence[tuple[Message, Fields]], key: str
    ) -> HttpExchange[Sequence[Outcome]]:
        if not going:
            return []
        if len(going) == 1:
            ((message, fields),) = going
            response = yield self._post("secure/send", fields)
            return [self._answers.submission(response, message)]
        where = self._called("batch", key)
        document = {
            "messages": [fields for _, fields in going],
            "batch_config": {"callback_url": where, "errback_url": where},
        }
        response = yield self._post("secure/sendbatch", document)
        return self._answers.batch(response, [message for message, _ in going], key)

    def _ask_balance(self) -> HttpExchange[Fields]:
        response = yield self._get("secure/balance", "balance")
        return self._answers.amounts(response, ("balance",), ("sms_count",))

    def _ask_rate(self, to: str, content: str = "", sender: str = "") -> HttpExchange[Fields]:
        arguments: Fields = {"to": to} | ({"from": sender} if sender else {})
        if content:
            try:
                arguments |= text_fields(content)[0]
            except TextError as error:
                raise BadReply(str(error)) from None
        query = urlencode(arguments, errors="replace")
        response = yield self._get(f"secure/rate?{query}", "rate")
        return self._answers.amounts(response, ("unit_rate", "submit_sm_count"))
