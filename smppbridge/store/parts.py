"""Parts of messages on SQLite: rows to be written, and rows as values."""

from __future__ import annotations

from collections.abc import Sequence

from smppbridge.model.parts import Part
from smppbridge.store.database import Database
from smppbridge.store.port import Verdict
from smppbridge.store.records import marks
from smppbridge.store.statements import SqlRow

AT_ONCE = 250  # ids in one statement


def part_rows(v: Verdict) -> list[SqlRow]:
    """Return the rows of the parts of a verdict's message."""
    message_id, provider = v.attempt.message.message_id, v.attempt.provider
    return [
        (message_id, number, provider, part.provider_message_id, int(part.needed))
        for number, part in enumerate(v.parts, 1)
    ]


def of_messages(db: Database, ids: Sequence[int]) -> dict[int, tuple[Part, ...]]:
    """Return the parts of messages by message_id; messages without parts are left out."""
    found: dict[int, list[Part]] = {}
    for at in range(0, len(ids), AT_ONCE):
        chunk = ids[at : at + AT_ONCE]
        rows = db.execute(
            "select message_id, provider_message_id, needed, state, error from part "
            f"where message_id in ({marks(chunk)}) order by message_id, number",
            chunk,
        )
        for message_id, identifier, needed, state, error in rows:
            found.setdefault(message_id, []).append(Part(identifier, bool(needed), state, error))
    return {message_id: tuple(parts) for message_id, parts in found.items()}
