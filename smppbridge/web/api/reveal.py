"""reveal: whole numbers and texts of messages, for a reason that is written down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smppbridge.store import lookup
from smppbridge.web.api.messages import one_message
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import MessageId
from smppbridge.web.keyring import ADMIN, OPERATOR
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

Hidden = Literal["number", "text"]


class Reveal(Sent):
    """The hidden parts of a message that are to be shown."""

    what: list[Hidden] = Field(min_length=1, max_length=2, description="text is for admins")
    reason: str = Field(default="", max_length=200, description="It stands in the audit trail")


class Revealed(Answer):
    """The parts of a message that are shown nowhere else; a part that was not wanted is absent."""

    message_id: MessageId
    number: str | None = Field(description="The destination, E.164 digits")
    source: str | None = Field(description="The source, with the number")
    text: str | None
    octets: str | None = Field(description="Hexadecimal: of a message that is no text")


class RevealSome(Sent):
    """The messages whose numbers are to be shown, as those of a page of a list."""

    message_ids: list[MessageId] = Field(min_length=1, max_length=500)
    reason: str = Field(
        min_length=1, max_length=200, pattern=r"\S", description="It stands in the audit trail"
    )


class RevealedNumbers(Answer):
    """The addresses of a message with their numbers in full."""

    message_id: MessageId
    number: str = Field(description="The destination, E.164 digits")
    source: str


class RevealedPage(Answer):
    """The messages that there are, in the order in which they were asked for."""

    items: list[RevealedNumbers]


@API.operation(
    "POST",
    "/messages/reveal",
    OPERATOR,
    body=RevealSome,
    returns=RevealedPage,
    refusals=(404, 503, 504),
    audited=False,  # by itself: once, with the messages that there are
)
async def reveal_messages(call: ApiRequest) -> RevealedPage:
    """Show the whole numbers of messages, as of a page of a list; the audit trail says so once."""
    body: RevealSome = call.body
    wanted = list(dict.fromkeys(map(int, body.message_ids)))
    found = await read(call, lambda db: lookup.listed(db, wanted))
    if not found:
        raise RequestRefused(404, "there are no such messages")
    kept = {each.message_id: each for each in found}
    items = [_numbers(kept[each]) for each in wanted if each in kept]
    facts = {"message_ids": [each.message_id for each in items], "reason": body.reason}
    await call.ports.note(call, "reveal_messages", "", facts)
    return RevealedPage(items=items)


def _numbers(message: lookup.ListedMessage) -> RevealedNumbers:
    return RevealedNumbers(
        message_id=str(message.message_id), number=message.number, source=message.source
    )


@API.operation(
    "POST",
    "/messages/{message_id}/reveal",
    OPERATOR,
    places={"message_id": MessageId},
    body=Reveal,
    returns=Revealed,
    refusals=(503, 504),
    audited=False,  # by itself: only of a message that there is, and once it is allowed
)
async def reveal_message(call: ApiRequest) -> Revealed:
    """Show the whole number of a message, or its text; the audit trail records the act."""
    body: Reveal = call.body
    if "text" in body.what and (call.who is None or call.who.role not in ADMIN):
        raise RequestRefused(403, "texts are for the role admin")
    message_id = call.named["message_id"]
    message = await read(call, lambda db: one_message(db, message_id))
    await call.ports.note(call, "reveal_message", message_id, body.model_dump(mode="json"))
    return _revealed(message, body.what)


def _revealed(message: lookup.ListedMessage, what: list[Hidden]) -> Revealed:
    body = message.body if "text" in what else None
    return Revealed(
        message_id=str(message.message_id),
        number=message.number if "number" in what else None,
        source=message.source if "number" in what else None,
        text=body if isinstance(body, str) else None,
        octets=body.hex() if isinstance(body, bytes) else None,
    )
