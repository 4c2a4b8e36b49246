"""optouts: numbers that want no more messages, listed, and ended by hand."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smppbridge.model.masking import mask
from smppbridge.store import optouts
from smppbridge.web.api.ports import read, write
from smppbridge.web.api.shapes import Done, Moment, Name, moment
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.problems import Refusal
from smppbridge.web.routes import ROUTES, Answer, Call, Sent

Number = Annotated[str, Field(pattern=r"^[0-9]{3,15}$", description="E.164 digits")]


class OptOutsQuery(Sent):
    """Which opt-outs."""

    number: Number | None = None
    limit: int = Field(default=50, ge=1, le=500, description="Most items of the page")


class OptOutItem(Answer):
    """A number that wants no more messages from a provider; its middle is hidden."""

    provider: str
    number: str
    at: Moment


class OptOuts(Answer):
    """Opt-outs, newest first."""

    items: list[OptOutItem]


@ROUTES.operation(
    "GET", "/optouts", VIEWER, query=OptOutsQuery, returns=OptOuts, refusals=(503, 504)
)
async def list_optouts(call: Call) -> OptOuts:
    """The latest opt-outs, or those of a number."""
    query: OptOutsQuery = call.query
    rows = await read(call, lambda db: optouts.listed(db, query.number, query.limit))
    return OptOuts(
        items=[
            OptOutItem(provider=row.provider, number=mask(row.number), at=moment(row.at))
            for row in rows
        ]
    )


@ROUTES.operation(
    "DELETE",
    "/optouts/{provider}/{number}",
    OPERATOR,
    places={"provider": Name, "number": Number},
    returns=Done,
)
async def end_optout(call: Call) -> Done:
    """Let a number have messages of a provider again, within a second."""
    provider, number = call.named["provider"], call.named["number"]
    if not await write(call, lambda db: optouts.ended(db, number, provider)):
        raise Refusal(404, "this number has not opted out")
    return Done()
