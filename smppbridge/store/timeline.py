"""The steps in the life of a message, for people, as the store has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from smppbridge.model.message import Stage
from smppbridge.model.reasons import Reason
from smppbridge.store import note_rows
from smppbridge.store.database import Database
from smppbridge.store.lookup import ListedMessage
from smppbridge.store.records import marks
from smppbridge.store.statements import SqlRow

_WHYS = {"refused": Reason.PROVIDER_REFUSED, "postponed": Reason.PUT_OFF}


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """A step in the life of a message; *at* is UNIX seconds, None for a step without a time."""

    at: float | None
    name: str
    facts: dict[str, Any]


def timeline(db: Database, message: ListedMessage) -> list[TimelineEvent]:
    """Return the steps in the life of a message, in order of time; steps without a time last."""
    segments = db.execute(
        "select message_id, number, received_at from segment where parent = ? order by number",
        (message.message_id,),
    ).fetchall()
    events = [
        *_arrival(message, segments),
        *_attempts(db, message),
        *_parts(db, message),
        *_report(message),
        *_notes(db, message),
        *_deliveries(db, [message.message_id, *(row[0] for row in segments)]),
    ]
    return sorted(events, key=lambda event: float("inf") if event.at is None else event.at)


def _arrival(message: ListedMessage, segments: Sequence[SqlRow]) -> Iterator[TimelineEvent]:
    for message_id, number, received_at in segments:
        yield TimelineEvent(
            received_at, "segment_received", {"message_id": message_id, "number": number}
        )
    if message.stage == Stage.GATHERING:
        facts = {"message_id": message.message_id}
        yield TimelineEvent(message.accepted_at, "segment_received", facts)
        return
    yield TimelineEvent(message.accepted_at, "joined" if segments else "received", {})
    if message.route:
        yield TimelineEvent(message.accepted_at, "routed", {"via": message.route.split(",")})
    if message.quiet:
        why = {"why": Reason.QUIET_HOURS.value}
        yield TimelineEvent(message.accepted_at, "postponed", why)


def _attempts(db: Database, message: ListedMessage) -> Iterator[TimelineEvent]:
    rows: list[SqlRow] = db.execute(
        "select number, provider, begun_at, ended_at, outcome, reason from attempt "
        "where message_id = ? order by number",
        (message.message_id,),
    ).fetchall()
    begun, ended = message.begun_at, message.answered_at
    if message.provider_message_id is not None:
        name = message.provider_message_id
        rows.append((message.attempts, message.provider, begun, ended, "accepted", name))
    elif message.stage == Stage.SUBMITTING and not message.uncertain:
        rows.append((message.attempts, message.provider, begun, None, "out", ""))
    for number, provider, begun_at, ended_at, outcome, reason in rows:
        facts = {"number": number, "provider": provider}
        if outcome in _WHYS:
            facts["why"] = _WHYS[outcome].value
        if reason:
            facts["provider_message_id" if outcome == "accepted" else "reason"] = reason
        if begun_at and ended_at:
            facts["seconds"] = round(ended_at - begun_at, 6)
        yield TimelineEvent(begun_at or ended_at, f"attempt_{outcome}", facts)


def _parts(db: Database, message: ListedMessage) -> Iterator[TimelineEvent]:
    rows = db.execute(
        "select number, provider_message_id, state, error from part where message_id = ? "
        "order by number",
        (message.message_id,),
    )
    for row in rows:
        facts = dict(zip(("number", "provider_message_id", "state", "error"), row, strict=True))
        yield TimelineEvent(message.answered_at, "part", facts)


def _notes(db: Database, message: ListedMessage) -> Iterator[TimelineEvent]:
    for note in note_rows.notes_of(db, [message.message_id]):
        yield TimelineEvent(note.at, note.code, dict(note.facts))


def _report(message: ListedMessage) -> Iterator[TimelineEvent]:
    if message.report_source is not None:
        facts = {"state": message.state, "error": message.error, "source": message.report_source}
        code = "state_final" if message.stage == Stage.FINISHED else "report_heard"
        yield TimelineEvent(message.done_at, code, facts)


def _deliveries(db: Database, message_ids: Sequence[int]) -> Iterator[TimelineEvent]:
    rows = db.execute(
        "select message_id, state, done_at, due, expires_at, attempts, finished_at, command_status "
        f"from delivery where message_id in ({marks(message_ids)}) order by message_id, done_at",
        message_ids,
    )
    for message_id, state, done_at, due, expires_at, attempts, finished_at, status in rows:
        facts: dict[str, Any] = {"message_id": message_id, "state": state, "postponed": attempts}
        if finished_at is None:
            last = {"postponed_by": status} if status else {}
            owed = facts | last | {"due": due, "expires_at": expires_at}
            yield TimelineEvent(done_at, "receipt_owed", owed)
        elif status is None:
            why = {"why": Reason.UNACKNOWLEDGED.value}
            yield TimelineEvent(finished_at, "receipt_lapsed", facts | why)
        else:
            code = "receipt_refused" if status else "receipt_acknowledged"
            yield TimelineEvent(finished_at, code, facts | {"command_status": status})
