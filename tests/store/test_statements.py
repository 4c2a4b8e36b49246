from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from smppbridge.store import statements as sql
from smppbridge.store.migrate import migrate
from smppbridge.store.statements import SIZES, Many, sizes_of

BOUNDARIES = sorted({0, 257, 513, *SIZES, *(n + 1 for n in SIZES), *(n - 1 for n in SIZES)})


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        yield db


@pytest.mark.parametrize("count", BOUNDARIES)
def test_as_many_rows_are_written_as_there_are(db: sqlite3.Connection, count: int) -> None:
    db.execute("create table t (id integer primary key, word text)")
    insert = Many("id,word", "insert into t select * from v where id is not 0")
    update = Many("id,word", "update t set word=v.word from v where t.id=v.id")
    rows: list[sql.SqlRow] = [(i, None) for i in range(1, count + 1)]
    insert.run(db, rows)
    assert db.execute("select id, word from t order by id").fetchall() == rows
    rows = [(i, f"w{i}") for i in range(1, count + 1)]
    update.run(db, rows)
    assert db.execute("select id, word from t order by id").fetchall() == rows


def test_a_list_of_256_is_one_step(db: sqlite3.Connection) -> None:
    db.execute("create table t (id integer primary key)")
    steps: list[str] = []
    db.set_trace_callback(steps.append)
    Many("id", "insert into t select id from v where id is not 0").run(
        db, [(i,) for i in range(1, 257)]
    )
    assert len(steps) == 1


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (1, [1]),
        (30, [32]),
        (47, [32, 16]),
        (48, [64]),
        (70, [64, 8]),
        (300, [256, 32, 16]),
        (515, [256, 256, 4]),
    ],
)
def test_a_list_is_filled_up_little_and_takes_few_steps(count: int, sizes: list[int]) -> None:
    assert sizes_of(count) == sizes


@pytest.mark.parametrize("size", SIZES)
def test_every_statement_of_every_size_fits_the_schema(db: sqlite3.Connection, size: int) -> None:
    migrate(db)
    for many in sql.ORDER:
        db.execute(f"explain {many._sql[size]}", (None,) * (many.width * size))


def test_every_statement_has_its_place_in_the_order() -> None:
    named = [each for each in vars(sql).values() if isinstance(each, Many)]
    assert set(named) == set(sql.ORDER)
    assert len(sql.ORDER) == len(set(sql.ORDER))


@pytest.mark.parametrize("many", sql.ORDER, ids=lambda many: many._sql[1].split(") ")[2][:30])
def test_rows_of_zeros_do_nothing(db: sqlite3.Connection, many: Many) -> None:
    migrate(db)
    sql.INSERT_MESSAGE.run(
        db, [(1, "a", 1, 0, 0, 0, "p", 0, 0, "p", "", 0, None, 0, *"12000", None, 0, 0, None)]
    )
    sql.INSERT_DELIVERY.run(db, [(1, 2, 1, "a", 0, 0, 0, 0)])
    sql.INSERT_EARLY.run(db, [("p", "x", 2, 0, 0, "", None)])
    before = list(db.iterdump())
    many.run(db, [(0,) * many.width])
    assert list(db.iterdump()) == before
