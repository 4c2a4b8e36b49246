"""message: one message: its verdict, the cause of its wait, its timeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field

from smppbridge.model.masking import masked_words
from smppbridge.model.message import Stage
from smppbridge.model.verdict_facts import MessageVerdict, Tone, VerdictFacts, seen_now
from smppbridge.model.verdicts import verdict
from smppbridge.model.waiting_for import Awaited, Wait, wait_of
from smppbridge.store.database import Database
from smppbridge.store.lookup import ListedMessage
from smppbridge.store.timeline import TimelineEvent, timeline
from smppbridge.store.verdict_facts import ReceiptEnd, ReceivedSegment, case_of, segments_of
from smppbridge.text.coding import Alphabet
from smppbridge.text.measured import measured
from smppbridge.web.api.messages import MessageItem, Step, item_of, one_message, step_of
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import MessageId, Moment, maybe, moment
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest

Alphabetical = Literal["gsm7", "ucs2", "octets"]
_ALPHABETS: dict[Alphabet, Alphabetical] = {Alphabet.GSM7: "gsm7", Alphabet.UCS2: "ucs2"}


class VerdictItem(Answer):
    """The place of a message, the reason, and the advice to a person."""

    code: str = Field(description="A word for programs")
    tone: Tone
    says: str
    why: str
    do: list[str]


class WaitsFor(Answer):
    """The cause of a message's wait; *why* is a word of `help reasons`, or of a fixed list."""

    awaited: Awaited
    why: str
    until: Moment | None
    before: int | None = Field(description="Messages that go first")
    text: str


class SegmentItem(Answer):
    """A segment of a long message that has been received."""

    message_id: MessageId = Field(description="That the ESME was answered for the segment")
    number: int = Field(description="From 1")
    received_at: Moment
    receipt: ReceiptEnd | None = Field(description="Absent: none is owed, or was")


class MessageWhole(MessageItem):
    """A message with the verdict on it; absent *waits*: it waits for nothing."""

    priority: int
    alphabet: Alphabetical | None = Field(
        description="The smallest that has the whole text; absent while segments are awaited"
    )
    characters: int | None = Field(description="Of a message that is text")
    segments_received: list[SegmentItem] = Field(description="Of a long message")
    segments_missing: list[int] = Field(
        description="The numbers of the segments that are awaited, or did not come in time"
    )
    verdict: VerdictItem
    waits: WaitsFor | None


class MessageSteps(Answer):
    """The timeline of a message, oldest step first; the last step is the wait that goes on."""

    items: list[Step]


_PLACES: dict[str, Any] = {"message_id": MessageId}
_STORE = (503, 504)


@API.operation(
    "GET", "/messages/{message_id}", VIEWER, places=_PLACES, returns=MessageWhole, refusals=_STORE
)
async def get_message(call: ApiRequest) -> MessageWhole:
    """One message, and the verdict on it."""
    looked_up = await _looked_up(call)
    message, case = looked_up.message, looked_up.case
    found = verdict(case)
    alphabet, characters = _measured(message)
    return MessageWhole(
        **item_of(message).model_dump(),
        priority=message.priority,
        alphabet=alphabet,
        characters=characters,
        segments_received=list(map(_segment, looked_up.segments)),
        segments_missing=list(case.missing),
        verdict=verdict_of(found),
        waits=waiting_of(wait_of(case), found),
    )


@API.operation(
    "GET",
    "/messages/{message_id}/timeline",
    VIEWER,
    places=_PLACES,
    returns=MessageSteps,
    refusals=_STORE,
)
async def get_timeline(call: ApiRequest) -> MessageSteps:
    """The timeline of a message; the last step, now_waiting, is the wait that goes on."""
    looked_up = await _looked_up(call)
    items = list(map(step_of, looked_up.steps))
    if (wait := wait_of(looked_up.case)) is not None:
        items.append(step_of(TimelineEvent(None, "now_waiting", _facts(wait))))
    return MessageSteps(items=items)


def verdict_of(found: MessageVerdict) -> VerdictItem:
    """Return a verdict as the API shows it: numbers in words of a provider are masked."""
    says, why, *do = map(masked_words, (found.says, found.why, *found.do))
    return VerdictItem(code=found.code, tone=found.tone, says=says, why=why, do=do)


def waiting_of(wait: Wait | None, found: MessageVerdict) -> WaitsFor | None:
    """Return the wait of a message as the API shows a wait."""
    if wait is None:
        return None
    return WaitsFor(
        awaited=wait.awaited,
        why=wait.why,
        until=maybe(wait.until),
        before=wait.before,
        text=masked_words(found.says),
    )


@dataclass(frozen=True, slots=True)
class _LookedUp:
    message: ListedMessage
    case: VerdictFacts
    segments: list[ReceivedSegment]
    steps: list[TimelineEvent]


async def _looked_up(call: ApiRequest) -> _LookedUp:
    now = call.ports.clock.wall()

    def question(db: Database) -> _LookedUp:
        message = one_message(db, call.named["message_id"])
        case = case_of(db, message, now)
        segments = segments_of(db, message, case) if message.segments else []
        return _LookedUp(message, case, segments, timeline(db, message))

    found = await read(call, question)
    return replace(found, case=seen_now(found.case, call.ports.live.meanwhile(found.message)))


def _measured(message: ListedMessage) -> tuple[Alphabetical | None, int | None]:
    """Return the alphabet and the characters of a whole message, as far as they are known."""
    if message.stage == Stage.GATHERING or message.body is None:
        return None, None
    if isinstance(message.body, bytes):
        return "octets", None
    return _ALPHABETS[measured(message.body).alphabet], len(message.body)


def _segment(each: ReceivedSegment) -> SegmentItem:
    return SegmentItem(
        message_id=str(each.message_id),
        number=each.number,
        received_at=moment(each.received_at),
        receipt=each.receipt,
    )


def _facts(wait: Wait) -> dict[str, Any]:
    facts = {"awaited": wait.awaited, "why": wait.why, "until": wait.until, "before": wait.before}
    return {key: value for key, value in facts.items() if value not in (None, "")}
