from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smppbridge.store import lookup, mo, optouts, queries
from smppbridge.store.port import StoreFailure
from tests.store.opened import KEEP, NOW, Opened, mo_entry


def rows(opened: Opened, table: str) -> list[int]:
    db = sqlite3.connect(opened.path)
    found = [row[0] for row in db.execute(f"select message_id from {table} order by message_id")]
    db.close()
    return found


def test_two_who_tell_of_the_same_message_in_one_transaction(tmp_path: Path) -> None:
    opened = Opened(tmp_path, started=False)
    first = opened.store.keep_mos([mo_entry(1), mo_entry(5, count=2)])
    second = opened.store.keep_mos([mo_entry(10, count=3), mo_entry(20, "Y")])
    opened.store.start()
    kept: list[set[int]] = []
    first.addCallback(kept.append)
    opened.wait(first, second.addCallback(kept.append))
    assert kept == [{1}, {20}]
    assert len(opened.commits) == 1
    owed = opened.wait(opened.store.owed("bank", NOW, 99))
    assert [d.message_id for d in owed] == [1, 20]
    opened.store.stop()


def test_what_is_new_is_known_before_anybody_reads_it(tmp_path: Path) -> None:
    opened = Opened(tmp_path, started=False)
    order: list[str] = []
    owed = opened.store.owed("bank", NOW, 9).addCallback(lambda found: order.append(f"{found}"))
    kept = opened.store.keep_mos([mo_entry(1)]).addCallback(lambda found: order.append(f"{found}"))
    opened.store.start()
    opened.wait(owed, kept)
    assert order == ["{1}", f"{mo_entry(1).deliveries}"]
    opened.store.stop()


def test_what_cannot_be_kept_is_told_of_as_a_failure(opened: Opened) -> None:
    bad = mo_entry(1)
    bad.provider = "\ud800"
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.keep_mos([bad]))
    assert opened.store.failing
    assert opened.wait(opened.store.keep_mos([mo_entry(1)])) == {1}
    assert not opened.store.failing


def test_what_is_owed_is_forgotten_when_it_is_finished(opened: Opened) -> None:
    opened.wait(
        opened.store.keep_mos([mo_entry(1, "A", 2), mo_entry(3, "B"), mo_entry(4, "C", at=NOW + 9)])
    )
    one, two, _, four = opened.wait(opened.store.owed("bank", NOW + 9, 99))
    opened.wait(opened.store.finish([(one, 0), (two, 0), (four, 0)], NOW + 1))
    assert opened.wait(opened.store.forget(NOW + 5, 1)) == 1
    assert opened.wait(opened.store.forget(NOW + 5, 9)) == 1
    assert opened.wait(opened.store.forget(NOW + 5, 9)) == 0
    assert rows(opened, "mo") == rows(opened, "delivery") == [3, 4]
    assert opened.wait(opened.store.keep_mos([mo_entry(6, "A"), mo_entry(7, "C")])) == {6}


def test_what_lapsed_is_forgotten_too(opened: Opened) -> None:
    opened.wait(opened.store.keep_mos([mo_entry(1)]))
    assert opened.wait(opened.store.lapse(NOW + KEEP, 9)) == {"bank": 1}
    assert opened.wait(opened.store.forget(NOW + 5, 9)) == 1
    assert rows(opened, "mo") == rows(opened, "delivery") == []


def test_very_many_are_kept_and_found(opened: Opened) -> None:
    many = [mo_entry(n, f"X{n}") for n in range(1, 601)]
    assert len(opened.wait(opened.store.keep_mos(many))) == 600
    assert opened.wait(opened.store.keep_mos(many[:0])) == set()
    assert len(opened.wait(opened.store.owed("bank", NOW, 999))) == 600


@pytest.fixture
def db(opened: Opened) -> Iterator[sqlite3.Connection]:
    opened.wait(opened.store.keep_mos([mo_entry(1, count=2)]))
    opened.wait(opened.store.keep_optouts([("smscx", "243990000007", NOW)]))
    db = sqlite3.connect(opened.path, isolation_level=None)
    yield db
    db.close()


ASKED: dict[str, Callable[[sqlite3.Connection], Any]] = {
    "kept": lambda db: mo.kept(db, [1, 2]),
    "owed": lambda db: queries.owed(db, "bank", NOW, 9, ()),
    "forget": lambda db: mo.forget(db, NOW + 9, 9),
    "ended": mo.take_ended,
}


@pytest.mark.parametrize("name", ASKED)
def test_nothing_that_runs_often_reads_a_whole_table(db: sqlite3.Connection, name: str) -> None:
    db.execute("update delivery set finished_at = 1 where message_id = 2")
    if name == "ended":
        db.execute("update optout set ended = 1")
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    ASKED[name](db)
    db.set_trace_callback(None)
    read = [each for each in asked if each.startswith(("select", "delete", "update"))]
    steps = [row[3] for each in read for row in db.execute(f"explain query plan {each}")]
    assert len(read) >= (1 if name == "kept" else 2)
    assert [step for step in steps if step.startswith("SCAN")] == []
    assert any("SEARCH" in step for step in steps)


def test_an_opt_out_is_ended_by_hand(opened: Opened) -> None:
    told = [("d7", "1", NOW), ("smscx", "1", NOW + 1), ("d7", "2", NOW + 2), ("smscx", "2", NOW)]
    opened.wait(opened.store.keep_optouts(told))
    assert optouts.end(opened.path, "1") == ["d7", "smscx"]
    assert optouts.end(opened.path, "1") == optouts.end(opened.path, "3") == []
    assert optouts.end(opened.path, "2", "smscx") == ["smscx"]
    assert opened.reopen().optouts == [("d7", "2")]
    opened.wait(opened.store.keep_optouts([("d7", "1", NOW + 3)]))  # once more
    ended = [("smscx", "1"), ("smscx", "2")]
    assert sorted(opened.wait(opened.store.ended_optouts())) == ended
    assert opened.wait(opened.store.ended_optouts()) == []
    with closing(lookup.open_file(opened.path)) as db:
        found = optouts.listed(db)
        assert [(one.provider, one.number, one.at) for one in found] == [
            ("d7", "1", NOW + 3),
            ("d7", "2", NOW + 2),
        ]
        assert optouts.listed(db, limit=1) == optouts.listed(db, "1") == found[:1]
        assert optouts.listed(db, "3") == []


def test_the_latest_opt_outs_are_in_memory_if_they_are_too_many(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mo, "MOST_OPTOUTS", 2)
    told = [("smscx", str(n), NOW + n) for n in (3, 1, 2)]
    opened.wait(opened.store.keep_optouts(told))
    assert opened.reopen().optouts == [("smscx", "3"), ("smscx", "2")]
