"""phones: MO messages and USSD dialogues, which begin at a phone; without their texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smppbridge.model.masking import mask, masked
from smppbridge.relay.ussd.pdus import DialogueFacts
from smppbridge.smpp.constants import status_name
from smppbridge.store.phones import ListedMo, MoQuery, mo_hours, mos
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import (
    MessageId,
    Moment,
    Name,
    PageQuery,
    Rfc3339,
    cursor,
    maybe,
    moment,
    next_cursor,
    seconds,
)
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent

_HOUR, _HOURS = 3_600, 24
PhoneNumber = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 ().-]{1,30}$")]


class MosQuery(PageQuery):
    """A search for MO messages."""

    account: Name | None = None
    provider: Name | None = None
    number: PhoneNumber | None = Field(default=None, description="The phone's, or ours")
    since: Rfc3339 | None = None
    until: Rfc3339 | None = None


class MoItem(Answer):
    """An MO message, without its text; the middle of a number is hidden."""

    message_id: MessageId
    account: str
    provider: str
    provider_message_id: str | None
    source: str
    destination: str
    segments: int = Field(description="deliver_sm")
    at: Moment
    owed: int = Field(description="deliver_sm that wait for the account to acknowledge them")
    finished_at: Moment | None = Field(description="When the last of them was acknowledged")
    refused: str | None = Field(description="The command_status of one that the account refused")


class MosPage(Answer):
    """MO messages, newest first."""

    items: list[MoItem]
    next: str | None


class MoHours(Answer):
    """How many MO messages came in each hour: the first is that of *t0*, the last is not over."""

    t0: Moment
    step: int = Field(description="Seconds")
    messages: list[int]


class DialoguesQuery(Sent):
    """How many dialogues are listed."""

    limit: int = Field(default=50, ge=1, le=500, description="Most items of the page")


class DialogueItem(Answer):
    """A dialogue of a phone with an ESME; the middle of the phone's number is hidden."""

    code: str
    phone: str
    account: str
    requests: int = Field(description="Of the phone, so far")
    waits_for: Literal["account", "phone"]
    waiting_seconds: float = Field(description="Since the phone's last request")
    left_seconds: float = Field(description="Until the bridge ends the dialogue")


class OpenDialogues(Answer):
    """How many dialogues are open, by account, and some of them."""

    open: dict[str, int]
    items: list[DialogueItem]


@API.operation("GET", "/mo", VIEWER, query=MosQuery, returns=MosPage, refusals=(503, 504))
async def list_mo(call: ApiRequest) -> MosPage:
    """MO messages that an account has or will have, newest first."""
    query: MosQuery = call.query
    rows = await read(call, lambda db: mos(db, _asked(query)))
    return MosPage(
        items=[_mo(row) for row in rows],
        next=next_cursor(rows, query.limit, lambda row: cursor(row.message_id)),
    )


@API.operation("GET", "/mo/hours", VIEWER, returns=MoHours, refusals=(503, 504))
async def count_mo(call: ApiRequest) -> MoHours:
    """How many MO messages came in each of the last 24 hours that an account has or will have."""
    last = int(call.ports.clock.wall() // _HOUR)
    first = last - _HOURS + 1
    found = await read(call, lambda db: mo_hours(db, first))
    return MoHours(
        t0=moment(first * _HOUR),
        step=_HOUR,
        messages=[found.get(hour, 0) for hour in range(first, last + 1)],
    )


@API.operation("GET", "/ussd", VIEWER, query=DialoguesQuery, returns=OpenDialogues)
async def list_ussd(call: ApiRequest) -> OpenDialogues:
    """Dialogues that are open now; those first that wait for their account."""
    dialogues, now = call.ports.relay.dialogues, call.ports.clock.monotonic()
    return OpenDialogues(
        open={name: int(count) for (name,), count in dialogues.open_counts().items()},
        items=[_dialogue(each, now) for each in dialogues.listed(call.query.limit)],
    )


def _asked(query: MosQuery) -> MoQuery:
    digits = "".join(c for c in query.number or "" if c.isdecimal())
    return MoQuery(
        system_id=query.account,
        provider=query.provider,
        numbers=(digits, digits.removeprefix("00")) if digits else (),
        since=seconds(query.since),
        until=seconds(query.until),
        before=query.before(),
        limit=query.limit,
    )


def _mo(row: ListedMo) -> MoItem:
    return MoItem(
        message_id=str(row.message_id),
        account=row.system_id,
        provider=row.provider,
        provider_message_id=row.provider_message_id,
        source=masked(row.source),
        destination=masked(row.destination),
        segments=row.segments,
        at=moment(row.heard_at),
        owed=row.owed,
        finished_at=None if row.owed else maybe(row.finished_at),
        refused=status_name(row.refused) if row.refused else None,
    )


def _dialogue(facts: DialogueFacts, now: float) -> DialogueItem:
    return DialogueItem(
        code=facts.code,
        phone=mask(facts.msisdn),
        account=facts.system_id,
        requests=facts.step,
        waits_for="account" if facts.waits else "phone",
        waiting_seconds=max(0.0, now - facts.asked_at),
        left_seconds=max(0.0, facts.due - now),
    )
