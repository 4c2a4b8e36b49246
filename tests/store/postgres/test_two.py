"""Two bridges on one database: each has its own messages, and both can look all of them up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smppbridge.model.message import Attempt, Stage
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store import keys
from smppbridge.store.port import EarlyReport, Entry, LineQuery, Waiting
from smppbridge.store.postgres.store import PostgresStore
from tests.store.opened import KEEP, NOW, accept, key, message, mo_entry, segment, taken, told
from tests.store.opened import unknown as in_doubt
from tests.store.postgres.opened import OpenedPostgres, contents, take
from tests.store.postgres.server import drop_database, made_database

SLOTTED = 10**17


class Second(OpenedPostgres):
    """The store of the bridge that has slot 2."""

    def open(self, **_: Any) -> None:
        self.error = None
        self.store = PostgresStore(self.dsn, lambda db: take(db, 2), self._call, standing=self.told)
        self.restored = self.store.open(NOW)
        self.store.start()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[OpenedPostgres, OpenedPostgres]]:
    dsn = made_database()
    one, two = OpenedPostgres(tmp_path, dsn=dsn), Second(tmp_path, dsn=dsn)
    yield one, two
    one.close()
    two.close()
    drop_database(dsn)


def numbers(attempts: list[Attempt]) -> list[int]:
    return [attempt.message.message_id for attempt in attempts]


def test_each_has_its_own_messages_at_every_stage(
    both: tuple[OpenedPostgres, OpenedPostgres],
) -> None:
    for n, opened in enumerate(both, 1):
        waits, late, sent, unsure, out = (message(10 * n + i) for i in range(5))
        late = replace(late, expires_at=NOW)
        accept(opened, [waits, late])
        begun = accept(opened, [sent, unsure, out], begun=True)
        opened.wait(opened.store.record([taken(begun[0], f"X{n}"), in_doubt(begun[1])]))
        opened.wait(opened.store.accept([Entry(None, key=key(n), segment=segment(10 * n + 9, 1))]))
    for n, opened in enumerate(both, 1):
        store = opened.store
        line = [LineQuery("bank", 0, ())]
        assert numbers(opened.wait(store.waiting("keccel", line, NOW, 9))[0]) == [
            10 * n,
            10 * n + 1,
        ]
        assert numbers(opened.wait(store.expired("keccel", NOW, 9))) == [10 * n + 1]
        due = [
            opened.wait(store.due(stage, "keccel", NOW + KEEP, 9))
            for stage in (Stage.SUBMITTED, Stage.SUBMITTING)
        ]
        assert [numbers(found) for found in due] == [[10 * n + 2], [10 * n + 3]]
        found = opened.wait(store.find([10, 20, ("keccel", "X1"), ("keccel", "X2")]))
        assert len(found) == 4
        restored = opened.reopen()
        assert restored.waiting == [Waiting("keccel", "bank", 0, 2)]
        assert numbers(restored.interrupted) == [10 * n + 4]
        assert [each.message_id for _, each in restored.segments] == [10 * n + 9]
        assert restored.last_id == 29


def test_what_another_bridge_has_is_not_changed(
    both: tuple[OpenedPostgres, OpenedPostgres],
) -> None:
    one, two = both
    (waits,) = accept(one, [message(1)])
    (out,) = accept(one, [message(2)], begun=True)
    before = contents(one.dsn)
    store = two.store
    assert two.wait(store.begin([waits])) == []
    two.wait(
        store.move([replace(waits, provider="d7")]),
        store.rewrite([replace(waits, message=message(1, text="new"))]),
        store.revisit([(1, NOW + 9), (2, NOW + 9)]),
        store.recall([out]),
        store.settle([told(waits, State.DELETED), told(out, State.DELIVERED)]),
    )
    assert two.wait(store.hasten("keccel", [("bank", 0)], NOW - 1, 9)) == 0
    assert contents(one.dsn) == before
    assert one.wait(one.store.begin([waits])) == [waits]


def test_of_one_mo_message_that_both_receive_one_is_kept(
    both: tuple[OpenedPostgres, OpenedPostgres],
) -> None:
    one, two = both
    assert one.wait(one.store.keep_mos([mo_entry(1, "X", 2)])) == {1}
    assert two.wait(two.store.keep_mos([mo_entry(11, "X", 2), mo_entry(21, "Y")])) == {21}
    owed = contents(one.dsn)["delivery"]
    assert len(owed) == 3


def test_early_reports_are_both_bridges(both: tuple[OpenedPostgres, OpenedPostgres]) -> None:
    one, two = both
    report = EarlyReport("keccel", "X", State.DELIVERED, 0, NOW)
    one.wait(one.store.keep_early([report]))
    assert two.reopen().early == [report]
    two.wait(two.store.drop_early([report.key]))
    assert one.reopen().early == []


@pytest.mark.parametrize("later", [State.ENROUTE, State.ACCEPTED])
def test_an_intermediate_state_takes_no_final_ones_place(
    both: tuple[OpenedPostgres, OpenedPostgres], later: State
) -> None:
    """Each receives one report about an id, and knows nothing of the other's."""
    one, two = both
    names = ["a", "b", "c"]
    first = [
        EarlyReport("keccel", each, State.DELIVERED, 0, NOW, done_at=NOW - 9) for each in names
    ]
    odd, good = replace(first[0], state=later), replace(first[1], state=later)
    final = replace(first[2], state=State.REJECTED, error=5, at=NOW + 1, renamed="c2")
    one.wait(one.store.keep_early([odd, *first[1:]]))
    two.wait(two.store.keep_early([replace(each, at=NOW + 1) for each in (first[0], good)]))
    two.wait(two.store.keep_early([final, EarlyReport("keccel", "d", later, 0, NOW + 2)]))
    kept = [(e.provider_message_id, e.state, e.error, e.renamed) for e in one.reopen().early]
    assert sorted(kept) == [
        ("a", State.DELIVERED, 0, ""),
        ("b", State.DELIVERED, 0, ""),
        ("c", State.REJECTED, 5, "c2"),
        ("d", later, 0, ""),
    ]
    two.wait(two.store.drop_early([("keccel", each, NOW + 1) for each in "abc"]))
    assert [e.provider_message_id for e in one.reopen().early] == ["d"]


def test_each_counts_its_own_transactions(both: tuple[OpenedPostgres, OpenedPostgres]) -> None:
    one, two = both
    for _ in range(3):
        one.wait(one.store.beat())
    two.wait(two.store.beat())
    with psycopg.connect(one.dsn) as db:
        rows = db.execute("select slot, txn, beat_at is null from node where not ended").fetchall()
    assert sorted(rows) == [(1, 3, False), (2, 1, False)]


def test_a_deadlock_with_another_bridge_is_nobodys_failure(
    both: tuple[OpenedPostgres, OpenedPostgres],
) -> None:
    one, _ = both
    accept(one, [message(1), message(2)])
    with psycopg.connect(one.dsn, autocommit=True) as db:
        db.execute("set deadlock_timeout = '1h'")  # it is not this one that gives way
        db.execute("begin")
        db.execute("insert into optout values ('d7', '2', 0)")
        call = one.store.keep_optouts([("d7", "1", NOW), ("d7", "2", NOW)])
        accepted = one.store.accept([Entry(message(3))])
        waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
        while not db.execute(waits.encode()).fetchone():
            pass
        db.execute("insert into optout values ('d7', '1', 0) on conflict do nothing")
        db.execute("commit")
    one.wait(call, accepted)
    assert len(contents(one.dsn)["message"]) == 3
    assert len(contents(one.dsn)["optout"]) == 2


def test_one_key_is_claimed_by_one_bridge(both: tuple[OpenedPostgres, OpenedPostgres]) -> None:
    """Also if both claim it at one time, before its message is there, and when it is given up."""
    one, two = both
    ids = (SLOTTED + 1, SLOTTED + 2)

    def claim(opened: OpenedPostgres, number: int, idle: int = 0) -> Any:
        def is_idle(known: int) -> bool:
            return known in (idle, ids[number])

        name = ("ann", "k")
        return opened.store.by_hand(
            lambda db: keys.claim(db, name, "f", ids[number], NOW, 60.0, is_idle)
        )

    with psycopg.connect(one.dsn) as db:  # a third one, that has not committed yet
        db.execute("insert into sent_key values ('ann', 'k', 'f', 3, %s)", (NOW,))
        asked = claim(one, 0), claim(two, 1)
        db.rollback()
    verdicts = [opened.wait(each) for opened, each in zip(both, asked, strict=True)]
    assert sorted(each.verdict for each in verdicts) == ["busy", "new"]
    has = ids.index(next(each.message_id for each in verdicts if each.verdict == "new"))
    other = both[1 - has]
    assert other.wait(claim(other, 1 - has)) == keys.Claim("busy", ids[has])
    assert other.wait(claim(other, 1 - has, idle=ids[has])) == keys.Claim("new", ids[1 - has])
    assert both[has].wait(claim(both[has], has)) == keys.Claim("busy", ids[1 - has])
    accept(other, [message(ids[1 - has])])
    assert both[has].wait(claim(both[has], has)) == keys.Claim("sent", ids[1 - has])
