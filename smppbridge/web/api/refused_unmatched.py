"""refused_unmatched: refused submissions, unmatched reports and MO messages of 24 hours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from smppbridge.model.masking import masked_forms
from smppbridge.model.notes import RefusedSubmission, Unmatched
from smppbridge.model.reasons import remedy, sentence
from smppbridge.smpp.constants import MessageState, status_name
from smppbridge.store import note_rows
from smppbridge.store.note_rows import NoteQuery
from smppbridge.web.api.ports import read, write
from smppbridge.web.api.shapes import Moment, Name, PageQuery, Rfc3339, cursor, moment
from smppbridge.web.api.time_cursors import PlaceCursor, place_cursor, place_of
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent

NoteNumber = Annotated[
    str,
    Field(
        pattern=r"^\+?[0-9][0-9 ().-]{1,30}$",
        description="One of the addresses, in any form; they are kept masked",
    ),
]
ReasonWord = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
ProviderId = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]


class RefusedQuery(PageQuery):
    """Which refused submissions."""

    account: Name | None = None
    reason: ReasonWord | None = None
    number: NoteNumber | None = None
    since: Rfc3339 | None = None
    until: Rfc3339 | None = None


class RefusedItem(Answer):
    """A submission that was refused at the door; the middles of its numbers are hidden."""

    at: Moment
    account: str
    source: str
    destination: str
    status: str = Field(description="The command_status by name")
    reason: str
    detail: str
    count: int = Field(description="Above 1: submissions that are only counted")
    says: str
    remedy: str


class RefusedPage(Answer):
    """Refused submissions, newest first."""

    items: list[RefusedItem]
    next: str | None


class StrayQuery(Sent):
    """Which reports and MO messages that belong to nothing."""

    limit: int = Field(default=50, ge=1, le=500, description="Most items of the page")
    cursor: PlaceCursor | None = Field(default=None, description="`next` of the page before")
    provider: Name | None = None
    reason: ReasonWord | None = None
    number: NoteNumber | None = None
    since: Rfc3339 | None = None
    until: Rfc3339 | None = None


class UnmatchedQuery(StrayQuery):
    """Which reports and MO messages that belong to nothing."""

    kind: Literal["report", "mo"] | None = None
    id: ProviderId | None = Field(default=None, description="The provider's id, letter by letter")


class UnmatchedItem(Answer):
    """A report or an MO message that belongs to nothing; the middles of its numbers are hidden."""

    at: Moment
    kind: Literal["report", "mo"]
    provider: str
    provider_message_id: str
    state: str | None = Field(description="The message_state of a report")
    error: int
    source: str
    destination: str
    reason: str = Field(description="early: the report may find its message yet")
    says: str
    remedy: str


class UnmatchedPage(Answer):
    """Reports and MO messages that belong to nothing, newest first."""

    items: list[UnmatchedItem]
    next: str | None


class Dismissal(Sent):
    """Which of them are dismissed."""

    provider: Name
    before: Rfc3339 | None = Field(default=None, description="Noted before; absent: all")


class Dismissed(Answer):
    """How many were dismissed."""

    deleted: int


@API.operation(
    "GET", "/refused", VIEWER, query=RefusedQuery, returns=RefusedPage, refusals=(503, 504)
)
async def list_refused(call: ApiRequest) -> RefusedPage:
    """Submissions refused at the door in the last 24 hours, newest first."""
    query: RefusedQuery = call.query
    asked = _asked(query, query.account)
    rows = await read(call, lambda db: note_rows.refused_page(db, asked, query.before()))
    return RefusedPage(
        items=[_refused(row) for _, row in rows],
        next=cursor(rows[-1][0]) if len(rows) == query.limit else None,
    )


@API.operation(
    "GET", "/unmatched", VIEWER, query=UnmatchedQuery, returns=UnmatchedPage, refusals=(503, 504)
)
async def list_unmatched(call: ApiRequest) -> UnmatchedPage:
    """Reports and MO messages of the last 24 hours that belong to nothing, newest first."""
    query: UnmatchedQuery = call.query
    return await _strays(call, query, query.kind, query.id)


@API.operation(
    "GET", "/mo/unrouted", VIEWER, query=StrayQuery, returns=UnmatchedPage, refusals=(503, 504)
)
async def list_unrouted(call: ApiRequest) -> UnmatchedPage:
    """MO messages of the last 24 hours that are nobody's, newest first."""
    return await _strays(call, call.query, "mo", None)


@API.operation(
    "DELETE", "/unmatched", OPERATOR, query=Dismissal, returns=Dismissed, refusals=(503,)
)
async def dismiss_unmatched(call: ApiRequest) -> Dismissed:
    """Dismiss reports and MO messages of a provider that belong to nothing; early ones stay."""
    query: Dismissal = call.query
    now = call.ports.clock.wall()
    before = now if query.before is None else min(now, query.before.timestamp())
    deleted = 0
    while True:
        gone = await write(call, lambda db: note_rows.dismiss(db, query.provider, before))
        deleted += gone
        if gone < note_rows.DELETED_AT_ONCE:
            return Dismissed(deleted=deleted)


async def _strays(
    call: ApiRequest, query: StrayQuery, kind: str | None, name: str | None
) -> UnmatchedPage:
    asked = _asked(query, query.provider, kind=kind, provider_message_id=name)
    before = None if query.cursor is None else place_of(query.cursor)
    rows = await read(call, lambda db: note_rows.unmatched_page(db, asked, before))
    return UnmatchedPage(
        items=[_unmatched(row) for _, row in rows],
        next=place_cursor(rows[-1][0]) if len(rows) == query.limit else None,
    )


def _asked(query: RefusedQuery | StrayQuery, name: str | None, **more: Any) -> NoteQuery:
    return NoteQuery(
        name=name,
        reason=query.reason,
        numbers=() if query.number is None else masked_forms(query.number),
        since=None if query.since is None else query.since.timestamp(),
        until=None if query.until is None else query.until.timestamp(),
        limit=query.limit,
        **more,
    )


def _refused(row: RefusedSubmission) -> RefusedItem:
    return RefusedItem(
        at=moment(row.at),
        account=row.system_id,
        source=row.source,
        destination=row.destination,
        status=status_name(row.command_status),
        reason=row.reason,
        detail=row.detail,
        count=row.count,
        says=sentence(row.reason),
        remedy=remedy(row.reason),
    )


def _unmatched(row: Unmatched) -> UnmatchedItem:
    facts = {"provider": row.provider}
    return UnmatchedItem(
        at=moment(row.at),
        kind=row.kind,
        provider=row.provider,
        provider_message_id=row.provider_message_id,
        state=MessageState(row.state).name if row.state else None,
        error=row.error,
        source=row.source,
        destination=row.destination,
        reason=row.reason,
        says=sentence(row.reason, facts),
        remedy=remedy(row.reason, facts),
    )
