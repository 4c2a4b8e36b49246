"""Migrations and partitions of a database."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from smppbridge.store.migrate import NotOurs, TooNew
from smppbridge.store.postgres import migrate, partitions
from tests.patience import PATIENCE
from tests.store.postgres.server import NOW, drop_database, server

TODAY = partitions.day_of(NOW)


def connected(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True)


def no_pause(_: float) -> None:
    pass


def test_a_migration_is_applied_once(empty: str) -> None:
    numbers = [each.number for each in migrate.migrations() if not each.is_post]
    with connected(empty) as db:
        with pytest.raises(migrate.NotMigrated, match="smppbridge migrate"):
            migrate.check(db)
        assert migrate.migrate(empty, NOW) == numbers
        assert migrate.migrate(empty, NOW) == []
        assert migrate.check(db) == numbers[-1]


def test_numbers_are_a_row_from_one_on() -> None:
    assert [each.number for each in migrate.migrations()] == list(
        range(1, len(migrate.migrations()) + 1)
    )


def test_a_database_of_another_program_is_left_alone(empty: str) -> None:
    with connected(empty) as db:
        db.execute("create table node (name text)")
        with pytest.raises(NotOurs):
            migrate.migrate(empty, NOW)
        with pytest.raises(NotOurs):
            migrate.check(db)
        assert db.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone() == (1,)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_keep_every_text_is_refused(encoding: str) -> None:
    made = server()
    made.execute(f"create database other encoding '{encoding}' template template0")
    try:
        with pytest.raises(migrate.NotUtf8, match=f"encoding is {encoding}, not UTF8; create"):
            migrate.migrate(made.dsn("other"), NOW)
        assert made.execute("select tablename from pg_tables where schemaname = 'public'") == []
        with connected(made.dsn("other")) as db, pytest.raises(NotOurs, match=encoding):
            migrate.check(db)
    finally:
        drop_database(made.dsn("other"))


def test_a_newer_schema_is_refused(days: str) -> None:
    with connected(days) as db:
        db.execute("insert into schema (number) values (999)")
        with pytest.raises(TooNew):
            migrate.migrate(days, NOW)
        with pytest.raises(TooNew):
            migrate.check(db)


def test_of_two_migrations_at_once_one_waits(empty: str) -> None:
    done: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: done.append(migrate.migrate(empty, NOW))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(map(len, done)) == [0, sum(not each.is_post for each in migrate.migrations())]


def test_a_lock_that_others_have_is_tried_for_again(
    days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "WAITED", 0.01)
    paused: list[float] = []
    with connected(days) as other, connected(days) as db:
        other.execute("select pg_advisory_lock(%s)", (migrate.LOCK,))

        def pause(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 3:
                other.execute("select pg_advisory_unlock_all()")

        assert migrate.migrate(days, NOW + 86_400, pause=pause) == []
        assert len(paused) == 3
        assert partitions.ahead(db, NOW) == partitions.AHEAD + 1


def test_what_takes_away_waits_until_every_living_bridge_knows_it(
    days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrate.migrations()
    later = migrate.Migration(known[-1].number + 1, True, "drop table paused")
    monkeypatch.setattr(migrate, "migrations", lambda: [*known, later])
    with connected(days) as db:
        db.execute(
            "update node set name = 'a', version = '1', ended = false, schema = %s where slot = 1",
            (known[-1].number,),
        )
        assert migrate.migrate(days, NOW) == []
        with pytest.raises(migrate.OldNode, match=f"'a' runs 1.*{later.number}"):
            migrate.migrate(days, NOW, post=True)
        db.execute("update node set ended = true where slot = 1")
        assert migrate.migrate(days, NOW, post=True) == [later.number]


# -- partitions -----------------------------------------------------------------------------------


def test_the_coming_days_have_their_partitions(days: str) -> None:
    with connected(days) as db:
        assert partitions.ahead(db, NOW) == partitions.AHEAD
        assert partitions.make(db, NOW) == []
        made = partitions.make(db, NOW + 86_400)
        assert made == [f"{table}_20270130" for table in partitions.TABLES]
        assert partitions.ahead(db, NOW + 86_400) == partitions.AHEAD
        db.execute("drop table fate_20270116")
        assert partitions.ahead(db, NOW) == 0
        assert partitions.ahead(db, NOW + 30 * 86_400) == -1
        assert partitions.make(db, NOW) == ["fate_20270116"]


@pytest.mark.parametrize(
    ("message_id", "partition"),
    [
        (1, "named_old"),
        (TODAY * partitions.DAY - 1, "named_old"),
        (TODAY * partitions.DAY, "named_20270115"),
        ((TODAY + 1) * partitions.DAY - 1, "named_20270115"),
        ((TODAY + partitions.AHEAD + 1) * partitions.DAY - 1, "named_20270129"),
    ],
)
def test_a_row_is_in_the_partition_of_its_day(days: str, message_id: int, partition: str) -> None:
    with connected(days) as db:
        db.execute("insert into named values ('keccel', 'x', null, %s)", (message_id,))
        assert db.execute("select tableoid::regclass::text from named").fetchone() == (partition,)


def test_a_row_beyond_all_days_is_refused(days: str) -> None:
    beyond = (TODAY + partitions.AHEAD + 1) * partitions.DAY
    with connected(days) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.execute("insert into named values ('keccel', 'x', null, %s)", (beyond,))


WORK = {
    "waiting": "insert into waiting values (%s, 1, 'keccel', 'bank', 0, 0, 0, 0, 0)",
    "out": "insert into out values (%s, 1, 3, 'keccel', 0, 1, 1, 1, 0, 0)",
    "segment": "insert into segment values (%s, 1, 1, 0, 0, '', '')",
    "delivery": "insert into delivery values (%s, 2, 1, 'bank', 0, 0, 0, 0, 0)",
}


@pytest.mark.parametrize("table", WORK)
def test_a_partition_is_dropped_only_when_nothing_refers_to_it(days: str, table: str) -> None:
    third = (TODAY + 2) * partitions.DAY
    with connected(days) as db:
        assert partitions.drop(db, TODAY * partitions.DAY - 1) == []
        db.execute(WORK[table], ((TODAY + 1) * partitions.DAY + partitions.DAY // 2,))
        held = partitions.drop(db, third)
        assert held == [
            f"{each}_{day}" for each in partitions.TABLES for day in ("old", "20270115")
        ]
        assert len(partitions.droppable(db, third)) == len(partitions.TABLES)
        db.execute(f"delete from {table}".encode())
        assert partitions.drop(db, third) == [f"{each}_20270116" for each in partitions.TABLES]
        assert partitions.ahead(db, NOW) == -1
        assert partitions.ahead(db, NOW + 2 * 86_400) == partitions.AHEAD - 2


def test_a_dropping_that_was_interrupted_is_ended(days: str) -> None:
    with connected(days) as db, connected(days) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from message").fetchone()
        db.execute("set lock_timeout = 100")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            partitions.drop(db, TODAY * partitions.DAY)
        reader.execute("commit")
        assert "message_old" in partitions.drop(db, TODAY * partitions.DAY)
        assert server() is server()
