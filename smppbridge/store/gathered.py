"""Segments as rows of the store: those that wait, and those of messages joined lately."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from smppbridge.model.address import Address
from smppbridge.model.message import (
    PLAIN,
    REMEMBERED_FOR,
    GatheringKey,
    Message,
    Segment,
    fingerprint,
)
from smppbridge.store.database import Database
from smppbridge.store.port import Entry
from smppbridge.store.records import read_address, read_traits, traits_text
from smppbridge.store.statements import SqlRow

# message_ids grow with time: the newest rows are the last ones
_JOINED_LATELY = (
    "select s.message_id, s.number, s.registered_delivery, s.received_at, s.about, s.fingerprint, "
    "m.system_id, m.source, m.source_plan, m.number, m.destination, m.destination_plan "
    "from (select * from segment order by message_id desc limit ?) s "
    "join message m on m.message_id = s.parent "
    "where s.about is not null and s.received_at > (select received_at from segment where "
    "message_id = (select max(message_id) from segment)) - ? order by s.message_id desc"
)

MOST_JOINED = 20_000  # segments that are looked at for those joined lately


def waiting(db: Database) -> list[tuple[GatheringKey, Segment]]:
    """Return the segments that wait for the rest of their messages, oldest first."""
    rows = db.execute(
        "select message_id, number, registered_delivery, received_at, octets, context "
        "from segment where parent is null order by message_id"
    )
    return [read_gathering(row) for row in rows]


def joined_lately(db: Database) -> list[tuple[GatheringKey, Segment, int]]:
    """Return the segments of messages joined lately, with their fingerprints, oldest first."""
    rows = db.execute(_JOINED_LATELY, (MOST_JOINED, REMEMBERED_FOR)).fetchall()
    return [read_joined(row) for row in reversed(rows)]


def segment_row(entry: Entry) -> SqlRow:
    """Return the row of a segment: without octets where the segment completes its message."""
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


def joined_rows(m: Message, key: GatheringKey | None) -> Sequence[SqlRow]:
    """Return the columns that joining a message changes in the rows of its segments.

    Only the segments of a complete message are marked, to be known again.
    """
    if key is None or sum([not s.repeats for s in m.segments]) < key.total:
        return [(s.message_id, m.message_id, None, None) for s in m.segments]
    about = f"{key.kind} {key.reference} {key.total} {key.udh.hex()}"
    return [
        (s.message_id, m.message_id, None, None)
        if s.repeats
        else (s.message_id, m.message_id, about, fingerprint(s.octets))
        for s in m.segments
    ]


def read_joined(row: SqlRow) -> tuple[GatheringKey, Segment, int]:
    """Return a segment of a joined message, with the key of the message and its fingerprint.

    A row is the columns of `read_segments` without the parent, about and fingerprint of the
    segment, and system_id, source, source_plan, number, destination and destination_plan of the
    message.
    """
    *own, about, mark, system_id, source, source_plan, number, destination, destination_plan = row
    kind, reference, total, udh = about.split(" ")
    key = GatheringKey(
        system_id=system_id,
        source=read_address(source, source_plan),
        destination=read_address(number if destination is None else destination, destination_plan),
        kind=kind,
        reference=int(reference),
        total=int(total),
        udh=bytes.fromhex(udh),
    )
    return key, Segment(*own), mark


def context_text(key: GatheringKey, s: Segment) -> str:
    """Return as JSON the fields of a lone segment that its message needs once it is whole."""
    return json.dumps(
        {
            "key": key_fields(key),
            "segment": [
                s.data_coding,
                s.priority,
                s.due,
                s.expires_at,
                s.scheduled,
                s.limited,
                s.opened_by,
                *([True] if s.repeats else ()),
            ],
            "traits": None if s.traits is PLAIN else traits_text(s.traits),
        }
    )


def key_fields(key: GatheringKey) -> list[object]:
    """Return the fields that all segments of a message have in common, as JSON can have them."""
    return [
        key.system_id,
        _plan(key.source),
        _plan(key.destination),
        key.kind,
        key.reference,
        key.total,
        key.udh.hex(),
    ]


def digest_of(key: GatheringKey) -> str:
    """Return a digest of the fields that all segments of a message have in common."""
    return sha256(json.dumps(key_fields(key)).encode()).hexdigest()


def read_gathering(row: SqlRow) -> tuple[GatheringKey, Segment]:
    """Return a segment that waits for the rest of its message, with the key of that message."""
    message_id, number, registered_delivery, received_at, octets, context = row
    written = json.loads(context)
    system_id, source, destination, kind, reference, total, udh = written["key"]
    data_coding, priority, due, expires_at, *since_0004 = written["segment"]
    scheduled, limited, opened_by, *repeats = since_0004 or (False, False, 0)
    key = GatheringKey(
        system_id=system_id,
        source=Address(*source),
        destination=Address(*destination),
        kind=kind,
        reference=reference,
        total=total,
        udh=bytes.fromhex(udh),
    )
    segment = Segment(
        message_id=message_id,
        number=number,
        registered_delivery=registered_delivery,
        received_at=received_at,
        data_coding=data_coding,
        priority=priority,
        due=due,
        expires_at=expires_at,
        traits=read_traits(written["traits"]),
        octets=octets,
        scheduled=scheduled,
        limited=limited,
        opened_by=opened_by,
        repeats=bool(repeats),
    )
    return key, segment


def _plan(address: Address) -> list[str | int]:
    return [address.addr, address.ton, address.npi]
