"""Statements that write go by the index, however full the tables become after they were prepared.

A plan is made when its statement is executed first: on a new database, where all is empty.  It is
made anew when the statistics of its tables are.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.message import Attempt
from smppbridge.model.report import delivery_of
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.gathered import digest_of
from smppbridge.store.port import EarlyReport, Entry, PartEnd
from smppbridge.store.postgres import statements as sql
from smppbridge.store.postgres.jobs import ToldBalance
from smppbridge.store.postgres.store import PostgresStore
from tests.patience import PATIENCE
from tests.store.opened import (
    NOW,
    again,
    first_attempt,
    in_parts,
    key,
    message,
    mo_entry,
    segment,
    taken,
    told,
    tried,
    unknown,
)
from tests.store.postgres.filled import SLOT, fill, nth
from tests.store.postgres.opened import OpenedPostgres, take
from tests.store.postgres.server import drop_database, made_database

COUNT, MANY = 100_000, 64
MOST_READ = 40 * MANY
"""Entries of indexes that a verb may read for MANY elements."""
Ids = Sequence[int]
Verb = Callable[[Any, Ids], Deferred[Any]]


def attempts(ids: Ids, **changes: Any) -> list[Attempt]:
    return [tried(message(each), **changes) for each in ids]


def finals(ids: Ids) -> list[Any]:
    return [told(a, State.DELIVERED) for a in attempts(ids)]


def owed(ids: Ids) -> list[Any]:
    return [
        delivery_of(
            message(each), message_id=each, state=2, error=0, done_at=NOW, expires_at=NOW + 9
        )
        for each in ids
    ]


def joined(store: Any, ids: Ids) -> Deferred[None]:
    """Join segments of two that were kept before, and keep others."""
    entries = []
    for each in ids:
        first, second = segment(each - 1, 1), segment(each, 2)
        entries += [
            Entry(None, key=key(each), segment=first),
            Entry(message(each, segments=(first, second)), key=key(each), segment=second),
            Entry(None, key=key(each), segment=segment(each - 2, 1)),
        ]
    done: Deferred[None] = store.accept(entries)
    return done


def told_on(store: Any, ids: Ids) -> Deferred[None]:
    """Tell reports about messages on, whosever they are."""

    def tell(found: Any) -> Deferred[None]:
        reports = [EarlyReport("keccel", f"T{each}", 2, 0, NOW) for each in ids]
        rows = [(found[i], r) for i, r in zip(ids, reports, strict=True) if i in found]
        done: Deferred[None] = store.between.tell_on(rows, "push")
        return done

    finding: Deferred[Any] = store.find(list(ids))
    return finding.addCallback(tell)


def near(store: Any, now: float) -> Deferred[None]:
    return Deferred.fromCoroutine(store.dues.bring_near(now, [SLOT]))


WAITS, OUT, UNSURE, HAS_ENDED, NEW = "waits", "out", "unsure", "has ended", "new"
VERBS: dict[str, tuple[str, Verb]] = {
    "accept": (NEW, lambda store, ids: store.accept([Entry(message(each)) for each in ids])),
    "accept, begun": (
        NEW,
        lambda store, ids: store.accept(
            [Entry(m, attempt=first_attempt(m)) for m in map(message, ids)]
        ),
    ),
    "accept, segments": (NEW, joined),
    "begin": (WAITS, lambda store, ids: store.begin(attempts(ids, batch="key"))),
    "begin again": (UNSURE, lambda store, ids: store.begin(attempts(ids, number=2, batch="key"))),
    "recall": (OUT, lambda store, ids: store.recall(attempts(ids))),
    "record": (OUT, lambda store, ids: store.record([taken(a, "X") for a in attempts(ids)])),
    "record, parts": (
        OUT,
        lambda store, ids: store.record([in_parts(a, "Y", "Z") for a in attempts(ids)]),
    ),
    "record, again": (
        OUT,
        lambda store, ids: store.record([again(a, NOW) for a in attempts(ids)]),
    ),
    "record, unknown": (
        UNSURE,
        lambda store, ids: store.record([unknown(a) for a in attempts(ids)]),
    ),
    "end_parts": (OUT, lambda store, ids: store.end_parts([PartEnd(i, 1, 2, 0) for i in ids])),
    "move": (WAITS, lambda store, ids: store.move(attempts(ids, provider="d7"))),
    "rewrite": (WAITS, lambda store, ids: store.rewrite(attempts(ids))),
    "revisit": (OUT, lambda store, ids: store.revisit([(each, NOW) for each in ids])),
    "settle": (OUT, lambda store, ids: store.settle(finals(ids))),
    "settle, waiting": (WAITS, lambda store, ids: store.settle(finals(ids))),
    "settle, enroute": (
        OUT,
        lambda store, ids: store.settle(
            [
                replace(
                    told(a, State.ENROUTE), renamed="N", deliveries=owed([a.message.message_id])
                )
                for a in attempts(ids)
            ]
        ),
    ),
    "finish": (HAS_ENDED, lambda store, ids: store.finish([(d, 0) for d in owed(ids)], NOW)),
    "postpone": (HAS_ENDED, lambda store, ids: store.postpone(owed(ids))),
    "keep_early": (
        NEW,
        lambda store, ids: store.keep_early(
            [EarlyReport("keccel", f"E{each}", 2, 0, NOW) for each in range(len(ids))]
        ),
    ),
    "drop_early": (
        NEW,
        lambda store, ids: store.drop_early(
            [("keccel", f"E{each}", NOW) for each in range(100, 100 + len(ids))]
        ),
    ),
    "keep_mos": (NEW, lambda store, ids: store.keep_mos([mo_entry(i, f"M{i}") for i in ids])),
    "hand_over": (
        HAS_ENDED,
        lambda store, ids: store.homes.hand_over({key(): [each + 3 for each in ids]}),
    ),
    "keep_optouts": (
        NEW,
        lambda store, ids: store.keep_optouts([("d7", str(each), NOW) for each in ids]),
    ),
    "tell_on": (OUT, told_on),
    "tell_named": (
        OUT,
        lambda store, ids: store.between.tell_named(
            [EarlyReport("keccel", f"N{each}", 2, 0, NOW) for each in ids], "push"
        ),
    ),
    "told": (NEW, lambda store, ids: store.between.told(len(ids))),
    "drop_told": (NEW, lambda store, ids: store.between.drop_told(range(1, len(ids) + 1))),
    "early_about": (
        NEW,
        lambda store, ids: store.between.early_about(
            [("keccel", f"E{each}", NOW - 9) for each in range(1_000, 1_000 + len(ids))]
        ),
    ),
    "receiving": (NEW, lambda store, ids: store.between.receiving()),
    "receive_for": (NEW, lambda store, ids: store.between.receive_for("bank", True)),
    "receive_for, no more": (NEW, lambda store, ids: store.between.receive_for("bank", False)),
    "receive_none": (NEW, lambda store, ids: store.between.receive_none()),
    "hand_on": (
        NEW,
        lambda store, ids: store.between.hand_on("shop", {(each, 2) for each in ids}, 3),
    ),
    "take jobs": (NEW, lambda store, ids: store.jobs.take(["pull:d7", "balance:d7"])),
    "balances": (NEW, lambda store, ids: store.jobs.balances(NOW)),
    "keep_balance": (
        NEW,
        lambda store, ids: store.jobs.keep_balance(ToldBalance("d7", 1.0, "USD", NOW), False),
    ),
    "learned opt-outs": (NEW, lambda store, ids: store.jobs.optouts(NOW + len(ids))),
    "bring_near, nothing": (NEW, lambda store, ids: near(store, 4 * NOW)),
}
_MORE = f"""
    insert into early select 'keccel', 'E' || i, 2, 0, {NOW}, '', null, 'e' || i
    from generate_series(1, 20000) i;
    insert into told (shard, message_id, provider, name, state, error, at, source)
    select {SLOT} + i % 3, message_id, 'keccel', 'x', 2, 0, {NOW}, 'push'
    from generate_series(1, 20000) i, lateral (select message_id from message limit 1) m;
    insert into optout select 'smscx', i::text, {NOW} - i from generate_series(1, 20000) i;
    insert into receiving select {SLOT} + 1, 'a' || i from generate_series(1, 1000) i;
    insert into segment select message_id + 3, {SLOT}, 1, 0, {NOW}, '', '' from message;
    insert into gathering select 'k' || i, 2 from generate_series(1, 20000) i;
    insert into gathering values ('{digest_of(key())}', 2);
    insert into mo select message_id, message_id, 'bank', 'd7', 'M' || message_id, 1, '', 0, '', 0,
    0, 0, '', {NOW} from message where message_id % 4 = 0
"""


def ids_of(kind: str, turn: int) -> Ids:
    """Return MANY message_ids of a kind, others each turn."""
    first = turn * MANY
    numbers = range(first + 1, first + MANY + 1)
    if kind == NEW:
        return [nth(COUNT + 9 * n, COUNT) for n in numbers]
    if kind == UNSURE:
        return [nth(100 * n + 1, COUNT) for n in numbers]
    place = {WAITS: 0, OUT: 1, HAS_ENDED: 2}[kind]
    return [nth(n, COUNT) for n in range(400 * turn + place, COUNT, 4) if n % 100 != 1][:MANY]


_SCANS = (  # of tables that have a row for each of what there are few
    "select relname, seq_scan from pg_stat_user_tables "
    "where relname not in ('node', 'job', 'provider_state', 'receiving')"
)
_ASIDE = (
    "select count(*) - 1 from pg_stat_activity where datname = current_database() "
    "and backend_type = 'client backend' and pid <> pg_backend_pid()"
)
"""Connections but the store's own and the one that asks."""


class Filled(OpenedPostgres):
    def open(self, **_: Any) -> None:
        self.error = None
        self.store = PostgresStore(
            self.dsn, lambda db: take(db, SLOT), self._call, standing=self.told
        )
        self.store.open(NOW)
        self.store.start()


@pytest.fixture(scope="module", params=["of empty tables", "of full tables"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenedPostgres]:
    """Return a store that has executed every statement while all tables were empty.

    Its plans are by the statistics of these tables, or of full ones.
    """
    dsn = made_database("days")
    opened = Filled(Path(tmp_path_factory.mktemp("filled")), dsn=dsn)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("vacuum analyze")
        for turn, (kind, verb) in enumerate(VERBS.values(), len(VERBS) + 1):
            opened.wait(verb(opened.store, ids_of(kind, turn)[:1]))
        for table in ("delivery", "early", "waiting", "out", "segment", "mo", "optout", "part"):
            db.execute(f"delete from {table}".encode())
        db.execute("truncate told restart identity")
        for table in ("message", "named", "fate", "joined", "shared"):
            db.execute(f"delete from {table}".encode())
        fill(dsn, COUNT)
        for statement in _MORE.split(";"):
            db.execute(statement.encode())
        if request.param == "of full tables":
            db.execute("analyze")
        db.execute("select pg_stat_force_next_flush()")  # not whenever its process has ended
    yield opened
    opened.close()
    drop_database(dsn)


def read(opened: OpenedPostgres) -> tuple[dict[str, int], int]:
    """Return how often each table was read as a whole, and how many entries in indexes."""

    def flush(db: Any) -> None:
        db.execute("select pg_stat_force_next_flush()")
        db.execute("select 1")

    opened.wait(opened.store._query(flush))
    with psycopg.connect(opened.dsn, autocommit=True) as db:
        deadline = monotonic() + PATIENCE
        while db.execute(_ASIDE).fetchone() != (0,):  # a process tells what it read as it ends
            assert monotonic() < deadline, "another connection stays"
            select.select([], [], [], 0.01)
        scans = dict(db.execute(_SCANS.encode()).fetchall())
        entries = db.execute("select sum(idx_tup_read) from pg_stat_user_indexes").fetchone()
    assert entries is not None
    return scans, int(entries[0])


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_goes_by_the_index(opened: OpenedPostgres, name: str) -> None:
    kind, verb = VERBS[name]
    ids = ids_of(kind, list(VERBS).index(name) + 1)
    assert len(ids) == MANY
    scans, entries = read(opened)
    opened.wait(verb(opened.store, ids))
    after = read(opened)
    assert after[0] == scans
    assert after[1] - entries < MOST_READ


def test_dues_are_brought_near_without_reading_a_table_as_a_whole(opened: OpenedPostgres) -> None:
    """All rows of work are looked at, and each message once."""
    scans, entries = read(opened)
    opened.wait(near(opened.store, NOW - 86_400))
    after = read(opened)
    assert after[0] == scans
    assert after[1] - entries < 20 * COUNT
    with psycopg.connect(opened.dsn) as db:
        ahead = "select count(*) from waiting where due > %s"
        assert db.execute(ahead, (NOW - 86_400 + 1,)).fetchone() == (0,)


def test_every_statement_is_executed_by_one_of_these_verbs() -> None:
    """Those that only insert, without looking for a row, have no plan to fear."""
    only_insert = {"note", "refused", "unmatched", "attempt", "optout", "named", "beat"}
    looked = {each.name.decode() for each in sql.ORDER} - only_insert
    assert looked == {
        "message", "out", "waiting", "segment", "join", "begun", "recalled", "submitted", "again",
        "unsure", "part", "ended_part", "moved", "rewritten", "due", "renamed", "state", "notice",
        "final", "mo", "mo_delivery", "done", "postponed", "early", "used", "told", "told_named",
        "untold",
    }  # fmt: skip
