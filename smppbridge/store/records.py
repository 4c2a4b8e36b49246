"""Rows of the store, and the values they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from smppbridge.model.address import Address
from smppbridge.model.message import (
    PLAIN,
    Attempt,
    GatheringKey,
    Message,
    Segment,
    Stage,
    Traits,
)
from smppbridge.model.report import Delivery, delivery_of
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Entry, Found, Settlement, Verdict

Row = tuple[Any, ...]

ATTEMPT_COLUMNS = (
    "message_id, system_id, source, source_plan, destination, destination_plan, number, body, "
    "data_coding, priority, registered_delivery, route, accepted_at, expires_at, due, traits, "
    "segments, provider, attempts, hop, begun_at, answered_at, provider_message_id, stage, state, "
    "batch"
)
DELIVERY_COLUMNS = "message_id, state, parent, error, done_at, due, expires_at, attempts"


def message_row(m: Message, begun: bool, hop: int = 0) -> Row:
    """Return the row of a message just accepted; *begun* with its first attempt, at *hop*."""
    source, destination = m.source, m.destination
    return (
        m.message_id,
        m.system_id,
        2 if begun else 1,
        None if begun else m.due,
        m.expires_at,
        m.route[hop] if m.route else "",
        hop,
        1 if begun else 0,
        ",".join(m.route),
        source.addr,
        source.ton << 8 | source.npi,
        None if destination.addr == m.number else destination.addr,
        destination.ton << 8 | destination.npi,
        m.number,
        m.text if m.binary is None else m.binary,
        m.data_coding,
        m.priority,
        m.registered_delivery,
        None if m.traits is PLAIN else traits_text(m.traits),
        len(m.segments),
        m.accepted_at,
        m.accepted_at if begun else None,
    )


def verdict_row(v: Verdict) -> Row:
    """Return what a verdict changes in its message's row."""
    a = v.attempt
    return (
        a.message.message_id,
        int(v.stage),
        v.due,
        v.next_provider or a.provider,
        v.next_hop or a.hop,
        a.number,
        v.at,
        v.provider_message_id,
    )


def attempt_row(v: Verdict) -> Row:
    """Return the row that remembers an attempt that was no plain success."""
    a = v.attempt
    outcome = v.outcome
    return (
        a.message.message_id,
        a.number,
        a.provider,
        a.begun_at,
        v.at,
        type(outcome).__name__.lower(),
        getattr(outcome, "reason", ""),
    )


def settlement_row(s: Settlement) -> Row:
    """Return what a report changes in its message's row."""
    return (s.attempt.message.message_id, s.state, s.error, s.at, s.source, s.renamed)


def delivery_row(d: Delivery) -> Row:
    """Return the row of a delivery owed."""
    return (
        d.message_id,
        d.state,
        d.parent,
        d.system_id,
        d.error,
        d.done_at,
        d.due,
        d.expires_at,
        d.attempts,
    )


def segment_row(entry: Entry) -> Row:
    """Return the row of a segment; one that completes its message keeps no octets."""
    key, s = entry.key, entry.segment
    assert key is not None
    assert s is not None
    alone = entry.message is None
    return (
        s.message_id,
        None,
        s.number,
        s.registered_delivery,
        s.received_at,
        s.octets if alone else None,
        context_text(key, s) if alone else None,
    )


def traits_text(traits: Traits) -> str:
    """Write traits as JSON, without what is left at its default."""
    named = {
        "service_type": traits.service_type,
        "esm_class": traits.esm_class,
        "protocol_id": traits.protocol_id,
        "user_message_reference": traits.user_message_reference,
        "udh": traits.udh.hex(),
        "sender": traits.sender,
        "scheduled": traits.scheduled,
    }
    return json.dumps({k: v for k, v in named.items() if v or (v == 0 and k[0] == "u")})


def read_traits(text: str | None) -> Traits:
    """Read traits back."""
    if text is None:
        return PLAIN
    named = json.loads(text)
    named["udh"] = bytes.fromhex(named.get("udh", ""))
    return Traits(**named)


def context_text(key: GatheringKey, s: Segment) -> str:
    """Write what a lone segment must say about the message it belongs to."""
    return json.dumps(
        {
            "key": [
                key.system_id,
                _plan(key.source),
                _plan(key.destination),
                key.kind,
                key.reference,
                key.total,
                key.udh.hex(),
            ],
            "segment": [s.data_coding, s.priority, s.due, s.expires_at],
            "traits": None if s.traits is PLAIN else traits_text(s.traits),
        }
    )


def read_gathering(row: Row) -> tuple[GatheringKey, Segment]:
    """Read a segment that waits for the rest of its message."""
    message_id, number, registered_delivery, received_at, octets, context = row
    said = json.loads(context)
    system_id, source, destination, kind, reference, total, udh = said["key"]
    data_coding, priority, due, expires_at = said["segment"]
    key = GatheringKey(
        system_id,
        Address(*source),
        Address(*destination),
        kind,
        reference,
        total,
        bytes.fromhex(udh),
    )
    segment = Segment(
        message_id,
        number,
        registered_delivery,
        received_at,
        data_coding,
        priority,
        due,
        expires_at,
        read_traits(said["traits"]),
        octets,
    )
    return key, segment


def read_attempt(row: Row, segments: tuple[Segment, ...] = ()) -> Attempt:
    """Read a message with its latest attempt (ATTEMPT_COLUMNS)."""
    number, body = row[6], row[7]
    message = Message(
        row[0],
        row[1],
        Address(row[2], row[3] >> 8, row[3] & 0xFF),
        Address(number if row[4] is None else row[4], row[5] >> 8, row[5] & 0xFF),
        number,
        body if isinstance(body, str) else "",
        row[8],
        row[9],
        row[10],
        tuple(row[11].split(",")) if row[11] else (),
        row[12],
        row[13],
        row[14] or 0.0,
        None if isinstance(body, str) else body,
        read_traits(row[15]),
        segments,
    )
    return Attempt(
        message,
        row[17],
        row[18],
        row[19],
        row[20] or 0.0,
        row[21] or 0.0,
        row[22],
        row[24],
        row[25],
    )


def read_found(row: Row, segments: tuple[Segment, ...]) -> Found:
    """Read a message with its stage (ATTEMPT_COLUMNS)."""
    return Found(read_attempt(row, segments), Stage(row[23]))


def read_segments(rows: Iterable[Row]) -> dict[int, tuple[Segment, ...]]:
    """Read joined segments (parent, message_id, number, registered_delivery, received_at)."""
    found: dict[int, list[Segment]] = {}
    for parent, *rest in rows:
        found.setdefault(parent, []).append(Segment(*rest))
    return {k: tuple(sorted(v, key=lambda s: s.number)) for k, v in found.items()}


def read_delivery(row: Row, attempt: Attempt, *, finished: bool) -> Delivery:
    """Read a delivery owed (DELIVERY_COLUMNS) about the message of *attempt*.

    *finished* tells whether that message is, for a state that need not be final.
    """
    message_id, state, _, error, done_at, due, expires_at, attempts = row
    return delivery_of(
        attempt.message,
        message_id=message_id,
        state=state,
        error=error,
        done_at=done_at,
        expires_at=expires_at,
        due=due,
        attempts=attempts,
        final=MessageState(state).is_final or finished,
    )


def marks(values: Sequence[Any]) -> str:
    """Return as many ``?`` as there are values."""
    return ",".join("?" * len(values))


def _plan(address: Address) -> list[str | int]:
    return [address.addr, address.ton, address.npi]
