"""reasons: the refusals of the last 24 hours, by reason and by peer: binds and callbacks too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from smppbridge.model.masking import masked_words
from smppbridge.model.reasons import act_of, remedy, sentence
from smppbridge.relay.reason_book import CountedReason
from smppbridge.web.api.shapes import Moment, moment
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent

_ABOUT = 64  # characters that are shown: anybody may send any system_id
ActWord = Literal[
    "refusal",
    "bind",
    "diversion",
    "postponement",
    "expiry",
    "eviction",
    "connection",
    "callback",
]
ReasonWord = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class ReasonPort(Protocol):
    """The reasons of a running bridge."""

    def listed(self) -> Sequence[CountedReason]:
        """Return the entries of a day, the latest first."""


class ReasonsQuery(Sent):
    """A choice of reasons."""

    act: ActWord | None = Field(default=None, description="What was refused, put off, ...")
    reason: ReasonWord | None = None
    about: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="An account, a provider or a listener"
    )
    limit: int = Field(default=100, ge=1, le=1_000, description="Most items of the answer")


class ReasonItem(Answer):
    """A reason, its count about one account, provider or listener, and the advice."""

    reason: str = Field(description="A word of `help reasons`")
    act: str
    about: str
    count: int
    first_at: Moment
    last_at: Moment
    detail: str = Field(description="Of the last time: an address, a provider's words")
    says: str
    remedy: str


class ReasonList(Answer):
    """Reasons, the one that was given last first."""

    items: list[ReasonItem]


@API.operation("GET", "/reasons", VIEWER, query=ReasonsQuery, returns=ReasonList)
async def list_reasons(call: ApiRequest) -> ReasonList:
    """Each no of the last 24 hours, by its reason and whom it is about.

    A bridge that is killed does not know those of its last minute.
    """
    query: ReasonsQuery = call.query
    found = [
        each
        for each in call.ports.reasons.listed()
        if query.act in (None, act_of(each.reason))
        and query.reason in (None, each.reason)
        and query.about in (None, each.about)
    ]
    return ReasonList(items=list(map(_item, found[: query.limit])))


def _item(found: CountedReason) -> ReasonItem:
    facts = {"provider": found.about}
    return ReasonItem(
        reason=found.reason,
        act=act_of(found.reason),
        about=masked_words(found.about[:_ABOUT]),
        count=found.count,
        first_at=moment(found.first_at),
        last_at=moment(found.last_at),
        detail=masked_words(found.detail),
        says=sentence(found.reason, facts),
        remedy=remedy(found.reason, facts),
    )
