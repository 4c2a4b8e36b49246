"""messages: searched, and looked at one by one."""

from __future__ import annotations

import time
from typing import Any, Literal

from pydantic import Field

from smppbridge.model.address import Address, BadAddress, number_of
from smppbridge.model.masking import mask, masked
from smppbridge.model.message import Stage
from smppbridge.model.steps import told
from smppbridge.smpp.constants import MessageState
from smppbridge.store import lookup
from smppbridge.store.database import Database
from smppbridge.store.lookup import ListedMessage, MessageQuery
from smppbridge.store.pages import MessagePage, page
from smppbridge.store.timeline import TimelineEvent
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import (
    MessageId,
    Moment,
    Name,
    PageQuery,
    Rfc3339,
    cursor,
    facts,
    maybe,
    seconds,
)
from smppbridge.web.api.shapes import moment as written
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest
from smppbridge.web.problems import RequestRefused

SEARCHED_FOR = 1.2
"""Seconds after which a search stops and answers what it has found."""

StageName = Literal["gathering", "waiting", "submitting", "submitted", "finished"]
StateName = Literal[
    "ENROUTE",
    "DELIVERED",
    "EXPIRED",
    "DELETED",
    "UNDELIVERABLE",
    "ACCEPTED",
    "UNKNOWN",
    "REJECTED",
    "SKIPPED",
]


class MessagesQuery(PageQuery):
    """A search for messages."""

    number: str | None = Field(
        default=None,
        pattern=r"^\+?[0-9][0-9 ().-]{1,30}$",
        description="The destination; a national number with account or country",
    )
    id: str | None = Field(
        default=None,
        pattern=r"^[!-~]{1,64}$",
        description="Our id, a segment's or a provider's; other filters do not matter then",
    )
    prefix: str | None = Field(
        default=None, pattern=r"^[0-9]{1,15}$", description="The destination begins with it"
    )
    account: Name | None = None
    sender: str | None = Field(
        default=None, min_length=1, max_length=64, description="The source, letter by letter"
    )
    provider: Name | None = None
    state: StateName | None = None
    stage: Literal["waiting", "submitting", "submitted", "finished"] | None = None
    uncertain: bool = Field(
        default=False, description="Only those that may or may not have been sent"
    )
    since: Rfc3339 | None = Field(default=None, description="Accepted then or later")
    until: Rfc3339 | None = Field(default=None, description="Accepted before")
    country: str | None = Field(
        default=None, pattern=r"^[A-Z]{2}$", description="Of a national number"
    )


class MessageItem(Answer):
    """A message, without its text; the middle of its number is hidden."""

    message_id: MessageId
    answered_id: MessageId | None = Field(
        description="The id that a submit_multi was answered, of which this is one message"
    )
    account: str
    source: str = Field(description="A number's middle is hidden")
    destination: str
    stage: StageName
    state: StateName | None = Field(description="The message_state by the last report")
    uncertain: bool
    provider: str | None
    provider_message_id: str | None
    route: list[str]
    attempts: int
    segments: int
    error: int
    registered_delivery: int = Field(description="As the ESME sent it, like the next two")
    data_coding: int
    esm_class: int
    accepted_at: Moment
    begun_at: Moment | None
    answered_at: Moment | None
    done_at: Moment | None
    expires_at: Moment
    due: Moment | None = Field(description="When the bridge looks at the message next")


class MessagesPage(Answer):
    """Messages, newest first."""

    items: list[MessageItem]
    next: str | None
    searched_to: Moment | None = Field(
        description="Set if the time was over before all messages were looked at"
    )


class Step(Answer):
    """A step in the life of a message; *code* is a word of a fixed list."""

    at: Moment | None
    code: str
    facts: dict[str, Any]
    text: str = Field(description="Both in English")


@API.operation(
    "GET", "/messages", VIEWER, query=MessagesQuery, returns=MessagesPage, refusals=(503, 504)
)
async def find_messages(call: ApiRequest) -> MessagesPage:
    """Search messages, newest first."""
    return await _found(call, call.query)


@API.operation(
    "GET", "/uncertain", VIEWER, query=PageQuery, returns=MessagesPage, refusals=(503, 504)
)
async def list_uncertain(call: ApiRequest) -> MessagesPage:
    """The messages that may or may not have been sent, newest first."""
    query: PageQuery = call.query
    return await _found(call, MessagesQuery(uncertain=True, limit=query.limit, cursor=query.cursor))


async def _found(call: ApiRequest, query: MessagesQuery) -> MessagesPage:
    asked = _query_of(call, query)

    def question(db: Database) -> MessagePage:
        if query.id is not None:
            return MessagePage(lookup.named(db, query.id)[: query.limit], None, None)
        until = time.monotonic() + SEARCHED_FOR
        return page(db, asked, lambda: time.monotonic() < until)

    found = await read(call, question)
    return MessagesPage(
        items=list(map(item_of, found.messages)),
        next=cursor(found.before),
        searched_to=maybe(found.searched_to),
    )


def _query_of(call: ApiRequest, query: MessagesQuery) -> MessageQuery:
    return MessageQuery(
        number=None if query.number is None else _number(call, query),
        prefix=query.prefix,
        system_id=query.account,
        source=query.sender,
        provider=query.provider,
        state=None if query.state is None else MessageState[query.state],
        stage=None if query.stage is None else Stage[query.stage.upper()],
        uncertain=query.uncertain,
        since=seconds(query.since),
        until=seconds(query.until),
        before=query.before(),
        limit=query.limit,
    )


def _number(call: ApiRequest, query: MessagesQuery) -> str:
    """Return a number as the store has it; one that is no number of a country is a short code."""
    account = call.ports.accounts().get(query.account or "")
    country = query.country or (account.country if account else None)
    text = (query.number or "").strip()
    try:
        return number_of(Address(text), country)
    except BadAddress:
        return "".join(digit for digit in text if digit.isdecimal())


def one_message(db: Database, message_id: str) -> ListedMessage:
    """Return a message by its message_id or that of a segment; raises RequestRefused."""
    found = lookup.named(db, message_id)
    exact = [each for each in found if each.message_id == int(message_id)]
    if not (exact or found):
        raise RequestRefused(404, "there is no such message")
    return (exact or found)[0]


def item_of(message: ListedMessage) -> MessageItem:
    """Return a message as the API shows it."""
    state = MessageState(message.state).name if message.state else None
    return MessageItem(
        message_id=str(message.message_id),
        answered_id=None if message.multi is None else str(message.multi),
        account=message.system_id,
        source=masked(message.source),
        destination=mask(message.number),
        stage=Stage(message.stage).name.lower(),  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        uncertain=message.uncertain,
        provider=message.provider or None,
        provider_message_id=message.provider_message_id,
        route=message.route.split(",") if message.route else [],
        attempts=message.attempts,
        segments=message.segments,
        error=message.error,
        registered_delivery=message.as_sent.registered_delivery,
        data_coding=message.as_sent.data_coding,
        esm_class=message.as_sent.esm_class,
        accepted_at=written(message.accepted_at),
        begun_at=maybe(message.begun_at),
        answered_at=maybe(message.answered_at),
        done_at=maybe(message.done_at),
        expires_at=written(message.expires_at),
        due=maybe(message.due),
    )


def step_of(event: TimelineEvent) -> Step:
    """Return a step as the API shows it."""
    shown = facts(event.facts)
    return Step(at=maybe(event.at), code=event.name, facts=shown, text=told(event.name, shown))
