"""Stores with a past: files full of messages, written by the store's own statements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from smppbridge.model.address import Address
from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.outcome import Accepted
from smppbridge.smpp.constants import MessageState
from smppbridge.store import records as rec
from smppbridge.store import statements as sql
from smppbridge.store.migrate import migrate
from smppbridge.store.port import Settlement, Verdict
from smppbridge.store.writer import connect

_ROWS = 16_384  # a transaction
_LAST = 3_600.0  # seconds over which they came
_SOURCE = Address("INFO", 5, 0)


def fill(path: Path, count: int, *, finished: bool) -> None:
    """Write a store that holds *count* messages, all WAITING or all FINISHED with a report."""
    messages = _messages(count, time.time())
    with closing(connect(str(path))) as db:
        migrate(db)
        db.execute("pragma synchronous = off")
        while some := list(islice(messages, _ROWS)):
            db.execute("begin")
            sql.INSERT_MESSAGE.run(db, [rec.message_row(m, begun=finished) for m in some])
            if finished:
                verdicts = [_verdict(m) for m in some]
                settled = [_settlement(v) for v in verdicts]
                sql.RECORD.run(db, [rec.verdict_row(v) for v in verdicts])
                sql.FINAL.run(db, [rec.settlement_row(s) for s in settled])
            db.execute("commit")
        db.execute("pragma wal_checkpoint(truncate)")


def _messages(count: int, now: float) -> Iterator[Message]:
    begun = now - _LAST - 1.0
    for number in range(count):
        at = begun + _LAST * number / count
        digits = f"2439{number:08d}"
        yield Message(
            int(at * 1_000_000),
            "bench",
            _SOURCE,
            Address(digits, 1, 1),
            digits,
            f"tk{number:09d}. Your one time code is 246810, do not share it",
            0,
            0,
            0,
            ("keccel",),
            at,
            at + 86_400.0,
            at,
        )


def _verdict(m: Message) -> Verdict:
    attempt = Attempt(m, "keccel", 1, 0, m.accepted_at)
    identifier = f"{m.message_id:016d}"
    answered = m.accepted_at + 0.1
    return Verdict(
        attempt, Accepted(identifier), Stage.SUBMITTED, m.expires_at, answered, identifier
    )


def _settlement(v: Verdict) -> Settlement:
    return Settlement(v.attempt, MessageState.DELIVERED, 0, v.at + 1.0, final=True, source="push")
