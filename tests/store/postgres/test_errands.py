"""Acts that bridges of one database have each other carry out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres.errands import Errand, SentErrand
from smppbridge.store.postgres.store import PostgresStore
from tests.store.opened import NOW
from tests.store.postgres.opened import OpenedPostgres, take
from tests.store.postgres.server import drop_database, made_database
from tests.store.postgres.test_fence import fenced

Three = tuple[OpenedPostgres, OpenedPostgres, OpenedPostgres]


class AtSlot(OpenedPostgres):
    """The store of the bridge that has a slot."""

    def __init__(self, folder: Path, slot: int, dsn: str) -> None:
        self.at = slot
        super().__init__(folder, dsn=dsn)

    def open(self, **_: Any) -> None:
        self.error = None
        self.store = PostgresStore(
            self.dsn, lambda db: take(db, self.at), self._call, standing=self.told
        )
        self.restored = self.store.open(NOW)
        self.store.start()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    dsn = made_database()
    opened = AtSlot(tmp_path, 1, dsn), AtSlot(tmp_path, 2, dsn), AtSlot(tmp_path, 3, dsn)
    yield opened
    for each in opened:
        each.close()
    drop_database(dsn)


def sent(opened: OpenedPostgres, slots: list[int] | None = None, seconds: float = 60.0) -> Any:
    return opened.wait(opened.store.errands.send(slots, "act", "{}", seconds))


def taken(opened: OpenedPostgres) -> Any:
    return opened.wait(opened.store.errands.take())


def test_an_errand_is_taken_once_and_its_answer_comes_back(three: Three) -> None:
    one, two, other = three
    [errand] = sent(one, [2])
    assert errand == SentErrand(errand.number, 2, "test2")
    assert (taken(one), taken(other)) == ([], [])
    assert taken(two) == [Errand(errand.number, 1, "act", "{}")]
    assert taken(two) == []
    rows = one.store.errands
    assert one.wait(rows.answered([errand.number])) == {}
    two.wait(two.store.errands.answer(errand.number, '{"a": 1}'))
    assert one.wait(rows.answered([errand.number, 99])) == {errand.number: '{"a": 1}'}
    assert one.wait(rows.end([99, errand.number])) == {errand.number: '{"a": 1}'}
    assert one.wait(rows.end([errand.number])) == {}
    two.wait(two.store.errands.answer(errand.number, "{}"))  # too late: to nobody


def test_none_is_for_all_others_that_live(three: Three) -> None:
    one, two, _ = three
    assert [each.slot for each in sent(one)] == [2, 3]
    with psycopg.connect(one.dsn, autocommit=True) as db:
        db.execute("update node set ended = true, adopter = 2 where slot = 3")
    assert [each.slot for each in sent(one)] == [2]
    assert len(taken(two)) == 2


def test_the_owner_of_a_shard_is_whoever_has_adopted_it(three: Three) -> None:
    one, _, _ = three
    with psycopg.connect(one.dsn, autocommit=True) as db:
        db.execute("update node set ended = true, adopter = 2 where slot = 3")
        db.execute("update node set ended = true, adopter = 1 where slot = 7")
    assert [each.slot for each in sent(one, [3])] == [2]
    assert [each.slot for each in sent(one, [3, 2])] == [2]
    for nobodys in ([7], [8], [1], []):  # ours, free, our own, none
        assert sent(one, nobodys) == []


def test_an_errand_that_is_not_taken_up_in_time_never_is(three: Three) -> None:
    one, two, _ = three
    sent(one, [2], seconds=0.0)
    [errand] = sent(one, [2])
    assert [each.number for each in taken(two)] == [errand.number]
    [withdrawn] = sent(one, [2])
    assert one.wait(one.store.errands.end([withdrawn.number])) == {}
    assert taken(two) == []


def test_errands_of_a_bridge_that_has_not_come_back_are_forgotten(three: Three) -> None:
    one, two, _ = three
    sent(one, [2], seconds=-3_600.0)
    [errand] = sent(two, [1])
    with psycopg.connect(one.dsn) as db:
        assert db.execute("select id from errand").fetchall() == [(errand.number,)]


VERBS: dict[str, Callable[[Any], Any]] = {
    "send": lambda rows: rows.send(None, "act", "{}", 60.0),
    "take": lambda rows: rows.take(),
    "answer": lambda rows: rows.answer(1, "{}"),
    "end": lambda rows: rows.end([1]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_written_by_a_store_that_fails(three: Three, verb: str) -> None:
    one, two, _ = three
    [errand] = sent(one, [2])
    two.fail(True)
    with pytest.raises(StoreFailure):
        two.wait(VERBS[verb](two.store.errands))
    two.fail(False)
    assert [each.number for each in taken(two)] == [errand.number]


def test_a_bridge_that_was_taken_over_takes_nothing_up(three: Three) -> None:
    one, two, _ = three
    sent(one, [2])
    with psycopg.connect(one.dsn, autocommit=True) as db:
        take(db, 2)
    fenced(two, two.store.errands.take())
    with psycopg.connect(one.dsn) as db:
        assert db.execute("select taken from errand").fetchall() == [(False,)]
