"""message: one message: the verdict on it, what it waits for now, the steps in its life."""

from __future__ import annotations

import sqlite3
from typing import Any

from pydantic import Field

from smppbridge.model.masking import masked_words
from smppbridge.model.verdict_facts import MessageVerdict, Tone, VerdictFacts, seen_now
from smppbridge.model.verdicts import verdict
from smppbridge.model.waiting_for import Awaited, Wait, wait_of
from smppbridge.store.lookup import ListedMessage
from smppbridge.store.timeline import TimelineEvent, timeline
from smppbridge.store.verdict_facts import case_of
from smppbridge.web.api.messages import MessageItem, Step, item_of, one_message, step_of
from smppbridge.web.api.ports import read
from smppbridge.web.api.shapes import MessageId, Moment, maybe
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest


class VerdictItem(Answer):
    """Where a message is, why, and what to do, for a person."""

    code: str = Field(description="A word for programs")
    tone: Tone
    says: str
    why: str
    do: list[str]


class WaitsFor(Answer):
    """What a message waits for now; *why* is a word of `help reasons`, or of a fixed list."""

    awaited: Awaited
    why: str
    until: Moment | None
    before: int | None = Field(description="Messages that go first")
    text: str


class MessageWhole(MessageItem):
    """A message with the verdict on it; absent *waits*: it waits for nothing."""

    verdict: VerdictItem
    waits: WaitsFor | None


class MessageSteps(Answer):
    """The steps in the life of a message, oldest first; the last is what it waits for now."""

    items: list[Step]


_PLACES: dict[str, Any] = {"message_id": MessageId}
_STORE = (503, 504)


@API.operation(
    "GET", "/messages/{message_id}", VIEWER, places=_PLACES, returns=MessageWhole, refusals=_STORE
)
async def get_message(call: ApiRequest) -> MessageWhole:
    """One message, and the verdict on it."""
    message, case, _ = await _looked_up(call, steps=False)
    found = verdict(case)
    return MessageWhole(
        **item_of(message).model_dump(),
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
    """The steps in the life of a message; the last one, now_waiting, says for what it waits."""
    _, case, events = await _looked_up(call, steps=True)
    items = list(map(step_of, events))
    if (wait := wait_of(case)) is not None:
        items.append(step_of(TimelineEvent(None, "now_waiting", _facts(wait))))
    return MessageSteps(items=items)


def verdict_of(found: MessageVerdict) -> VerdictItem:
    """Return a verdict as the API shows it: numbers in words of a provider are masked."""
    says, why, *do = map(masked_words, (found.says, found.why, *found.do))
    return VerdictItem(code=found.code, tone=found.tone, says=says, why=why, do=do)


def waiting_of(wait: Wait | None, found: MessageVerdict) -> WaitsFor | None:
    """Return what a message waits for as the API shows it."""
    if wait is None:
        return None
    return WaitsFor(
        awaited=wait.awaited,
        why=wait.why,
        until=maybe(wait.until),
        before=wait.before,
        text=masked_words(found.says),
    )


async def _looked_up(
    call: ApiRequest, *, steps: bool
) -> tuple[ListedMessage, VerdictFacts, list[TimelineEvent]]:
    now = call.ports.clock.wall()

    def question(db: sqlite3.Connection) -> tuple[ListedMessage, VerdictFacts, list[TimelineEvent]]:
        message = one_message(db, call.named["message_id"])
        return message, case_of(db, message, now), timeline(db, message) if steps else []

    message, case, events = await read(call, question)
    return message, seen_now(case, call.ports.live.meanwhile(message)), events


def _facts(wait: Wait) -> dict[str, Any]:
    facts = {"awaited": wait.awaited, "why": wait.why, "until": wait.until, "before": wait.before}
    return {key: value for key, value in facts.items() if value not in (None, "")}
