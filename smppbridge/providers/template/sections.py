"""The keys of a template and their meanings, by section.

A name that ends with an underscore is the key without the underscore: ``submit_`` is ``submit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from smppbridge.model.parts import DeliveredBy
from smppbridge.model.tlvs import DLT, NamedTlv
from smppbridge.providers.answers import Blame, On5xx, On503, StateName, said

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
BodyKind = Literal["json", "form", "xml", "text"]
Scalar = str | int | bool
Words = Scalar | tuple[Scalar, ...]

_METHOD = "GET, POST, PUT, PATCH or DELETE; absent: POST if there is a body, else GET"
_SENT = "How the body is written: json, form, xml or text"
_BODY = "JSON: any structure; form: names and values; xml and text: the text itself"
_READ = (
    "How the answer is read: json (places are JSON pointers), xml (paths), form (names) or text"
    r" (RE2 expressions: \w and \d are ASCII)"
)
_ID = "Where the provider's id of the message is"
_STATUS = "Where its status is"
_ERROR = "Where error codes and texts are, one place or a list"
_ITEMS = "Where the list is, if it tells of several at once; other places are then within an item"
_CALLBACK = (
    "How callbacks are read: form (query string too), json, xml or text; ?name is in the query"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSection:
    """The form of a request, and of its answer."""

    url: str = field(metadata=said("Where to, from base_url on unless it begins with https://"))
    method: Method | None = field(default=None, metadata=said(_METHOD))
    parameters: Mapping[str, Scalar] = field(
        default_factory=dict, metadata=said("The query string, names and values")
    )
    headers: Mapping[str, Scalar] = field(
        default_factory=dict, metadata=said("Headers of this request")
    )
    send: BodyKind = field(default="json", metadata=said(_SENT))
    body: Any = field(default=None, metadata=said(_BODY))
    read: BodyKind = field(default="json", metadata=said(_READ))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSection(RequestSection):
    """The request that submits one message."""

    parts: str | None = field(
        default=None,
        metadata=said(
            "Where the list is, if the answer has an item for each part of a long message, with an"
            " id of its own; id, status and error are then within an item"
        ),
    )
    delivered_by: DeliveredBy = field(
        default="all",
        metadata=said(
            "Whose reports make a message of parts delivered: all parts', the last's or the"
            " first's; one part that fails fails the message"
        ),
    )
    id: str | None = field(default=None, metadata=said(_ID))
    status: str | None = field(
        default=None, metadata=said(f"{_STATUS}; absent: it is taken if the answer is 2xx")
    )
    accepted: Words = field(
        default=(), metadata=said("Statuses of a message that was taken, as [SENT, queued, 0]")
    )
    refused: Words = field(
        default=(),
        metadata=said(
            'Statuses of one that was not, "*" for all others; a status in neither is uncertain'
        ),
    )
    error: Words = field(default=(), metadata=said(_ERROR))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSection:
    """The request that submits several messages at once; absent keys are those of submit."""

    max: int = field(metadata=said("Messages in one request, at most"))
    url: str | None = field(default=None, metadata=said("Where to"))
    method: Method | None = field(default=None, metadata=said("As in submit"))
    parameters: Mapping[str, Scalar] | None = field(
        default=None, metadata=said("The query string, names and values")
    )
    headers: Mapping[str, Scalar] | None = field(
        default=None, metadata=said("Headers of this request")
    )
    send: BodyKind | None = field(default=None, metadata=said(_SENT))
    body: Any = field(
        default=None, metadata=said("With {numbers}, or with {messages}, each as `each` says")
    )
    each: Any = field(default=None, metadata=said("One message in {messages}, as body is written"))
    join: str | None = field(
        default=None,
        metadata=said("What stands between {numbers}; absent: a comma, in JSON they are a list"),
    )
    read: BodyKind | None = field(default=None, metadata=said(_READ))
    items: str | None = field(
        default=None, metadata=said("Where the list with an item for each message is")
    )
    number: str | None = field(
        default=None, metadata=said("Where its number is; absent: items are in our order")
    )
    id: str | None = field(default=None, metadata=said(_ID))
    status: str | None = field(default=None, metadata=said(_STATUS))
    accepted: Words = field(default=(), metadata=said("Absent: as in submit"))
    refused: Words = field(default=(), metadata=said("Absent: as in submit"))
    error: Words = field(default=(), metadata=said(_ERROR))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySection(RequestSection):
    """The request that asks for the report of a message."""

    status: str = field(metadata=said(_STATUS))
    id: str | None = field(
        default=None, metadata=said("Where its id is: another one is not about our message")
    )
    error: Words = field(default=(), metadata=said(_ERROR))
    missing: int | None = field(
        default=None, metadata=said("The HTTP status that says that it knows no such message")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditSection(RequestSection):
    """The request that asks for the credit left."""

    amount: str = field(metadata=said("Where the amount is: a number, or text with one in it"))
    unit: str = field(default="SMS", metadata=said("What it is counted in"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSection:
    """The places of reports in a callback."""

    read: BodyKind = field(default="form", metadata=said(_CALLBACK))
    items: str | None = field(default=None, metadata=said(_ITEMS))
    id: str | None = field(default=None, metadata=said(_ID))
    message_id: str | None = field(
        default=None, metadata=said("Where our {message_id} is, if the request carried it along")
    )
    status: str = field(metadata=said(_STATUS))
    error: str | None = field(default=None, metadata=said("Where its error number is"))
    answer: str = field(default="", metadata=said("The body that it wants in return"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSection:
    """The places of messages from phones in a callback; a call without text is a report."""

    read: BodyKind = field(default="form", metadata=said(_CALLBACK))
    items: str | None = field(default=None, metadata=said(_ITEMS))
    id: str = field(metadata=said(_ID))
    from_: str = field(metadata=said("Where the phone's number is"))
    to: str = field(metadata=said("Where the number is that it wrote to"))
    text: str = field(metadata=said("Where the text is"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Basic:
    """HTTP Basic credentials."""

    username: str = field(metadata=said("As {account}"))
    password: str = field(metadata=said("As {password}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """An application that fetches its token (client credentials)."""

    token_url: str = field(metadata=said("Where tokens are had"))
    client_id: str = field(metadata=said("As {client_id}"))
    client_secret: str = field(metadata=said("As {client_secret}"))
    scope: str = field(default="", metadata=said("Scopes to ask for, separated by spaces"))
    credentials: Literal["header", "body"] = field(
        default="header", metadata=said("Whether id and secret go as HTTP Basic or into the body")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Our credentials: one of three kinds; a key in a header of its own stands under headers."""

    basic: Basic | None = field(default=None, metadata=said("HTTP Basic"))
    bearer: str | None = field(default=None, metadata=said("A bearer token, as {token}"))
    oauth2: OAuth2 | None = field(default=None, metadata=said("OAuth 2 client credentials"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabets:
    """The values of {alphabet}."""

    gsm: str = field(default="gsm", metadata=said("For text in GSM 03.38's characters"))
    unicode: str = field(default="unicode", metadata=said("For all other text"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashWords:
    """The values of {flash}; true and false stand without quotes if {flash} is alone in JSON."""

    on: str = field(
        default="true",
        metadata=said(
            "For a message of class 0; in JSON true and false get no quotes where {flash} is alone"
        ),
    )
    off: str = field(default="false", metadata=said("For every other message"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """All keys of a template; *callback_url* and *named_tlvs* follow from other settings."""

    base_url: str = field(default="", metadata=said("What the URLs of requests begin with"))
    secrets: Mapping[str, str] = field(
        default_factory=dict,
        repr=False,
        hash=False,
        metadata=said("Names for what must never show, as {token: ${TOKEN}}; used as {token}"),
    )
    auth: Auth = field(
        default=Auth(), hash=False, metadata=said("The Authorization of every request")
    )
    headers: Mapping[str, Scalar] = field(
        default_factory=dict, hash=False, metadata=said("Headers of every request")
    )
    submit_: SubmitSection = field(hash=False, metadata=said("How a message is handed over"))
    batch: BatchSection | None = field(
        default=None, hash=False, metadata=said("How several are handed over at once")
    )
    query_: QuerySection | None = field(
        default=None, hash=False, metadata=said("How to ask what became of a message")
    )
    balance_: CreditSection | None = field(
        default=None, hash=False, metadata=said("How to ask for the credit left")
    )
    callback: CallbackSection | None = field(
        default=None, hash=False, metadata=said("How callbacks that report are read")
    )
    mo: PhoneSection | None = field(
        default=None, hash=False, metadata=said("How callbacks with messages from phones are read")
    )
    states: Mapping[str, StateName] = field(
        default_factory=dict,
        hash=False,
        metadata=said("What statuses of reports mean, as {LOST: undeliverable}"),
    )
    errors: Mapping[str, Blame] = field(
        default_factory=dict,
        hash=False,
        metadata=said(
            "Whom error codes (digits) and fragments of error texts blame: provider, destination,"
            " source, length, message or throttled"
        ),
    )
    http: Mapping[int, Blame] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Whom HTTP statuses blame, as {402: provider}"),
    )
    on_5xx: On5xx = field(
        default="uncertain",
        metadata=said("What a server error means for a submission: uncertain, retry or fail"),
    )
    on_503: On503 | None = field(
        default=None,
        metadata=said(
            "What a 503 means for a submission: retry (it says so where it did not take the"
            " message) or uncertain; absent: retry with a Retry-After that no proxy wrote, else as"
            " on_5xx says"
        ),
    )
    retry_after: str = field(
        default="Retry-After", metadata=said("The header that says how many seconds to wait")
    )
    idempotent: float = field(
        default=0.0,
        metadata={
            **said("How long a request may be repeated under its {key}; 0: not at all"),
            "duration": True,
        },
    )
    alphabets: Alphabets = field(default=Alphabets(), metadata=said("What {alphabet} becomes"))
    flash: FlashWords = field(default=FlashWords(), metadata=said("What {flash} becomes"))
    callback_url: str = field(default="", repr=False)
    named_tlvs: tuple[NamedTlv, ...] = field(default=tuple(DLT.values()), repr=False)


def listed(words: object) -> tuple[str, ...]:
    """Return one word or several as texts, spelled as in YAML."""
    if isinstance(words, list | tuple):
        return tuple(map(spelled, words))
    return (spelled(words),)


def spelled(value: object) -> str:
    """Return a scalar as YAML and JSON spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
