"""Rows of work stay few and in place over very many lives: their updates touch no index.

SMPPBRIDGE_LIVES: how many messages live (5,000); by hand 100,000:

    SMPPBRIDGE_LIVES=100000 pytest -s -k level tests/store/postgres/test_hot.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smppbridge.model.message import LIMITED, PLAIN, Attempt, Traits
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import Entry, Settlement
from tests.store.opened import NOW, first_attempt, message, taken, told, tried
from tests.store.postgres.filled import FIRST, STEP
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.server import drop_database, made_database

LIVES = int(os.environ.get("SMPPBRIDGE_LIVES", "5000"))
BATCH = 250
BATCHES = LIVES // BATCH
LEAST_IN_PLACE = 0.95
DEADLINE = 259_200.0
GRACE = 10.0  # of a message with a validity_period
_STATS = (
    "select n_tup_upd, n_tup_hot_upd, pg_table_size(relid), pg_indexes_size(relid) "
    "from pg_stat_user_tables where relname = %s"
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenedPostgres]:
    dsn = made_database("days")
    opened = OpenedPostgres(tmp_path, dsn=dsn)
    yield opened
    opened.close()
    drop_database(dsn)


def attempts_of(batch: int, traits: Traits) -> list[Attempt]:
    """Return the attempts of a batch of messages, which begin when the messages are accepted."""
    at = NOW + batch
    first = FIRST + batch * STEP
    return [
        tried(message(each, accepted_at=at, expires_at=at + 900, traits=traits), begun_at=at)
        for each in range(first, first + BATCH * 100, 100)
    ]


def recorded(a: Attempt) -> Any:
    """Return the verdict on an attempt that was accepted after a while."""
    at = a.begun_at + 0.3
    due = a.message.expires_at + GRACE if a.message.traits.limited else at + DEADLINE
    return replace(taken(a, f"{a.message.message_id:x}", due), at=at)


def settled(attempts: Sequence[Attempt]) -> list[Settlement]:
    return [told(a, State.DELIVERED) for a in attempts]


def live(opened: OpenedPostgres, batches: Sequence[int], traits: Traits = PLAIN) -> None:
    """Let batches be accepted, recorded, reported and delivered, each a transaction later."""
    store, lives = opened.store, [attempts_of(each, traits) for each in batches]
    for turn in range(len(lives) + 3):
        calls = [store.beat()]
        if turn < len(lives):
            messages = [a.message for a in lives[turn]]
            calls.append(store.accept([Entry(m, attempt=first_attempt(m)) for m in messages]))
        if 0 <= turn - 1 < len(lives):
            calls.append(store.record([recorded(a) for a in lives[turn - 1]]))
        if 0 <= turn - 2 < len(lives):
            calls.append(store.settle(settled(lives[turn - 2])))
        if 0 <= turn - 3 < len(lives):
            done = [s.deliveries[0] for s in settled(lives[turn - 3])]
            calls.append(store.finish([(delivery, 0) for delivery in done], NOW))
        opened.wait(*calls)


def stats(opened: OpenedPostgres, table: str) -> tuple[int, ...]:
    """Return updates, those in place, and octets of a table and of its indexes, after a vacuum."""
    opened.wait(
        opened.store._query(lambda db: bool(db.execute("select pg_stat_force_next_flush()"))),
        opened.store.find([1]),
    )
    with psycopg.connect(opened.dsn, autocommit=True) as db:
        db.execute(f"vacuum {table}".encode())  # as autovacuum does each minute
        row = db.execute(_STATS, (table,)).fetchone()
    assert row is not None
    return tuple(row)


@pytest.mark.parametrize("traits", [PLAIN, LIMITED], ids=["plain", "with a validity_period"])
def test_updates_of_rows_that_are_out_touch_no_index(
    opened: OpenedPostgres, traits: Traits
) -> None:
    live(opened, [0], traits)  # how long after its answer a message is looked at is learned
    before = stats(opened, "out")
    live(opened, range(1, 5), traits)
    after = stats(opened, "out")
    updates, in_place = after[0] - before[0], after[1] - before[1]
    assert updates == 4 * BATCH
    assert in_place >= LEAST_IN_PLACE * updates


def test_tables_of_work_are_level_over_many_lives(opened: OpenedPostgres) -> None:
    """And their updates are in place, once it is learned when a message is looked at."""
    sizes: dict[str, list[int]] = {"out": [], "delivery": [], "waiting": []}
    updates, in_place = [0], [0]
    for piece in range(3):
        live(opened, range(piece * BATCHES // 3, (piece + 1) * BATCHES // 3))
        for table, octets in sizes.items():
            count, hot, *found = stats(opened, table)
            octets.append(sum(found))
            if table == "out":
                updates.append(count)
                in_place.append(hot)
    share = (in_place[3] - in_place[1]) / (updates[3] - updates[1])
    print(f"{updates[3]} lives, {share:.1%} of the updates in place; octets after thirds: {sizes}")
    assert updates[3] >= BATCHES * BATCH
    assert share >= LEAST_IN_PLACE
    for octets in sizes.values():
        assert octets[2] <= octets[1] * 1.1 + 65_536
