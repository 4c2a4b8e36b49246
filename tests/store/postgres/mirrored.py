"""The rows of a SQLite store, written into a database: the same questions have the same answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from smppbridge.model.identifiers import same_id

SLOT = 7
"""The slot of the bridge that has all messages of a mirrored store."""
_PLAIN = (
    "attempt",
    "note",
    "refused",
    "unmatched",
    "audit",
    "paused",
    "sent_key",
    "decision",
    "credit",
)
_MESSAGE = (
    "message_id, system_id, source, source_plan, destination, destination_plan, number, body, "
    "is_text, data_coding, priority, registered_delivery, route, traits, segments, accepted_at, "
    "expires_at"
)
_WAITING = (
    "message_id, provider, system_id, priority, due, expires_at, hop, attempts, begun_at, "
    "answered_at, provider_message_id, request, parts, state, error, report_source, shard"
)
_OUT = (
    "message_id, provider, hop, attempts, begun_at, answered_at, provider_message_id, request, "
    "parts, state, error, report_source, stage, wake, unsure, due, shard, by_slot, by_epoch"
)
_FATE = (
    "message_id, provider, hop, attempts, begun_at, answered_at, provider_message_id, request, "
    "parts, state, error, source, at"
)
_MO = (
    "message_id, parent, provider, provider_message_id, segment, source, source_plan, destination, "
    "destination_plan, data_coding, esm_class, octets, heard_at"
)
_SEGMENT = "message_id, number, registered_delivery, received_at, octets, context, shard"
_JOINED = "message_id, parent, number, registered_delivery, received_at, about, fingerprint"
_DELIVERY = (
    "message_id, state, parent, system_id, error, done_at, due, expires_at, attempts, "
    "command_status"
)
_ENDED = (
    "message_id, state, parent, system_id, error, done_at, attempts, finished_at, command_status"
)
Row = dict[str, Any]


def mirror(path: Path, dsn: str) -> None:
    """Write all rows of a store's file into an empty database, as those of one bridge."""
    with (
        closing(sqlite3.connect(path)) as db,
        psycopg.connect(dsn, autocommit=True) as target,
        target.transaction(),
    ):
        db.row_factory = sqlite3.Row

        def rows(table: str, where: str = "true") -> list[Row]:
            return [dict(row) for row in db.execute(f"select * from {table} where {where}")]

        _messages(target, rows("message"))
        _names(target, rows("message", "provider_message_id is not null"), rows("part"))
        _insert(target, "segment", _SEGMENT, rows("segment", "parent is null"), shard=1)
        _insert(target, "joined", _JOINED, rows("segment", "parent is not null"))
        _insert(target, "delivery", _DELIVERY, rows("delivery", "finished_at is null"))
        _insert(target, "ended", _ENDED, rows("delivery", "finished_at is not null"))
        owners = {row["message_id"]: row["system_id"] for row in rows("delivery", "state = 0")}
        mos = [row | {"system_id": owners[row["message_id"]]} for row in rows("mo")]
        _insert(target, "mo", f"{_MO}, system_id", mos)
        optouts = [
            row | {"ended_at": row["at"] if row["ended"] else None} for row in rows("optout")
        ]
        _insert(target, "optout", "provider, number, at, ended_at", optouts)
        early = [row | {"name": same_id(row["provider_message_id"])} for row in rows("early")]
        for table, found in [("early", early), *((name, rows(name)) for name in _PLAIN)]:
            if found:
                _insert(target, table, ", ".join(found[0]), found)
        for table in ("refused", "unmatched", "audit"):  # the next row has a number of its own
            highest = f"(select coalesce(max(id), 0) + 1 from {table})"
            target.execute(
                f"select setval(pg_get_serial_sequence('{table}', 'id'), {highest}, false)".encode()
            )


def _messages(target: psycopg.Connection[Any], rows: Sequence[Row]) -> None:
    for row in rows:
        body, row["request"] = row["body"], row["batch"]
        row["is_text"] = isinstance(body, str)
        row["body"] = body.encode() if isinstance(body, str) else body
        row |= {"source_of": row["source"], "at": row["done_at"], "by_slot": SLOT, "by_epoch": 1}
        row["stage"] = 2 if row["begun"] else row["stage"]
        row["wake"] = row["expires_at"] if row["begun"] else row["due"]
        row["unsure"] = row["due"] if row["stage"] == 2 and not row["begun"] else None
    _insert(target, "message", _MESSAGE, rows)
    at = {n: [row for row in rows if row["stage"] == n] for n in (1, 2, 3, 4)}
    _insert(target, "waiting", _WAITING, at[1], shard=SLOT)
    _insert(target, "out", _OUT, [*at[2], *at[3]], shard=SLOT)
    _insert(target, "fate", _FATE, [row | {"source": row["report_source"]} for row in at[4]])
    shared = [row for row in rows if row["request"] is not None]
    _insert(target, "shared", "request, message_id", shared)


def _names(target: psycopg.Connection[Any], messages: Iterable[Row], parts: Sequence[Row]) -> None:
    named = {
        (row["provider"], row["provider_message_id"], row["message_id"])
        for row in (*messages, *parts)
    }
    rows = [
        {
            "provider": provider,
            "name": same_id(name),
            "exact": None if name == same_id(name) else name,
            "message_id": message_id,
        }
        for provider, name, message_id in named
    ]
    _insert(target, "named", "provider, name, exact, message_id", rows)
    for row in parts:
        row["needed"] = bool(row["needed"])
    columns = "message_id, number, provider, provider_message_id, needed, state, error"
    _insert(target, "part", columns, parts)


def _insert(
    target: psycopg.Connection[Any], table: str, columns: str, rows: Iterable[Row], **more: Any
) -> None:
    names = columns.split(", ")
    marks = ", ".join(["%s"] * len(names))
    text = f"insert into {table} ({columns}) overriding system value values ({marks})"
    for row in rows:
        whole = row | more
        target.execute(text.encode(), [whole[name] for name in names])
