"""The facts of the store for the verdicts on messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from smppbridge.model.message import GatheringKey, Segment, Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.verdict_facts import EndedReceipt, OwedReceipt, VerdictFacts
from smppbridge.store import gathered, note_rows
from smppbridge.store.database import Database
from smppbridge.store.lookup import ListedMessage
from smppbridge.store.records import marks

ReceiptEnd = Literal["owed", "acknowledged", "refused", "lapsed"]


@dataclass(frozen=True, slots=True)
class ReceivedSegment:
    """A segment of a long message; *received_at* is UNIX seconds.

    *receipt* is the receipt of the segment: None if none is owed, or was.
    """

    message_id: int
    number: int
    received_at: float
    receipt: ReceiptEnd | None


def case_of(db: Database, message: ListedMessage, now: float) -> VerdictFacts:
    """Return the case of a message at *now* (UNIX seconds)."""
    facts = _noted(db, message.message_id)
    missing, total = tuple(facts.get("missing", ())), facts.get("total", message.segments)
    if message.stage == Stage.GATHERING:
        missing, total = _missing(db, message.message_id)
    owed, ended = _deliveries(db, message.message_id)
    return VerdictFacts(
        stage=message.stage,
        system_id=message.system_id,
        provider=message.provider,
        state=message.state,
        error=message.error,
        uncertain=message.uncertain,
        registered_delivery=message.registered_delivery,
        due=message.due,
        expires_at=message.expires_at,
        attempts=message.attempts,
        tried=_tried(db, message),
        why=facts.get("why", ""),
        detail=facts.get("detail", ""),
        behind=facts.get("behind", ""),
        missing=missing,
        total=total,
        owed=owed,
        ended=ended,
        quiet=message.quiet is not None,
        odd=facts.get("kind", ""),
        provider_message_id=message.provider_message_id,
        now=now,
    )


def segments_of(db: Database, message: ListedMessage, case: VerdictFacts) -> list[ReceivedSegment]:
    """Return the segments of a long message that have been received, in order of their numbers."""
    if message.stage == Stage.GATHERING:
        waiting = gathered.waiting(db)
        key = _key_of(waiting, message.message_id)
        same = [] if key is None else _of(waiting, key, message.message_id)
        rows = [(each.message_id, each.number, each.received_at) for each in same]
    else:
        rows = db.execute(
            "select message_id, number, received_at from segment where parent = ?",
            (message.message_id,),
        ).fetchall()
    receipts: dict[int, ReceiptEnd] = {each.message_id: _end_of(each) for each in case.ended}
    receipts |= {each.message_id: "owed" for each in case.owed}
    found = [ReceivedSegment(*row, receipts.get(row[0])) for row in rows]
    return sorted(found, key=lambda each: each.number)


def _noted(db: Database, message_id: int) -> dict[str, Any]:
    """Return the facts of the notes that a verdict goes by."""
    facts: dict[str, Any] = {}
    for note in note_rows.notes_of(db, [message_id]):
        if note.code in ("rejected", "expired", "failed", "odd"):
            facts |= note.facts
        elif note.code == "decided_by_hand" and note.facts.get("verb") == "fail":
            facts["why"] = Reason.GIVEN_UP.value
    return facts


def _end_of(ended: EndedReceipt) -> ReceiptEnd:
    if ended.command_status is None:
        return "lapsed"
    return "refused" if ended.command_status else "acknowledged"


def _tried(db: Database, message: ListedMessage) -> tuple[str, str] | None:
    """Return outcome and reason of the last attempt, unless its provider accepted the message."""
    row: tuple[str, str] | None = db.execute(
        "select outcome, reason from attempt where message_id = ? order by number desc limit 1",
        (message.message_id,),
    ).fetchone()
    return None if message.provider_message_id is not None else row


def _missing(db: Database, message_id: int) -> tuple[tuple[int, ...], int]:
    """Return the numbers of the segments that a gathering waits for, and how many it has."""
    waiting = gathered.waiting(db)
    key = _key_of(waiting, message_id)
    if key is None:  # joined since it was looked up
        return (), 0
    there = {segment.number for segment in _of(waiting, key, message_id)}
    return tuple(n for n in range(1, key.total + 1) if n not in there), key.total


def _key_of(
    waiting: Sequence[tuple[GatheringKey, Segment]], message_id: int
) -> GatheringKey | None:
    return next((key for key, segment in waiting if segment.message_id == message_id), None)


def _of(
    waiting: Sequence[tuple[GatheringKey, Segment]], key: GatheringKey, message_id: int
) -> list[Segment]:
    """Return the segments of a segment's own gathering: the same key may be open twice."""
    same = [segment for each, segment in waiting if each == key]
    opened_by = next(s.opened_by for s in same if s.message_id == message_id)
    return [segment for segment in same if segment.opened_by == opened_by]


def _deliveries(
    db: Database, message_id: int
) -> tuple[tuple[OwedReceipt, ...], tuple[EndedReceipt, ...]]:
    segments = [
        row[0]
        for row in db.execute("select message_id from segment where parent = ?", (message_id,))
    ]
    ids = [message_id, *segments]
    rows = db.execute(
        "select message_id, expires_at, due, attempts, finished_at, command_status from delivery "
        f"where message_id in ({marks(ids)}) order by message_id, done_at",
        ids,
    ).fetchall()
    owed = tuple(
        OwedReceipt(name, expires_at, due, postponed, status)
        for name, expires_at, due, postponed, finished_at, status in rows
        if finished_at is None
    )
    return owed, tuple(EndedReceipt(row[0], row[5], row[3]) for row in rows if row[4] is not None)
