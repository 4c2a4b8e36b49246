"""Stores with a past: files full of messages, written by the store's own statements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from smppbridge.model.address import Address
from smppbridge.model.identifiers import SLOTS
from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.outcome import Accepted
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState
from smppbridge.store import records as rec
from smppbridge.store import statements as sql
from smppbridge.store.migrate import migrate
from smppbridge.store.port import Settlement, Verdict
from smppbridge.store.writer import connect

_ROWS = 16_384  # a transaction
_LAST = 3_600.0  # seconds over which they came
_SOURCE = Address("INFO", 5, 0)
_TEXT = "tk%09d. Your one time code is 246810, do not share it"
_SAME = "The clinic is closed today"


def fill_waiting(path: Path, count: int, provider: str, *, one_text: bool = False) -> None:
    """Write a store of WAITING messages; messages of *one_text* may share requests."""
    _fill(path, _messages(count, provider, _SAME if one_text else ""))


def fill_finished(path: Path, count: int, provider: str) -> None:
    """Write a store of messages that are FINISHED with a report."""
    _fill(path, _messages(count, provider), lambda answered: answered + _LAST, finished=True)


def fill_submitted(
    path: Path, count: int, provider: str, rules: PollRules
) -> dict[str, tuple[float, float]]:
    """Write a store of SUBMITTED messages that are polled by *rules*.

    Return by provider_message_id when each message is due and when it was answered (UNIX seconds).
    """
    now = time.time()
    dues: dict[str, tuple[float, float]] = {}

    def due(answered: float) -> float:
        found = answered + rules.first_look()
        while found <= now:
            found = rules.next_look(found, answered)
        return found

    for verdict in _fill(path, _messages(count, provider), due):
        dues[verdict.provider_message_id or ""] = (verdict.due or 0.0, verdict.at)
    return dues


def _fill(
    path: Path,
    messages: Iterator[Message],
    due: Callable[[float], float] | None = None,
    *,
    finished: bool = False,
) -> list[Verdict]:
    """Write messages and return their verdicts; without *due* the messages are WAITING."""
    kept: list[Verdict] = []
    with closing(connect(str(path))) as db:
        migrate(db)
        db.execute("pragma synchronous = off")
        while some := list(islice(messages, _ROWS)):
            db.execute("begin")
            firsts = [Attempt(m, m.route[0], 1, begun_at=m.accepted_at) for m in some]
            rows = [rec.message_row(a.message, a if due is not None else None) for a in firsts]
            sql.INSERT_MESSAGE.run(db, rows)
            if due is not None:
                verdicts = [_verdict(m, due) for m in some]
                sql.SUBMITTED.run(db, [rec.accepted_row(v) for v in verdicts])
                if finished:
                    sql.FINAL.run(db, [rec.settlement_row(_settlement(v)) for v in verdicts])
                else:
                    kept += verdicts
            db.execute("commit")
        db.execute("pragma wal_checkpoint(truncate)")
    return kept


def _messages(count: int, provider: str, text: str = "") -> Iterator[Message]:
    begun = time.time() - _LAST - 1.0
    for number in range(count):
        at = begun + _LAST * number / count
        digits = f"2439{number:08d}"
        yield Message(
            message_id=int(at * 1_000_000) * SLOTS,
            system_id=provider,
            source=_SOURCE,
            destination=Address(digits, 1, 1),
            number=digits,
            text=text or _TEXT % number,
            data_coding=0,
            registered_delivery=0,
            priority=0,
            route=(provider,),
            accepted_at=at,
            expires_at=at + 86_400.0,
            due=at,
        )


def _verdict(m: Message, due: Callable[[float], float]) -> Verdict:
    attempt = Attempt(m, m.route[0], 1, 0, m.accepted_at)
    identifier = f"{m.message_id // SLOTS:016d}"
    answered = m.accepted_at + 0.1
    outcome = Accepted(identifier)
    return Verdict(
        attempt,
        outcome,
        Stage.SUBMITTED,
        due=due(answered),
        at=answered,
        provider_message_id=identifier,
    )


def _settlement(v: Verdict) -> Settlement:
    return Settlement(v.attempt, MessageState.DELIVERED, 0, v.at + 1.0, final=True, source="push")
