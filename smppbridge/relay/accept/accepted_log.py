"""accepted_log: the submit_sm that are accepted, for a log of single messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smppbridge.relay.ports import Journal
from smppbridge.relay.report.ending import other_ids
from smppbridge.store.port import Entry


def log_accepted(log: Journal, system_id: str, entries: Iterable[Entry]) -> None:
    """Log every segment and undivided message among *entries* by its message_id."""
    for entry in entries:
        message, key, segment = entry.message, entry.key, entry.segment
        others: Mapping[str, object] = {}
        if key is not None and segment is not None:
            message_id, source, destination = segment.message_id, key.source, key.destination
        elif message is not None and not message.segments:
            message_id, source, destination = (
                message.message_id,
                message.source,
                message.destination,
            )
            others = other_ids(message)
        else:
            continue  # an incomplete message that ends: its segments were logged before
        log(
            "message_accepted",
            message_id=message_id,
            system_id=system_id,
            source_addr=source,
            destination=destination,
            **others,
        )
