"""waiting: messages that wait, moved to another provider or given up, by hand."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, TypeVar

from pydantic import Field, RootModel

from smppbridge.model.message import Stage
from smppbridge.relay.submit.redirect import Abandoned, Obstacle, Redirected
from smppbridge.store import lookup
from smppbridge.store.lookup import MessageQuery
from smppbridge.store.port import StoreFailure
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import MessageId, Name, Rfc3339, seconds
from smppbridge.web.keyring import OPERATOR
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

_SAYS = {
    Obstacle.NOT_WAITING: "It does not wait: it has left, has ended, or there is none.",
    Obstacle.ELSEWHERE: "Another node has it, and has not answered, or has no such provider.",
    Obstacle.THERE_ALREADY: "It waits for this provider already.",
    Obstacle.NOT_ON_ROUTE: "The provider is not on its route: say off_route, if that is meant.",
    Obstacle.MAY_BE_SENT: "Its provider may have sent it: another one would send it twice.",
    Obstacle.OPTED_OUT: "The number opted out at the provider.",
    Obstacle.SENDER_NOT_ALLOWED: "The provider does not take its source address.",
    Obstacle.NO_BINARY: "It is octets, and the provider takes text alone.",
    Obstacle.NO_SCHEDULE: "It has its time, and the provider does not keep messages until then.",
}
_SILENT = "Nodes that have not answered in time: perhaps they do it yet"
T = TypeVar("T")


class WaitingFilter(Sent):
    """The waiting messages of a provider, an account or a reason."""

    provider: Name = Field(description="That they wait for")
    account: Name | None = None
    before: Rfc3339 | None = Field(default=None, description="Accepted before")


class _Listed(Sent):
    message_ids: list[MessageId] = Field(min_length=1, max_length=500)


class _Filtered(Sent):
    filter: WaitingFilter
    expect: int = Field(ge=1, le=10_000, description="How many messages at most the filter has")


class _Target(Sent):
    to: Name = Field(description="The provider that they are to wait for")
    off_route: bool = Field(
        default=False, description="Also those on whose route the provider is not; they stay there"
    )


class ListedMove(_Target, _Listed):
    """The listed messages get another provider."""


class FilteredMove(_Target, _Filtered):
    """The messages of a filter get another provider, if they are no more than expected."""


class WaitingMove(RootModel[ListedMove | FilteredMove]):
    """Messages that wait get another provider: those listed, or those of a filter."""


class ListedFailure(_Listed):
    """The listed messages are given up."""


class FilteredFailure(_Filtered):
    """The messages of a filter are given up, if they are no more than expected."""


class WaitingFailure(RootModel[ListedFailure | FilteredFailure]):
    """Messages that wait are given up: those listed, or those of a filter."""


class Unmoved(Answer):
    """A message that is not moved, and the reason."""

    message_id: MessageId
    why: Literal[
        "not_waiting",
        "elsewhere",
        "there_already",
        "not_on_route",
        "may_be_sent",
        "opted_out",
        "sender_not_allowed",
        "no_binary",
        "no_schedule",
    ]
    says: str


class Moved(Answer):
    """The messages that wait for another provider now, and the others."""

    moved: list[MessageId]
    unmoved: list[Unmoved]
    silent: list[str] = Field(description=_SILENT)


class GivenUp(Answer):
    """The messages that have ended as UNDELIVERABLE, and the others."""

    failed: list[MessageId]
    not_waiting: list[MessageId]
    elsewhere: list[MessageId] = Field(description="Those of nodes that have not answered")
    silent: list[str] = Field(description=_SILENT)


@API.operation(
    "POST",
    "/waiting/moves",
    OPERATOR,
    body=WaitingMove,
    returns=Moved,
    refusals=(404, 409, 503, 504),
)
async def move_waiting(call: ApiRequest) -> Moved:
    """Let messages that wait for a provider wait for another one; none is sent twice by it."""
    body = call.body.root
    if body.to not in call.ports.lanes.by_name:
        raise RequestRefused(404, "there is no such provider")
    ids = await _ids(call, body)
    move: Awaitable[Redirected] = call.ports.relay.redirect.move(
        ids, body.to, off_route=body.off_route
    )
    found = await _written(move)
    return Moved(
        moved=[str(each) for each in found.moved],
        unmoved=[
            Unmoved(message_id=str(each), why=why.value, says=_SAYS[why])
            for each, why in found.obstacles.items()
        ],
        silent=list(found.silent),
    )


@API.operation(
    "POST",
    "/waiting/failures",
    OPERATOR,
    body=WaitingFailure,
    returns=GivenUp,
    refusals=(409, 503, 504),
)
async def fail_waiting(call: ApiRequest) -> GivenUp:
    """End messages that wait as UNDELIVERABLE; their accounts get receipts as they asked."""
    ids = await _ids(call, call.body.root)
    give_up: Awaitable[Abandoned] = call.ports.relay.redirect.give_up(ids)
    found = await _written(give_up)
    waited = frozenset([*found.ended, *found.elsewhere])
    return GivenUp(
        failed=[str(each) for each in found.ended],
        not_waiting=[str(each) for each in ids if each not in waited],
        elsewhere=[str(each) for each in found.elsewhere],
        silent=list(found.silent),
    )


async def _ids(call: ApiRequest, body: _Listed | _Filtered) -> list[int]:
    """Return the ids of a request, those of a filter the oldest first."""
    if isinstance(body, _Listed):
        return list(dict.fromkeys(map(int, body.message_ids)))
    return await _filtered(call, body)


async def _filtered(call: ApiRequest, body: _Filtered) -> list[int]:
    wanted, expected = body.filter, body.expect
    query = MessageQuery(
        stage=Stage.WAITING,
        provider=wanted.provider,
        system_id=wanted.account,
        until=seconds(wanted.before),
        limit=expected + 1,
    )
    found = await read(call, lambda db: lookup.search(db, query))
    if len(found) > expected:
        raise RequestRefused(409, f"more than {expected} messages wait")
    return sorted(each.message_id for each in found)


async def _written(act: Awaitable[T]) -> T:
    try:
        return await act
    except StoreFailure:
        raise RequestRefused(503, "the store cannot be written now") from None
