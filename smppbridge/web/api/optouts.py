"""optouts: numbers that want no more messages, listed, and ended by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from smppbridge.model.masking import mask
from smppbridge.store import optouts
from smppbridge.web.api.ports import read, write
from smppbridge.web.api.shapes import Done, Moment, Name, moment
from smppbridge.web.api.time_cursors import PlaceCursor, place_cursor, place_of
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

Number = Annotated[str, Field(pattern=r"^[0-9]{1,15}$", description="E.164 digits")]


class OptOutsQuery(Sent):
    """Which opt-outs."""

    number: Number | None = None
    limit: int = Field(default=50, ge=1, le=500, description="Most items of the page")
    cursor: PlaceCursor | None = Field(default=None, description="`next` of the page before")


class RevealOptOuts(OptOutsQuery):
    """Which opt-outs are shown with their whole numbers."""

    reason: str = Field(default="", max_length=200, description="It stands in the audit trail")


class OptOutItem(Answer):
    """A number that wants no more messages from a provider; its middle is hidden in lists."""

    provider: str
    number: str
    at: Moment


class OptOuts(Answer):
    """Opt-outs, newest first."""

    items: list[OptOutItem]
    next: str | None


@API.operation("GET", "/optouts", VIEWER, query=OptOutsQuery, returns=OptOuts, refusals=(503, 504))
async def list_optouts(call: ApiRequest) -> OptOuts:
    """The latest opt-outs, or those of a number."""
    return await _page(call, call.query, mask)


@API.operation(
    "POST", "/optouts/reveal", OPERATOR, body=RevealOptOuts, returns=OptOuts, refusals=(503, 504)
)
async def reveal_optouts(call: ApiRequest) -> OptOuts:
    """The latest opt-outs, or those of a number, with their whole numbers."""
    return await _page(call, call.body, str)


@API.operation(
    "DELETE",
    "/optouts/{provider}/{number}",
    OPERATOR,
    places={"provider": Name, "number": Number},
    returns=Done,
)
async def end_optout(call: ApiRequest) -> Done:
    """Let a number have messages of a provider again, within a second."""
    provider, number = call.named["provider"], call.named["number"]
    if not await write(call, lambda db: optouts.ended(db, number, provider)):
        raise RequestRefused(404, "this number has not opted out")
    return Done()


async def _page(call: ApiRequest, query: OptOutsQuery, shown: Callable[[str], str]) -> OptOuts:
    before = None if query.cursor is None else place_of(query.cursor)
    rows = await read(call, lambda db: optouts.listed(db, query.number, query.limit, before))
    more = len(rows) == query.limit
    return OptOuts(
        items=[
            OptOutItem(provider=row.provider, number=shown(row.number), at=moment(row.at))
            for row in rows
        ],
        next=place_cursor(optouts.place_after(rows, before)) if more else None,
    )
