"""decisions: Uncertain messages are resent or failed by hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, RootModel

from smppbridge.store import lookup
from smppbridge.store.database import Database
from smppbridge.store.lookup import MessageQuery
from smppbridge.web.api.ports import read, write
from smppbridge.web.api.shapes import MessageId, Name, Rfc3339, seconds
from smppbridge.web.keyring import OPERATOR
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

AT_ONCE = 500
"""Messages in one statement of a decision."""


class UncertainFilter(Sent):
    """The Uncertain messages of a provider, an account or a time."""

    provider: Name | None = None
    account: Name | None = None
    before: Rfc3339 | None = Field(default=None, description="Accepted before")


Verb = Literal["resend", "fail"]


class ListedDecision(Sent):
    """A decision about the listed messages that are Uncertain."""

    verb: Verb
    message_ids: list[MessageId] = Field(min_length=1, max_length=500)


class FilteredDecision(Sent):
    """A decision about a filter's Uncertain messages, if they are as many as expected."""

    verb: Verb
    filter: UncertainFilter
    expect: int = Field(ge=1, le=10_000, description="How many messages the filter has")


class Decision(RootModel[ListedDecision | FilteredDecision]):
    """A decision about Uncertain messages: listed ones, or those of a filter."""


class Decided(Answer):
    """The messages that the decision is about, and those that are not Uncertain."""

    decided: list[MessageId]
    not_uncertain: list[MessageId]


@API.operation(
    "POST",
    "/uncertain/decisions",
    OPERATOR,
    body=Decision,
    returns=Decided,
    refusals=(409, 503, 504),
)
async def decide_uncertain(call: ApiRequest) -> Decided:
    """Resend or fail Uncertain messages; a resent one may reach its phone twice."""
    body = call.body.root
    wanted = await _filtered(call, body) if isinstance(body, FilteredDecision) else body.message_ids
    ids = list(dict.fromkeys(map(int, wanted)))
    taken = set[int](await write(call, lambda db: _decide(db, ids, body.verb)))
    return Decided(
        decided=[str(each) for each in ids if each in taken],
        not_uncertain=[str(each) for each in ids if each not in taken],
    )


def _decide(db: Database, ids: list[int], verb: str) -> list[int]:
    pieces = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    return [each for piece in pieces for each in lookup.decided(db, piece, verb)]


async def _filtered(call: ApiRequest, body: FilteredDecision) -> list[str]:
    """Return the ids of a decision's messages; raises RequestRefused if their count is another."""
    some, expected = body.filter, body.expect
    query = MessageQuery(
        uncertain=True,
        provider=some.provider,
        system_id=some.account,
        until=seconds(some.before),
        limit=expected + 1,
    )
    found = await read(call, lambda db: lookup.search(db, query))
    if len(found) != expected:
        many = "more" if len(found) > expected else str(len(found))
        raise RequestRefused(409, f"{many} messages are Uncertain now, not {expected}")
    return [str(each.message_id) for each in found]
